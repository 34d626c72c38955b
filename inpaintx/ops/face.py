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
from inpaintx.ops.library import serves, serves_layer
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
        raise _one_line(error) from None


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
        raise _one_line(error) from None
    _raise_versions(z, m, v, step)


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
        raise _one_line(error) from None


def gate_(x: Tensor, gate: Tensor, slope: float = 0.0) -> None:
    """x where the gate is positive, slope·x elsewhere, in place: the derivative of a (leaky) ReLU.

    Changes x, and raises its autograd version.

    Args:
        x: a gradient, of any shape and floating dtype.
        gate: the (leaky) ReLU's output, or its input, which has the same sign; like x, best in the same
            memory layout.
        slope: 0 for ReLU, which selects: where the gate is not positive, infinities and NaN in x become 0 as
            well.

    Raises:
        InpaintxError: the tensors do not fit together.
    """
    if not serves_layer(x.dtype, x.device):
        reference.gate_(x, gate, slope)
        return
    try:
        _ops.gate_.default(x, gate, slope)
    except RuntimeError as error:
        raise _one_line(error) from None
    _raise_versions(x)


def image_down_(
    maps: Tensor,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
) -> None:
    """A convolution with stride 2 that turns an image into feature maps, and a gate, in one pass.

    ::

        maps = gated(conv2d(image, weight, bias, stride=2, padding=(k − 1) // 2))

    Without a gate the result gates itself, which is a leaky ReLU: D's first layer. With G's last feature maps
    as the gate it is the gradient with respect to what went into their ReLU, made from that with respect to
    the image: the derivative of a transposed convolution is a convolution with the same weights.

    Changes maps, and raises their autograd version. Native results do not depend on batch mates or threads,
    and on the instruction set up to rounding. There is no backward.

    Image, weight and bias are float64 for float64 maps and float32 otherwise; native code computes in that,
    the reference in the dtype of maps.

    Args:
        maps: the output, ``[B, F, H, W]``, best in channels-last memory.
        image: ``[B, C, 2 H, 2 W]``.
        weight: ``[F, C, k, k]``, k = 4 or 5: the layout both of D's first convolution and of G's last
            transposed one.
        bias: ``[F]``, or None.
        gate: as for ``gate_``, or None.
        slope: as for ``gate_``.

    Raises:
        InpaintxError: tensors do not fit together.
    """
    if not serves_layer(maps.dtype, maps.device):
        reference.image_down_(maps, image, weight, bias, gate, slope)
        return
    try:
        _ops.image_down_.default(maps, image, weight, bias, gate, slope)
    except RuntimeError as error:
        raise _one_line(error) from None
    _raise_versions(maps)


def image_up(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
) -> Tensor:
    """A gate, and the transposed convolution that turns maps into an image: ``image_down_`` backwards.

    ::

        image = conv_transpose2d(gated(maps), weight, bias, stride=2, padding=(k − 1) // 2,
                                 output_padding=k − 4)

    Without a gate (nothing is gated then) it is G's last layer up to its tanh. With D's first feature maps as
    the gate, and the gradient with respect to them as maps, it is the gradient with respect to the image.

    Dtypes, devices and errors are those of ``image_down_``.

    Args:
        maps: ``[B, F, H, W]``, best in channels-last memory.
        weight: as for ``image_down_``.
        bias: ``[C]``, or None.
        gate: as for ``gate_``, or None.
        slope: as for ``gate_``.

    Returns:
        The image, ``[B, C, 2 H, 2 W]``, contiguous, in the dtype of weight.
    """
    if not serves_layer(maps.dtype, maps.device):
        return reference.image_up(maps, weight, bias, gate, slope)
    try:
        return _ops.image_up.default(maps, weight, bias, gate, slope)
    except RuntimeError as error:
        raise _one_line(error) from None


def _raise_versions(*changed: Tensor) -> None:
    """Tells autograd that tensors were changed in place."""
    if not torch.compiler.is_compiling():  # a compiled graph does this itself
        torch.autograd.graph.increment_version(changed)


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


def _one_line(error: RuntimeError) -> Exception:
    """What the native op objected to, as the user's error; any other error as it is."""
    message = str(error).splitlines()[0] if str(error) else ""
    for op in ("context_loss", "latent_step_", "context_weight", "gate_", "image_down_", "image_up"):
        if f"{op}: " in message:
            return InpaintxError(message[message.index(f"{op}: ") :])
    return error
