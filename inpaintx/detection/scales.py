"""Pictures at a half, a quarter … of their size, in levels, so that large ones stay small in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def halved(levels: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels, rounded; of an odd side, the last pixel counts twice.

    Args:
        levels: uint8 or uint16 ``[H, W, C]``.

    Returns:
        The same dtype, ``[⌈H/2⌉, ⌈W/2⌉, C]``.
    """
    height, width = levels.shape[:2]
    if height % 2 or width % 2:
        levels = np.pad(levels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    total = levels[::2, ::2].astype(np.uint32)
    for rows, columns in ((1, 0), (0, 1), (1, 1)):
        total += levels[rows::2, columns::2]
    return ((total + 2) // 4).astype(levels.dtype)


def halved_to(levels: np.ndarray, side: int) -> np.ndarray:
    """Levels halved as often as the shorter side stays at ``side`` pixels or more."""
    while min(levels.shape[:2]) >= 2 * side:
        levels = halved(levels)
    return levels


def pyramid(levels: np.ndarray, side: int) -> Iterator[tuple[int, np.ndarray]]:
    """The levels, and their halves as long as the shorter side has ``side`` pixels or more.

    Yields how many times smaller they are, and them.
    """
    times = 1
    yield times, levels
    while min(levels.shape[:2]) >= 2 * side:
        levels, times = halved(levels), 2 * times
        yield times, levels


def enlarged(mask: np.ndarray, times: int, height: int, width: int) -> np.ndarray:
    """A mask of a picture ``times`` smaller, bool ``[h, w]``, as one of ``[height, width]``."""
    return mask.repeat(times, axis=0).repeat(times, axis=1)[:height, :width]
