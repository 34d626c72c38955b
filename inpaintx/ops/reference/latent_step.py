"""A step of the codes, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import check_floating, check_like, check_per_sample, code, wide_dtype
from inpaintx.ops.reference.philox import symmetric_uniform

# The values are those of the enumerations in the op's op.h.
OPTIMIZERS = {"adam": 0, "nesterov": 1}
CLIPS = {"clamp": 0, "stochastic": 1, "none": 2}


@torch.no_grad()
def latent_step_(
    z: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    step: Tensor,
    seed: Tensor,
    active: Tensor,
    *,
    lr: float,
    optimizer: str = "adam",
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    bound: float = 1.0,
    clip: str = "clamp",
) -> None:
    """``inpaintx.ops.latent_step_``, in plain PyTorch."""
    code("latent_step_", "optimizer", OPTIMIZERS, optimizer)
    code("latent_step_", "clip", CLIPS, clip)
    check_latent_step(z, grad, m, v, step, seed, active, adam=optimizer == "adam")
    wide = wide_dtype(z)
    on = active[:, None]
    t = step + active
    g, new_m = grad.to(wide), m.to(wide)
    if optimizer == "adam":
        new_m = beta1 * new_m + (1 - beta1) * g
        new_v = beta2 * v.to(wide) + (1 - beta2) * (g * g)
        size, root = _bias_correction(t, lr, beta1, beta2, wide)
        new_z = z.to(wide) - size * (new_m / (new_v.sqrt() * root + eps))
        v.copy_(torch.where(on, new_v.to(v.dtype), v))
    else:
        new_m = beta1 * new_m + g
        new_z = z.to(wide) - lr * (g + beta1 * new_m)
    new_z = clipped(new_z, clip, bound, seed, t)
    z.copy_(torch.where(on, new_z.to(z.dtype), z))
    m.copy_(torch.where(on, new_m.to(m.dtype), m))
    step.copy_(t)


def clipped(z: Tensor, clip: str, bound: float, seed: Tensor, step: Tensor) -> Tensor:
    """Codes [B, nz] kept in [−bound, bound]; step: int64 [B], the steps done with this one in them."""
    if clip == "clamp":
        return z.clamp(-bound, bound)
    if clip == "stochastic":
        drawn = symmetric_uniform(seed, step, z.shape[1]).to(z.dtype) * bound
        return torch.where(z.abs() > bound, drawn, z)
    return z


def _bias_correction(
    t: Tensor, lr: float, beta1: float, beta2: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Adam's lr / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ), [B, 1]; in float64 at first (but on MPS, which has none)."""
    count = t.to(torch.float32 if t.device.type == "mps" else torch.float64)[:, None]
    return (lr / (1 - beta1**count)).to(dtype), (1 / (1 - beta2**count).sqrt()).to(dtype)


def check_latent_step(
    z: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: Tensor, seed: Tensor, active: Tensor, *, adam: bool
) -> None:
    """Raises InpaintxError where latent_step_'s tensors do not fit together; only Adam uses v."""
    op = "latent_step_"
    if z.dim() != 2:
        raise InpaintxError(f"{op}: z is {list(z.shape)}; it must be [B, nz]")
    check_floating(op, "z", z)
    check_like(op, "grad", grad, "z", z)
    check_like(op, "m", m, "z", z)
    if adam:
        check_like(op, "v", v, "z", z)
    for name, tensor, dtype in (
        ("step", step, torch.int64),
        ("seed", seed, torch.int64),
        ("active", active, torch.bool),
    ):
        check_per_sample(op, name, tensor, dtype, z)
