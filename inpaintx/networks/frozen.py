"""G and D frozen for completion: forward passes and their hand-written vector–Jacobian products.

While completing, the weights do not change and only the gradient with respect to the code is wanted. So
batch norm is folded into the convolutions once, no autograd graph is recorded, and the gradient with
respect to the input of a transposed convolution is computed as what it is: a convolution with the same
weights (and the other way round). The layers that touch the image, where a library's convolutions are at a
loss with so few channels, are ops of our own. Memory is channels last throughout, the projection's columns
included. Autograd over the modules of ``inpaintx.networks.dcgan`` is the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.networks.dcgan import LEAK, Discriminator, Generator


@dataclass(frozen=True)
class _End:
    """The layer that touches the image, as `ops.image_up` and `ops.image_down_` take it."""

    weight: Tensor
    bias: Tensor


class _Layer:
    """A (transposed) convolution with batch norm folded in, both ways through it."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        kernel = weight.shape[-1]
        self.bias = bias.to(dtype)
        self._padding = (kernel - 1) // 2
        self._output_padding = kernel - 4
        self._down = self._up = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self._packed = _packs(self._down)
        if self._packed:
            padding, output_padding = [self._padding] * 2, [self._output_padding] * 2
            self._down = _mkldnn._reorder_convolution_weight(self._down, padding, [2, 2], [1, 1], 1)
            self._up = _mkldnn._reorder_convolution_transpose_weight(
                self._up, padding, output_padding, [2, 2], [1, 1], 1
            )

    def down(self, x: Tensor, bias: Tensor | None = None, slope: float | None = None) -> Tensor:
        """The convolution; ``slope`` of the leaky ReLU after it, None: none."""
        padding = [self._padding] * 2
        if self._packed:
            return _mkldnn._convolution_pointwise(
                x, self._down, bias, padding, [2, 2], [1, 1], 1, *_epilogue(slope)
            )
        y = F.conv2d(x, self._down, bias, stride=2, padding=padding)
        return y if slope is None else F.leaky_relu_(y, slope)

    def up(self, x: Tensor, bias: Tensor | None = None, slope: float | None = None) -> Tensor:
        """The transposed convolution, likewise."""
        padding, output_padding = [self._padding] * 2, [self._output_padding] * 2
        if self._packed:
            return _mkldnn._convolution_transpose_pointwise(
                x, self._up, bias, padding, output_padding, [2, 2], [1, 1], 1, *_epilogue(slope)
            )
        y = F.conv_transpose2d(x, self._up, bias, stride=2, padding=padding, output_padding=output_padding)
        return y if slope is None else F.leaky_relu_(y, slope)


# oneDNN's convolutions as torch.compile calls them: the weights are in oneDNN's own layout already (to bring
# them there takes as long as to convolve at batch 1), and a ReLU is applied before the result is written.
_mkldnn = torch.ops.mkldnn


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


class _Rows:
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
        return [rows.flat(len(rows)) for rows in vars(self).values() if isinstance(rows, _Rows)]


class FrozenGenerator(Frozen):
    """G with fixed weights: ``[B, nz]`` codes to ``[B, C, S, S]`` images, and gradients back to the codes.

    One call of :meth:`vjp` belongs to the last call of :meth:`forward`, whose activations it uses. Codes,
    images and gradients have the dtype of the generator's weights, whatever the layers compute in.

    Args:
        generator: G in evaluation mode.
        dtype: what the layers compute in; None: the dtype of the weights.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype | None = None) -> None:
        modules = list(generator.layers)
        self.architecture = a = generator.architecture
        self._outside = next(generator.parameters()).dtype
        self._inside = dtype or self._outside
        project, norm = cast(nn.ConvTranspose2d, modules[0]), cast(nn.BatchNorm2d, modules[1])
        weight, bias = _fold(project, norm, outputs=1)
        self._project = weight.permute(0, 2, 3, 1).flatten(1).to(self._inside).contiguous()
        self._offset = bias.to(self._inside).repeat(a.base * a.base)
        ups = [
            cast(nn.ConvTranspose2d, module)
            for module in modules[3:]
            if isinstance(module, nn.ConvTranspose2d)
        ]
        norms = [cast(nn.BatchNorm2d, module) for module in modules[3:] if isinstance(module, nn.BatchNorm2d)]
        self._layers = [
            _Layer(*_fold(up, norm, 1), self._inside) for up, norm in zip(ups[:-1], norms, strict=True)
        ]
        self._last = _end(ups[-1], self._inside)
        side = a.size // 2
        self._first = _Rows(self._project, torch.Size((a.base, a.base, a.widths[0])))
        self._last_grad = _Rows(self._project, torch.Size((side, side, a.widths[-1])))
        self._activations: list[Tensor] = []

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        """Images in [−1, 1]."""
        torch.addmm(self._offset, z.to(self._inside), self._project, out=self._first.flat(len(z))).relu_()
        x = self._first.maps(len(z))
        self._activations = [x]
        for layer in self._layers:
            x = layer.up(x, layer.bias, slope=0.0)
            self._activations.append(x)
        return ops.image_up(x, self._last.weight, self._last.bias).to(self._outside).tanh_()

    @torch.no_grad()
    def vjp(self, grad: Tensor) -> Tensor:
        """From the gradient before G's tanh, ``[B, C, S, S]``, to the gradient of the codes, ``[B, nz]``."""
        *activations, last = self._activations
        grad, image = self._last_grad.maps(len(grad)), grad.to(self._last.weight.dtype)
        ops.image_down_(grad, image, self._last.weight, gate=last)
        for layer, activation in zip(reversed(self._layers), reversed(activations), strict=True):
            grad = layer.down(grad)
            ops.gate_(grad, activation)
        return (_flat(grad) @ self._project.t()).to(self._outside)


class FrozenDiscriminator(Frozen):
    """D with fixed weights, and the gradient of the prior loss with respect to its input.

    Args:
        discriminator: D in evaluation mode.
        dtype: what the layers compute in, as for :class:`FrozenGenerator`.
    """

    def __init__(self, discriminator: Discriminator, dtype: torch.dtype | None = None) -> None:
        modules, a = list(discriminator.layers), discriminator.architecture
        downs = [cast(nn.Conv2d, module) for module in modules if isinstance(module, nn.Conv2d)]
        norms = [cast(nn.BatchNorm2d, module) for module in modules if isinstance(module, nn.BatchNorm2d)]
        first, *middle, last = downs
        self._outside = last.weight.dtype
        self._inside = dtype or self._outside
        self._first = _end(first, self._inside)
        self._layers = [
            _Layer(*_fold(down, norm, 0), self._inside) for down, norm in zip(middle, norms, strict=True)
        ]
        self._weight = _flat(last.weight.detach()).to(self._inside)
        self._bias = cast(Tensor, last.bias).detach().to(self._inside)
        side = a.size // 2
        self._first_maps = _Rows(self._weight, torch.Size((side, side, a.widths[-1])))
        self._last_grad = _Rows(self._weight, torch.Size((a.base, a.base, a.widths[0])))

    @torch.no_grad()
    def prior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The prior loss softplus(−D(x)) of each sample, ``[B]``, and its gradient, shaped like ``x``.

        It is the non-saturating loss of G (Goodfellow et al., 2014): it falls as D's logit for ``x``
        rises, and depends on nothing else.
        """
        image, x = x.to(self._first.weight.dtype), self._first_maps.maps(len(x))
        ops.image_down_(x, image, self._first.weight, self._first.bias, slope=LEAK)
        first, activations = x, []
        for layer in self._layers:
            x = layer.down(x, layer.bias, slope=LEAK)
            activations.append(x)
        logit = torch.addmm(self._bias, _flat(x), self._weight.t())
        torch.mul(-torch.sigmoid(-logit), self._weight, out=self._last_grad.flat(len(x)))
        grad = self._last_grad.maps(len(x))
        for layer, activation in zip(reversed(self._layers), reversed(activations), strict=True):
            ops.gate_(grad, activation, LEAK)
            grad = layer.up(grad)
        grad = ops.image_up(grad, self._first.weight, gate=first, slope=LEAK)
        return F.softplus(-logit[:, 0].to(self._outside)), grad.to(self._outside)


def _flat(maps: Tensor) -> Tensor:
    """``[B, features, height, width]`` as ``[B, height · width · features]``, without a copy."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def _end(conv: nn.ConvTranspose2d | nn.Conv2d, maps: torch.dtype) -> _End:
    """The image's layer beside maps of this dtype."""
    dtype = torch.float64 if maps == torch.float64 else torch.float32
    assert conv.bias is not None
    return _End(conv.weight.detach().to(dtype), conv.bias.detach().to(dtype))


def _fold(conv: nn.ConvTranspose2d | nn.Conv2d, norm: nn.BatchNorm2d, outputs: int) -> tuple[Tensor, Tensor]:
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
