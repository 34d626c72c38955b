"""Reading and writing picture files.

Depth, alpha, colour profile and resolution are kept: 8-bit and 16-bit, gray and RGB, with or without alpha.
Everything else that Pillow reads becomes one of these, and stands upright.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError
from inpaintx.pictures.decoding import decode
from inpaintx.pictures.depths import TIFF_MAGIC, decode_tiff, tiff_size
from inpaintx.pictures.encoding import FORMATS, encode
from inpaintx.pictures.opening import RAW_SUFFIXES, TagsOfTiff, open_image
from inpaintx.pictures.picture import Picture
from inpaintx.pictures.tags import Tags, read_tags


def read_picture(path: str | Path, root: Path | None = None) -> Picture:
    """Reads a picture file of any format that Pillow reads; of several frames, the first.

    Palettes and bilevel pictures become gray or RGB, CMYK, YCbCr, Lab and HSV become RGB. 16-bit gray is kept
    in every format, 16-bit colour in PNG and TIFF. What lies on its side, by its EXIF orientation, is turned
    upright. root: the folder that was searched when the file was found; its mask is told by that.
    Raises InpaintxError naming the file where it is missing, no picture, cut short, or too large.
    """
    path = path if isinstance(path, Path) else Path(path)
    if path.suffix.lower() in RAW_SUFFIXES:
        raise InpaintxError(f"a camera's raw file: {path}; develop it to a 16-bit TIFF or PNG")
    with _reading(path):
        if _is_foreign_tiff(path):
            samples = decode_tiff(path)
            tags, dpi, profile = _foreign_tags(path, samples)
        else:
            with open_image(path) as opened:
                tags, dpi = read_tags(opened, path)
                samples = decode(opened, path)
                profile = _profile(opened, samples)
                tags = _told(tags, opened, profile)
    picture = Picture.from_samples(samples)
    return replace(picture, path=path, profile=profile, dpi=dpi, root=root, tags=tags)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the picture in a file, as they are stored: only its header is read.

    Raises InpaintxError as :func:`read_picture`.
    """
    with _reading(path):
        if _is_foreign_tiff(path):
            return tiff_size(path)
        with open_image(path) as opened:
            return opened.size


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Makes one InpaintxError, which names the file, of whatever a file makes its readers run into."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of broken tags and large pictures; what matters is an error here
            yield
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


def _is_foreign_tiff(path: Path) -> bool:
    """Whether this is a TIFF in a layout that Pillow doesn't know."""
    with path.open("rb") as file:
        if file.read(4) not in TIFF_MAGIC:
            return False
    try:
        with open_image(path):
            return False
    except UnidentifiedImageError:
        return True


@dataclass(frozen=True)
class Written:
    """What writing a picture could not keep.

    Attributes:
        lost: what the file has no place for, or reading had none for, in words.
        changed: how many known pixels are not what they were, after JPEG; 0 in all other formats.
        most: by how many levels the furthest of them is off.
    """

    lost: tuple[str, ...] = ()
    changed: int = 0
    most: int = 0

    def __str__(self) -> str:
        """All of it in one line; empty where everything was kept."""
        said = [f"not kept: {', '.join(self.lost)}"] if self.lost else []
        if self.changed:
            said.append(f"{self.changed} known pixels changed, by {self.most} levels at most")
        return "; ".join(said)


def write_picture(
    picture: Picture, path: str | Path, format: str | None = None, known: np.ndarray | None = None
) -> Written:
    """Writes a picture; a reader sees the old file or the whole new one, never a part.

    Args:
        picture: what to write, with its profile, resolution and tags, as far as the format has a place.
        path: the file.
        format: ``"png"``, ``"tiff"``, ``"webp"``, ``"bmp"`` (all lossless), ``"jpeg"`` or ``"same"``: JPEG
            coded as the picture's own file was, with its quantisation tables and subsampling, or, where that
            was no JPEG, what the path's suffix says. None: by the path's suffix, which may not be JPEG's,
            since JPEG changes the known pixels and has to be asked for.
        known: bool ``[H, W]``: the pixels that JPEG should not have changed; None: all.

    Returns:
        What was lost.

    Raises:
        InpaintxError: the format can't hold the picture's depth, alpha or size, or the file can't be written.
    """
    path = Path(path)
    data, written = encode_picture(picture, path, format, known)
    with atomic_file(path) as file:
        file.write(data)
    return written


def encode_picture(
    picture: Picture, path: Path, format: str | None = None, known: np.ndarray | None = None
) -> tuple[bytes, Written]:
    """The bytes that :func:`write_picture` writes to a file of this name, and what was lost; see there."""
    same = format == "same"
    name = _format_name(path, "jpeg" if same and picture.tags.jpeg else None if same else format)
    kind = FORMATS[name]
    if picture.array.dtype == np.uint16 and not kind.deep:
        raise InpaintxError(f"{kind.name} can't hold this 16-bit picture: {path}; write a .png")
    if picture.alpha is not None and not kind.alpha:
        raise InpaintxError(f"{kind.name} can't hold alpha: {path}; write a .png")
    try:
        data, lost = encode(picture, name, same)
    except (
        Exception
    ) as error:  # an encoder raises whatever a size or a tag that it can't hold makes it run into
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InpaintxError(
            f"{kind.name} can't hold this picture: {path} ({reason}); write a .png"
        ) from error
    lost = [*picture.tags.lost, *lost]
    changed = _changed(picture, data, known) if name == "jpeg" else (0, 0)
    return data, Written(tuple(lost), *changed)


def kept_format(path: Path, same: bool = False) -> str:
    """The format in which the result of a file is like it: its own where that is lossless, else PNG.

    Args:
        path: a picture file; only its header is read.
        same: a JPEG stays one, too.

    Returns:
        A format of :func:`write_picture`; ``"png"`` for what can't be read, which is told when it is.
    """
    names = {kind.name: name for name, kind in FORMATS.items()} | {"MPO": "jpeg"}
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _is_foreign_tiff(path):
            return "tiff"
        with open_image(path) as opened:
            name = names.get(opened.format or "", "png")
            inks = name == "jpeg" and opened.mode not in ("L", "RGB")
            unheld = opened.has_transparency_data and not FORMATS[name].alpha
            return "png" if inks or unheld or (name == "jpeg" and not same) else name
    return "png"


def result_suffix(path: Path, format: str) -> str:
    """The suffix of the file for the result of a picture, with its dot.

    Args:
        path: the picture's file; its own suffix is kept where its format is.
        format: of :func:`write_picture`; ``"keep"``: see :func:`kept_format`; ``"same"``: a JPEG stays one.
    """
    if format not in ("keep", "same"):
        return f".{format}"
    suffixes = FORMATS[kept_format(path, format == "same")].suffixes
    return path.suffix if path.suffix.lower() in suffixes else suffixes[0]


def _changed(picture: Picture, jpeg: bytes, known: np.ndarray | None) -> tuple[int, int]:
    """How many known pixels a JPEG gives otherwise, and by how many levels at most."""
    with Image.open(BytesIO(jpeg)) as opened:
        off = np.abs(np.asarray(opened).astype(np.int16) - picture.array)
    off = off.reshape(picture.height, picture.width, -1).max(axis=2)
    off = off if known is None else off[known]
    return int(np.count_nonzero(off)), int(off.max(initial=0))


def _format_name(path: Path, format: str | None) -> str:
    if format is not None:
        if format not in FORMATS:
            raise InpaintxError(f"no format {format!r} to write: {path}; there are: {', '.join(FORMATS)}")
        return format
    suffix = path.suffix.lower()
    for name, kind in FORMATS.items():
        if suffix in kind.suffixes:
            if name == "jpeg":
                raise InpaintxError(f"JPEG would change known pixels: {path}; write a .png, or ask for JPEG")
            return name
    raise InpaintxError(f"can't tell the format to write from the suffix: {path}; write a .png")


def _foreign_tags(path: Path, samples: np.ndarray) -> tuple[Tags, tuple[float, float] | None, bytes | None]:
    """Tags, resolution and profile of a TIFF in a layout that Pillow doesn't know."""
    try:
        with path.open("rb") as file:
            opened = TagsOfTiff(file)
            tags, dpi = read_tags(opened, path)
            profile = _profile(opened, samples)
            return _told(tags, opened, profile), dpi, profile
    except Exception:  # a big-endian BigTIFF, whose tags Pillow can't read either
        return Tags(lost=("tags",)), None, None


def _told(tags: Tags, opened: Image.Image, profile: bytes | None) -> Tags:
    """The tags, with what becomes of a profile that isn't one of the colours any more."""
    if profile is not None or not opened.info.get("icc_profile"):
        return tags
    return replace(tags, lost=(*tags.lost, "colour profile of other colours than gray or RGB"))


def _profile(opened: Image.Image, samples: np.ndarray) -> bytes | None:
    """The file's ICC profile, if it is one of what has become of its colours (ICC.1:2022, 7.2.8)."""
    profile = opened.info.get("icc_profile")
    space = b"GRAY" if samples.ndim == 2 or samples.shape[2] == 2 else b"RGB "
    return profile if isinstance(profile, bytes) and profile[16:20] == space else None
