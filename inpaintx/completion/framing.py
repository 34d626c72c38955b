"""How well a model predicts what is known: beside a hole, and all over a part of a picture. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, product
from math import ceil
from typing import Protocol

import numpy as np
from PIL import Image

from inpaintx.ops.solvers import distance_to_known, membrane
from inpaintx.pictures.arrays import fit_channels
from inpaintx.pictures.pyramid import Pyramid
from inpaintx.pictures.regions import Region

Square = tuple[np.ndarray, np.ndarray]
#: What a model makes of squares, unsearched: float32 ``[B, S, S, C]`` in [0, 1].
Guess = Callable[[Sequence[Square]], np.ndarray]

WINDOW, DETAIL = 3.0, 28  # sides of the hole that are looked at, in so many pixels to a side of the hole
LEAST = 1.6  # sides of a hole: the side of the smallest square that is tried around it
MOST = 0.9  # of the picture's shorter side: the side of the largest
STEP = 2 ** (1 / 3)  # from one side that is tried to the next
PLACES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of a hole in a square: shares of the room that it has
NUDGES, BEAM = (0.15, 0.08, 0.04), 4  # steps of the search from there, in sides; how many it goes on with
FIRST, KEPT = 1, 16  # sets of hidden pixels for a first impression; how many regions are then measured well
HOPE = 1.0  # error of the best square: no better than interpolation, and none beside it is tried
RIM = 0.06  # sides of the hole that a region must hold around it
SECTORS, REACH = 6, 0.4  # that are hidden around the hole, one at a time; how far, in its sides
COMPARED = 12  # of the best regions: how many are given
BLOCKS, SETS = 4, 4  # along a side of a square whose own content is hidden; a quarter of the blocks at a time
BLANK = 0.01  # values in [0, 1]: how far off interpolation counts as, at least: blank paper tells nothing


def sectors(known: np.ndarray) -> np.ndarray:
    """Known pixels around the hole, by the direction that they lie in: bool ``[SECTORS, H, W]``.

    Two that follow each other are opposite.

    Args:
        known: bool ``[H, W]``; where it keeps or hides nothing, there are none.
    """
    if known.all() or not known.any():
        return np.zeros((0, *known.shape), bool)
    rows, columns = np.nonzero(~known)
    reach = max(1.0, REACH * max(np.ptp(rows) + 1, np.ptp(columns) + 1))
    ring = known & (distance_to_known(~known) <= reach)
    y, x = np.indices(known.shape)
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    turn = np.arctan2(y - middle[0], x - middle[1]) / (2 * np.pi) + 0.5
    number = np.floor(turn * SECTORS).astype(int) % SECTORS
    half = SECTORS // 2
    order = [sector for pair in range(half) for sector in (pair, pair + half)]
    return np.stack([ring & (number == sector) for sector in order])


class Framing:
    """Measures regions around one hole.

    Known pixels beside the hole are hidden, and each region's guess of them, joined to the others as a blend
    would, is held against what interpolation alone makes of them. What a region does not hold is left to
    interpolation. All regions are compared in pixels of the same size, so that a large one answers for the
    detail that it does not see.

    Args:
        pyramid: of the picture.
        hole: the box of the hole.
        size: of the model.
        channels: of the model.
        guess: of the model.
    """

    def __init__(self, pyramid: Pyramid, hole: Region, size: int, channels: int, guess: Guess) -> None:
        self._pyramid, self._size, self._channels, self._guess = pyramid, size, channels, guess
        side = round(WINDOW * max(hole.height, hole.width))
        top, left = hole.top + (hole.height - side) // 2, hole.left + (hole.width - side) // 2
        self._window = Region(top, left, side, side).within(pyramid.height, pyramid.width)
        grid = min(round(WINDOW * DETAIL), max(self._window.height, self._window.width))
        image, known = pyramid.square(self._window, grid, 1)
        self._truth, hidden = image[..., 0], sectors(known)
        hidden = hidden[hidden.any((1, 2))]
        plain = [membrane(self._truth, seen) for seen in known & ~hidden]
        self._sets = list(zip(hidden, known & ~hidden, plain, strict=True))

    def errors(self, regions: Sequence[Region], sets: int = SECTORS) -> np.ndarray:
        """What is off in each region, squared, as a share of what interpolation is; 1 where nothing can tell.

        Args:
            regions: what to measure.
            sets: of hidden pixels that are looked at; fewer are a first impression.
        """
        if not self._sets:
            return np.ones(len(regions))
        squares = [self._pyramid.square(region, self._size, self._channels) for region in regions]
        off, by_plain = np.zeros(len(regions)), 0.0
        for hidden, seen, plain in islice(self._sets, sets):
            shown = [
                (image, mask & ~self._covered(hidden, region))
                for region, (image, mask) in zip(regions, squares, strict=True)
            ]
            fills = fit_channels(self._guess(shown), 1)[..., 0]
            layers = np.stack(
                [self._laid(*each, plain) for each in zip(fills, regions, strict=True)], axis=-1
            )
            joined = layers + membrane(self._truth[..., None] - layers, seen)
            off += np.square(joined - self._truth[..., None])[hidden].sum(0, dtype=np.float64)
            by_plain += float(np.square(plain - self._truth)[hidden].sum(dtype=np.float64))
        return off / by_plain if by_plain > 0 else np.ones(len(regions))

    def _covered(self, hidden: np.ndarray, region: Region) -> np.ndarray:
        """Where a region's square would show any of the window's hidden pixels: bool ``[size, size]``."""
        sums = np.pad(hidden.astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        limits = []
        for start, length, first, span, count in (
            (region.top, region.height, self._window.top, self._window.height, len(hidden)),
            (region.left, region.width, self._window.left, self._window.width, hidden.shape[1]),
        ):
            edges = (start + np.arange(self._size + 1) * (length / self._size) - first) * (count / span)
            begin = np.floor(edges[:-1] + 1e-6).clip(0, count).astype(int)
            end = np.ceil(edges[1:] - 1e-6).clip(0, count).astype(int)
            limits.append((begin, np.maximum(begin, end)))
        (top, bottom), (left, right) = limits
        inside = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
        return inside > 0

    def _laid(self, fill: np.ndarray, region: Region, plain: np.ndarray) -> np.ndarray:
        """A region's square where it lies in the window, and the interpolation elsewhere."""
        spans, boxes = [], []
        for start, length, first, span, count in (
            (region.top, region.height, self._window.top, self._window.height, len(plain)),
            (region.left, region.width, self._window.left, self._window.width, plain.shape[1]),
        ):
            pixel = span / count
            begin = int(np.ceil(max(0.0, (start - first) / pixel) - 1e-6))
            end = int(np.floor(min(float(count), (start + length - first) / pixel) + 1e-6))
            spans.append((begin, max(begin, end)))
            to_square = self._size / length
            boxes.append([(first + edge * pixel - start) * to_square for edge in (begin, max(begin, end))])
        (top, bottom), (left, right) = spans
        laid = plain.copy()
        if top < bottom and left < right:
            (y0, y1), (x0, x1) = np.clip(boxes, 0, self._size).tolist()
            image = Image.fromarray(np.ascontiguousarray(fill, np.float32))
            part = image.resize((right - left, bottom - top), Image.Resampling.BICUBIC, (x0, y0, x1, y1))
            laid[top:bottom, left:right] = np.asarray(part)
        return laid


class Measure(Protocol):
    """What says how good regions are."""

    def errors(self, regions: Sequence[Region], sets: int = ...) -> np.ndarray:
        """What is off in each, as a share of what interpolation is; of fewer ``sets``, a first impression."""


class Familiarity:
    """Measures regions by how well the model predicts what they hold.

    All of a region's square is hidden, a quarter of its blocks at a time, and what the model makes of the
    known pixels among them, joined to the others as a blend would, is held against what interpolation makes
    of these. A model of framed pictures knows what is where in them: a square that has all of a letter, and
    nothing else, is predicted better than one beside it. What is around the hole alone tells less of that.

    Args:
        pyramid: of the picture.
        size: of the model.
        channels: of the model.
        guess: of the model.
    """

    def __init__(self, pyramid: Pyramid, size: int, channels: int, guess: Guess) -> None:
        self._pyramid, self._size, self._channels, self._guess = pyramid, size, channels, guess

    def errors(self, regions: Sequence[Region], sets: int = SETS) -> np.ndarray:
        """What is off in each region, squared, as a share of what interpolation is.

        Args:
            regions: what to measure; each has known pixels in more than one block.
            sets: of blocks that are hidden; fewer are a first impression.
        """
        squares = [self._pyramid.square(region, self._size, self._channels) for region in regions]
        off, by_plain = np.zeros(len(regions)), np.zeros(len(regions))
        place = np.arange(self._size) * BLOCKS // self._size % 2
        for down, right in ((0, 0), (1, 1), (0, 1), (1, 0))[:sets]:
            hidden = (place == down)[:, None] & (place == right)
            fills = self._guess([(image, mask & ~hidden) for image, mask in squares])
            for number, (image, mask) in enumerate(squares):
                at, fill = mask & hidden, fills[number]
                layers = membrane(np.concatenate([image, fill], axis=-1), mask & ~hidden)
                plain, of_fill = np.split(layers, 2, axis=-1)
                least = BLANK**2 * at.sum() * self._channels
                off[number] += least + np.square(fill + plain - of_fill - image)[at].sum(dtype=np.float64)
                by_plain[number] += least + np.square(plain - image)[at].sum(dtype=np.float64)
        return np.divide(off, by_plain, out=np.ones(len(regions)), where=by_plain > 0)


def find_regions(
    measure: Measure, hole: Region, shape: tuple[int, int], size: int, aspects: Sequence[float] = ()
) -> list[tuple[Region, float]]:
    """The regions around a hole that measure best.

    Squares of all sizes first; from the best of these on, others beside them, unless even these predict no
    better than interpolation. The same inputs give the same regions. It takes 300 to 700 of the model's
    passes: with a predictor, about 2 ms of a core each.

    Args:
        measure: says how good regions are.
        hole: its box.
        shape: of the picture.
        size: of the model.
        aspects: height to width that are tried besides squares.

    Returns:
        Regions and their errors, best first, some of them; none where the picture has no room for any.
    """
    errors: dict[Region, float] = {}
    rim = max(2, ceil(RIM * max(hole.height, hole.width)))
    needed = hole.grown(rim, *shape)

    def measured(tried: Sequence[Region]) -> list[Region]:
        """Measures what holds the hole and was not yet measured; returns the best of all."""
        moved = dict.fromkeys(region.within(*shape) for region in tried)
        new = [each for each in moved if each not in errors and each.holds(needed)]
        if len(new) > KEPT:
            first = measure.errors(new, FIRST)
            new = [new[number] for number in np.argsort(first, kind="stable")[:KEPT]]
        if new:
            errors.update(zip(new, measure.errors(new).tolist(), strict=True))
        return sorted(errors, key=errors.__getitem__)[:BEAM]

    squares = _around(hole, min(shape), size)
    best = measured([*squares, *(_stretched(square, aspect) for square in squares for aspect in aspects)])
    for share in NUDGES:
        if best and errors[best[0]] >= HOPE:
            break  # there is nothing here that the model knows
        best = measured([near for region in best for near in _beside(region, share)])
    return sorted(errors.items(), key=lambda measured: measured[1])[:COMPARED]


def _around(hole: Region, room: int, size: int) -> list[Region]:
    """Squares of all sizes and in several places around a hole; room: the picture's shorter side."""
    side = max(LEAST * max(hole.height, hole.width), size / 2)
    tried = []
    while side <= MOST * room:
        for down, right in product(PLACES, PLACES):
            top, left = hole.top - down * (side - hole.height), hole.left - right * (side - hole.width)
            tried.append(Region(round(top), round(left), round(side), round(side)))
        side *= STEP
    return tried


def _beside(region: Region, share: float) -> list[Region]:
    """The same region, moved along one axis, grown or shrunk by a share of its side."""
    tried = []
    for grown, down, right in share * np.concatenate([np.eye(3), -np.eye(3)]):
        tall, wide = (1 + grown) * region.height, (1 + grown) * region.width
        top = region.top + (region.height - tall) / 2 + down * region.height
        left = region.left + (region.width - wide) / 2 + right * region.width
        tried.append(Region(round(top), round(left), round(tall), round(wide)))
    return tried


def _stretched(region: Region, aspect: float) -> Region:
    """About the same area in the same place, in another shape."""
    tall, wide = region.height * aspect**0.5, region.width / aspect**0.5
    top, left = region.top + (region.height - tall) / 2, region.left + (region.width - wide) / 2
    return Region(round(top), round(left), round(tall), round(wide))
