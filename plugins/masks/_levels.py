"""What in a picture marks a hole, and refusing what can't be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.pictures import Picture

# Below and above these shares of white, all channels are black, or white. Between them lie the edges of a
# mask, smoothed or blurred by JPEG: half a pixel for each along the edge in the worst (of quality 5), and a
# third of the mask where its strokes are thinnest. Photographs have 1.8 pixels and more.
_BLACK, _WHITE = 0.25, 0.75
_BETWEEN_A_PIXEL_OF_EDGE, _MOST_BETWEEN = 1.0, 1 / 3


def bright(levels: np.ndarray, threshold: float | None, what: str, marks: str) -> np.ndarray:
    """Where a mask is white: bool ``[H, W]``.

    Args:
        levels: uint8 or uint16, ``[H, W]`` or ``[H, W, 3]``, whose mean counts.
        threshold: the share of white above which it is; None: half, of what is black and white but for edges.
        what: is looked at, for the message.
        marks: how it marks a hole, for the message.

    Raises:
        InpaintxError: without a threshold, it isn't black and white.
    """
    top = int(np.iinfo(levels.dtype).max)
    channels = levels.reshape(*levels.shape[:2], -1)
    brightness = channels[..., 0] if channels.shape[2] == 1 else channels.mean(axis=-1)
    if threshold is not None:
        return np.asarray(brightness > threshold * top)
    low, high = channels.min(axis=-1), channels.max(axis=-1)
    brightest = int(high.max())
    if 0 < brightest < _WHITE * top:
        raise InpaintxError(
            f"{what} is not black and white: its brightest value is {brightest} of {top}; "
            f"make the hole {marks}, or give a threshold below {brightest / top:.2g} (0: all but black)"
        )
    between = int(np.count_nonzero((high > _BLACK * top) & (low < _WHITE * top)))
    white = np.asarray(brightness > top / 2)
    if between > min(_BETWEEN_A_PIXEL_OF_EDGE * _edge_pixels(white), _MOST_BETWEEN * white.size):
        raise InpaintxError(
            f"{what} is not black and white: {between / white.size:.0%} of it is gray or coloured; "
            "is it a mask? If so, give a threshold or the color that marks the hole"
        )
    return white


def _edge_pixels(white: np.ndarray) -> int:
    """How many pixels have a neighbour of the other kind beside, above or below them."""
    edge = np.zeros_like(white)
    for axis in (0, 1):
        along = edge.swapaxes(0, axis)
        change = np.diff(white.swapaxes(0, axis), axis=0)
        along[1:] |= change
        along[:-1] |= change
    return int(np.count_nonzero(edge))


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
