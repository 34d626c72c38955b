"""What an iteration remembers of its rows, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import check_floating, check_like, check_per_sample, wide_dtype


@torch.no_grad()
def keep_best_(
    z: Tensor,
    contextual: Tensor,
    prior: Tensor,
    step: Tensor,
    mark: Tensor,
    stale: Tensor,
    evaluated: Tensor,
    best_loss: Tensor,
    best_z: Tensor,
    *,
    weight: float,
    iterations: int,
    patience: int = 0,
) -> tuple[Tensor, Tensor]:
    """``inpaintx.ops.keep_best_``, in plain PyTorch."""
    check_keep_best(z, contextual, prior, step, mark, stale, evaluated, best_loss, best_z)
    whole = contextual if contextual.dim() == 1 else contextual.sum(1)
    loss = whole + weight * prior
    active = step < iterations
    if patience:
        active &= stale < patience
    evaluated.copy_(~active)
    better = loss < best_loss
    fell = loss < mark * 0.999
    mark.copy_(torch.where(fell, loss, mark))
    stale.add_(1).masked_fill_(fell, 0)
    best_loss.copy_(torch.where(better, loss, best_loss))
    best_z.copy_(torch.where(better[:, None], z, best_z))
    return loss, active


def check_keep_best(
    z: Tensor,
    contextual: Tensor,
    prior: Tensor,
    step: Tensor,
    mark: Tensor,
    stale: Tensor,
    evaluated: Tensor,
    best_loss: Tensor,
    best_z: Tensor,
) -> None:
    """Raises InpaintxError where keep_best_'s tensors do not fit together."""
    op = "keep_best_"
    if z.dim() != 2:
        raise InpaintxError(f"{op}: z is {list(z.shape)}; it must be [B, nz]")
    check_floating(op, "z", z)
    check_like(op, "best_z", best_z, "z", z)
    wide = wide_dtype(z)
    if contextual.dim() == 2 and len(contextual) == len(z):
        contextual = contextual.sum(1)
    elif contextual.shape != z.shape[:1]:
        raise InpaintxError(
            f"{op}: contextual is {list(contextual.shape)} and z is {list(z.shape)}; it must be [B] or [B, P]"
        )
    for name, tensor, dtype in (
        ("contextual", contextual, wide),
        ("prior", prior, wide),
        ("step", step, torch.int64),
        ("mark", mark, wide),
        ("stale", stale, torch.int64),
        ("evaluated", evaluated, torch.bool),
        ("best_loss", best_loss, wide),
    ):
        check_per_sample(op, name, tensor, dtype, z)
