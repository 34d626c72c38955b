"""The ops that are layers of the frozen networks, or parts of them: as in :mod:`inpaintx.ops.face`."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.ops import reference
from inpaintx.ops.calls import one_line, raise_versions
from inpaintx.ops.library import serves_layer
from inpaintx.ops.reference import NORMS, code

_ops = torch.ops.inpaintx


def gate_(x: Tensor, gate: Tensor | None, slope: float = 0.0, bias: Tensor | None = None) -> None:
    """x + bias where the gate is positive, slope·(x + bias) elsewhere, in place.

    Without a gate each value gates itself: what a layer does after its sums, its bias and a (leaky) ReLU.
    With one, the derivative of that ReLU.

    Changes x, and raises its autograd version.

    Args:
        x: of any shape and floating dtype; beside a bias ``[B, F, ...]``.
        gate: the (leaky) ReLU's output, or its input, which has the same sign; like x, best in the same
            memory layout. None: x + bias.
        slope: 0 for ReLU, which selects: where the gate is not positive, infinities and NaN in x become 0 as
            well.
        bias: ``[F]``, float64 for float64 x and float32 otherwise, or None.

    Raises:
        InpaintxError: the tensors do not fit together.
    """
    if not serves_layer(x.dtype, x.device):
        reference.gate_(x, gate, slope, bias)
        return
    try:
        _ops.gate_.default(x, gate, bias, slope)
    except RuntimeError as error:
        raise one_line(error) from None
    raise_versions(x)


def image_down_(
    maps: Tensor,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
    gate_bias: Tensor | None = None,
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
        gate_bias: ``[F]``, what is yet to be added to the gate, or None.

    Raises:
        InpaintxError: tensors do not fit together.
    """
    if not serves_layer(maps.dtype, maps.device):
        reference.image_down_(maps, image, weight, bias, gate, slope, gate_bias)
        return
    try:
        _ops.image_down_.default(maps, image, weight, bias, gate, gate_bias, slope)
    except RuntimeError as error:
        raise one_line(error) from None
    raise_versions(maps)


def image_up(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
    maps_bias: Tensor | None = None,
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
        maps_bias: ``[F]``, what is yet to be added to the maps, or None; they then gate themselves, where
            there is no gate.

    Returns:
        The image, ``[B, C, 2 H, 2 W]``, contiguous, in the dtype of weight.
    """
    if not serves_layer(maps.dtype, maps.device):
        return reference.image_up(maps, weight, bias, gate, slope, maps_bias)
    try:
        return _ops.image_up.default(maps, weight, bias, gate, maps_bias, slope)
    except RuntimeError as error:
        raise one_line(error) from None


def image_loss(
    maps: Tensor,
    weight: Tensor,
    y: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    maps_bias: Tensor | None = None,
    norm: str = "l1",
    delta: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """G's last layer, its tanh, and the image's contextual loss, in one pass: the image is never written.

    ::

        x = tanh(image_up(maps, weight, bias, maps_bias=maps_bias))
        loss, grad = context_loss(x, y, w, None, norm, delta)

    On CUDA the loss comes in parts of the image, each summed in a fixed order, so that it needs no second
    launch; it differs from that of ``context_loss`` by rounding, and as little depends on batch mates. On the
    CPU these are the three ops, one after the other.

    Dtypes, devices and errors are those of ``image_down_``; y and w are as the weight.

    Args:
        maps: as for ``image_up``.
        weight: likewise.
        y: the image, ``[B, C, 2 H, 2 W]``.
        w: context weight, ``[B, 1, 2 H, 2 W]``, not negative.
        bias: as for ``image_up``.
        maps_bias: likewise; with it, a ReLU of the maps.
        norm: as for ``context_loss``.
        delta: likewise.

    Returns:
        The loss's parts, ``[B, P]``, whose sum it is; and its gradient before the tanh, like y.
    """
    if not serves_layer(maps.dtype, maps.device):
        return reference.image_loss(maps, weight, y, w, bias, maps_bias, norm, delta)
    number = code("image_loss", "norm", NORMS, norm)
    try:
        return _ops.image_loss.default(maps, weight, bias, maps_bias, y, w, number, delta)
    except RuntimeError as error:
        raise one_line(error) from None
