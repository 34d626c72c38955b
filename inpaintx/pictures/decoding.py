"""What Pillow opens, in any of its modes and depths, as samples of 8 or 16 bits that stand upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from inpaintx.errors import InpaintxError
from inpaintx.pictures.depths import bits_cut, decode_deep, decode_tiff, lies_in_planes
from inpaintx.pictures.opening import load_upright

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 258, 262, 339
#: What one level of a PNG of 2 or 4 bits becomes when Pillow stretches them to 8.
_STRETCHED = {"L;2": 85, "L;4": 17}


def decode(opened: Image.Image, path: Path) -> np.ndarray:
    """All samples as uint8 or uint16: [H, W], [H, W, 2] with alpha, [H, W, 3], [H, W, 4] with alpha.

    opened: just opened, not loaded; or one in memory. path: its file, which is read again for deep colours.
    Raises InpaintxError for depths and layouts that aren't read, and what Pillow raises for broken files.
    """
    if lies_in_planes(opened, path):
        return decode_tiff(path)
    bits = bits_cut(opened, path)
    if bits:
        return _finish_deep(decode_deep(opened, path, bits), opened)
    _check_tiff(opened, path)
    key = _transparent_level(opened)
    load_upright(opened)
    if opened.mode.startswith("I"):
        return _decode_integers(opened, path)
    if opened.mode == "F":
        raise InpaintxError(f"floating-point pictures have no fixed white: {path}; save it with 8 or 16 bits")
    if opened.mode == "LAB":
        return np.asarray(_lab_to_rgb(opened))
    if key is not None:
        levels = np.asarray(opened.convert("L"))
        return np.stack([levels, np.where(levels == key, 0, 255).astype(np.uint8)], axis=2)
    gray = opened.mode in ("1", "L", "LA", "La")
    target = ("L" if gray else "RGB") + ("A" if opened.has_transparency_data else "")
    samples = np.asarray(opened.convert(target))
    if opened.mode in ("P", "PA") and not _has_rgb_profile(opened):
        return _drop_equal_colours(samples)
    return samples


def _check_tiff(opened: Image.Image, path: Path) -> None:
    """Raises InpaintxError for signed bytes, whose zero Pillow would take for black."""
    tags = getattr(opened, "tag_v2", {})
    if 2 in tags.get(_TIFF_SAMPLE_FORMAT, (1,)) and max(tags.get(_TIFF_BITS, (1,))) <= 8:
        raise InpaintxError(f"signed samples have no fixed black: {path}; save it with unsigned ones")


def _transparent_level(opened: Image.Image) -> int | None:
    """The 8-bit level of a gray PNG's transparent value, which is of 1, 2, 4 or 8 bits in the file."""
    value = opened.info.get("transparency")
    tiles = getattr(opened, "tile", [])
    if opened.format != "PNG" or opened.mode not in ("1", "L") or not isinstance(value, int) or not tiles:
        return None
    raw_mode = tiles[0].args if isinstance(tiles[0].args, str) else tiles[0].args[0]
    return value * _STRETCHED.get(raw_mode, 1)


def _decode_integers(opened: Image.Image, path: Path) -> np.ndarray:
    levels = np.asarray(opened)
    if levels.min() < 0 or levels.max() > 65535:
        raise InpaintxError(f"pictures of more than 16 bits aren't read: {path}; save it with 8 or 16 bits")
    levels = levels.astype(np.uint16)
    tags = getattr(opened, "tag_v2", {})
    if opened.format == "TIFF" and tags.get(_TIFF_PHOTOMETRIC, 0) == 0:  # white is zero; Pillow leaves it so
        levels = 65535 - levels
    if opened.mode.startswith("I;16") and tags.get(_TIFF_BITS) == (12,):
        levels = levels << 4 | levels >> 8  # 4095 is white
    transparent = opened.info.get("transparency")
    if transparent is None:
        return levels
    return np.stack([levels, np.where(levels == transparent, 0, 65535).astype(np.uint16)], axis=2)


def _finish_deep(samples: np.ndarray, opened: Image.Image) -> np.ndarray:
    """Deep samples with what the file says of them: inks become RGB, one colour that is transparent alpha."""
    if opened.mode == "CMYK":
        inks = samples.astype(np.uint64)
        light = (65535 - inks[..., :3]) * (65535 - inks[..., 3:])  # as Pillow does with 8 bits
        return ((light + 32767) // 65535).astype(np.uint16)
    transparent = opened.info.get("transparency")
    if transparent is None:
        return samples
    alpha = np.where((samples == transparent).all(axis=2, keepdims=True), 0, 65535).astype(np.uint16)
    return np.concatenate([samples, alpha], axis=2)


def _has_rgb_profile(opened: Image.Image) -> bool:
    """Whether a profile says how red, green and blue look (ICC.1:2022, 7.2.8): without them it were lost."""
    profile = opened.info.get("icc_profile")
    return isinstance(profile, bytes) and profile[16:20] == b"RGB "


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
