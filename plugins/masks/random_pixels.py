"""The mask ``random``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx_plugins.masks._checks import check_share
from inpaintx_plugins.masks._ranking import keep_highest

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class RandomPixels:
    """Hides single pixels at random: 80 % of them, unless told otherwise (Yeh et al.'s "random" mask).

    Exactly round(share · pixels) are hidden, any set of that many as likely as any other.
    """

    name: ClassVar[str] = "random"
    share: float = field(default=0.8, metadata={"help": "share of the pixels that is hidden"})

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        return keep_highest(rng.random((picture.height, picture.width)), self.share)
