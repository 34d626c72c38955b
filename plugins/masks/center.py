"""The mask ``center``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_share

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class Center:
    """Hides a rectangle in the middle: the centre quarter of the area, unless told otherwise.

    The rectangle's sides are `size` times the picture's, rounded, and one pixel at least; where the margin is
    odd, the smaller half of it is above and to the left. Draws nothing at random.
    """

    name: ClassVar[str] = "center"
    size: float = field(default=0.5, metadata={"help": "the hole's sides as a share of the picture's"})

    def __post_init__(self) -> None:
        check_share("size", self.size)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        keep = np.ones((picture.height, picture.width), dtype=bool)
        height, width = (max(1, round(self.size * side)) for side in keep.shape)
        top, left = (picture.height - height) // 2, (picture.width - width) // 2
        keep[top : top + height, left : left + width] = False
        return keep
