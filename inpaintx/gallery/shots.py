"""Small copies of a picture before and after, as a page holds them. Loads no torch."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.pictures.sheets import show_hole

LONGEST = 640  # pixels: sharp on a phone, and some fifty kilobytes
SHARP = 160  # up to here a picture is shown pixel by pixel, and stored without loss
_QUALITY = 82  # of WebP
_MARK = (230, 0, 190)  # magenta: rare in pictures, and seen on dark and bright
_EDGE, _INSIDE = 255, 110  # how opaque


@dataclass(frozen=True)
class Shots:
    """What is shown of a result; pictures are the text of ``data:`` addresses.

    Attributes:
        before, after: WebP. One that is missing is empty.
        mark: PNG of the same shape, transparent but where the picture was filled; empty where that isn't
            known.
        width, height: of all three, in pixels.
        clear: parts of the picture are transparent.
    """

    before: str
    after: str
    mark: str
    width: int
    height: int
    clear: bool

    @property
    def is_small(self) -> bool:
        """Whether single pixels are to be seen."""
        return max(self.width, self.height) <= SHARP


def make_shots(
    original: Picture | None, result: Picture | None, mask: np.ndarray | None, cut: bool
) -> Shots | None:
    """Small copies of a picture before and after.

    Args:
        original: None where it is not there any more.
        result: of the same size; None likewise.
        mask: bool ``[H, W]``, True = keep; None where it isn't known.
        cut: the hole was cut into an intact picture: what lies under it is not what was repaired, so that
            the hole is shown.

    Returns:
        None where there is neither picture.
    """
    known = original or result
    if known is None:
        return None
    scale = min(1.0, LONGEST / max(known.height, known.width))
    size = max(1, round(scale * known.width)), max(1, round(scale * known.height))
    if mask is not None and mask.shape != (known.height, known.width):
        mask = None
    before = "" if original is None else _small(original, size, mask if cut else None)
    after = "" if result is None else _small(result, size)
    clear = any(one is not None and one.alpha is not None for one in (original, result))
    return Shots(before, after, "" if mask is None else _mark(mask, size), *size, clear)


def _small(picture: Picture, size: tuple[int, int], hole: np.ndarray | None = None) -> str:
    levels = picture.array if picture.array.dtype == np.uint8 else to_levels(to_values(picture.array))
    if hole is not None:
        levels = show_hole(levels, hole)
    image = _in_srgb(Image.fromarray(levels), picture.profile)
    if picture.alpha is not None and hole is None:
        alpha = picture.alpha if picture.alpha.dtype == np.uint8 else to_levels(to_values(picture.alpha))
        image.putalpha(Image.fromarray(alpha))
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
    return _address(image, "WEBP", lossless=max(size) <= SHARP, quality=_QUALITY, method=4)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In RGB, and in the colours that a page has; as it is where the profile can't be used."""
    if profile is not None:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            made = None
        if made is not None:
            return made
    return image.convert("RGB")


def _mark(mask: np.ndarray, size: tuple[int, int]) -> str:
    """What was filled, in magenta with a solid rim; a hole of one pixel is seen, too."""
    covered = Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    hole = np.asarray(covered) > 0
    inside = hole.copy()
    for axis in (0, 1):
        for step in (1, -1):
            inside &= np.roll(hole, step, axis)
    drawn = Image.fromarray(np.where(inside, 1, np.where(hole, 2, 0)).astype(np.uint8))
    drawn.putpalette([0, 0, 0, *_MARK, *_MARK])
    return _address(drawn, "PNG", transparency=bytes([0, _INSIDE, _EDGE]), optimize=True)


def _address(image: Image.Image, format: str, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
