"""Thin damage: scratches and dust, found as what an opening takes away.

Both are ink laid over the picture, white or black. A white top-hat of the darkest channel shows the white
ink, a black one of the lightest channel the black (Serra, Image Analysis and Mathematical Morphology, 1982).
What also stands out by itself is texture; so a pixel counts as far as it stands out of what its
neighbourhood shows everywhere: an order statistic of the blocks around (the order-statistic constant
false-alarm rate of radar: Rohling, 1983, IEEE Transactions on Aerospace and Electronic Systems 19).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from inpaintx.detection.options import DetectOptions
from inpaintx.detection.shapes import EIGHT, parts

#: Side of the blocks whose activity is measured, pixels.
BLOCK = 32
#: How far what is found may depend on the pixels around it.
REACH = 5 * BLOCK

# The widest that is still thin, pixels: sides of the squares that open and close.
_SCRATCH_SIDE, _SPECK_SIDE = 7, 11
# Top-hats that are no damage: less than this, of a range of 1, and so many times the activity around.
_FLOOR = 0.04
_SCRATCH_ACTIVITY, _SPECK_ACTIVITY = 4.0, 3.0
_ACTIVITY_QUANTILE = 0.9
# Ink counts in full where it takes a pixel this share of the way to white or black, or of the least way.
_OPACITY, _LEAST_WAY = 0.6, 0.15
# Scratches are searched at half the size, in segments of so many pixels there, in so many directions.
_SEGMENT, _DIRECTIONS = 24, 16
# The evidence along a segment, less so many times that all around it, that makes a scratch; that of a pixel.
_ALONG, _AROUND, _ON_SCRATCH = 0.6, 1.5, 0.3
# Specks: the evidence in them and at their peak, their shape, and the share of evidence around them.
_IN_SPECK, _PEAK = 0.25, 0.8
_LEAST_AREA, _LARGEST_AREA, _LONGEST, _LEAST_FULL = 3, 110, 2.5, 0.7
_AROUND_SPECK, _SPECK_WINDOW = 0.04, 33


def find_thin(values: np.ndarray, options: DetectOptions) -> np.ndarray:
    """Scratches and specks of dust up to some ten pixels wide.

    Args:
        values: float32 ``[H, W, C]`` in [0, 1].
        options: of detection.

    Returns:
        bool ``[H, W]``, True = damaged.
    """
    found = np.zeros(values.shape[:2], bool)
    for plane in (values.min(axis=2), 1 - values.max(axis=2)):
        if options.wants("scratches"):
            found |= _scratches(evidence(plane, _SCRATCH_SIDE, _SCRATCH_ACTIVITY), options.sensitivity)
        if options.wants("dust"):
            found |= _specks(evidence(plane, _SPECK_SIDE, _SPECK_ACTIVITY), options.sensitivity)
    return found


def evidence(plane: np.ndarray, side: int, times: float) -> np.ndarray:
    """How far each pixel is light ink on a darker picture: float32 ``[H, W]`` in [0, 1].

    Args:
        plane: float32 ``[H, W]`` in [0, 1].
        side: of the square that opens the plane, pixels; what is narrower stands out.
        times: the activity around that is no evidence yet.
    """
    under = ndimage.maximum_filter(ndimage.minimum_filter(plane, side), side)
    above = plane - under
    unusual = above / (_FLOOR + times * activity(above))
    opacity = above / np.maximum(1 - under, _LEAST_WAY) / _OPACITY
    return np.minimum(unusual, 1) * np.minimum(opacity, 1)


def activity(above: np.ndarray) -> np.ndarray:
    """What is usual around each pixel: the median, over 3×3 blocks, of a high quantile of each block.

    A scratch crosses a few of these blocks, and raises no median; texture fills them all.

    Args:
        above: float32 ``[H, W]``, at least 0.

    Returns:
        float32 ``[H, W]``.
    """
    height, width = above.shape
    down, across = -(-height // BLOCK), -(-width // BLOCK)
    padding = ((0, down * BLOCK - height), (0, across * BLOCK - width))
    blocks = np.pad(above, padding, mode="symmetric").reshape(down, BLOCK, across, BLOCK)
    each = np.quantile(blocks.swapaxes(1, 2).reshape(down, across, -1), _ACTIVITY_QUANTILE, axis=2)
    usual = ndimage.median_filter(each.astype(np.float32), 3, mode="nearest")
    places = [(np.arange(length) + 0.5) / BLOCK - 0.5 for length in (height, width)]
    return _interpolate(_interpolate(usual, places[0]).T, places[1]).T


def _interpolate(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows between those of ``rows``, linearly; beyond the ends, the last ones."""
    places = places.clip(0, len(rows) - 1)
    low = np.minimum(places.astype(int), max(len(rows) - 2, 0))
    share = (places - low).astype(np.float32)[:, None]
    return rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share


def _scratches(evidence: np.ndarray, sensitivity: float) -> np.ndarray:
    half = _halve(evidence)
    enough = _ALONG / sensitivity + _AROUND * ndimage.uniform_filter(half, _SEGMENT + 1)
    lines = np.zeros(half.shape, bool)
    height, width = half.shape
    room = _SEGMENT // 2
    padded = np.pad(half, room)
    for direction in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:
        step = np.array([np.sin(direction), np.cos(direction)])
        shifts = [np.rint(s * step).astype(int) + room for s in range(-room, room + 1)]
        views = [(slice(down, down + height), slice(across, across + width)) for down, across in shifts]
        along = np.zeros_like(half)
        for view in views:
            along += padded[view]
        middles = np.pad(along / len(views) >= enough, room)
        if middles.any():
            for view in views:  # the whole segment, not only its middle, so that scratches keep their ends
                lines |= middles[view]
    wide = ndimage.binary_dilation(lines, EIGHT).repeat(2, axis=0).repeat(2, axis=1)
    return wide[: evidence.shape[0], : evidence.shape[1]] & (evidence > _ON_SCRATCH / max(sensitivity, 1))


def _halve(evidence: np.ndarray) -> np.ndarray:
    """At half the size, the most of each 2×2 pixels."""
    height, width = evidence.shape
    padded = np.pad(evidence, ((0, height % 2), (0, width % 2)))
    pairs = np.maximum(padded[::2], padded[1::2])
    return np.maximum(pairs[:, ::2], pairs[:, 1::2])


def _specks(evidence: np.ndarray, sensitivity: float) -> np.ndarray:
    found = parts(evidence > _IN_SPECK / max(sensitivity, 1))
    numbers = np.arange(len(found.area))
    own = ndimage.sum(evidence, found.labels, numbers)
    window = _SPECK_WINDOW**2
    around = ndimage.mean(ndimage.uniform_filter(evidence, _SPECK_WINDOW) * window, found.labels, numbers)
    chosen = (
        (ndimage.maximum(evidence, found.labels, numbers) > min(_PEAK / sensitivity, 0.99))
        & (found.area >= _LEAST_AREA)
        & (found.area <= _LARGEST_AREA)
        & (found.elongation < _LONGEST)
        & (found.fullness > _LEAST_FULL)
        & (np.asarray(around) - own < _AROUND_SPECK * sensitivity * window)
    )
    chosen[0] = False
    return chosen[found.labels]
