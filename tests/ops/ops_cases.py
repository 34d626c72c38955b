"""Inputs of the ops, and how close native code and reference must come: shared by the tests of the ops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.ops import reference

NORMS = list(reference.NORMS)
CLIPS = list(reference.CLIPS)
OPTIMIZERS = list(reference.OPTIMIZERS)
TOLERANCE: dict[torch.dtype, dict[str, Any]] = {
    torch.float32: {"rtol": 2e-6, "atol": 2e-6},
    torch.float64: {"rtol": 1e-13, "atol": 1e-13},
    torch.bfloat16: {"rtol": 1.6e-2, "atol": 1e-3},
    torch.float16: {"rtol": 2e-3, "atol": 1e-4},
}
LOSS_TOLERANCE = {**TOLERANCE, torch.float32: {"rtol": 2e-6, "atol": 1e-5}}
SHAPES = [
    (1, 1, 1, 1),
    (2, 3, 5, 7),
    (1, 512, 1, 1),
    (3, 1, 64, 64),
    (2, 3, 64, 64),
    (2, 4, 33, 9),
    (5, 2, 1, 31),
    (1, 3, 200, 161),  # several segments
    (0, 3, 8, 8),
    (2, 3, 0, 8),
    (2, 0, 8, 8),
]


def dtypes_of(device: torch.device) -> list[torch.dtype]:
    wide = [torch.float64] if device.type == "cpu" else [torch.float16]
    return [torch.float32, torch.bfloat16, *wide]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss_inputs(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str = "cpu", seed: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y, w (about half of it 0), prior_grad."""
    g = generator(seed)
    x = torch.rand(shape, generator=g) * 2 - 1
    y = torch.rand(shape, generator=g) * 2 - 1
    w = torch.rand((shape[0], 1, *shape[2:]), generator=g)
    w = torch.where(w < 0.5, 0, w)
    prior = torch.randn(shape, generator=g)
    return tuple(t.to(device=device, dtype=dtype) for t in (x, y, w, prior))  # type: ignore[return-value]


def step_inputs(
    batch: int, nz: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", seed: int = 0
) -> dict[str, Any]:
    g = generator(seed)
    z, grad, m, v = (torch.randn(batch, nz, generator=g).to(device=device, dtype=dtype) for _ in range(4))
    return {
        "z": z.clamp(-1, 1),
        "grad": grad,
        "m": m,
        "v": v.square(),
        "step": torch.randint(0, 1000, (batch,), generator=g).to(device),
        "seed": torch.randint(-(2**63), 2**63 - 1, (batch,), generator=g).to(device),
        "active": (torch.rand(batch, generator=g) < 0.7).to(device),
    }


def copied(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def assert_same_loss(x: Tensor, y: Tensor, w: Tensor, prior: Tensor | None, **options: Any) -> None:
    loss, grad = ops.context_loss(x, y, w, prior, **options)
    expected_loss, expected_grad = reference.context_loss(x, y, w, prior, **options)
    assert (loss.shape, loss.dtype, loss.device) == (
        expected_loss.shape,
        expected_loss.dtype,
        expected_loss.device,
    )
    assert (grad.dtype, grad.stride()) == (x.dtype, torch.empty_like(x).stride())
    torch.testing.assert_close(loss, expected_loss, **LOSS_TOLERANCE[x.dtype])
    torch.testing.assert_close(grad, expected_grad, **TOLERANCE[x.dtype])


def random_mask(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.rand(shape, generator=generator(seed)) < 0.6).to(dtype)


def run_python(script: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a script without the environment variables that choose native code, but for those given."""
    clean = {k: v for k, v in os.environ.items() if k not in ("INPAINTX_NATIVE", "INPAINTX_CPU")}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, env=clean | environment, capture_output=True, text=True
    )
