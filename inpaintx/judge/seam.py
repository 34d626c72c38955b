"""The seam: how far the picture's steps across the rim of the hole are from the original's."""

from __future__ import annotations

import numpy as np

from inpaintx.errors import InpaintxError


def seam(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gradient mismatch across the rim of each hole.

    Args:
        original: float32 [N, H, W, C] in [0, 1].
        completed: likewise.
        mask: bool [N, H, W], True = keep.

    Returns:
        Float64 [N]: the mean absolute difference of the two pictures' finite differences, over the pairs of
        neighbours (beside or above each other) of which one is known and one in the hole, and over the
        channels. 0 is the original's own rim; NaN where there is no rim.
    """
    if original.ndim != 4 or original.shape != completed.shape or mask.shape != original.shape[:3]:
        raise InpaintxError(
            f"no seam: pictures of {list(original.shape)} and {list(completed.shape)}, masks of "
            f"{list(mask.shape)}; give [N,H,W,C] twice and [N,H,W]"
        )
    # The finite difference of the error is the difference of the finite differences.
    error = completed.astype(np.float32) - original
    total, pairs = np.zeros(len(mask)), np.zeros(len(mask), dtype=np.int64)
    for axis in (1, 2):
        across = np.diff(mask, axis=axis)
        mismatch = np.abs(np.diff(error, axis=axis)).mean(axis=3, dtype=np.float64)
        total += (mismatch * across).sum(axis=(1, 2))
        pairs += across.sum(axis=(1, 2))
    return np.divide(total, pairs, out=np.full(len(mask), np.nan), where=pairs > 0)
