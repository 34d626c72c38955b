"""Hiding an exact number of pixels."""

import numpy as np


def keep_highest(values: np.ndarray, hidden: float) -> np.ndarray:
    """A mask, bool like ``values``, that hides the round(hidden · pixels) lowest values and keeps the others.

    Among equal values the earlier pixel is lower, so that the number is exact and the same everywhere.
    """
    order = np.argsort(values, axis=None, kind="stable")
    keep = np.ones(values.size, dtype=bool)
    keep[order[: round(hidden * values.size)]] = False
    return keep.reshape(values.shape)
