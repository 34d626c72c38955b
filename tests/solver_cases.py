"""Holes of every kind, and both solvers: shared by the tests of what interpolates into holes."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from inpaintx.ops import solvers

TOLERANCE = 1e-5  # of the range of the known values; the design asks for 0.1 of an 8-bit step
SOLVERS = ["reference"] if os.environ.get("INPAINTX_NATIVE") == "0" else ["native", "reference"]
needs_native = pytest.mark.skipif("native" not in SOLVERS, reason="INPAINTX_NATIVE=0")


def use_solver(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `inpaintx.ops.solvers` use that one of SOLVERS."""
    if name == "reference":
        monkeypatch.setattr(solvers, "native", lambda: None)
    else:
        assert solvers.native() is not None, "inpaintx.ops._native isn't built"


def grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, dtype=np.float64)
    return rows, columns


def random_pixels(share_known: float) -> Callable[[tuple[int, int]], np.ndarray]:
    def known(shape: tuple[int, int]) -> np.ndarray:
        mask = np.random.default_rng(5).random(shape) < share_known
        mask[shape[0] // 2, shape[1] // 2] = True
        return mask

    return known


def blob(shape: tuple[int, int]) -> np.ndarray:
    y, x = grid(shape)
    y, x = y / shape[0] - 0.5, x / shape[1] - 0.45
    return np.hypot(y, x) > 0.35 * (1 + 0.2 * np.sin(5 * np.arctan2(y, x)))


def _strokes(shape: tuple[int, int]) -> np.ndarray:
    y, x = grid(shape)
    return ~((y % 16 == 3) | (x % 23 == 5) | ((x + y) % 31 < 2))


def _border(shape: tuple[int, int]) -> np.ndarray:
    known = np.zeros(shape, dtype=bool)
    known[shape[0] // 4 : -(shape[0] // 4), shape[1] // 4 : -(shape[1] // 4)] = True
    return known


def _serpent(shape: tuple[int, int]) -> np.ndarray:
    """Walls of one pixel, open at alternate ends: one hole, much longer than the picture."""
    y, x = grid(shape)
    opening = np.where((y // 4) % 2 == 0, 0, shape[1] - 1)
    return (y % 4 == 2) & (x != opening)


def _corners(shape: tuple[int, int]) -> np.ndarray:
    known = np.ones(shape, dtype=bool)
    known[:3, :4] = known[-2:, -5:] = known[:1, -1:] = False
    return known


def _nested(shape: tuple[int, int]) -> np.ndarray:
    """A ring-shaped hole around an island that has a hole: their boxes lie in each other."""
    y, x = grid(shape)
    radius = np.maximum(abs(y - shape[0] // 2) / shape[0], abs(x - shape[1] // 2) / shape[1])
    return ~(((radius > 0.3) & (radius < 0.4)) | (radius < 0.1))


HOLES: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
    "random 80 %": random_pixels(0.2),
    "random 99 %": random_pixels(0.01),
    "random 10 %": random_pixels(0.9),
    "one pixel known": random_pixels(0.0),
    "blob": blob,
    "strokes": _strokes,
    "left half": lambda shape: grid(shape)[1] >= shape[1] // 2,
    "top half": lambda shape: grid(shape)[0] >= shape[0] // 2,
    "whole border": _border,
    "serpent": _serpent,
    "corners": _corners,
    "nested": _nested,
    "lattice": lambda shape: ~((grid(shape)[0] % 4 == 1) & (grid(shape)[1] % 4 == 1)),
    "low resolution": lambda shape: (grid(shape)[0] % 4 == 0) & (grid(shape)[1] % 4 == 0),
    "nothing hidden": lambda shape: np.ones(shape, dtype=bool),
}
each_hole = pytest.mark.parametrize("hole", HOLES)
