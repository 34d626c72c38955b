"""A damaged picture at several sizes, from which squares of any part of it are soon made. Loads no torch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from inpaintx.pictures.picture import Picture
from inpaintx.pictures.regions import Region, to_square


class Pyramid:
    """A picture and halves of it, each made when it is first asked for, at 8 bits: to look at, not to fill.

    What lies under the hole is never read: a pixel of a smaller level averages the known ones of four.

    Args:
        picture: what is damaged.
        mask: bool ``[H, W]``, True = keep.
    """

    def __init__(self, picture: Picture, mask: np.ndarray) -> None:
        self.height, self.width = mask.shape
        self._levels = [(picture.array, mask)]

    def square(self, region: Region, size: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """About what :func:`.to_square` gives of a region, from the smallest level with twice its pixels."""
        halvings = 0
        while min(region.height, region.width) >> halvings + 1 >= 2 * size:
            halvings += 1
        while len(self._levels) <= halvings:
            self._levels.append(_halved(*self._levels[-1]))
        array, mask = self._levels[halvings]
        top, left = region.top >> halvings, region.left >> halvings
        bottom = -(-(region.top + region.height) >> halvings)
        right = -(-(region.left + region.width) >> halvings)
        part = Region(top, left, min(bottom, len(mask)) - top, min(right, mask.shape[1]) - left)
        return to_square(array, mask, part, size, channels)


def _halved(array: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 or uint16 ``[H, W]`` or ``[H, W, 3]`` and its mask, both at half of the sides, rounded up."""
    levels = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array.copy()
    levels[~mask] = 0
    share = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).reduce(2))
    half = np.array(Image.fromarray(levels).reduce(2))
    partly = (share > 0) & (share < 255)
    weight = share[partly] / np.float32(255)
    sums = half[partly]
    half[partly] = np.rint(sums / (weight if half.ndim == 2 else weight[:, None])).clip(0, 255)
    return half, share > 127
