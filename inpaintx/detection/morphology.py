"""Damage without a model: what the picture's own morphology says does not belong to it. Loads no torch."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from inpaintx.detection.options import DetectOptions
from inpaintx.detection.patches import find_burnt, find_stains
from inpaintx.detection.scales import enlarged, pyramid
from inpaintx.detection.shapes import EIGHT
from inpaintx.detection.thin import BLOCK, REACH, find_thin
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_values

#: Large pictures are searched in squares of this side, a multiple of the blocks: memory stays bounded.
TILE = 48 * BLOCK
#: Thin damage is also searched at half the size, and so on, as long as the shorter side has this many pixels.
LEAST_SIDE = 400


def find_damage(picture: Picture, options: DetectOptions | None = None) -> np.ndarray:
    """The mask of what looks damaged: scratches, dust, stains, spots burnt out to white.

    A mask to look at: what is thin, alone and nearly white or black is found whether it is damage or not.
    What is transparent is not looked at.

    Args:
        picture: of any size, mode and depth.
        options: what counts as damage.

    Returns:
        bool ``[H, W]``, True = keep; all True where nothing is found.
    """
    options = options or DetectOptions()
    damaged = search(picture, options)
    return finished(damaged, picture, options)


def search(picture: Picture, options: DetectOptions) -> np.ndarray:
    """What :func:`find_damage` finds, as it is found: bool ``[H, W]``, True = damaged."""
    levels = picture.array.reshape(picture.height, picture.width, picture.channels)
    damaged = np.zeros(levels.shape[:2], bool)
    if options.wants("stains"):
        damaged |= find_stains(levels, options.sensitivity)
    if options.wants("burnt"):
        damaged |= find_burnt(levels, options.sensitivity)
    if options.wants("scratches") or options.wants("dust"):
        for times, level in pyramid(levels, LEAST_SIDE):
            damaged |= enlarged(_thin_in_tiles(level, options), times, *damaged.shape)
    return damaged


def finished(damaged: np.ndarray, picture: Picture, options: DetectOptions) -> np.ndarray:
    """The mask of what was found, grown; bool ``[H, W]``, True = keep."""
    if options.grow and damaged.any():
        damaged = ndimage.binary_dilation(damaged, EIGHT, options.grow)
    if picture.alpha is not None:
        damaged = damaged & (picture.alpha > 0)
    return ~damaged


def _thin_in_tiles(levels: np.ndarray, options: DetectOptions) -> np.ndarray:
    """What :func:`find_thin` finds, in tiles that see beyond their borders, so that these don't show."""
    height, width = levels.shape[:2]
    found = np.zeros((height, width), bool)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            up, before = max(0, top - REACH), max(0, left - REACH)
            seen = to_values(levels[up : top + TILE + REACH, before : left + TILE + REACH])
            inside = found[top : top + TILE, left : left + TILE]
            rows, columns = top - up, left - before
            thin = find_thin(seen, options)
            inside[...] = thin[rows : rows + inside.shape[0], columns : columns + inside.shape[1]]
    return found
