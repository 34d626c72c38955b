"""The blend ``biharmonic``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inpaintx.ops.solvers import biharmonic


@dataclass(frozen=True)
class Biharmonic:
    """Shifts and bends the fill, so that it meets the known pixels with neither a seam nor a kink.

    The fill plus the biharmonic interpolation of what it misses on the known pixels: as in `poisson`, with a
    clamped thin plate in place of the membrane. It follows smooth known pixels better and noisy ones too far.
    """

    name: ClassVar[str] = "biharmonic"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""
        return np.clip(fill + biharmonic(picture - fill, mask), 0, 1)
