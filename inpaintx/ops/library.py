"""The native library, and what it serves.

Native code of all ops: float32 and float64 on the CPU, for the layers (``gate_``, ``image_down_`` and
``image_up``) bfloat16, too; float32, bfloat16 and float16 on CUDA. Environment, read at import:

- ``INPAINTX_NATIVE=0``: the reference, and no warning about it.
- ``INPAINTX_CPU=baseline|avx2|avx512``: the instruction set of the CPU loops; else the widest that the CPU
  has for the layers, and AVX2 for the rest, which waits for memory rather than for arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch

from inpaintx.errors import InpaintxError
from inpaintx.ops.fakes import register_fakes

_PATH = Path(__file__).with_name("_ops.so")
_CPU_DTYPES = frozenset({torch.float32, torch.float64})
_CPU_LAYER_DTYPES = _CPU_DTYPES | {torch.bfloat16}
_CUDA_DTYPES = frozenset({torch.float32, torch.bfloat16, torch.float16})


class ReferenceWarning(RuntimeWarning):
    """The reference is used where native code was to be expected: results are the same, but slower."""


def native_available() -> bool:
    """Is the native library loaded?"""
    return _library is not None


def native_info() -> dict[str, Any]:
    """What the native library holds and uses, for people to read; where there is none, why."""
    if _library is None:
        return {"missing": _missing}
    facts = _facts(_library)
    return {
        "cpu": facts["isa"],
        "cpu_layers": facts["isa_layers"],
        "cpu_built": facts["isas_built"].split(","),
        "cpu_runs": facts["isas_runnable"].split(","),
        "cuda": facts["cuda"],
        "cuda_here": _cuda_obstacle(0) or f"ready, {_cuda_code(0)}",
    }


def _facts(library: ctypes.CDLL) -> dict[str, str]:
    library.inpaintx_ops_info.restype = ctypes.c_char_p
    lines = library.inpaintx_ops_info().decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def serves(dtype: torch.dtype, device: torch.device) -> bool:
    """Does native code serve this dtype on this device?"""
    return dtype in _native_dtypes(device)


def serves_layer(dtype: torch.dtype, device: torch.device) -> bool:
    """The same for ``gate_``, ``image_down_`` and ``image_up``."""
    native = _native_dtypes(device)
    return dtype in (_CPU_LAYER_DTYPES if native and device.type == "cpu" else native)


# What torch.compiler.assume_constant_result does, without its import of the compiler, which takes a second.
serves._dynamo_marked_constant = True  # type: ignore[attr-defined]
serves_layer._dynamo_marked_constant = True  # type: ignore[attr-defined]


@functools.cache
def _native_dtypes(device: torch.device) -> frozenset[torch.dtype]:
    """What native code serves on a device; warns, once, where it was to be expected and can't run."""
    if _library is None or device.type not in ("cpu", "cuda"):
        return frozenset()
    if device.type == "cpu":
        return _CPU_DTYPES
    obstacle = _cuda_obstacle(device.index or 0)
    if obstacle:
        warnings.warn(
            f"inpaintx: {device}: no native kernels ({obstacle}); using the slower reference",
            ReferenceWarning,
            stacklevel=3,
        )
    return frozenset() if obstacle else _CUDA_DTYPES


def _cuda_obstacle(index: int) -> str | None:
    """Why the native kernels can't run on this CUDA device, in one line; None where they can."""
    if not torch.cuda.is_available():
        return "no CUDA device that this torch can use"
    assert _library is not None
    _library.inpaintx_ops_cuda_obstacle.restype = ctypes.c_char_p
    text = _library.inpaintx_ops_cuda_obstacle(index)
    return text.decode() if text else None


def _cuda_code(index: int) -> str:
    """Which of the kernels' code a CUDA device runs that can run them."""
    assert _library is not None
    _library.inpaintx_ops_cuda_code.restype = ctypes.c_char_p
    architecture, ptx = _library.inpaintx_ops_cuda_code(index).decode().split()
    made = "" if architecture == ptx else f", made by the driver from PTX of sm {ptx}"
    return f"with code for sm {architecture}{made}"


def _load() -> tuple[ctypes.CDLL | None, str]:
    """The native library, or None and why it is not there."""
    if os.environ.get("INPAINTX_NATIVE") == "0":
        reason = "INPAINTX_NATIVE=0"
        logging.getLogger(__name__).info("%s: using the reference", reason)
        return None, reason
    try:
        if not _PATH.exists():
            raise OSError("it was not built")
        torch.ops.load_library(_PATH)
        return ctypes.CDLL(str(_PATH)), ""
    except OSError as error:
        reason = str(error).splitlines()[0]
        warnings.warn(
            f"inpaintx: no native ops ({reason}); using the slower reference", ReferenceWarning, stacklevel=3
        )
        return None, reason


def _check_cpu_choice(library: ctypes.CDLL) -> None:
    choice, runnable = os.environ.get("INPAINTX_CPU"), _facts(library)["isas_runnable"].split(",")
    if choice and choice not in runnable:
        raise InpaintxError(
            f"INPAINTX_CPU={choice}: this machine runs {', '.join(runnable)}; set one, or unset it"
        )


_library, _missing = _load()
if _library is not None:
    _check_cpu_choice(_library)
    register_fakes()
