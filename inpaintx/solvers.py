"""Harmonic interpolation and distances on numpy arrays: the native solvers, and the same in SciPy.

The SciPy reference is used where the native module wasn't built, with one warning, or where the environment
says INPAINTX_NATIVE=0.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

from inpaintx.errors import InpaintxError


@cache
def native() -> ModuleType | None:
    """The native module, `inpaintx._native`; None where the reference takes its place."""
    if os.environ.get("INPAINTX_NATIVE") == "0":
        return None
    try:
        return import_module("inpaintx._native")
    except ImportError as error:
        warnings.warn(
            f"inpaintx's native solvers can't be loaded ({error}): the slower SciPy ones are used; "
            "install a C++17 compiler and reinstall inpaintx, or set INPAINTX_NATIVE=0 to silence this",
            stacklevel=2,
        )
        return None


def membrane(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Interpolates known pixels into the hole like a membrane stretched over it.

    In the hole the 5-point Laplacian of the result is 0, with the known pixels as Dirichlet values and zero
    flux over the picture's border; everywhere else it equals `values` bit for bit. The native solver is off
    from the exact solution by a few millionths of the range of the known pixels beside the hole; the
    reference solves directly.

    values: float32 or float64 [H, W] or [H, W, C]; finite where known, not read in the hole.
    known: bool [H, W]; any shape of hole, also at the border.
    Returns an array of the shape and dtype of `values`. Channels are independent of each other.
    Raises InpaintxError where shapes or dtypes don't fit, nothing is known, or a known value is not finite.
    """
    _check_known(known)
    if values.dtype not in (np.float32, np.float64):
        raise InpaintxError(f"values to interpolate are {values.dtype}: use float32 or float64")
    if values.ndim not in (2, 3) or values.shape[:2] != known.shape:
        raise InpaintxError(
            f"values of shape {values.shape} don't fit a mask of shape {known.shape}: use [H, W] or [H, W, C]"
        )
    stacked = values.reshape(*known.shape, -1)
    if not (np.isfinite(stacked).all(axis=2) | ~known).all():
        raise InpaintxError("a known pixel is NaN or infinite: nothing can be interpolated from it")
    module = native()
    solve = membrane_reference if module is None else module.membrane
    return solve(np.ascontiguousarray(stacked), np.ascontiguousarray(known)).reshape(values.shape)


def membrane_reference(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`membrane` by a sparse direct solve; values: [H, W, C]. Its arguments must be in order already."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    filled = values.copy()
    hole = ~known
    count = np.count_nonzero(hole)
    if count == 0:
        return filled
    number = np.full(known.shape, -1)
    number[hole] = np.arange(count)
    degree = np.zeros(count)
    right_side = np.zeros((count, values.shape[2]))
    rows, columns = [], []
    for here, there in _neighbour_slices():
        inner = hole[here] & hole[there]
        rows.append(number[here][inner])
        columns.append(number[there][inner])
        rim = hole[here] & known[there]
        np.add.at(degree, number[here][hole[here]], 1)
        np.add.at(right_side, number[here][rim], values[there][rim].astype(np.float64))
    row = np.concatenate([*rows, np.arange(count)])
    column = np.concatenate([*columns, np.arange(count)])
    entries = np.concatenate([np.full(row.size - count, -1.0), degree])
    matrix = coo_array((entries, (row, column)), shape=(count, count)).tocsc()
    # Symmetric and positive definite, so no pivoting: it would undo the ordering (40 times slower).
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled[hole] = factors.solve(right_side)
    return filled


def _neighbour_slices() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """For each of the four directions: the pixels that have a neighbour there, and those neighbours."""
    every, first, last = slice(None), slice(None, -1), slice(1, None)
    pairs = [((every, first), (every, last)), ((first, every), (last, every))]
    return pairs + [(there, here) for here, there in pairs]


def distance_to_known(known: np.ndarray) -> np.ndarray:
    """The exact Euclidean distance, in pixels, of each hole pixel to the nearest known one.

    known: bool [H, W]. Returns float32 [H, W], 0 where known, at least 1 in the hole.
    By Felzenszwalb and Huttenlocher (2012), Distance transforms of sampled functions, Theory of Computing 8.
    Raises InpaintxError where `known` isn't such a mask or nothing is known.
    """
    _check_known(known)
    module = native()
    transform = distance_reference if module is None else module.distance_to_known
    return transform(np.ascontiguousarray(known))


def distance_reference(known: np.ndarray) -> np.ndarray:
    """`distance_to_known` by SciPy. Its argument must be in order already."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~known).astype(np.float32)


def _check_known(known: np.ndarray) -> None:
    if known.dtype != bool or known.ndim != 2:
        raise InpaintxError(f"the mask is {known.dtype} {list(known.shape)}: it must be bool [H, W]")
    if not known.any():
        raise InpaintxError("the mask keeps no pixel, so there is nothing to interpolate from: keep some")
