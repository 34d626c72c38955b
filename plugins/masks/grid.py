"""The mask ``grid``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_step

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class Grid:
    """Hides every fourth row and every fourth column, the first ones included.

    Draws nothing at random.
    """

    name: ClassVar[str] = "grid"
    step: int = field(default=4, metadata={"help": "rows (and columns) from one hidden line to the next"})

    def __post_init__(self) -> None:
        check_step(self.step)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        keep = np.ones((picture.height, picture.width), dtype=bool)
        keep[:: self.step] = False
        keep[:, :: self.step] = False
        return keep
