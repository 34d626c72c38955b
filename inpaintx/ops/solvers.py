"""Harmonic and biharmonic interpolation and distances on numpy arrays: the native solvers, and SciPy's.

The SciPy reference is used where the native module wasn't built, with one warning, or where the environment
says INPAINTX_NATIVE=0.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@cache
def native() -> ModuleType | None:
    """The native module, ``inpaintx.ops._native``; None where the reference takes its place."""
    if os.environ.get("INPAINTX_NATIVE") == "0":
        return None
    try:
        return import_module("inpaintx.ops._native")
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
    flux over the picture's border; everywhere else it equals ``values`` bit for bit. The native solver is off
    from the exact solution by a few millionths of the range of the known pixels beside the hole; the
    reference solves directly.

    Args:
        values: float32 or float64 [H, W] or [H, W, C]; finite where known, not read in the hole.
        known: bool [H, W]; any shape of hole, also at the border.

    Returns:
        An array of the shape and dtype of ``values``. Channels are independent of each other.

    Raises:
        InpaintxError: shapes or dtypes don't fit, nothing is known, or a known value is not finite.
    """
    return _interpolate(values, known, "membrane", membrane_reference)


def membrane_reference(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``membrane`` by a sparse direct solve; values: [H, W, C]. Its arguments must be in order already."""
    return _solve_directly(values, known, None)


def biharmonic(values: np.ndarray, known: np.ndarray, tension: float = 0.0) -> np.ndarray:
    """Interpolates known pixels into the hole like a thin plate clamped to them, or a plate in tension.

    In the hole the 5-point Laplacian of the result's 5-point Laplacian is 0, both with zero flux over the
    picture's border; everywhere else it equals ``values`` bit for bit. In other words, the sum of the squared
    Laplacian over the picture is the least possible. Pixels up to two steps from the hole count, so that
    their slopes are continued, too, and the result may leave the range of the known pixels. (Damelin and
    Hoang, On surface completion and image inpainting by biharmonic functions: numerical aspects, 2018, Int.
    J. of Mathematics and Mathematical Sciences.) The native solver is off from the exact solution by a few
    millionths of the range of the known pixels around the hole; the reference solves directly. In both,
    rounding adds an error that grows with the fourth power of the hole's length: it counts in holes of
    thousands of pixels that hardly anything clamps.

    With tension, L (L + tension) u = 0 in the hole, with L the 5-point Laplacian, positive on its diagonal: a
    plate up to about ``tension ** -0.5`` pixels from the known ones, a membrane further in (Smith and Wessel,
    Gridding with continuous curvature splines in tension, 1990, Geophysics 55, equation 3).

    Args:
        values: as for :func:`membrane`.
        known: as for :func:`membrane`.
        tension: in 1 / pixel², finite, not negative.

    Returns:
        As :func:`membrane` does.

    Raises:
        InpaintxError: as for :func:`membrane`; another tension; and where the native solver does not converge
            (met only with a thousandth of a line of more than 100,000 pixels known).
    """
    if not 0 <= tension < np.inf:
        raise InpaintxError(f"a plate can't have the tension {tension}: use 0 or more")
    return _interpolate(values, known, "biharmonic", biharmonic_reference, tension)


def biharmonic_reference(values: np.ndarray, known: np.ndarray, tension: float = 0.0) -> np.ndarray:
    """``biharmonic`` by a sparse direct solve; values: [H, W, C]. Its arguments must be in order already."""
    return _solve_directly(values, known, tension)


def _interpolate(
    values: np.ndarray,
    known: np.ndarray,
    name: str,
    reference: Callable[..., np.ndarray],
    *more: float,
) -> np.ndarray:
    """What the native solver of that name gives, or the reference where there's no native module."""
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
    solve = reference if module is None else getattr(module, name)
    try:
        return solve(np.ascontiguousarray(stacked), np.ascontiguousarray(known), *more).reshape(values.shape)
    except RuntimeError as error:
        raise InpaintxError(f"the hole can't be filled: {error}: keep more pixels") from error


def _laplacian(shape: tuple[int, ...]) -> csr_array:
    """The negated 5-point Laplacian of all pixels, row by row, with zero flux over the picture's border."""
    from scipy.sparse import coo_array

    number = np.arange(shape[0] * shape[1]).reshape(shape)
    right, below = (number[:, :-1], number[:, 1:]), (number[:-1], number[1:])
    here, there = (np.concatenate([a.ravel(), b.ravel()]) for a, b in zip(right, below, strict=True))
    rows, columns = np.concatenate([here, there]), np.concatenate([there, here])
    count = number.size
    diagonal = np.bincount(rows, minlength=count).astype(np.float64)
    entries = np.concatenate([np.full(rows.size, -1.0), diagonal])
    rows, columns = np.concatenate([rows, np.arange(count)]), np.concatenate([columns, np.arange(count)])
    return coo_array((entries, (rows, columns)), shape=(count, count)).tocsr()


def _solve_directly(values: np.ndarray, known: np.ndarray, tension: float | None) -> np.ndarray:
    """``values``, with the hole filled like a plate in tension, or (None) like a membrane."""
    from scipy.sparse.linalg import splu

    filled = values.copy()
    if known.all():
        return filled
    rows_with_hole, columns_with_hole = np.nonzero(~known)
    reach = 1 if tension is None else 2  # of the equations
    box = _span(rows_with_hole, reach), _span(columns_with_hole, reach)
    hole = np.flatnonzero(~known[box])
    around = np.flatnonzero(known[box])
    laplacian = _laplacian(known[box].shape)
    rows = laplacian[hole]
    if tension is not None:
        rows = rows @ laplacian + tension * rows
    right_side = -(rows[:, around] @ values[box][known[box]].astype(np.float64))
    # Symmetric and positive definite, so no pivoting: it would undo the ordering (40 times slower).
    factors = splu(
        rows[:, hole].tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    filled[~known] = factors.solve(right_side)
    return filled


def _span(lines: np.ndarray, rim: int) -> slice:
    """From the first of these lines to the last, with ``rim`` more on each side, where there are any."""
    return slice(max(lines.min() - rim, 0), lines.max() + 1 + rim)


def distance_to_known(known: np.ndarray) -> np.ndarray:
    """The exact Euclidean distance, in pixels, of each hole pixel to the nearest known one.

    By Felzenszwalb and Huttenlocher (2012), Distance transforms of sampled functions, Theory of Computing 8.

    Args:
        known: bool [H, W].

    Returns:
        Float32 [H, W], 0 where known, at least 1 in the hole.

    Raises:
        InpaintxError: ``known`` isn't such a mask or nothing is known.
    """
    _check_known(known)
    module = native()
    transform = distance_reference if module is None else module.distance_to_known
    return transform(np.ascontiguousarray(known))


def distance_reference(known: np.ndarray) -> np.ndarray:
    """``distance_to_known`` by SciPy. Its argument must be in order already."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~known).astype(np.float32)


def _check_known(known: np.ndarray) -> None:
    if known.dtype != bool or known.ndim != 2:
        raise InpaintxError(f"the mask is {known.dtype} {list(known.shape)}: it must be bool [H, W]")
    if not known.any():
        raise InpaintxError("the mask keeps no pixel, so there is nothing to interpolate from: keep some")
