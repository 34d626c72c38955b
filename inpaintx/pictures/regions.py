"""The part of a picture that becomes the model's square, and the way there and back. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from inpaintx.options import Fit
from inpaintx.pictures.arrays import fit_channels, to_values

#: A pixel of the square is known if more than this share of the pixels it averages is.
KNOWN_SHARE = 0.1
_ROWS = 256  # that are worked on at once, where a picture is too large for all


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, array: np.ndarray) -> np.ndarray:
        """The view of ``array`` (``[H, W, ...]``) inside the rectangle."""
        return array[self.top : self.top + self.height, self.left : self.left + self.width]

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column beside it."""
        return self.left + self.width

    def holds(self, other: Region) -> bool:
        """Whether all of the other lies in this one."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and other.bottom <= self.bottom
            and other.right <= self.right
        )

    def common(self, other: Region) -> Region:
        """What lies in both; they must have something in common."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Region(top, left, min(self.bottom, other.bottom) - top, min(self.right, other.right) - left)

    def moved(self, other: Region) -> Region:
        """The same in the pixels of the other, which holds it."""
        return Region(self.top - other.top, self.left - other.left, self.height, self.width)

    def grown(self, margin: int, height: int, width: int) -> Region:
        """With so many pixels more on each side, cut at the border of a picture."""
        top, left = self.top - margin, self.left - margin
        grown = Region(top, left, self.height + 2 * margin, self.width + 2 * margin)
        return grown.common(Region(0, 0, height, width))

    def within(self, height: int, width: int) -> Region:
        """Of the same size, moved into a picture; cut where it is larger than that."""
        tall, wide = min(self.height, height), min(self.width, width)
        top, left = min(max(self.top, 0), height - tall), min(max(self.left, 0), width - wide)
        return Region(top, left, tall, wide)


def fit_region(height: int, width: int, fit: Fit) -> Region:
    """What of a picture is trained on: its largest centred square (``"crop"``), or all (``"stretch"``)."""
    if fit == "stretch":
        return Region(0, 0, height, width)
    side = min(height, width)
    return Region((height - side) // 2, (width - side) // 2, side, side)


def hole_region(mask: np.ndarray, fit: Fit) -> Region:
    """What of a picture is completed: as it is trained on, moved so that it holds the whole hole.

    Where the hole does not fit into the square, or fills it, this is the whole picture.

    Args:
        mask: bool ``[H, W]``, True = keep; hides something.
        fit: how the model's collection was fitted.
    """
    height, width = mask.shape
    region = fit_region(height, width, fit)
    rows, columns = np.flatnonzero(~mask.all(1)), np.flatnonzero(~mask.all(0))
    top = _reach(region.top, region.height, rows[0], rows[-1])
    left = _reach(region.left, region.width, columns[0], columns[-1])
    moved = Region(top, left, region.height, region.width)
    holds = rows[-1] < top + region.height and columns[-1] < left + region.width
    return moved if holds and moved.of(mask).any() else Region(0, 0, height, width)


def _reach(start: int, length: int, first: int, last: int) -> int:
    """The start nearest to ``start`` of a span of ``length`` that holds ``first``, and ``last`` if it can."""
    return int(min(max(start, last - length + 1), first))


def resample(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Float32 ``[H, W, C]`` to ``[height, width, C]``: area average when shrinking, bicubic when growing.

    Each axis is handled by its own rule, so that a picture can shrink along one and grow along the other.
    """
    for axis, target in ((0, height), (1, width)):
        source = array.shape[axis]
        if source == target:
            continue
        method = Image.Resampling.BOX if target < source else Image.Resampling.BICUBIC
        size = (array.shape[1], target) if axis == 0 else (target, array.shape[0])
        planes = [
            Image.fromarray(np.ascontiguousarray(array[..., c], dtype=np.float32)).resize(size, method)
            for c in range(array.shape[2])
        ]
        array = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    return array


def to_square(
    picture: np.ndarray, mask: np.ndarray, region: Region, size: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """A region as the model sees it; what lies under the hole is never read.

    Each pixel of the square averages the known pixels that it covers (normalised convolution: Knutsson and
    Westin, 1993).

    Args:
        picture: float32 in [0, 1], or levels, uint8 or uint16: ``[H, W, C]`` or ``[H, W]``. Of levels, one
            channel of the region at a time becomes float32.
        mask: bool ``[H, W]``, True = keep.
        region: the part to take.
        size: side of the square, pixels.
        channels: of the square, 1 or 3.

    Returns:
        The image, float32 ``[size, size, channels]`` in [0, 1] and 0 where nothing is known, and its mask,
        bool ``[size, size]``.
    """
    keep = region.of(mask)
    share = resample(keep[..., None].astype(np.float32), size, size)
    known = share > KNOWN_SHARE
    planes = [resample(plane[..., None], size, size) for plane in _planes(region.of(picture), keep, channels)]
    image = fit_channels(np.concatenate(planes, axis=-1), channels) / np.where(known, share, 1)
    return np.where(known, image.clip(0, 1), 0).astype(np.float32), known[..., 0]


def _planes(levels: np.ndarray, keep: np.ndarray, channels: int) -> Iterator[np.ndarray]:
    """The channels of a picture one by one, or its luma: float32 ``[H, W]``, 0 in the hole."""
    levels = levels[..., None] if levels.ndim == 2 else levels
    if levels.shape[2] > channels:
        luma = np.empty(keep.shape, np.float32)
        for top in range(0, len(luma), _ROWS):
            rows = slice(top, top + _ROWS)
            luma[rows] = fit_channels(_known_values(levels[rows], keep[rows]), 1)[..., 0]
        yield luma
        return
    for channel in range(levels.shape[2]):
        yield _known_values(levels[..., channel], keep)


def _known_values(levels: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """A copy as values, 0 in the hole."""
    values = levels.copy() if levels.dtype == np.float32 else to_values(levels)
    values[~keep] = 0
    return values


def hole_box(mask: np.ndarray, margin: int) -> Region:
    """The rectangle of a picture that holds its hole and what lies up to so many pixels around it.

    Args:
        mask: bool ``[H, W]``, True = keep; hides something.
        margin: pixels, cut at the picture's border.
    """
    top, bottom, left, right = (
        limit
        for axis in (1, 0)
        for hidden in [np.flatnonzero(~mask.all(axis))]
        for limit in (max(0, hidden[0] - margin), min(mask.shape[1 - axis], hidden[-1] + 1 + margin))
    )
    return Region(int(top), int(left), int(bottom - top), int(right - left))


def part_from_square(fill: np.ndarray, region: Region, part: Region, channels: int) -> np.ndarray:
    """What :func:`from_square` gives in a part of the picture, in no more memory than the part takes.

    Args:
        fill: float32 ``[S, S, C]``, the model's square, which stands for the region.
        region: of the picture.
        part: a rectangle of the picture.
        channels: 1 or 3.

    Returns:
        float32 ``[h, w, channels]`` of the part, 0 outside of the region.
    """
    whole = np.zeros((part.height, part.width, channels), np.float32)
    top, left = max(region.top, part.top), max(region.left, part.left)
    bottom = min(region.top + region.height, part.top + part.height)
    right = min(region.left + region.width, part.left + part.width)
    if top >= bottom or left >= right:
        return whole
    fitted = fit_channels(fill, channels)
    rows = _stretched(fitted, 0, region.height, top - region.top, bottom - region.top)
    both = _stretched(rows, 1, region.width, left - region.left, right - region.left)
    whole[top - part.top : bottom - part.top, left - part.left : right - part.left] = both.clip(0, 1)
    return whole


def _stretched(array: np.ndarray, axis: int, length: int, first: int, last: int) -> np.ndarray:
    """Pixels ``first`` to ``last`` of what :func:`resample` gives along an axis of ``length`` pixels."""
    source = array.shape[axis]
    if source == length:
        return array[first:last] if axis == 0 else array[:, first:last]
    method = Image.Resampling.BOX if length < source else Image.Resampling.BICUBIC
    begin, end = first * source / length, last * source / length
    height, width = array.shape[:2]
    size, box = (
        ((width, last - first), (0, begin, width, end))
        if axis == 0
        else ((last - first, height), (begin, 0, end, height))
    )
    planes = [
        Image.fromarray(np.ascontiguousarray(array[..., c], dtype=np.float32)).resize(size, method, box)
        for c in range(array.shape[2])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def from_square(fill: np.ndarray, region: Region, height: int, width: int, channels: int) -> np.ndarray:
    """The model's square scaled back into a picture: float32 ``[height, width, channels]``, 0 outside."""
    whole = np.zeros((height, width, channels), np.float32)
    scaled = resample(fit_channels(fill, channels), region.height, region.width)
    region.of(whole)[...] = scaled.clip(0, 1)
    return whole
