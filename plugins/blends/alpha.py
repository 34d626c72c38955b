"""The blend ``alpha``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from inpaintx.ops.solvers import distance_to_known, membrane


@dataclass(frozen=True)
class Alpha:
    """Fades from what the known pixels suggest at the hole's rim to the fill further in.

    With d, a hole pixel's Euclidean distance to the nearest known pixel, the fill's share is min(d / width,
    1); the rest is the membrane of the known pixels (their harmonic extension into the hole), which meets
    them at the rim.
    """

    name: ClassVar[str] = "alpha"
    width: float = field(default=4.0, metadata={"help": "pixels from the rim to where the fill stands alone"})

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"option 'width' must be more than 0, is {self.width}")

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""
        share = np.minimum(distance_to_known(mask) / np.float32(self.width), 1)[..., None]
        return share * fill + (1 - share) * membrane(picture, mask)
