"""A mask and a blend for inpaintx, in a package of their own."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from inpaintx.pictures import Picture


@dataclass(frozen=True)
class Stripes:
    """Hides every other stripe."""

    name: ClassVar[str] = "stripes"
    width: int = field(default=3, metadata={"help": "a stripe's width in pixels"})
    run: Literal["down", "across"] = field(default="down", metadata={"help": "which way the stripes run"})

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"option 'width' must be 1 or more, is {self.width}")

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H,W], True = keep; where the first stripe starts is random."""
        rows, columns = np.indices((picture.height, picture.width))
        along = columns if self.run == "down" else rows
        return (along + rng.integers(2 * self.width)) // self.width % 2 == 0


@dataclass(frozen=True)
class Offset:
    """Shifts the fill's brightness to that of the known pixels."""

    name: ClassVar[str] = "offset"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H,W,C] in [0, 1]."""
        shift = (picture[mask] - fill[mask]).mean(axis=0)
        return np.where(mask[..., None], picture, np.clip(fill + shift, 0, 1))
