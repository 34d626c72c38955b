"""The ops of the latent search: native where there is native code for them, else the reference.

``inpaintx.ops.library`` says what there is native code for. Everything else goes through
``inpaintx.ops.reference``, with the same results.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops import reference
from inpaintx.ops.calls import one_line, raise_versions
from inpaintx.ops.library import serves
from inpaintx.ops.reference import BORDERS, CLIPS, NORMS, OPTIMIZERS, code

_ops = torch.ops.inpaintx


def context_loss(
    x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None = None, norm: str = "l1", delta: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Contextual loss of each sample, and its gradient before G's tanh, in one pass over memory.

    ::

        loss[b] = Σ_{c,h,w} w·ρ(x − y)        grad = (w·ρ′(x − y) + prior_grad)·(1 − x²)

    ρ(d) is ``|d|`` for "l1", d² for "l2", and for "huber" d²/2 where ``|d| ≤ δ``, else ``δ·(|d| − δ/2)``.
    Where w is 0 the data term is selected away, never multiplied, so that whatever lies under the hole, NaN
    included, does not count. The weighted norm is Yeh et al., "Semantic image inpainting with deep generative
    models", CVPR 2017, eq. 4; 1 − x² is the derivative of tanh. In native code, a sample's loss depends
    neither on its batch mates nor on how many threads there are.

    The gradient is the second output: there is no backward. All tensors are of one floating dtype on one
    device, in either memory format.

    Args:
        x: G's output, after its tanh, ``[B, C, H, W]`` in [−1, 1].
        y: the image, alike.
        w: context weight, ``[B, 1, H, W]``, not negative.
        prior_grad: d(λ·L_p)/dx, like x, or None.
        norm: "l1", "l2" or "huber".
        delta: Huber's δ, in the units of x.

    Returns:
        The loss, ``[B]``, float64 for float64 input and float32 otherwise; and the gradient, like x, with x's
        strides.

    Raises:
        InpaintxError: tensors that do not fit together, an unknown norm, or a call of backward.
    """
    if x.requires_grad and torch.is_grad_enabled():
        return _ContextLoss.apply(x, y, w, prior_grad, norm, delta)
    if not serves(x.dtype, x.device):
        return reference.context_loss(x, y, w, prior_grad, norm, delta)
    try:
        return _ops.context_loss.default(
            x, y, w, prior_grad, code("context_loss", "norm", NORMS, norm), delta
        )
    except RuntimeError as error:
        raise one_line(error) from None


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
    """One optimiser step of the latent codes and the clipping to their box, in place, for active samples.

    "adam": Kingma and Ba, ICLR 2015, algorithm 1. "nesterov": momentum beta1, in the form of
    ``torch.optim.SGD(nesterov=True)``. Then "clamp": to [−bound, bound]; "stochastic": what has left that box
    is drawn anew, uniformly from it (Lipton and Tripathi, 2017); "none": nothing. What is drawn depends on
    the sample's seed, its step and the position in the code alone: the same bits on every device. NaN stays
    NaN.

    Changes z, m, v and step, and raises their autograd versions. All tensors are on one device.

    Args:
        z: the codes, ``[B, nz]``, of a floating dtype.
        grad: the loss's gradient with respect to them, like z.
        m: the optimiser's first moment (or velocity), like z, zeros at the start.
        v: its second moment, likewise; "nesterov" uses none (pass anything).
        step: int64 ``[B]``, how many steps each sample has done; active samples get one more.
        seed: int64 ``[B]``, of what is drawn.
        active: bool ``[B]``; of the others nothing changes.
        lr: the learning rate.
        optimizer: "adam" or "nesterov".
        beta1: Adam's first decay rate, or the momentum.
        beta2: Adam's second decay rate.
        eps: Adam's ε.
        bound: half the side of the codes' box.
        clip: "clamp", "stochastic" or "none".

    Raises:
        InpaintxError: tensors do not fit together, or an optimizer or a clip is unknown.
    """
    if not serves(z.dtype, z.device):
        rest: dict[str, Any] = {"beta1": beta1, "beta2": beta2, "eps": eps, "bound": bound, "clip": clip}
        reference.latent_step_(z, grad, m, v, step, seed, active, lr=lr, optimizer=optimizer, **rest)
        return
    method = code("latent_step_", "optimizer", OPTIMIZERS, optimizer)
    clipping = code("latent_step_", "clip", CLIPS, clip)
    try:
        _ops.latent_step_.default(
            z, grad, m, v, step, seed, active, method, clipping, lr, beta1, beta2, eps, bound
        )
    except RuntimeError as error:
        raise one_line(error) from None
    raise_versions(z, m, v, step)


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
    """What an iteration remembers of each row that it has evaluated, in place; and which rows go on.

    ::

        loss = contextual + weight·prior              active = step < iterations and stale < patience
        best_z, best_loss = z, loss                   where loss < best_loss
        mark, stale = loss, 0                         where loss < 0.999·mark, else stale + 1

    A loss of NaN is below nothing. Changes all from mark to best_z, and raises their autograd versions. All
    tensors are on one device, the losses float64 for float64 codes and float32 otherwise.

    Args:
        z: the codes, ``[B, nz]``, of a floating dtype.
        contextual: their contextual losses, ``[B]``, or the parts that sum to them, ``[B, P]``.
        prior: their prior losses, ``[B]``.
        step: int64 ``[B]``, how many steps each row has taken.
        mark: ``[B]``, the loss when it last fell by a thousandth; infinity at the start.
        stale: int64 ``[B]``, iterations since then.
        evaluated: bool ``[B]``: becomes whether that was a row's last code.
        best_loss: ``[B]``, infinity at the start.
        best_z: like z, the codes that had it.
        weight: of the prior loss, λ.
        iterations: steps that a row takes at most.
        patience: how long a row goes on while its loss does not fall by a thousandth; 0: without end.

    Returns:
        The loss, ``[B]``, and bool ``[B]``: which rows take another step.

    Raises:
        InpaintxError: tensors do not fit together.
    """
    state = (z, contextual, prior, step, mark, stale, evaluated, best_loss, best_z)
    if not serves(z.dtype, z.device):
        return reference.keep_best_(*state, weight=weight, iterations=iterations, patience=patience)
    try:
        loss, active = _ops.keep_best_.default(*state, weight, iterations, patience)
    except RuntimeError as error:
        raise one_line(error) from None
    raise_versions(*state[4:])
    return loss, active


def context_weight(mask: Tensor, window: int = 7, border: str = "valid") -> Tensor:
    """The weight of known pixels in the contextual loss: the share of hole in the window around them.

    Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, eq. 3. O(pixels), whatever
    the window.

    Args:
        mask: ``[B, 1, H, W]``, 1 = known, 0 = hole (known where > 0.5).
        window: odd, in pixels; larger than the image is fine.
        border: "valid" divides by the pixels of the window inside the image, "zero" by window², as if known
            pixels lay around the image.

    Returns:
        The weight, like mask (float32 where mask is not floating point), in [0, 1]; 0 in the hole.

    Raises:
        InpaintxError: another shape, an even window or an unknown border.
    """
    if not serves(mask.dtype, mask.device):
        return reference.context_weight(mask, window, border)
    try:
        return _ops.context_weight.default(mask, window, code("context_weight", "border", BORDERS, border))
    except RuntimeError as error:
        raise one_line(error) from None


class _ContextLoss(torch.autograd.Function):
    """context_loss for an x that requires a gradient: the same values, and a word to who calls backward."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None, norm: str, delta: float
    ) -> tuple[Tensor, Tensor]:
        return context_loss(x.detach(), y, w, prior_grad, norm, delta)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise InpaintxError("context_loss: it has no backward; its second output is the gradient already")
