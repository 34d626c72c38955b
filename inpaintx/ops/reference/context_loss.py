"""The contextual loss and its gradient, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import check_floating, check_kind, check_like, code, wide_dtype


def _l1(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    return d.abs(), d.sign()


def _l2(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    return d * d, d + d


def _huber(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """With c = d clamped to ±δ it is c·(d − c/2)."""
    c = d.clamp(-delta, delta)
    return c * (d - 0.5 * c), c


#: ρ(d) and ρ′(d) of each norm, in the order of the native enumeration.
NORMS: dict[str, Callable[[Tensor, float], tuple[Tensor, Tensor]]] = {"l1": _l1, "l2": _l2, "huber": _huber}


@torch.no_grad()
def context_loss(
    x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None = None, norm: str = "l1", delta: float = 1.0
) -> tuple[Tensor, Tensor]:
    """``inpaintx.ops.context_loss``, in plain PyTorch."""
    code("context_loss", "norm", NORMS, norm)
    check_context_loss(x, y, w, prior_grad)
    wide = wide_dtype(x)
    grad = torch.empty_like(x)
    x, y, w = x.to(wide), y.to(wide), w.to(wide)
    rho, slope = NORMS[norm](x - y, delta)
    zero = torch.zeros((), dtype=wide, device=x.device)
    loss = torch.where(w != 0, w * rho, zero).sum((1, 2, 3))
    data = torch.where(w != 0, w * slope, zero)
    prior = zero if prior_grad is None else prior_grad.to(wide)
    grad.copy_((data + prior) * (1 - x * x))
    return loss, grad


def check_context_loss(x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None) -> None:
    """Raises InpaintxError where context_loss's tensors do not fit together."""
    op = "context_loss"
    if x.dim() != 4:
        raise InpaintxError(f"{op}: x is {list(x.shape)}; it must be [B, C, H, W]")
    check_floating(op, "x", x)
    check_like(op, "y", y, "x", x)
    if w.shape != (x.shape[0], 1, *x.shape[2:]):
        raise InpaintxError(f"{op}: w is {list(w.shape)} and x is {list(x.shape)}; w must be [B, 1, H, W]")
    check_kind(op, "w", w, "x", x)
    if prior_grad is not None:
        check_like(op, "prior_grad", prior_grad, "x", x)
