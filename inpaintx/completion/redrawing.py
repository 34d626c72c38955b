"""Fills drawn anew by the model's predictor, block by block, each from all that is around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inpaintx.completion.estimate import coarse, taken_whole
from inpaintx.completion.expected import expect
from inpaintx.networks.predictor import TENSION, FrozenPredictor
from inpaintx.ops.solvers import biharmonic, distance_to_known
from inpaintx.options import SearchOptions

Square = tuple[np.ndarray, np.ndarray]  # image float32 [S, S, C] in [0, 1], mask bool [S, S], True = keep

BLOCKS = (4, 8, 8)  # along a side of the square, in each sweep
LEVEL = 1 / 255  # less than that is no change: blank paper stays blank
RIM, DEEP = 1, 4  # pixels from a known one: up to there nothing fine is taken, and from there all
FINEST = 0.5  # pixels of the model's square: deviation of the Gaussian at the rim that keeps what is coarse


@dataclass(frozen=True)
class Redrawing:
    """Draws fills anew.

    What P expects of a hole as a whole is soft where several things could be there. The search has chosen one
    of them; what its fill says beside a block tells P what goes on in it. So the hole's blocks are replaced
    by what is expected of them given all other pixels, known and filled, a quarter of the blocks at a time,
    more than once, first in large blocks, then in small ones: iterated conditional modes (Besag, "On the
    Statistical Analysis of Dirty Pictures", 1986), with expectations in place of modes. Of what changes, the
    coarse part is taken, and what is fine stays G's, which P would smooth away; of a collection whose fine
    detail P knows better, what is fine is taken, too, where P is sure given all around, but beside known
    pixels: those told P all at once, and what was filled tells no more.

    Attributes:
        predictor: P, frozen.
        options: of the search: its batch and precision.
        fine: how much of what is fine is P's: see :func:`.with_expected`.
    """

    predictor: FrozenPredictor
    options: SearchOptions
    fine: float = 0.0

    def __call__(self, squares: Sequence[Square], fills: np.ndarray) -> np.ndarray:
        """Fills drawn anew.

        Args:
            squares: n images and masks; what lies under the hole is never read.
            fills: float32 ``[n, S, S, C]``, whole squares, not joined to the known pixels yet.

        Returns:
            like ``fills``; in and out of [0, 1] as they are.
        """
        masks = [mask for _, mask in squares]
        begun = np.stack([joined(*square, fill) for square, fill in zip(squares, fills, strict=True)])
        values, errors = begun.clip(0, 1), np.ones((*fills.shape[:3], 1), np.float32)
        no_fold = np.zeros((0, *fills.shape[1:3]), bool)
        for hidden in _blocks(fills.shape[1]):
            met = [number for number, mask in enumerate(masks) if (hidden & ~mask).any()]
            if met:
                damaged = [(values[number], masks[number] | ~hidden) for number in met]
                expected = expect(self.predictor, damaged, [no_fold] * len(met), self.options)
                values[met] = expected.images[:, 0]
                errors[met] = np.where(hidden[..., None], expected.errors[:, 0, ..., None], errors[met])
        deep = np.stack([_deep(mask) for mask in masks])
        changes, whole = _changed(values, begun), deep * taken_whole(errors, self.fine)
        rest = (1 - whole) * changes
        blurred = np.stack([coarse(each, mask, FINEST) for each, mask in zip(rest, masks, strict=True)])
        return fills + blurred + whole * changes


def _changed(value: np.ndarray, before: np.ndarray) -> np.ndarray:
    """By how much a value changed, beyond a level."""
    change = value - before
    return np.sign(change) * np.maximum(np.abs(change) - np.float32(LEVEL), 0)


def _deep(mask: np.ndarray) -> np.ndarray:
    """How deep in the hole each pixel is, float32 ``[S, S, 1]``, from 0 at its rim to 1."""
    return np.clip((distance_to_known(mask) - RIM) / (DEEP - RIM), 0, 1)[..., None].astype(np.float32)


def joined(image: np.ndarray, mask: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """A fill, ``[S, S, C]``, that meets the known pixels, bent by a plate in tension; and these."""
    missed = np.where(mask[..., None], image - fill, np.float32(0))
    return np.where(mask[..., None], image, fill + biharmonic(missed, mask, TENSION))


def _blocks(side: int) -> Iterator[np.ndarray]:
    """What is hidden at a time: bool ``[S, S]``, every other block of every other row of blocks.

    Each sweep's blocks lie elsewhere, so that no edge of one stays an edge.
    """
    for number, count in enumerate(BLOCKS):
        block = side // count
        top, left = np.random.default_rng(number).integers(0, 2 * block, 2)
        row, column = (np.arange(side) + top) // block % 2, (np.arange(side) + left) // block % 2
        for vertical, horizontal in ((0, 0), (1, 1), (0, 1), (1, 0)):
            yield (row == vertical)[:, None] & (column == horizontal)
