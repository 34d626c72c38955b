"""The mask ``file``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures.holes import bright
from inpaintx_plugins.masks._colors import near, parse_color
from inpaintx_plugins.masks._finding import Masks, beside

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


_ADVICE = "make it black and white, or give a threshold (0: all but black) or the color that marks the hole"


@dataclass(frozen=True)
class File:
    """Takes the hole from a mask picture (white marks the hole), or from the picture's own alpha channel.

    `path` is one mask picture for all, or a folder of them: see `_finding.Masks` for which belongs to which
    picture. Without it the hole is what the picture's alpha shows as transparent, or is in the mask beside
    it (`photo_mask.png`, `photo.mask.png` beside `photo.jpg`); with a `color`, what the picture itself shows
    in it.

    A mask is black and white, but for its edges, which are cut in the middle: `inpaintx.pictures.holes`. What
    is softer is taken with a `threshold` only. A mask with an alpha channel of its own is refused unless that
    is the same everywhere: it may hide the hole or show it.

    Raises:
        InpaintxError: there is no such mask, it has another size, or it can't be told what is hole.
    """

    name: ClassVar[str] = "file"
    path: Path | None = field(
        default=None, metadata={"help": "mask picture, or folder of them; else the alpha"}
    )
    invert: bool = field(default=False, metadata={"help": "black (or what is opaque) marks the hole"})
    color: str | None = field(
        default=None, metadata={"help": "#rrggbb that marks the hole, in the mask or the picture itself"}
    )
    tolerance: int = field(default=8, metadata={"help": "levels of 255 a channel may be off the color"})
    threshold: float | None = field(
        default=None, metadata={"help": "share of white above which a soft mask is hole; 0: all but black"}
    )
    grow: int = field(default=0, metadata={"help": "pixels by which the hole is made wider all around"})

    def __post_init__(self) -> None:
        if self.color is not None:
            parse_color(self.color)
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"option 'threshold' must be from 0 to below 1, is {self.threshold}")
        if self.color is not None and self.threshold is not None:
            raise ValueError("options 'color' and 'threshold' exclude each other")
        for option in ("tolerance", "grow"):
            if getattr(self, option) < 0:
                raise ValueError(f"option {option!r} must be 0 or more, is {getattr(self, option)}")
        object.__setattr__(self, "_masks", None if self.path is None else Masks(self.path))

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        hole = self._hole(picture) != self.invert
        if self.grow and hole.any():
            from inpaintx.ops.solvers import distance_to_known

            hole = distance_to_known(hole) <= self.grow  # of each pixel to the nearest one of the hole
        return ~hole

    def source(self, picture: Picture) -> str:
        """The file that the hole of a picture is taken from, or what of the picture itself."""
        if self._masks is not None:  # type: ignore[attr-defined]
            return str(self._masks.of(picture))  # type: ignore[attr-defined]
        if self.color is not None:
            return f"its color {self.color}"
        opaque = picture.alpha is None or (picture.alpha == picture.max_value).all()
        return str(beside(picture.path)) if opaque else "its alpha"

    def _hole(self, picture: Picture) -> np.ndarray:
        """bool [H, W], True = what is marked."""
        masks: Masks | None = self._masks  # type: ignore[attr-defined]
        if masks is not None:
            return self._marked(_read(masks.of(picture), picture))
        if self.color is not None:
            return near(picture, self.color, self.tolerance)
        found = beside(picture.path)
        if picture.alpha is None or (picture.alpha == picture.max_value).all():
            if found is not None:
                return self._marked(_read(found, picture))
            if picture.alpha is None:
                raise InpaintxError(
                    f"no alpha channel to take the hole from: {picture.path}; give a mask picture instead"
                )
        elif found is not None:
            raise InpaintxError(
                f"{picture.path} has transparent parts and a mask beside it ({found.name}); "
                "give that mask, or remove it"
            )
        return ~bright(picture.alpha, self.threshold, f"the alpha channel of {picture.path}", _ADVICE)

    def _marked(self, mask: Picture) -> np.ndarray:
        if self.color is not None:
            return near(mask, self.color, self.tolerance)
        if mask.alpha is not None and (mask.alpha != mask.alpha.flat[0]).any():
            raise InpaintxError(
                f"the mask {mask.path} has an alpha channel, which may hide the hole or show it; "
                "save it without alpha, white where the hole is"
            )
        return bright(mask.array, self.threshold, f"the mask {mask.path}", _ADVICE)


def _read(path: Path, picture: Picture) -> Picture:
    from inpaintx.pictures import read_picture

    mask = read_picture(path)
    if (mask.width, mask.height) != (picture.width, picture.height):
        raise InpaintxError(
            f"the mask {path} is {mask.width}×{mask.height}, the picture {picture.path} "
            f"{picture.width}×{picture.height}; make them the same size"
        )
    return mask
