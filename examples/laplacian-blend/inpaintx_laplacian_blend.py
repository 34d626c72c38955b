"""The blend `laplacian` for inpaintx."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy.ndimage import correlate1d

_KERNEL = np.array([1, 4, 6, 4, 1], dtype=np.float32) / 16


@dataclass(frozen=True)
class Laplacian:
    """Joins picture and fill band by band, each over a width of its own.

    Burt and Adelson, A multiresolution spline with application to image mosaics, ACM Transactions on
    Graphics 2, 1983: coarse bands are mixed over a wide seam and fine ones over a narrow one. Under the hole,
    where there is no picture, the fill stands in for it.
    """

    name: ClassVar[str] = "laplacian"
    interface: ClassVar[int] = 1
    levels: int = field(
        default=3,
        metadata={
            "help": "how often the picture is halved, where it is large enough",
            "least": 1,
            "most": 16,
        },
    )

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]. The picture is only valid where mask is True."""
        known = mask[..., None]
        # Pyramids are linear: that of the difference, zero under the hole, is the difference of the pyramids.
        difference = np.where(known, picture - fill, np.float32(0))
        weight = known.astype(np.float32)
        bands = []
        for _ in range(self.levels):
            if min(difference.shape[:2]) < 2:
                break
            smaller = _halved(difference)
            bands.append(weight * (difference - _doubled(smaller, difference.shape)))
            difference, weight = smaller, _halved(weight)
        joined = weight * difference
        for band in reversed(bands):
            joined = band + _doubled(joined, band.shape)
        return np.clip(fill + joined, 0, 1)


def _smoothed(images: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        images = correlate1d(images, _KERNEL, axis=axis, mode="reflect")
    return images


def _halved(images: np.ndarray) -> np.ndarray:
    return _smoothed(images)[::2, ::2]


def _doubled(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Back to [H, W, C] of this shape: the values at every other pixel, and the kernel between them."""
    spread = np.zeros(shape, dtype=np.float32)
    there = np.zeros((*shape[:2], 1), dtype=np.float32)
    spread[::2, ::2], there[::2, ::2] = images, 1
    return _smoothed(spread) / _smoothed(there)
