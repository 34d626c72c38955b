"""The masks ``left``, ``right``, ``top`` and ``bottom``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_share

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class _Half:
    """Hides `share` of the rows or columns (rounded, one at least), from one of the borders on."""

    axis: ClassVar[int]
    at_end: ClassVar[bool]
    share: float = field(default=0.5, metadata={"help": "share of the picture that is hidden"})

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep. Draws nothing at random."""
        keep = np.ones((picture.height, picture.width), dtype=bool)
        count = max(1, round(self.share * keep.shape[self.axis]))
        hidden = slice(-count, None) if self.at_end else slice(count)
        np.moveaxis(keep, self.axis, 0)[hidden] = False
        return keep


@dataclass(frozen=True)
class Left(_Half):
    """Hides the left half of the picture."""

    name: ClassVar[str] = "left"
    axis, at_end = 1, False


@dataclass(frozen=True)
class Right(_Half):
    """Hides the right half of the picture."""

    name: ClassVar[str] = "right"
    axis, at_end = 1, True


@dataclass(frozen=True)
class Top(_Half):
    """Hides the upper half of the picture."""

    name: ClassVar[str] = "top"
    axis, at_end = 0, False


@dataclass(frozen=True)
class Bottom(_Half):
    """Hides the lower half of the picture."""

    name: ClassVar[str] = "bottom"
    axis, at_end = 0, True
