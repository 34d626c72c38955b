"""The mask ``lowres``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_step

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class LowRes:
    """Keeps every fourth pixel of every fourth row, the first ones included: completing is super-resolution.

    Draws nothing at random.
    """

    name: ClassVar[str] = "lowres"
    step: int = field(default=4, metadata={"help": "rows (and columns) from one known pixel to the next"})

    def __post_init__(self) -> None:
        check_step(self.step)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        keep = np.zeros((picture.height, picture.width), dtype=bool)
        keep[:: self.step, :: self.step] = True
        return keep
