"""Reading, writing and finding picture files.

Depth, alpha, colour profile and resolution are kept: 8-bit and 16-bit, gray and RGB, with or without alpha.
Everything else that Pillow reads becomes one of these, and stands upright.
"""

import math
import struct
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError
from inpaintx.pictures.decoding import decode
from inpaintx.pictures.picture import Picture

# Pillow knows their suffixes, but has no decoder of its own for them, or they are no pictures.
_NO_DECODER = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


def read_picture(path: str | Path) -> Picture:
    """Reads a picture file of any format that Pillow reads; of several frames, the first.

    Palettes and bilevel pictures become gray or RGB, CMYK, YCbCr, Lab and HSV become RGB. 16-bit gray is kept
    in every format, 16-bit colour in PNG and TIFF. What lies on its side, by its EXIF orientation, is turned
    upright.
    Raises InpaintxError naming the file where it is missing, no picture, cut short, or too large.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of broken tags and large pictures; what matters is an error here
            with Image.open(path) as opened:
                samples = decode(opened, path)
                profile, dpi = _profile(opened, samples), _dpi(opened)
    except InpaintxError:
        raise
    except FileNotFoundError:
        raise InpaintxError(f"no such picture: {path}; check the name") from None
    except UnidentifiedImageError:
        raise InpaintxError(f"not a picture, or of an unknown format: {path}; convert it to PNG") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise InpaintxError(f"picture of more than {limit} million pixels: {path}; scale it down") from None
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them run into.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InpaintxError(f"can't read the picture: {path} ({reason}); is it whole?") from error
    return replace(Picture.from_samples(samples), path=path, profile=profile, dpi=dpi)


def write_picture(picture: Picture, path: str | Path, format: str | None = None) -> None:
    """Writes a picture; a reader sees the old file or the whole new one, never a part.

    format: "png", "tiff", "webp", "bmp" (all lossless) or "jpeg"; None: by the path's suffix, which may not
    be JPEG's, since JPEG changes the known pixels and has to be asked for. BMP has no place for a colour
    profile, WebP none for the resolution: these are left out there.
    Raises InpaintxError where the format can't hold the picture's depth or alpha, or the file can't be
    written.
    """
    path = Path(path)
    kind = _FORMATS[_format_name(path, format)]
    if picture.array.dtype == np.uint16 and not kind.holds_16_bit(picture):
        raise InpaintxError(f"{kind.pillow_name} can't hold this 16-bit picture: {path}; write a .png")
    if picture.alpha is not None and not kind.alpha:
        raise InpaintxError(f"{kind.pillow_name} can't hold alpha: {path}; write a .png")
    with atomic_file(path) as file:
        if kind is _FORMATS["png"] and picture.array.dtype == np.uint16:
            file.write(_png16(picture))
        else:
            image = Image.fromarray(_join_alpha(picture))
            image.save(file, kind.pillow_name, **kind.options, **_tags(picture))


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """The picture files that ``paths`` name: files as they are, folders with all that is nested in them.

    In a folder, files count by their suffix and hidden ones don't; they come sorted. No file comes twice.
    Raises InpaintxError for a path that is missing and for a folder without a picture.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = _pictures_in(path)
            if not inside:
                raise InpaintxError(f"no pictures in the folder: {path}; name one that holds some")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise InpaintxError(f"no such picture or folder: {path}; check the name")
    return list(found)


def _pictures_in(folder: Path) -> list[Path]:
    suffixes = {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _NO_DECODER
    }
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _profile(opened: Image.Image, samples: np.ndarray) -> bytes | None:
    """The file's ICC profile, if it is one of what has become of its colours (ICC.1:2022, 7.2.8)."""
    profile = opened.info.get("icc_profile")
    space = b"GRAY" if samples.ndim == 2 or samples.shape[2] == 2 else b"RGB "
    return profile if isinstance(profile, bytes) and profile[16:20] == space else None


def _dpi(opened: Image.Image) -> float | None:
    across, down = map(float, opened.info.get("dpi", (0, 0)))
    return across if across == down and 0 < across < math.inf else None


# --- encoding ---


@dataclass(frozen=True)
class _Format:
    pillow_name: str
    suffixes: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    alpha: bool = True
    deep_gray: bool = False
    deep: bool = False

    def holds_16_bit(self, picture: Picture) -> bool:
        return self.deep or (self.deep_gray and picture.channels == 1 and picture.alpha is None)


_FORMATS = {
    "png": _Format("PNG", (".png",), deep=True),
    "tiff": _Format("TIFF", (".tif", ".tiff"), {"compression": "tiff_deflate"}, deep_gray=True),
    # exact: the colours where alpha is 0 too
    "webp": _Format("WEBP", (".webp",), {"lossless": True, "exact": True}),
    "bmp": _Format("BMP", (".bmp",), alpha=False),
    "jpeg": _Format("JPEG", (".jpg", ".jpeg"), {"quality": 95, "subsampling": 0}, alpha=False),
}


def _format_name(path: Path, format: str | None) -> str:
    if format is not None:
        if format not in _FORMATS:
            raise InpaintxError(f"no format {format!r} to write: {path}; there are: {', '.join(_FORMATS)}")
        return format
    suffix = path.suffix.lower()
    for name, kind in _FORMATS.items():
        if suffix in kind.suffixes:
            if name == "jpeg":
                raise InpaintxError(f"JPEG would change known pixels: {path}; write a .png, or ask for JPEG")
            return name
    raise InpaintxError(f"can't tell the format to write from the suffix: {path}; write a .png")


def _join_alpha(picture: Picture) -> np.ndarray:
    """[H, W] or [H, W, C], alpha as the last channel."""
    return picture.array if picture.alpha is None else np.dstack([picture.array, picture.alpha])


def _tags(picture: Picture) -> dict[str, Any]:
    """What Pillow is told of a picture beside its pixels."""
    tags: dict[str, Any] = {}
    if picture.profile is not None:
        tags["icc_profile"] = picture.profile
    if picture.dpi is not None:
        tags["dpi"] = (picture.dpi, picture.dpi)
    return tags


def _png16(picture: Picture) -> bytes:
    """A 16-bit PNG, which Pillow writes of gray only (PNG, third edition, W3C 2025), in filter "Up"."""
    samples = _join_alpha(picture)
    height, width = samples.shape[:2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[samples[0, 0].size]
    rows = np.ascontiguousarray(samples, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)}
    if picture.profile is not None:
        chunks[b"iCCP"] = b"ICC profile\0\0" + zlib.compress(picture.profile)
    if picture.dpi is not None:
        per_metre = round(picture.dpi / 0.0254)
        chunks[b"pHYs"] = struct.pack(">IIB", per_metre, per_metre, 1)
    chunks |= {b"IDAT": zlib.compress(filtered.tobytes()), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
