"""Tensors on their way to a device and back, so that neither waits for the other longer than it must."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record", bound=Any)


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """The tensor on the device; to a card by pinned memory, so that the host need not wait for the copy.

    dtype: what it becomes there; None: as it is.
    """
    if device.type == "cuda" and tensor.device.type != "cuda":
        tensor = tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device, dtype)


def fetched(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the host's memory: all are on their way before any is waited for, once.

    From a card into pinned memory. Those that are there already are the same ones.
    """
    copies = [tensor.to("cpu", non_blocking=True) for tensor in tensors]
    for device in {tensor.device for tensor in tensors if tensor.device.type == "cuda"}:
        torch.cuda.current_stream(device).synchronize()
    return copies


def on_host(record: Record) -> Record:
    """A dataclass whose own tensors are :func:`fetched` together."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    return replace(record, **dict(zip(tensors, fetched(*tensors.values()), strict=True)))
