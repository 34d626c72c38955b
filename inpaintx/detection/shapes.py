"""The connected parts of a mask, and what shape each has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: The eight neighbours of a pixel, and itself.
EIGHT = np.ones((3, 3), bool)

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Parts:
    """The 8-connected parts of a mask; part 0 of each array is what belongs to none.

    Attributes:
        labels: int32 ``[H, W]``, the number of each pixel's part.
        area: ``[N + 1]``, pixels.
        elongation: ``[N + 1]``, ratio of the axes of the ellipse with the part's second moments.
        fullness: ``[N + 1]``, the part's area to that of this ellipse: 1 for an ellipse, less where ragged.
    """

    labels: np.ndarray
    area: np.ndarray
    elongation: np.ndarray
    fullness: np.ndarray

    def each(self, chosen: np.ndarray, margin: int) -> Iterator[tuple[int, Window]]:
        """The number of each chosen part, bool ``[N + 1]``, and a window that holds it and a margin."""
        for number, box in enumerate(ndimage.find_objects(self.labels), 1):
            if chosen[number]:
                rows, columns = (slice(max(0, side.start - margin), side.stop + margin) for side in box)
                yield number, (rows, columns)


def parts(mask: np.ndarray) -> Parts:
    """The parts of a mask, bool ``[H, W]``."""
    labels, number = ndimage.label(mask, EIGHT)
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns]
    area = np.bincount(of, minlength=number + 1).astype(float)
    count = np.maximum(area, 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(of, values, minlength=number + 1) / count

    # From each part's middle, so that nothing cancels; 1/12 is the spread of a pixel itself.
    y, x = rows - mean(rows)[of], columns - mean(columns)[of]
    yy, xx, xy = mean(y * y) + 1 / 12, mean(x * x) + 1 / 12, mean(x * y)
    root = np.sqrt((yy - xx) ** 2 + 4 * xy**2)
    long, short = (yy + xx + root) / 2, np.maximum((yy + xx - root) / 2, 1e-6)
    return Parts(labels, area, np.sqrt(long / short), area / (4 * np.pi * np.sqrt(long * short)))
