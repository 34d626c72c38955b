"""What a picture file says beside its pixels: EXIF, XMP, comments, colour chunks, JPEG's coding."""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, JpegImagePlugin

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = "XML:com.adobe.xmp"
#: PNG chunks that say how colours look (PNG, third edition, W3C 2025, 11.3.2); the profile is kept apart.
_COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
_ORIENTATION, _RESOLUTIONS, _RESOLUTION_UNIT = 274, (282, 283), 296
#: Directories inside of EXIF's first one.
SUB_DIRECTORIES = (int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo))
#: Tags of a TIFF's own layout, and what is kept or said elsewhere: these are no EXIF of the picture.
_LAYOUT = frozenset(
    tag
    for first, last in (
        *((254, 259), (262, 266), (273, 284), (288, 293), (296, 296), (301, 301), (317, 334), (336, 347)),
        *((512, 521), (529, 532), (700, 700), (33723, 33723), (34377, 34377), (34675, 34675), (40965, 40965)),
    )
    for tag in range(first, last + 1)
)
_INCH = {2: 1.0, 3: 2.54}  # of a resolution's unit, in its own


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file was coded.

    Attributes:
        tables: its quantisation tables, each of 64 numbers.
        subsampling: of colour, as Pillow counts: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int


@dataclass(frozen=True)
class Tags:
    """What a picture's file says beside its pixels, its colour profile and its resolution.

    Attributes:
        exif: a TIFF structure (CIPA DC-008), upright and without preview; or None.
        xmp: an XMP packet, or None.
        comments: keywords and texts; the keyword is empty where the format has none.
        colour_chunks: kinds and data of PNG's chunks that say how colours look: gAMA, cHRM, sRGB, ….
        jpeg: how a JPEG was coded; None for other formats.
        lost: what the file held that isn't kept, in words.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    comments: tuple[tuple[str, str], ...] = ()
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
    jpeg: JpegCoding | None = None
    lost: tuple[str, ...] = ()


def read_tags(opened: Image.Image, path: Path) -> tuple[Tags, tuple[float, float] | None]:
    """The tags of an opened file that isn't loaded yet, and its pixels per inch, across and down."""
    exif, xmp, lost = None, opened.info.get("xmp"), []
    comments: list[tuple[str, str]] = []
    chunks: list[tuple[bytes, bytes]] = []
    if opened.format == "PNG":
        for kind, data in _png_chunks(path):
            if kind in _COLOUR_CHUNKS:
                chunks.append((kind, data))
            elif kind == b"eXIf":
                exif = _load_exif(data)
            elif kind in (b"tEXt", b"zTXt", b"iTXt"):
                with suppress(Exception):  # a broken comment is none
                    comments.append(_png_text(kind, data))
        packets = [text for keyword, text in comments if keyword == _XMP_KEYWORD]
        xmp = packets[0].encode() if packets else xmp
        comments = [comment for comment in comments if comment[0] != _XMP_KEYWORD]
    else:
        with suppress(Exception):
            exif = opened.getexif()
        comment = opened.info.get("comment")
        if comment:
            comments.append(("", _text(comment)))
    if opened.format == "TIFF" and {33723, 34377} & set(getattr(opened, "tag_v2", {})):
        lost.append("IPTC")
    if "photoshop" in opened.info:
        lost.append("IPTC")
    if getattr(opened, "n_frames", 1) > 1 and opened.format != "MPO":
        lost.append(f"{opened.n_frames - 1} more frames")  # type: ignore[attr-defined]
    turned = exif is not None and exif.get(_ORIENTATION) in (5, 6, 7, 8)
    resolution = _resolution(opened, exif)
    return Tags(
        _upright_exif(exif, opened.size if opened.format == "TIFF" or not turned else opened.size[::-1]),
        _upright_xmp(xmp),
        tuple(comments),
        tuple(chunks),
        _jpeg_coding(opened),
        tuple(lost),
    ), resolution[::-1] if resolution and turned else resolution


def exif_with(exif: bytes | None, more: Mapping[int, Any]) -> bytes:
    """EXIF with more tags in its first directory, or some in place of its own."""
    loaded = _load_exif(exif or b"") or Image.Exif()
    for tag, value in more.items():
        loaded[tag] = value
    return _exif_bytes(loaded)


def exif_directory(exif: bytes | None) -> tuple[dict[int, str], set[int]]:
    """The texts of EXIF's first directory, by tag, and the tags of all else in it."""
    loaded = _load_exif(exif or b"") or Image.Exif()
    texts = {tag: value for tag, value in loaded.items() if isinstance(value, str)}
    return texts, set(loaded) - set(texts) - {_ORIENTATION}


def _load_exif(data: bytes) -> Image.Exif | None:
    loaded = Image.Exif()
    with suppress(Exception):  # broken EXIF is none
        loaded.load(data)
        return loaded
    return None


def _exif_bytes(exif: Image.Exif) -> bytes:
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _upright_exif(exif: Image.Exif | None, size: tuple[int, int]) -> bytes | None:
    """EXIF without what says how the file was laid out; None where nothing is left."""
    if exif is None:
        return None
    kept = Image.Exif()
    with suppress(Exception):
        for tag, value in exif.items():
            if tag not in _LAYOUT and tag not in SUB_DIRECTORIES:
                kept[tag] = value
        for tag in SUB_DIRECTORIES:
            directory = dict(exif.get_ifd(tag))
            for name, side in ((ExifTags.Base.ExifImageWidth, 0), (ExifTags.Base.ExifImageHeight, 1)):
                if name in directory:
                    directory[int(name)] = size[side]
            if directory:
                kept[tag] = directory
        if len(kept):
            kept[_ORIENTATION] = 1
            return _exif_bytes(kept)
    return None


def _upright_xmp(xmp: object) -> bytes | None:
    if not isinstance(xmp, (bytes, str)) or not xmp:
        return None
    packet = xmp if isinstance(xmp, bytes) else xmp.encode()
    packet = re.sub(rb'(tiff:Orientation=["\'])[0-9](["\'])', rb"\g<1>1\2", packet)
    return re.sub(rb"(<tiff:Orientation>)[0-9](<)", rb"\g<1>1\2", packet)


def _resolution(opened: Image.Image, exif: Image.Exif | None) -> tuple[float, float] | None:
    dpi = opened.info.get("dpi")
    if opened.format == "TIFF" and _RESOLUTIONS[0] not in getattr(opened, "tag_v2", {}):
        dpi = None  # it would be Pillow's guess
    if dpi is None and exif is not None and opened.format != "TIFF":
        inch = _INCH.get(exif.get(_RESOLUTION_UNIT, 2), 0.0)
        dpi = tuple(float(exif.get(tag, 0)) * inch for tag in _RESOLUTIONS)
    with suppress(Exception):  # a broken one says nothing
        across, down = map(float, dpi or (0, 0))
        if 0 < across < math.inf and 0 < down < math.inf:
            return across, down
    return None


def _jpeg_coding(opened: Image.Image) -> JpegCoding | None:
    if opened.format not in ("JPEG", "MPO") or opened.mode not in ("L", "RGB"):
        return None
    tables = tuple(tuple(opened.quantization[key]) for key in sorted(opened.quantization))  # type: ignore[attr-defined]
    subsampling = JpegImagePlugin.get_sampling(opened)
    return JpegCoding(tables, max(subsampling, 0))


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The kinds and data of a PNG's chunks, but for those of pixels."""
    with path.open("rb") as file:
        if file.read(8) != _PNG_SIGNATURE:
            return
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            if kind in (b"IDAT", b"fdAT"):
                file.seek(length + 4, 1)
            else:
                data = file.read(length + 4)
                if len(data) < length + 4:
                    return
                yield kind, data[:-4]


def _png_text(kind: bytes, data: bytes) -> tuple[str, str]:
    """The keyword and the text of a PNG's text chunk (11.3.3)."""
    keyword, rest = data.split(b"\0", 1)
    if kind == b"tEXt":
        text = rest.decode("latin-1")
    elif kind == b"zTXt":
        text = _inflated(rest[1:]).decode("latin-1")
    else:
        _language, _translated, body = rest[2:].split(b"\0", 2)
        text = (_inflated(body) if rest[0] else body).decode()
    return keyword.decode("latin-1"), text


def _inflated(data: bytes) -> bytes:
    """What was deflated, up to 16 MB: a comment is no place for a bomb."""
    return zlib.decompressobj().decompress(data, 1 << 24)


def _text(comment: object) -> str:
    if not isinstance(comment, bytes):
        return str(comment)
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")
