"""G and D frozen for completion: forward passes and their hand-written vector–Jacobian products.

While completing, the weights do not change and only the gradient with respect to the code is wanted. So
batch norm is folded into the convolutions once, no autograd graph is recorded, and the gradient with
respect to the input of a transposed convolution is computed as what it is: a convolution with the same
weights (and the other way round). Autograd over the modules of ``inpaintx.models`` is the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx.models import LEAK, Discriminator, Generator


@dataclass(frozen=True)
class _Layer:
    """A (transposed) convolution with batch norm folded in."""

    weight: Tensor
    bias: Tensor
    padding: int
    output_padding: int

    def down(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(x, self.weight, bias, stride=2, padding=self.padding)

    def up(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv_transpose2d(
            x, self.weight, bias, stride=2, padding=self.padding, output_padding=self.output_padding
        )


class FrozenGenerator:
    """G with fixed weights: ``[B, nz]`` codes to ``[B, C, S, S]`` images, and gradients back to the codes.

    One call of :meth:`vjp` belongs to the last call of :meth:`forward`, whose activations it uses. Codes,
    images and gradients have the dtype of the generator's weights, whatever the layers compute in.

    Args:
        generator: G in evaluation mode.
        dtype: what the layers compute in; None: the dtype of the weights.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype | None = None) -> None:
        modules = list(generator.layers)
        self.architecture = generator.architecture
        self._outside = next(generator.parameters()).dtype
        self._inside = dtype or self._outside
        project, norm = cast(nn.ConvTranspose2d, modules[0]), cast(nn.BatchNorm2d, modules[1])
        weight, bias = _fold(project, norm, outputs=1)
        self._shape = weight.shape[1:]
        self._project = weight.flatten(1).to(self._inside).contiguous()
        self._offset = bias[:, None, None].expand(self._shape).flatten().to(self._inside)
        ups = [
            cast(nn.ConvTranspose2d, module)
            for module in modules[3:]
            if isinstance(module, nn.ConvTranspose2d)
        ]
        norms = [cast(nn.BatchNorm2d, module) for module in modules[3:] if isinstance(module, nn.BatchNorm2d)]
        self._layers = [
            _layer(up, norm, 1, self._inside) for up, norm in zip(ups, [*norms, None], strict=True)
        ]
        self._activations: list[Tensor] = []

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        """Images in [−1, 1]."""
        x = torch.addmm(self._offset, z.to(self._inside), self._project).view(-1, *self._shape)
        x = x.relu_().contiguous(memory_format=torch.channels_last)
        self._activations = [x]
        for layer in self._layers[:-1]:
            x = layer.up(x, layer.bias).relu_()
            self._activations.append(x)
        return self._layers[-1].up(x, self._layers[-1].bias).to(self._outside).tanh_()

    @torch.no_grad()
    def vjp(self, grad: Tensor) -> Tensor:
        """From the gradient before G's tanh, ``[B, C, S, S]``, to the gradient of the codes, ``[B, nz]``."""
        grad = grad.to(self._inside)
        for layer, activation in zip(reversed(self._layers), reversed(self._activations), strict=True):
            grad = torch.ops.aten.threshold_backward(layer.down(grad, None), activation, 0)
        return (grad.flatten(1) @ self._project.t()).to(self._outside)


class FrozenDiscriminator:
    """D with fixed weights, and the gradient of the prior loss with respect to its input.

    Args:
        discriminator: D in evaluation mode.
        dtype: what the layers compute in, as for :class:`FrozenGenerator`.
    """

    def __init__(self, discriminator: Discriminator, dtype: torch.dtype | None = None) -> None:
        modules = list(discriminator.layers)
        downs = [cast(nn.Conv2d, module) for module in modules if isinstance(module, nn.Conv2d)]
        norms = [cast(nn.BatchNorm2d, module) for module in modules if isinstance(module, nn.BatchNorm2d)]
        last = downs[-1]
        self._outside = last.weight.dtype
        self._inside = dtype or self._outside
        self._layers = [
            _layer(down, norm, 0, self._inside) for down, norm in zip(downs[:-1], [None, *norms], strict=True)
        ]
        self._weight = last.weight.detach().to(self._inside)
        self._bias = cast(Tensor, last.bias).detach().to(self._inside)

    @torch.no_grad()
    def prior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The prior loss softplus(−D(x)) of each sample, ``[B]``, and its gradient, shaped like ``x``.

        It is the non-saturating loss of G (Goodfellow et al., 2014): it falls as D's logit for ``x``
        rises, and depends on nothing else.
        """
        activations: list[Tensor] = []
        x = x.to(self._inside)
        for layer in self._layers:
            x = F.leaky_relu_(layer.down(x, layer.bias), LEAK)
            activations.append(x)
        logit = F.conv2d(x, self._weight, self._bias).flatten()
        grad = F.conv_transpose2d(-torch.sigmoid(-logit)[:, None, None, None], self._weight)
        for layer, activation in zip(reversed(self._layers), reversed(activations), strict=True):
            # A leaky ReLU keeps the sign, so its output serves where its input is asked for.
            grad = layer.up(torch.ops.aten.leaky_relu_backward(grad, activation, LEAK, True), None)
        return F.softplus(-logit.to(self._outside)), grad.to(self._outside)


def _layer(
    conv: nn.ConvTranspose2d | nn.Conv2d, norm: nn.BatchNorm2d | None, outputs: int, dtype: torch.dtype
) -> _Layer:
    weight, bias = _fold(conv, norm, outputs)
    kernel = conv.kernel_size[0]
    return _Layer(
        weight.to(dtype).contiguous(memory_format=torch.channels_last),
        bias.to(dtype),
        cast(int, conv.padding[0]),
        output_padding=kernel - 4,
    )


def _fold(
    conv: nn.ConvTranspose2d | nn.Conv2d, norm: nn.BatchNorm2d | None, outputs: int
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution followed by batch norm in evaluation mode.

    ``outputs`` is the dimension of the weight that counts output channels.
    """
    weight = conv.weight.detach()
    bias = weight.new_zeros(weight.shape[outputs]) if conv.bias is None else conv.bias.detach()
    if norm is None:
        return weight, bias
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight.detach() * (variance + norm.eps).rsqrt()
    shape = [1] * weight.dim()
    shape[outputs] = -1
    return weight * scale.view(shape), norm.bias.detach() + (bias - mean) * scale
