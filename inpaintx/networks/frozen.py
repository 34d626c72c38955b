"""What frozen networks are made of: layers with batch norm folded in, both ways through them.

While completing, the weights do not change and only the gradient with respect to the code is wanted. So
batch norm is folded into the convolutions once, no autograd graph is recorded, and the gradient with
respect to the input of a transposed convolution is computed as what it is: a convolution with the same
weights (and the other way round). The layers that touch the image, where a library's convolutions are at a
loss with so few channels, are ops of our own. Memory is channels last throughout, the projection's columns
included. Each architecture puts its own frozen G and D together; autograd over its modules is the reference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.options import Architecture


@dataclass(frozen=True)
class ImageLayer:
    """The layer that touches the image, as ``ops.image_up`` and ``ops.image_down_`` take it."""

    weight: Tensor
    bias: Tensor


class Layer:
    """A (transposed) convolution with batch norm folded in, both ways through it."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        kernel = weight.shape[-1]
        self._padding = (kernel - 1) // 2
        self._output_padding = kernel - 4
        self._down = self._up = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self._packed = _packs(self._down)
        self._bias = bias.to(dtype if self._packed else _wide(dtype))
        if self._packed:
            padding, output_padding = [self._padding] * 2, [self._output_padding] * 2
            self._down = _mkldnn._reorder_convolution_weight(self._down, padding, [2, 2], [1, 1], 1)
            self._up = _mkldnn._reorder_convolution_transpose_weight(
                self._up, padding, output_padding, [2, 2], [1, 1], 1
            )

    def down(self, x: Tensor, slope: float | None = None) -> Tensor:
        """The convolution; ``slope`` of the leaky ReLU after it and its bias, None: neither."""
        padding = [self._padding] * 2
        if self._packed:
            bias = None if slope is None else self._bias
            return _mkldnn._convolution_pointwise(
                x, self._down, bias, padding, [2, 2], [1, 1], 1, *_epilogue(slope)
            )
        return self._activated(F.conv2d(x, self._down, stride=2, padding=padding), slope)

    def up(self, x: Tensor, slope: float | None = None) -> Tensor:
        """The transposed convolution, likewise."""
        padding, output_padding = [self._padding] * 2, [self._output_padding] * 2
        if self._packed:
            bias = None if slope is None else self._bias
            return _mkldnn._convolution_transpose_pointwise(
                x, self._up, bias, padding, output_padding, [2, 2], [1, 1], 1, *_epilogue(slope)
            )
        y = F.conv_transpose2d(x, self._up, stride=2, padding=padding, output_padding=output_padding)
        return self._activated(y, slope)

    def up_for(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same with a ReLU, for an op that adds the bias and applies the ReLU as it reads.

        The sums, and the bias that they lack; None: nothing is left to be done, since oneDNN did it as it
        wrote them.
        """
        return (self.up(x, slope=0.0), None) if self._packed else (self.up(x), self._bias)

    def _activated(self, sums: Tensor, slope: float | None) -> Tensor:
        if slope is not None:
            ops.gate_(sums, None, slope, self._bias)
        return sums


# oneDNN's convolutions as torch.compile calls them: the weights are in oneDNN's own layout already (to bring
# them there takes as long as to convolve at batch 1), and a ReLU is applied before the result is written.
_mkldnn = torch.ops.mkldnn


class Linear:
    """``x @ weight.T + bias``: ``[B, inputs]`` to ``[B, outputs]``.

    Where oneDNN serves the weights, a row's result doesn't depend on how many there are, as that of
    matrix products elsewhere may in its last bits. In bfloat16 with AMX oneDNN's own depends on it, too (it
    divides the inputs by what it has to do), so that as many rows are multiplied at a time, always.

    Args:
        weight: ``[outputs, inputs]``.
        bias: ``[outputs]``, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight, self._bias = weight.contiguous(), bias
        self._packed = _packs(weight)
        if self._packed:
            self._weight = _mkldnn._reorder_linear_weight(self._weight, _ROWS)

    def __call__(self, x: Tensor, relu: bool = False) -> Tensor:
        """The product; ``relu``: and a ReLU, before it is written, of one with a bias."""
        if self._packed:
            if x.dtype == torch.bfloat16:
                parts = F.pad(x, (0, 0, 0, -len(x) % _TOGETHER)).split(_TOGETHER)
                return torch.cat([self._multiplied(part, relu) for part in parts])[: len(x)]
            rows = x if len(x) != 1 else x.expand(2, -1).contiguous()  # one alone is summed in another order
            return self._multiplied(rows, relu)[: len(x)]
        if relu and self._bias is not None:
            return torch._addmm_activation(self._bias, x, self._weight.t())
        return F.linear(x, self._weight, self._bias)

    def _multiplied(self, rows: Tensor, relu: bool) -> Tensor:
        """By oneDNN."""
        end = "relu" if relu else "none"
        return _mkldnn._linear_pointwise(rows, self._weight, self._bias, end, [], "")


_ROWS = 64  # that the weights' layout is chosen for
_TOGETHER = 32  # rows that are multiplied at a time in bfloat16


def _packs(weight: Tensor) -> bool:
    """Does oneDNN serve such weights here?"""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if not hasattr(_mkldnn, "_reorder_convolution_transpose_weight"):
        return False
    if weight.dtype == torch.bfloat16:
        return bool(_mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype == torch.float32


def _epilogue(slope: float | None) -> tuple[str, list[float], str]:
    return ("none", [], "") if slope is None else ("leaky_relu", [slope], "")


class Rows:
    """Memory that every iteration writes anew; allocated anew only where the batch size changes."""

    def __init__(self, like: Tensor, shape: torch.Size) -> None:
        self._shape = shape  # of a sample: height, width, features
        self._memory = like.new_empty(0, shape.numel())

    def __len__(self) -> int:
        return len(self._memory)

    def flat(self, batch: int) -> Tensor:
        """``[B, height · width · features]``."""
        if len(self._memory) != batch:
            self._memory = self._memory.new_empty(batch, self._shape.numel())
        return self._memory

    def maps(self, batch: int) -> Tensor:
        """The same memory as ``[B, features, height, width]``, channels last."""
        return self.flat(batch).view(batch, *self._shape).permute(0, 3, 1, 2)


class Frozen:
    """A network with fixed weights."""

    def memory(self) -> list[Tensor]:
        """What its last calls wrote to, and calls with the same batch size will again."""
        return [rows.flat(len(rows)) for rows in vars(self).values() if isinstance(rows, Rows)]


class FrozenGenerator(Frozen, ABC):
    """G with fixed weights: ``[B, nz]`` codes to ``[B, C, S, S]`` images, and gradients back to the codes.

    One call of :meth:`vjp` belongs to the last call of :meth:`forward` or :meth:`loss`, whose activations it
    uses. Codes, images and gradients have the dtype of the generator's weights, whatever the layers compute
    in.
    """

    architecture: Architecture

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """Images in [−1, 1]."""

    def loss(self, z: Tensor, y: Tensor, w: Tensor, norm: str, delta: float) -> tuple[Tensor, Tensor]:
        """Contextual losses of the images, ``[B]`` or in parts ``[B, P]``, and the gradient before G's tanh.

        As of :meth:`forward` and :func:`inpaintx.ops.context_loss`, whose arguments ``y`` to ``delta`` are.
        An architecture whose last layer is ``ops.image_up`` does it in one pass.
        """
        return ops.context_loss(self.forward(z), y, w, None, norm, delta)

    @abstractmethod
    def vjp(self, grad: Tensor) -> Tensor:
        """From the gradient before G's tanh, ``[B, C, S, S]``, to the gradient of the codes, ``[B, nz]``."""

    def first(self, z: Tensor) -> Tensor:
        """The first activations of codes, ``[B, F, s, s]``, before what makes them nonlinear.

        Raises:
            InpaintxError: an architecture that has none to search.
        """
        kind = self.architecture.kind
        raise InpaintxError(f"search: networks of kind {kind} have no activations to search; choose depth 0")

    def later(self, mean: Tensor, deviation: Tensor) -> FrozenGenerator:
        """What comes after :meth:`first`, with this generator's weights.

        Its codes are the first activations, less ``mean`` and in units of ``deviation``, each
        ``[F, 1, 1]``: ``[B, s · s · F]``, channels last. Its gradients are with respect to these.
        """
        raise NotImplementedError


class FrozenDiscriminator(Frozen, ABC):
    """D with fixed weights, and the gradient of the prior loss with respect to its input."""

    @abstractmethod
    def prior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The prior loss softplus(−D(x)) of each sample, ``[B]``, and its gradient, shaped like ``x``.

        It is the non-saturating loss of G (Goodfellow et al., 2014): it falls as D's logit for ``x``
        rises, and depends on nothing else.
        """


def fill_up(rows: Tensor) -> Tensor:
    """Rows of a batch, the first one repeated until the CPU's threads get as many each; on GPUs as they are.

    Where a thread begins in the middle of a row, oneDNN's transposed convolutions and what is left over of
    vectors come out otherwise in their last bits, and a row's result would depend on its batch mates.
    """
    missing = -len(rows) % torch.get_num_threads() if rows.device.type == "cpu" else 0
    return torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])]) if missing else rows


def flat(maps: Tensor) -> Tensor:
    """``[B, features, height, width]`` as ``[B, height · width · features]``, without a copy."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def unflat(rows: Tensor, side: int, features: int) -> Tensor:
    """The other way, of square maps."""
    return rows.view(len(rows), side, side, features).permute(0, 3, 1, 2)


def each(function: Callable[[Tensor], Tensor], column: Tensor) -> Tensor:
    """A function of each number of a column, ``[B, 1]``, whatever place in a CPU's vector it would have."""
    if column.device.type != "cpu":
        return function(column)
    return function(column.expand(-1, _LANES).contiguous())[:, :1]


_LANES = 64  # numbers that fill the vectors of any CPU


def image_layer(conv: nn.ConvTranspose2d | nn.Conv2d, maps: torch.dtype) -> ImageLayer:
    """The image's layer beside maps of this dtype."""
    dtype = _wide(maps)
    assert conv.bias is not None
    return ImageLayer(conv.weight.detach().to(dtype), conv.bias.detach().to(dtype))


def _wide(dtype: torch.dtype) -> torch.dtype:
    """What biases, and the image's layer, are kept in beside maps of this dtype."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def fold(conv: nn.ConvTranspose2d | nn.Conv2d, norm: nn.BatchNorm2d, outputs: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution followed by batch norm in evaluation mode.

    ``outputs`` is the dimension of the weight that counts output channels.
    """
    weight = conv.weight.detach()
    bias = weight.new_zeros(weight.shape[outputs]) if conv.bias is None else conv.bias.detach()
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight.detach() * (variance + norm.eps).rsqrt()
    shape = [1] * weight.dim()
    shape[outputs] = -1
    return weight * scale.view(shape), norm.bias.detach() + (bias - mean) * scale
