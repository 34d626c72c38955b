"""Damage that covers an area: stains that the picture shows through, and spots burnt out to white."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from inpaintx.detection.scales import halved_to
from inpaintx.detection.shapes import EIGHT, Parts, parts
from inpaintx.pictures.arrays import to_values
from inpaintx.pictures.regions import resample

# Stains are searched where the shorter side has so many pixels.
_SIDE = 128
# Side of the square that closes the picture, a share of the shorter side: what is wider is no stain.
_CLOSING = 0.22
# Added before the logarithm, so that black is a number.
_BLACK = 0.06
# How much darker a stain may be than around, as logarithms: each is tried as a contour.
_CONTOURS = (0.08, 0.12, 0.16, 0.2, 0.25, 0.32, 0.4, 0.5, 0.65, 0.8)
_LEAST_SHARE, _LARGEST_SHARE, _LONGEST, _LEAST_FULL = 0.002, 0.04, 2.5, 0.85
# The step at a stain's rim: the least; the largest that still shows the picture; and, as parts of it, how
# far it may vary along the rim, and the tone inside.
_LEAST_STEP, _LARGEST_STEP = 0.12, 1.2
_LOW_STEP, _HIGH_STEP, _SPREAD = 0.5, 1.6, 0.25
# More than so many of a kind belong to the picture.
_MANY = 6

# Burnt-out spots: how white, how dark their surroundings must be, and their shape.
_WHITE, _SURROUNDINGS = 0.985, 0.85
_LEAST_BURNT, _LARGEST_BURNT, _LONGEST_BURNT, _LEAST_FULL_BURNT = 12, 0.012, 3.0, 0.85
# Where more than this share is white, white is the ground.
_WHITE_GROUND = 0.2


def find_stains(levels: np.ndarray, sensitivity: float) -> np.ndarray:
    """Stains darker than around: multiplied by about one tint, as far as their rim.

    What has the same step to its surroundings all along its rim, and one tone inside, is taken for one; an
    object hardly ever has, since what is behind it changes.

    Args:
        levels: uint8 or uint16 ``[H, W, C]``.
        sensitivity: above 1, fainter stains count.

    Returns:
        bool ``[H, W]``, True = damaged.
    """
    height, width = levels.shape[:2]
    scale = min(1.0, _SIDE / min(height, width))
    small = max(1, round(scale * height)), max(1, round(scale * width))
    values = resample(to_values(halved_to(levels, _SIDE)), *small)
    tone = np.log(values + _BLACK).min(axis=2)
    tone = ndimage.median_filter(tone, 3)
    side = int(_CLOSING * min(small)) | 1
    darker = ndimage.minimum_filter(ndimage.maximum_filter(tone, side), side) - tone
    found = np.zeros(tone.shape, bool)
    for contour in _CONTOURS:
        candidates = parts(darker > contour / sensitivity)
        for number, window in candidates.each(_like_a_stain(candidates), 7):
            inside = candidates.labels[window] == number
            if _has_one_step(tone[window], inside, sensitivity):
                found[window] |= inside
    if ndimage.label(found, EIGHT)[1] > _MANY:
        return np.zeros((height, width), bool)
    return resample(found[..., None].astype(np.float32), height, width)[..., 0] > 0.5


def _like_a_stain(found: Parts) -> np.ndarray:
    pixels = found.labels.size
    chosen: np.ndarray = (
        (found.area > _LEAST_SHARE * pixels)
        & (found.area < _LARGEST_SHARE * pixels)
        & (found.elongation < _LONGEST)
        & (found.fullness > _LEAST_FULL)
    )
    return chosen


def _has_one_step(tone: np.ndarray, inside: np.ndarray, sensitivity: float) -> bool:
    core = ndimage.binary_erosion(inside, EIGHT)
    within = core & ~ndimage.binary_erosion(core, EIGHT)
    beyond = ndimage.binary_dilation(inside, EIGHT, 3) & ~ndimage.binary_dilation(inside, EIGHT, 2)
    if not within.any() or beyond.sum() < 8:
        return False
    nearest = ndimage.distance_transform_edt(~within, return_distances=False, return_indices=True)
    steps = tone[beyond] - tone[tuple(axis[beyond] for axis in nearest)]
    low, step, high = np.quantile(steps, (0.1, 0.5, 0.9))
    if not _LEAST_STEP / sensitivity <= step <= _LARGEST_STEP:
        return False
    spread = 1.4826 * np.median(np.abs(tone[core] - np.median(tone[core])))
    return bool(low > _LOW_STEP * step and high < _HIGH_STEP * step and spread < _SPREAD * step)


def find_burnt(levels: np.ndarray, sensitivity: float) -> np.ndarray:
    """Spots burnt out to white, with all detail lost and darker pixels all around.

    Args:
        levels: uint8 or uint16 ``[H, W, C]``.
        sensitivity: above 1, surroundings may be lighter.

    Returns:
        bool ``[H, W]``, True = damaged.
    """
    top = np.iinfo(levels.dtype).max
    darkest = levels.min(axis=2)
    white = darkest >= _WHITE * top
    found = np.zeros(white.shape, bool)
    if not 0 < white.mean() <= _WHITE_GROUND:
        return found
    candidates = parts(white)
    chosen = (
        (candidates.area >= _LEAST_BURNT)
        & (candidates.area <= _LARGEST_BURNT * white.size)
        & (candidates.elongation < _LONGEST_BURNT)
        & (candidates.fullness > _LEAST_FULL_BURNT)
    )
    limit = 1 - (1 - _SURROUNDINGS) / sensitivity
    for number, window in candidates.each(chosen, 5):
        inside = candidates.labels[window] == number
        rim = ndimage.binary_dilation(inside, EIGHT, 3)
        around = darkest[window][ndimage.binary_dilation(rim, EIGHT) & ~rim]
        if around.size and np.quantile(around, 0.9) <= limit * top:
            found[window] |= ndimage.binary_dilation(inside, EIGHT)
    return found
