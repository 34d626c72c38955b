"""What Pillow opens, in any of its modes and depths, as samples of 8 or 16 bits that stand upright."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from inpaintx.errors import InpaintxError

_TIFF_BITS_PER_SAMPLE = 258


def decode(opened: Image.Image, path: Path) -> np.ndarray:
    """All samples as uint8 or uint16: [H, W], [H, W, 2] with alpha, [H, W, 3], [H, W, 4] with alpha.

    opened: just opened, not loaded; or one in memory. path: its file, which is read again for deep colours.
    Raises InpaintxError for depths and layouts that aren't read, and what Pillow raises for broken files.
    """
    if _is_deep_colour(opened):
        return _decode_deep_colour(opened, path)
    _load_upright(opened)
    if opened.mode.startswith("I"):
        return _decode_integers(opened, path)
    if opened.mode == "F":
        raise InpaintxError(f"floating-point pictures have no fixed white: {path}; save it with 8 or 16 bits")
    if opened.mode == "LAB":
        return np.asarray(_lab_to_rgb(opened))
    gray = opened.mode in ("1", "L", "LA", "La")
    target = ("L" if gray else "RGB") + ("A" if opened.has_transparency_data else "")
    samples = np.asarray(opened.convert(target))
    return _drop_equal_colours(samples) if opened.mode in ("P", "PA") else samples


def _load_upright(opened: Image.Image) -> None:
    opened.load()
    with suppress(Exception):  # broken EXIF data says nothing about the way up; the pixels are there
        ImageOps.exif_transpose(opened, in_place=True)


def _decode_integers(opened: Image.Image, path: Path) -> np.ndarray:
    levels = np.asarray(opened)
    if levels.min() < 0 or levels.max() > 65535:
        raise InpaintxError(f"pictures of more than 16 bits aren't read: {path}; save it with 8 or 16 bits")
    levels = levels.astype(np.uint16)
    transparent = opened.info.get("transparency")
    if transparent is None:
        return levels
    return np.stack([levels, np.where(levels == transparent, 0, 65535).astype(np.uint16)], axis=2)


def _drop_equal_colours(samples: np.ndarray) -> np.ndarray:
    """Gray (and alpha) where red, green and blue are the same everywhere."""
    red = samples[..., :1]
    if (samples[..., :3] != red).any():
        return samples
    return samples[..., 0] if samples.shape[2] == 3 else samples[..., [0, 3]]


def _lab_to_rgb(opened: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        opened, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # it is None only in place
    return converted


# Pillow's raw modes that unpack the low bytes of 16-bit samples where the named one unpacks the high ones:
# those of the other byte order. Gray with alpha has none, so all of its four bytes are unpacked, as RGBA.
_NATIVE_SWAPPED = ";16B" if sys.byteorder == "little" else ";16L"
_SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": _NATIVE_SWAPPED}


def _is_deep_colour(opened: Image.Image) -> bool:
    """Whether these are 16-bit samples of which Pillow would keep the high bytes only."""
    if opened.mode not in ("LA", "RGB", "RGBA"):
        return False
    tiff_bits = getattr(opened, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (8,))
    return max(tiff_bits) > 8 or any(";16" in _raw_mode(tile) for tile in _tiles(opened))


def _decode_deep_colour(opened: Image.Image, path: Path) -> np.ndarray:
    """16-bit colour, or gray with alpha: decoded twice, for the high bytes and for the low ones."""
    raw_mode = _raw_mode(_tiles(opened)[0])
    if raw_mode == "LA;16B":
        return _decode_as(path, "RGBA", "RGBA").view(">u2").astype(np.uint16)
    bands, order = raw_mode[:-4], raw_mode[-4:]
    if bands != opened.mode or order not in _SWAPPED:
        raise InpaintxError(f"16-bit colour in a layout that isn't read: {path}; convert it to a 16-bit PNG")
    high = _decode_as(path, opened.mode, raw_mode)
    low = _decode_as(path, opened.mode, bands + _SWAPPED[order])
    samples = high.astype(np.uint16) << 8 | low
    transparent = opened.info.get("transparency")
    if transparent is None:
        return samples
    alpha = np.where((samples == transparent).all(axis=2, keepdims=True), 0, 65535).astype(np.uint16)
    return np.concatenate([samples, alpha], axis=2)


def _decode_as(path: Path, mode: str, raw_mode: str) -> np.ndarray:
    """The 8-bit samples that come out when the file's bytes are unpacked by another raw mode."""
    with Image.open(path) as opened:
        opened._mode = mode
        opened.tile = [
            tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
            for tile in opened.tile
        ]
        _load_upright(opened)
        return np.asarray(opened)


def _tiles(opened: Image.Image) -> list[Any]:
    """What is still to decode: nothing of an image in memory."""
    return getattr(opened, "tile", [])


def _raw_mode(tile: Any) -> str:
    """The raw mode of one of Pillow's tiles: its only argument, or the first."""
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])
