"""Holes, and pictures that no interpolation foresees: shared by the tests of `spline` and `auto`."""

import numpy as np
import pytest

SIZE = 40


def center() -> np.ndarray:
    known = np.ones((SIZE, SIZE), dtype=bool)
    known[12:28, 12:28] = False
    return known


def left() -> np.ndarray:
    known = np.ones((SIZE, SIZE), dtype=bool)
    known[:, : SIZE // 2] = False
    return known


def scattered() -> np.ndarray:
    return np.random.default_rng(0).random((SIZE, SIZE)) < 0.2


HOLES = {"center": center(), "left": left(), "scattered": scattered()}
each_hole = pytest.mark.parametrize("mask", HOLES.values(), ids=HOLES)


def noise(channels: int = 1, seed: int = 1, smooth: int = 5) -> np.ndarray:
    """Blotches about as wide as `smooth` pixels, which no interpolation foresees: float32 in [0.1, 0.9]."""
    from scipy.ndimage import uniform_filter

    rough = np.random.default_rng(seed).random((SIZE, SIZE, channels))
    blurred = uniform_filter(rough, (smooth, smooth, 0), mode="wrap")
    low, high = blurred.min(), blurred.max()
    return (0.1 + 0.8 * (blurred - low) / (high - low)).astype(np.float32)
