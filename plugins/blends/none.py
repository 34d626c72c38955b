"""The blend ``none``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class NoBlend:
    """Takes the fill as it is."""

    name: ClassVar[str] = "none"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""
        return fill.copy()
