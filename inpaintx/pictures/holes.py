"""Where a picture marks a hole, and refusing what can't be told."""

from __future__ import annotations

import numpy as np

from inpaintx.errors import InpaintxError

# Below and above these shares of white, all channels are black, or white. Between them lie the edges of a
# mask, smoothed or blurred by JPEG: half a pixel for each along the edge in the worst (of quality 5), and a
# third of the mask where its strokes are thinnest. Photographs have 1.8 pixels and more.
_BLACK, _WHITE = 0.25, 0.75
_BETWEEN_A_PIXEL_OF_EDGE, _MOST_BETWEEN = 1.0, 1 / 3


def bright(levels: np.ndarray, threshold: float | None, what: str, instead: str) -> np.ndarray:
    """Where a mask is white: bool ``[H, W]``.

    Args:
        levels: uint8 or uint16, ``[H, W]`` or ``[H, W, 3]``, whose mean counts.
        threshold: the share of white above which it is; None: half, of what is black and white but for edges.
        what: is looked at, for the message.
        instead: what to do where it is no mask, for the message.

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
            f"{what} is not black and white: its brightest value is {brightest} of {top}; {instead}"
        )
    between = int(np.count_nonzero((high > _BLACK * top) & (low < _WHITE * top)))
    white = np.asarray(brightness > top / 2)
    if between > min(_BETWEEN_A_PIXEL_OF_EDGE * _edge_pixels(white), _MOST_BETWEEN * white.size):
        raise InpaintxError(
            f"{what} is not black and white: {between / white.size:.0%} of it is gray or coloured; {instead}"
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
