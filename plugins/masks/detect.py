"""The mask ``detect``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx.detection.options import DetectOptions, Kind
from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class Detect:
    """Hides what looks damaged: scratches, dust, stains, spots burnt out to white.

    What `inpaintx detect` finds without a model. That writes masks to look at first, which is the better way:
    what is thin, alone and nearly white or black is found whether it is damage or not. Draws nothing at
    random.

    Raises:
        InpaintxError: nothing is found.
    """

    name: ClassVar[str] = "detect"
    kind: Kind = field(default="all", metadata={"help": "kind of damage to look for"})
    sensitivity: float = field(
        default=1.0,
        metadata={"help": "above 1: fainter damage, and more that is none; below 1: less of both"},
    )
    grow: int = field(default=1, metadata={"help": "pixels that the hole is grown by on all sides"})

    def __post_init__(self) -> None:
        try:
            self._options()
        except InpaintxError as error:
            raise ValueError(str(error).removeprefix("detection: ")) from error

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        from inpaintx.detection import find_damage  # and SciPy: listing the masks must be quick

        keep = find_damage(picture, self._options())
        if keep.all():
            raise InpaintxError(
                f"no damage found in {picture.path or 'a picture without a path'}; leave it out, give more "
                "mask.sensitivity, or paint a mask"
            )
        return keep

    def _options(self) -> DetectOptions:
        return DetectOptions(self.kind, self.sensitivity, self.grow)
