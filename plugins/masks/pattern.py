"""The mask ``pattern``."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image

from inpaintx_plugins.masks._checks import check_share
from inpaintx_plugins.masks._ranking import keep_highest

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class Pattern:
    """Hides large blobs of random shape, a quarter of the picture in all.

    As in Pathak et al. (Context Encoders, 2016, section 3.3 and their published code; Yeh et al. call it
    "pattern"): uniform noise on a coarse grid, made smooth by bicubic interpolation, and the lowest values
    hidden. Theirs has one grid value for each 16.7 pixels of a 128-pixel crop, thresholds at a fixed value
    and throws away crops that hide less than 20 % or more than 30 %; here the threshold is the picture's own
    quantile, so that exactly round(share · pixels) are hidden.
    """

    name: ClassVar[str] = "pattern"
    share: float = field(default=0.25, metadata={"help": "share of the pixels that is hidden"})
    blob: float = field(default=0.13, metadata={"help": "the noise's grain, as a share of the shorter side"})

    def __post_init__(self) -> None:
        check_share("share", self.share)
        check_share("blob", self.blob)

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        grain = self.blob * min(picture.height, picture.width)
        rows, columns = picture.height / grain, picture.width / grain
        # The interpolation reads two grid values beyond; where the window starts in a grid cell is random.
        top, left = rng.uniform(2, 3, size=2)
        noise = rng.random((ceil(rows) + 5, ceil(columns) + 5)).astype(np.float32)
        smooth = Image.fromarray(noise).resize(
            (picture.width, picture.height),
            Image.Resampling.BICUBIC,
            box=(left, top, left + columns, top + rows),
        )
        return keep_highest(np.asarray(smooth), self.share)
