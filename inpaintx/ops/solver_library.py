"""The native solvers, called with ctypes: with no Python symbol, one file serves every Python."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("_solvers.so")
_KNOWN = np.ctypeslib.ndpointer(np.bool_, 2, flags="C_CONTIGUOUS")
_DISTANCE = np.ctypeslib.ndpointer(np.float32, 2, flags="C_CONTIGUOUS")
_C_NAMES: dict[np.dtype[Any], str] = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class SolverLibrary:
    """What :mod:`inpaintx.ops.solvers` calls where native code is there; its arguments must be in order.

    Another dtype or number of dimensions, or a gap between the rows, raises ``ctypes.ArgumentError`` or
    TypeError; other threads run meanwhile.
    """

    def __init__(self, path: Path = PATH) -> None:
        if not path.exists():
            raise OSError("they were not built")
        self._library = ctypes.CDLL(str(path))
        sizes = [ctypes.c_ssize_t] * 3
        for dtype, c_name in _C_NAMES.items():
            values = np.ctypeslib.ndpointer(dtype, 3, flags="C_CONTIGUOUS")
            self._declare(f"membrane_{c_name}", values, _KNOWN, values, *sizes)
            self._declare(f"biharmonic_{c_name}", values, _KNOWN, values, *sizes, ctypes.c_double)
        self._declare("distance_to_known", _KNOWN, _DISTANCE, *sizes[:2])

    def membrane(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """values: float32 or float64 [H, W, C]; known: bool [H, W]. Raises RuntimeError, as all do here."""
        return self._fill("membrane", values, known)

    def biharmonic(self, values: np.ndarray, known: np.ndarray, tension: float = 0.0) -> np.ndarray:
        """values: float32 or float64 [H, W, C]; known: bool [H, W]; tension: in 1 / pixel²."""
        return self._fill("biharmonic", values, known, tension)

    def distance_to_known(self, known: np.ndarray) -> np.ndarray:
        """Float32 [H, W], of known: bool [H, W]."""
        distance = np.empty(known.shape, np.float32)
        self._call("distance_to_known", known, distance, *known.shape)
        return distance

    def _declare(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, f"inpaintx_{name}")
        function.argtypes, function.restype = arguments, ctypes.c_char_p

    def _fill(self, name: str, values: np.ndarray, known: np.ndarray, *more: float) -> np.ndarray:
        filled = np.empty_like(values)
        self._call(f"{name}_{_C_NAMES[values.dtype]}", values, known, filled, *values.shape, *more)
        return filled

    def _call(self, name: str, *arguments: Any) -> None:
        if error := getattr(self._library, f"inpaintx_{name}")(*arguments):
            raise RuntimeError(error.decode())
