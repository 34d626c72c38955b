"""Which parts of a picture the model is to see, so that each hole is filled at the right size. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from inpaintx.completion.framing import Framing
from inpaintx.pictures.regions import Region, hole_box

LEAST = 1.6  # sides of a hole: the side of the smallest square that is tried around it
STEP = 2**0.5  # from one side that is tried to the next
PLACES = (0.1, 0.37, 0.63, 0.9)  # of a hole in a square: shares of the room that it has
NUDGES, BEAM = (0.15, 0.08, 0.04), 4  # steps of the search from there, in sides; how many it goes on with
MOST = 0.9  # of the picture's shorter side: the largest side
ASPECTS = (0.8, 1.0, 1.25)  # height to width, where the model's pictures were stretched to squares
_GRID = 512  # a side of what holes are grouped in


def hole_boxes(mask: np.ndarray, most: int) -> list[Region]:
    """The boxes of groups of holes: two that are nearer than half their sides are one.

    Args:
        mask: bool ``[H, W]``, True = keep; hides something.
        most: where there are more groups than that, holes that are further apart are joined, too.
    """
    from scipy.ndimage import find_objects, label

    block = -(-max(mask.shape) // _GRID)
    coarse = ~mask
    for axis in (0, 1):
        coarse = np.logical_or.reduceat(coarse, np.arange(0, coarse.shape[axis], block), axis)
    whole = np.ones((3, 3), bool)
    boxes = find_objects(label(coarse, whole)[0])
    grown = 0.5
    while True:
        near = np.zeros_like(coarse)
        for rows, columns in boxes:
            margin = round(grown * max(rows.stop - rows.start, columns.stop - columns.start))
            near[
                max(0, rows.start - margin) : rows.stop + margin,
                max(0, columns.start - margin) : columns.stop + margin,
            ] = True
        groups = label(near, whole)[0]
        groups[~coarse] = 0
        joined = [box for box in find_objects(groups) if box is not None]
        if len(joined) < len(boxes):
            boxes = joined
        elif len(boxes) > most:
            grown *= 2
        else:
            break
    regions = []
    for rows, columns in boxes:
        outer = Region(rows.start * block, columns.start * block, 0, 0)
        part = mask[outer.top : rows.stop * block, outer.left : columns.stop * block]
        inner = hole_box(part, 0)
        regions.append(Region(outer.top + inner.top, outer.left + inner.left, inner.height, inner.width))
    return regions


def tried_around(hole: Region, height: int, width: int, size: int, aspects: Sequence[float]) -> list[Region]:
    """Squares, or other rectangles, of all sizes and in several places around a hole."""
    side = max(LEAST * max(hole.height, hole.width), size / 2)
    sides = []
    while side <= MOST * min(height, width):
        sides.append(side)
        side *= STEP
    tried = []
    for side, aspect, down, right in product(sides, aspects, PLACES, PLACES):
        tall, wide = side * aspect**0.5, side / aspect**0.5
        top, left = hole.top - down * (tall - hole.height), hole.left - right * (wide - hole.width)
        tried.append(Region(round(top), round(left), round(tall), round(wide)))
    return _holding(tried, hole, height, width)


def tried_beside(region: Region, share: float, hole: Region, height: int, width: int) -> list[Region]:
    """Regions that are moved, or grown or shrunk, by a share of the side."""
    tried = []
    for grown, down, right in product((1 - share, 1.0, 1 + share), (-share, 0.0, share), (-share, 0.0, share)):
        tall, wide = grown * region.height, grown * region.width
        top = region.top + (region.height - tall) / 2 + down * region.height
        left = region.left + (region.width - wide) / 2 + right * region.width
        tried.append(Region(round(top), round(left), round(tall), round(wide)))
    return _holding(tried, hole, height, width)


def _holding(tried: list[Region], hole: Region, height: int, width: int) -> list[Region]:
    """Those, moved into the picture, that hold the hole and more than it."""
    inside = dict.fromkeys(region.within(height, width) for region in tried)
    return [region for region in inside if region.holds(hole) and region != hole]


def find_region(
    framing: Framing, hole: Region, shape: tuple[int, int], size: int, aspects: Sequence[float]
) -> tuple[Region | None, float]:
    """The region in which the model predicts best what is known around a hole, and how well."""
    errors: dict[Region, float] = {}

    def measure(regions: list[Region]) -> None:
        new = [region for region in dict.fromkeys(regions) if region not in errors]
        if new:
            errors.update(zip(new, framing.errors(new).tolist(), strict=True))

    measure(tried_around(hole, *shape, size, aspects))
    for share in NUDGES:
        best = sorted(errors, key=errors.__getitem__)[:BEAM]
        measure([near for region in best for near in tried_beside(region, share, hole, *shape)])
    found = min(errors, key=errors.__getitem__, default=None)
    return found, errors.get(found, 1.0)
