"""Samples of more than 8 bits, in the layouts of which Pillow would keep 8 only, or none."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures.opening import load_upright, open_image

#: Turned so that row 0 is at the top and column 0 on the left, by EXIF orientation (CIPA DC-008, 4.6.4).
_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_TIFF_BITS, _TIFF_COMPRESSION, _TIFF_PHOTOMETRIC, _TIFF_ORIENTATION = 258, 259, 262, 274
_TIFF_SAMPLES, _TIFF_PLANES = 277, 284
#: Compressions of TIFF that tifffile decodes on its own: none, and deflate by either number.
_PLAIN_COMPRESSION = frozenset({1, 8, 32946})

# Pillow's raw modes that unpack the low bytes of 16-bit samples where the named one unpacks the high ones:
# those of the other byte order.
_NATIVE_SWAPPED = ";16B" if sys.byteorder == "little" else ";16L"
_SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": _NATIVE_SWAPPED}
# Decoders that hand a raw mode through to the unpacker, so that another one can be asked for.
_UNPACKING = frozenset({"zip", "raw", "libtiff"})
#: The magic numbers of TIFF and BigTIFF in either byte order.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def bits_cut(opened: Image.Image, path: Path) -> int:
    """The bits a sample of a file has where Pillow would cut them to 8; 0 where it cuts nothing.

    opened: just opened, not loaded; one in memory has nothing left to cut.
    """
    tiles = getattr(opened, "tile", [])
    if opened.format == "HEIF":
        bits = int(opened.info.get("bit_depth", 8))
        return bits if bits > 8 else 0
    if not tiles or opened.mode.startswith("I") or opened.mode == "F":
        return 0
    if opened.format == "PPM":
        args = tiles[0].args
        return 16 if isinstance(args, tuple) and isinstance(args[1], int) and args[1] > 255 else 0
    if opened.format == "SGI":
        args = tiles[0].args
        return 16 if tiles[0].codec_name == "SGI16" or ";16" in _raw_mode(tiles[0]) or args[-1] == 2 else 0
    if opened.format == "JPEG2000":
        bits = _jpeg2000_bits(path)
    elif opened.format == "AVIF":
        bits = _av1_bits(path)
    elif opened.format == "TIFF":
        bits = max(getattr(opened, "tag_v2", {}).get(_TIFF_BITS, (8,)))
    else:
        bits = 16 if any(";16" in _raw_mode(tile) for tile in tiles) else 8
    return bits if bits > 8 else 0


def _jpeg2000_bits(path: Path) -> int:
    """The most bits of a component, from the SIZ marker of the codestream (ITU-T T.800, A.5.1)."""
    data = path.read_bytes()
    start = data.find(b"\xff\x4f\xff\x51") + 4
    if start < 4 or len(data) < start + 38:
        return 8
    (components,) = struct.unpack_from(">H", data, start + 36)
    return max((size & 0x7F) + 1 for size in data[start + 38 : start + 38 + 3 * components : 3] or b"\7")


def _av1_bits(path: Path) -> int:
    """The bits of a component, from the AV1 codec configuration record (AV1-ISOBMFF, 2.3.3)."""
    data = path.read_bytes()
    start = data.find(b"av1C") + 4
    if start < 4 or len(data) < start + 3:
        return 8
    flags = data[start + 2]
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def lies_in_planes(opened: Image.Image, path: Path) -> bool:
    """Whether it is a TIFF of gray or RGB with each channel apart, which Pillow reads wrongly or not at all.

    Raises InpaintxError for gray with alpha in a compression that only Pillow knows.
    """
    tags = getattr(opened, "tag_v2", {})
    planes = tags.get(_TIFF_PLANES) == 2 and tags.get(_TIFF_SAMPLES, 1) > 1
    if not planes or tags.get(_TIFF_PHOTOMETRIC, 0) not in (0, 1, 2):
        return False
    if tags.get(_TIFF_COMPRESSION, 1) in _PLAIN_COMPRESSION:
        return True
    if opened.mode.startswith("L"):
        raise InpaintxError(f"gray in planes isn't read: {path}; convert it to PNG")
    return False


def decode_deep(opened: Image.Image, path: Path, bits: int) -> np.ndarray:
    """16-bit colour, or gray with alpha: uint16 ``[H, W, C]`` that stands upright; CMYK as its four inks.

    Decoded twice, once for the high bytes and once for the low ones; TIFF in other layouts by tifffile.

    Raises InpaintxError for a format or layout of which no more than 8 bits would be got.
    """
    if opened.format == "PPM":
        return _decode_netpbm(opened, path)
    refused = InpaintxError(
        f"{opened.format} of {bits} bits would be cut to 8: {path}; convert it to a 16-bit PNG or TIFF"
    )
    if opened.format == "HEIF":
        raise refused
    tile = opened.tile[0]  # type: ignore[attr-defined]
    raw_mode = _raw_mode(tile)
    if raw_mode == "LA;16B" and tile.codec_name in _UNPACKING:  # all four bytes, as RGBA: there is no LA;16L
        return _decode_as(path, "RGBA", "RGBA").view(">u2").astype(np.uint16)
    bands, order = raw_mode[:-4], raw_mode[-4:]
    plain = bands in (opened.mode, f"{opened.mode}X") and order in _SWAPPED
    in_planes = getattr(opened, "tag_v2", {}).get(_TIFF_PLANES) == 2
    if plain and tile.codec_name in _UNPACKING and not in_planes:
        high = _decode_as(path, opened.mode, raw_mode)
        low = _decode_as(path, opened.mode, bands + _SWAPPED[order])
        return high.astype(np.uint16) << 8 | low
    if opened.format == "TIFF" and opened.mode != "CMYK":
        return decode_tiff(path)
    raise refused


def _decode_netpbm(opened: Image.Image, path: Path) -> np.ndarray:
    """A binary PPM whose samples take two bytes, high one first; white is what its header says (ppm(5))."""
    (codec, _, offset, args) = opened.tile[0]  # type: ignore[attr-defined]
    if codec == "ppm_plain" or opened.mode != "RGB":
        raise InpaintxError(
            f"{opened.mode} netpbm of 16 bits, or in text, isn't read: {path}; convert it to PNG"
        )
    count = 3 * opened.width * opened.height
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(2 * count)
    if len(data) < 2 * count:
        raise InpaintxError(f"the picture ends too early: {path}; is it whole?")
    samples = np.frombuffer(data, ">u2").reshape(opened.height, opened.width, 3)
    white = args[1]
    scaled = samples.astype(np.uint32).clip(0, white) * 65535 + white // 2
    return (scaled // white).astype(np.uint16)


def _decode_as(path: Path, mode: str, raw_mode: str) -> np.ndarray:
    """The 8-bit samples that come out when the file's bytes are unpacked by another raw mode."""
    with open_image(path) as opened:
        opened._mode = mode
        opened.tile = [
            tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
            for tile in opened.tile
        ]
        load_upright(opened)
        return np.asarray(opened)


def tiff_size(path: Path) -> tuple[int, int]:
    """Width and height of a TIFF in any layout, from its tags."""
    import tifffile

    with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        return int(page.imagewidth), int(page.imagelength)


def decode_tiff(path: Path) -> np.ndarray:
    """A TIFF in a layout that Pillow can't read: uint8 or uint16 ``[H, W]`` or ``[H, W, C]``, upright.

    Gray or RGB of 8 or 16 bits, with or without alpha, in planes or not; what tifffile decodes.

    Raises InpaintxError where it is none of these, Image.DecompressionBombError where it is too large.
    """
    import tifffile

    try:
        with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
            page = tiff.pages.first
            if page.imagewidth * page.imagelength > 2 * (Image.MAX_IMAGE_PIXELS or sys.maxsize):
                raise Image.DecompressionBombError
            colours = {0: 1, 1: 1, 2: 3}.get(int(page.photometric))
            fits = page.dtype in (np.uint8, np.uint16) and page.bitspersample in (8, 16)
            if colours is None or not fits or page.axes not in ("YX", "YXS", "SYX"):
                raise ValueError
            ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
            if not all(page.databytecounts) or max(ends) > file.seek(0, 2):
                raise EOFError  # tifffile would take what isn't there for black
            samples = page.asarray()
            extra = [int(sample) for sample in page.extrasamples]
            orientation = page.tags.valueof(_TIFF_ORIENTATION, 1)
            inverted = int(page.photometric) == 0
            in_planes = page.axes == "SYX"
    except EOFError:
        raise InpaintxError(f"the picture ends too early: {path}; is it whole?") from None
    except Image.DecompressionBombError:
        raise
    except Exception as error:  # what isn't there to decode, and whatever a broken file runs into
        raise InpaintxError(
            f"a TIFF in a layout that isn't read: {path}; convert it to a 16-bit PNG"
        ) from error
    samples = np.moveaxis(samples, 0, -1) if in_planes else samples
    samples = samples.reshape(*samples.shape[:2], -1)
    seen = samples[..., :colours]
    if inverted:
        seen = np.iinfo(samples.dtype).max - seen
    if 1 in extra or 2 in extra:
        first = min(extra.index(kind) for kind in (1, 2) if kind in extra)
        alpha = samples[..., colours + first, None]
        seen = np.concatenate([_divided(seen, alpha) if extra[first] == 1 else seen, alpha], axis=2)
    seen = _UPRIGHT.get(orientation, lambda a: a)(seen)
    return np.ascontiguousarray(seen[..., 0] if seen.shape[2] == 1 else seen)


def _divided(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by their alpha as they were before, to the nearest level."""
    white = int(np.iinfo(colours.dtype).max)
    opacity = np.maximum(alpha.astype(np.uint64), 1)
    divided = (colours.astype(np.uint64) * white + opacity // 2) // opacity
    return np.minimum(divided, white).astype(colours.dtype)


def _raw_mode(tile: Any) -> str:
    """The raw mode of one of Pillow's tiles: its only argument, or the first."""
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])
