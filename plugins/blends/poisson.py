"""The blend ``poisson``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inpaintx.ops.solvers import membrane


@dataclass(frozen=True)
class Poisson:
    """Keeps the fill's gradients and shifts its colours, so that it meets the known pixels without a seam.

    Pérez et al. (Poisson image editing, 2003, equations 3 to 5), for any hole and with zero flux over the
    picture's border: the fill plus the membrane of what it misses on the known pixels.
    """

    name: ClassVar[str] = "poisson"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""
        return np.clip(fill + membrane(picture - fill, mask), 0, 1)
