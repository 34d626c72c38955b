"""The mask ``random-patch``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_share

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class RandomPatch:
    """Hides one rectangle of random size, somewhere inside the picture.

    Each of its sides is drawn by itself, uniformly from the whole numbers between `min_side` and `max_side`
    times the picture's side (rounded, one pixel at least), and then its place, uniformly from those that it
    fits in.
    """

    name: ClassVar[str] = "random-patch"
    min_side: float = field(default=0.25, metadata={"help": "shortest side, as a share of the picture's"})
    max_side: float = field(default=0.5, metadata={"help": "longest side, as a share of the picture's"})

    def __post_init__(self) -> None:
        check_share("min_side", self.min_side)
        check_share("max_side", self.max_side)
        if self.min_side > self.max_side:
            raise ValueError(f"option 'min_side' ({self.min_side}) is more than 'max_side' ({self.max_side})")

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        keep = np.ones((picture.height, picture.width), dtype=bool)
        rows, columns = (self._span(side, rng) for side in keep.shape)
        keep[rows, columns] = False
        return keep

    def _span(self, side: int, rng: np.random.Generator) -> slice:
        shortest, longest = (max(1, round(share * side)) for share in (self.min_side, self.max_side))
        length = int(rng.integers(shortest, longest, endpoint=True))
        start = int(rng.integers(0, side - length, endpoint=True))
        return slice(start, start + length)
