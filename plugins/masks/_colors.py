"""Colours that mark a hole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


def parse_color(text: str) -> tuple[int, int, int]:
    """``#rrggbb`` as red, green and blue of 255. Raises ValueError for anything else."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"option 'color' must be #rrggbb, like '#ff00ff', is {text!r}")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def near(picture: Picture, color: str, tolerance: int) -> np.ndarray:
    """Where no channel is further than so many levels of 255 from the color: bool ``[H, W]``."""
    channels = picture.array.reshape(picture.height, picture.width, -1).astype(np.int32)
    step = picture.max_value // 255
    wanted = np.array(parse_color(color), np.int32) * step
    return np.asarray((np.abs(channels - wanted) <= tolerance * step).all(axis=-1))
