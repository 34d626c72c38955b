"""Pictures as the bytes of a file: what each format holds, and what it has no place for."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from inpaintx.pictures.picture import Picture
from inpaintx.pictures.tags import SUB_DIRECTORIES, exif_directory, exif_with

_XMP_TAG, _DESCRIPTION_TAG = 700, 270
_MOST_IN_TIFF = 2**31 - 1


@dataclass(frozen=True)
class Format:
    """A format that is written.

    Attributes:
        name: Pillow's, which people know it by.
        suffixes: of its files; the first is the usual one.
        options: of Pillow's encoder.
        alpha, deep: whether it holds alpha, and 16 bits.
    """

    name: str
    suffixes: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    alpha: bool = True
    deep: bool = False


FORMATS = {
    "png": Format("PNG", (".png",), deep=True),
    "tiff": Format("TIFF", (".tif", ".tiff"), {"compression": "tiff_deflate"}, deep=True),
    # exact: the colours where alpha is 0 too
    "webp": Format("WEBP", (".webp",), {"lossless": True, "exact": True}),
    "bmp": Format("BMP", (".bmp",), alpha=False),
    "jpeg": Format("JPEG", (".jpg", ".jpeg"), {"quality": 95, "subsampling": 0}, alpha=False),
}


def encode(picture: Picture, name: str, same: bool = False) -> tuple[bytes, list[str]]:
    """A picture as a file of a format of :data:`FORMATS`, which holds its depth and alpha.

    Args:
        picture: what to write.
        name: of the format.
        same: for JPEG, code as the picture's own file was, if it was one.

    Returns:
        The file's bytes, and what it has no place for, in words.
    """
    lost: list[str] = []
    file = BytesIO()
    samples = picture.array if picture.alpha is None else np.dstack([picture.array, picture.alpha])
    if name == "png":
        return _png(picture, samples, lost), lost
    if name == "tiff" and picture.array.dtype == np.uint16 and samples.ndim == 3:
        _write_deep_tiff(file, picture, samples, lost)
    else:
        options = FORMATS[name].options | _places(picture, name, lost)
        if name == "jpeg" and same and picture.tags.jpeg is not None:
            coding = picture.tags.jpeg
            tables = [list(table) for table in coding.tables]
            options |= {"qtables": tables, "subsampling": coding.subsampling}
            del options["quality"]
        Image.fromarray(samples).save(file, FORMATS[name].name, **options)
    return file.getvalue(), lost


def _places(picture: Picture, name: str, lost: list[str]) -> dict[str, Any]:
    """What Pillow's encoder is told beside the pixels; what it has no place for is added to ``lost``."""
    tags, options = picture.tags, dict[str, Any]()
    _lose_colour_chunks(picture, lost)
    exif, dpi = tags.exif, picture.dpi
    if name == "bmp":
        kept = {"colour profile": picture.profile, "EXIF": exif, "XMP": tags.xmp, "comments": tags.comments}
        lost += [what for what, there in kept.items() if there]
        fits = _fits(dpi, 2**31 - 1, 0.0254, lost)
        return {"dpi": dpi if fits else (0, 0)}  # without one, Pillow would make one up
    if name == "webp":
        if tags.comments:
            lost.append("comments")
        exif = exif if dpi is None else exif_with(exif, {282: dpi[0], 283: dpi[1], 296: 2})
    elif _fits(dpi, 65535 if name == "jpeg" else _MOST_IN_TIFF, 1.0, lost):
        options["dpi"] = dpi
    if name == "jpeg" and tags.comments:
        options["comment"] = "\n".join(": ".join(filter(None, comment)) for comment in tags.comments).encode()
    if picture.profile is not None:
        options["icc_profile"] = picture.profile
    if name == "tiff":
        texts = {_XMP_TAG: tags.xmp, _DESCRIPTION_TAG: _description(picture, lost)}
        more = {tag: text for tag, text in texts.items() if text is not None}
        exif = exif_with(exif, more) if more else exif
        if exif_directory(exif)[1].intersection(SUB_DIRECTORIES):
            options["compression"] = "raw"  # libtiff, which compresses, can't write directories inside of it
    elif tags.xmp is not None:
        options["xmp"] = tags.xmp
    if exif is not None:
        options["exif"] = b"Exif\0\0" + exif
    return options


def _lose_colour_chunks(picture: Picture, lost: list[str]) -> None:
    """Says that the chunks of a PNG are lost, unless they say what everyone takes for granted."""
    kinds = [kind.decode() for kind, _ in picture.tags.colour_chunks]
    if kinds and "sRGB" not in kinds and picture.profile is None:
        lost.append(", ".join(kinds))


def _fits(dpi: tuple[float, float] | None, most: float, unit: float, lost: list[str]) -> bool:
    """Whether there is a resolution that whole pixels a unit (of inches), up to ``most``, can state."""
    if dpi is None:
        return False
    if all(1 <= round(value / unit) <= most for value in dpi):
        return True
    lost.append("resolution")
    return False


def _description(picture: Picture, lost: list[str]) -> str | None:
    """The comments as a TIFF's description, unless EXIF holds one."""
    if not picture.tags.comments:
        return None
    if _DESCRIPTION_TAG in exif_directory(picture.tags.exif)[0]:
        lost.append("comments")
        return None
    return "\n".join(": ".join(filter(None, comment)) for comment in picture.tags.comments)


def _write_deep_tiff(file: BinaryIO, picture: Picture, samples: np.ndarray, lost: list[str]) -> None:
    """A TIFF of 16-bit colour, or of 16-bit gray with alpha, which Pillow can't write."""
    import tifffile

    _lose_colour_chunks(picture, lost)
    texts, more = exif_directory(picture.tags.exif)
    if more:
        lost.append("EXIF but for its texts")
    description = _description(picture, lost)
    if description is not None:
        texts[_DESCRIPTION_TAG] = description
    extra: list[Any] = [(tag, 2, 0, text.encode(), True) for tag, text in sorted(texts.items())]
    if picture.tags.xmp is not None:
        extra.append((_XMP_TAG, 1, len(picture.tags.xmp), picture.tags.xmp, True))
    tifffile.imwrite(
        file,
        samples,
        photometric="rgb" if picture.channels == 3 else "minisblack",
        extrasamples=["unassalpha"] if picture.alpha is not None else [],
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
        resolution=picture.dpi if _fits(picture.dpi, _MOST_IN_TIFF, 1.0, lost) else None,
        resolutionunit="INCH" if picture.dpi else None,
        iccprofile=picture.profile,
        extratags=extra,
    )


# --- PNG ---

# How hard zlib tries. At 24 megapixels 6 takes four times as long as 2, for a file that is a seventh smaller.
_WELL, _QUICKLY, _LARGE = 6, 2, 4_000_000  # pixels
_ROWS = 256  # that are filtered at once


def _png(picture: Picture, samples: np.ndarray, lost: list[str]) -> bytes:
    """A PNG (third edition, W3C 2025).

    Pillow codes 8-bit samples, and tries all filters on each row; in a large picture that takes longer than
    zlib does. It writes 16 bits of gray only.
    """
    large = picture.height * picture.width > _LARGE
    level = _QUICKLY if large else _WELL
    if large or picture.array.dtype == np.uint16:
        header, pixels = _png_pixels(samples, level)
    else:
        file = BytesIO()
        Image.fromarray(samples).save(file, "PNG", compress_level=level)
        coded = file.getvalue()
        header, pixels = coded[16:29], coded[33:]
    tags = picture.tags
    chunks = [(b"IHDR", header)]
    if picture.profile is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.profile)))
    chunks += tags.colour_chunks
    if _fits(picture.dpi, 2**31 - 1, 0.0254, lost) and picture.dpi is not None:
        across, down = (round(value / 0.0254) for value in picture.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if tags.exif is not None:
        chunks.append((b"eXIf", tags.exif))
    comments = [(keyword or "Comment", text) for keyword, text in tags.comments]
    if tags.xmp is not None:
        comments.append(("XML:com.adobe.xmp", tags.xmp.decode(errors="replace")))
    for keyword, text in comments:  # keywords are Latin-1 and 79 bytes at most
        chunks.append((b"iTXt", keyword.encode("latin-1", "replace")[:79] + bytes(5) + text.encode()))
    return b"\x89PNG\r\n\x1a\n" + _joined(chunks) + pixels


def _png_pixels(samples: np.ndarray, level: int) -> tuple[bytes, bytes]:
    """The header's data, and the chunks from the pixels on.

    Each row is in the filter "Sub" or "Up", whichever leaves less: the smaller sum of absolute differences,
    as the standard advises (12.7).
    """
    height, width = samples.shape[:2]
    channels, depth = samples[0, 0].size, 8 * samples.itemsize
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    before = channels * samples.itemsize  # bytes to the sample of the same channel on the left
    coder, coded = zlib.compressobj(level), []
    above = np.zeros((1, width * before), np.uint8)
    for top in range(0, height, _ROWS):
        part = samples[top : top + _ROWS]
        rows = np.ascontiguousarray(part, part.dtype.newbyteorder(">")).view(np.uint8).reshape(len(part), -1)
        sub, up = rows.copy(), rows - np.concatenate([above, rows[:-1]])
        sub[:, before:] -= rows[:, :-before]
        is_up = _left(up) < _left(sub)
        filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        filtered[:, 0] = np.where(is_up, 2, 1)
        filtered[:, 1:] = np.where(is_up[:, None], up, sub)
        coded.append(coder.compress(filtered.data))
        above = rows[-1:]
    coded.append(coder.flush())
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return header, _joined([(b"IDAT", data) for data in coded if data] + [(b"IEND", b"")])


def _left(filtered: np.ndarray) -> np.ndarray:
    """Of each row, the sum of its absolute differences."""
    return np.abs(filtered.view(np.int8)).view(np.uint8).sum(1, dtype=np.uint32)


def _joined(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
