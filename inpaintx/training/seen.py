"""What is seen of a picture: the colours under a transparent alpha are nobody's, and nothing to learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inpaintx.errors import shown
from inpaintx.ops.solvers import membrane
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import fit_channels
from inpaintx.pictures.regions import Region, resample, to_square

#: A square of which more than this share is transparent is not learned, nor judged on.
MOST_HIDDEN = 0.05


def square_of(picture: Picture, region: Region, size: int, channels: int) -> np.ndarray | None:
    """A part of a picture as the model sees it: float32 ``[size, size, channels]`` in [0, 1].

    Where the picture is transparent (its alpha is below half), the square is interpolated from what is
    around; a pixel of it that covers some of both averages what is seen. None: too much of the part is
    transparent, see :data:`MOST_HIDDEN`.
    """
    if picture.alpha is None or not is_hidden(picture, region):
        return resample(fit_channels(picture.as_float(region), channels), size, size).clip(0.0, 1.0)
    known = region.of(picture.alpha) > picture.max_value // 2
    if np.count_nonzero(~known) > MOST_HIDDEN * known.size:
        return None
    whole = Region(0, 0, region.height, region.width)
    square, mask = to_square(region.of(picture.array), known, whole, size, channels)
    return square if mask.all() else membrane(square, mask)


def is_hidden(picture: Picture, region: Region | None = None) -> bool:
    """Whether something of a picture, or of a part of it, is transparent: its alpha is below half."""
    if picture.alpha is None:
        return False
    alpha = picture.alpha if region is None else region.of(picture.alpha)
    return bool((alpha <= picture.max_value // 2).any())


def transparent_line(filled: Sequence[Path], left_out: Sequence[Path]) -> str | None:
    """What became of pictures with transparent parts, in one line; None: there are none.

    Args:
        filled: those with parts that were interpolated from what is around.
        left_out: those of which too much is transparent.
    """
    number = len(filled) + len(left_out)
    if not number:
        return None
    said = [f"{len(filled)} filled there from what is around"] if filled else []
    if left_out:
        name, more = shown(left_out[0].name), ", …" if len(left_out) > 1 else ""
        said.append(
            f"{len(left_out)} left out, more than {MOST_HIDDEN:.0%} transparent ({name}{more}); "
            "give them a background to have them"
        )
    return (
        f"{number} {'picture has' if number == 1 else 'pictures have'} transparent parts: {', '.join(said)}"
    )
