"""What the ops ask of their arguments."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError


def code(op: str, name: str, choices: Mapping[str, object], choice: str) -> int:
    """The native value of a named choice: its place among them."""
    if choice not in choices:
        raise InpaintxError(f"{op}: {name} {choice!r} is unknown; take one of {', '.join(choices)}")
    return list(choices).index(choice)


def wide_dtype(t: Tensor) -> torch.dtype:
    """The dtype that t's elements are computed in."""
    return torch.float64 if t.dtype == torch.float64 else torch.float32


def check_floating(op: str, name: str, t: Tensor) -> None:
    """Raises InpaintxError for whole numbers."""
    if not t.is_floating_point():
        raise InpaintxError(
            f"{op}: {name} is {str(t.dtype).removeprefix('torch.')}; it must be floating point"
        )


def check_like(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    """Raises InpaintxError where shape, dtype or device differ."""
    if t.shape != like.shape:
        raise InpaintxError(
            f"{op}: {name} is {list(t.shape)} and {like_name} is {list(like.shape)}; they must have one shape"
        )
    check_kind(op, name, t, like_name, like)


def check_kind(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    """Raises InpaintxError where dtype or device differ."""
    if t.dtype != like.dtype:
        raise InpaintxError(f"{op}: {name} and {like_name} differ in dtype; convert one")
    check_device(op, name, t, like_name, like)


def check_device(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    """Raises InpaintxError where the devices differ."""
    if t.device != like.device:
        raise InpaintxError(f"{op}: {name} and {like_name} are on different devices; move them to one")


def check_per_sample(op: str, name: str, t: Tensor, dtype: torch.dtype, z: Tensor) -> None:
    """Raises InpaintxError where t is not one element for each code, of this dtype."""
    if t.dtype != dtype:
        raise InpaintxError(f"{op}: {name} must be {str(dtype).removeprefix('torch.')}")
    if t.shape != z.shape[:1]:
        raise InpaintxError(
            f"{op}: {name} is {list(t.shape)}; z is {list(z.shape)}, so it must be [{z.shape[0]}]"
        )
    check_device(op, name, t, "z", z)
