"""The mask ``freeform``."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, sin
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class _Brush:
    """Ranges of what is drawn where the shorter side is 256 pixels: whole numbers, both ends included."""

    strokes: tuple[int, int]
    width: tuple[int, int]
    length: tuple[int, int]


# random_thin_256, random_medium_256 and random_thick_256 of LaMa's evaluation (Suvorov et al., 2022):
# min_times and max_times, max_width, max_len, as its mask generator reads them: widths from 5 and lengths
# from 10 on, below 5 + max_width and 10 + max_len; and max_times + 1 strokes at most.
_BRUSHES = {
    "thin": _Brush(strokes=(4, 51), width=(5, 14), length=(10, 49)),
    "medium": _Brush(strokes=(4, 6), width=(5, 54), length=(10, 109)),
    "thick": _Brush(strokes=(1, 6), width=(5, 104), length=(10, 209)),
}
_SEGMENTS = (1, 5)
_ANGLES = (0, 3)  # max_angle 4: directions 0.01, 1.01, 2.01 or 3.01 radians
_MOST_HIDDEN = 0.5  # max_tamper_area: masks that hide more are drawn anew
_TRIES = 50  # 5 variants, 10 times


@dataclass(frozen=True)
class Freeform:
    """Hides brush strokes: thin, medium or thick, as in LaMa's evaluation.

    A stroke is a chain of one to five straight segments with round ends; numbers, widths and lengths are
    those of Suvorov et al. (2022, their published configurations for 256 pixels), scaled to the picture's
    shorter side. A mask that hides more than half is drawn anew (50 times at most). Their medium and thick
    sets also hold, for 3 masks in 13, boxes instead of strokes; those are `random-patch`'s business.
    """

    name: ClassVar[str] = "freeform"
    brush: Literal["thin", "medium", "thick"] = field(
        default="medium", metadata={"help": "how thick the strokes are"}
    )

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        for _ in range(_TRIES):
            keep = _strokes((picture.height, picture.width), _BRUSHES[self.brush], rng)
            if not _too_full(keep):
                break
        return keep


def _too_full(keep: np.ndarray) -> bool:
    return bool(np.count_nonzero(keep) < (1 - _MOST_HIDDEN) * keep.size)


def _strokes(shape: tuple[int, int], brush: _Brush, rng: np.random.Generator) -> np.ndarray:
    keep = np.ones(shape, dtype=bool)
    scale = min(shape) / 256
    for stroke in range(rng.integers(*brush.strokes, endpoint=True)):
        here = np.array([rng.integers(side) for side in shape], dtype=float)
        # Every other stroke turns the other way round.
        sense = -1 if stroke % 2 == 0 else 1
        for _ in range(rng.integers(*_SEGMENTS, endpoint=True)):
            angle = sense * (0.01 + rng.integers(*_ANGLES, endpoint=True))
            length = scale * rng.integers(*brush.length, endpoint=True)
            radius = scale * rng.integers(*brush.width, endpoint=True) / 2
            there = np.clip(here + length * np.array([cos(angle), sin(angle)]), 0, shape)
            _hide_segment(keep, here, there, radius)
            here = there
        if _too_full(keep):  # it will be drawn anew whatever comes
            break
    return keep


def _hide_segment(keep: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Hide, in place, the pixels within ``radius`` (at least ½) of a segment; its ends are (row, column)."""
    radius = max(radius, 0.5)
    low = np.maximum(np.floor(np.minimum(start, end) - radius), 0).astype(int)
    high = np.ceil(np.maximum(start, end) + radius).astype(int) + 1
    near = keep[low[0] : high[0], low[1] : high[1]]
    rows, columns = np.ogrid[: near.shape[0], : near.shape[1]]
    rows, columns = rows + low[0] - start[0], columns + low[1] - start[1]
    step = end - start
    along = np.clip((rows * step[0] + columns * step[1]) / max(step @ step, 1e-12), 0, 1)
    near &= (rows - along * step[0]) ** 2 + (columns - along * step[1]) ** 2 > radius**2
