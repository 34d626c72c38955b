"""The DCGAN generator and discriminator (Radford, Metz and Chintala, 2016), trained and frozen."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.networks import base, frozen
from inpaintx.networks.frozen import (
    Layer,
    Linear,
    Rows,
    each,
    fill_up,
    flat,
    fold,
    image_layer,
    unflat,
)
from inpaintx.options import Architecture

LEAK = 0.2  # slope of D's leaky ReLU, as in the paper


class Generator(base.Generator):
    """Codes ``[B, nz]`` to images ``[B, C, size, size]`` in [−1, 1].

    A projection to ``base``×``base`` and stride-2 transposed convolutions, batch norm and ReLU between
    them, tanh at the end (Radford et al., 2016, section 3 and figure 1).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        a = architecture
        widths = a.widths
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(a.nz, widths[0], a.base, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inputs, outputs in pairwise(widths):
            layers += [
                doubling(inputs, outputs, a.kernel, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        layers += [doubling(widths[-1], a.channels, a.kernel, bias=True), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        """Images of codes."""
        return self.layers(z[:, :, None, None])

    def divided(self, depth: int) -> tuple[nn.Module, nn.Module]:
        """What leads to the last two layers, and these: see :meth:`.base.Generator.divided`."""
        width, end = 3, len(self.layers) - 1  # modules of a layer; the tanh
        begin = end - 2 * width + 1
        first = cast(nn.Sequential, self.layers[width * depth - 1 if depth else 0 : begin])
        last = self.layers[begin:end]
        return (first if depth else nn.Sequential(nn.Unflatten(1, (-1, 1, 1)), *first)), last


class Discriminator(base.Discriminator):
    """Images ``[B, C, size, size]`` in [−1, 1] to logits ``[B]``; positive means "real".

    Stride-2 convolutions, leaky ReLU, batch norm on all but the first and the last layer (Radford et
    al., 2016, section 3).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.layers = pyramid(architecture, architecture.channels, 1)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        return self.layers(x).flatten()


def pyramid(a: Architecture, inputs: int, outputs: int) -> nn.Sequential:
    """From maps of the image's size to ``outputs`` numbers."""
    widths = a.widths[::-1]
    layers: list[nn.Module] = [halving(inputs, widths[0], a.kernel, bias=True), nn.LeakyReLU(LEAK)]
    for narrow, wide in pairwise(widths):
        layers += [halving(narrow, wide, a.kernel, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, a.base))


def doubling(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.ConvTranspose2d:
    """A transposed convolution that doubles the side, for either kernel."""
    return nn.ConvTranspose2d(
        inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel - 4, bias=bias
    )


def halving(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.Conv2d:
    """A convolution that halves the side, for either kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch-norm scales N(1, 0.02), biases 0 (Radford et al., 2016, section 4).

    Those of an outline (device "meta") hold nothing to draw, and torch would import its compiler to do so.
    """
    weight = getattr(module, "weight", None)
    if weight is None or weight.is_meta:
        return
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        weight.normal_(0.0, 0.02)
        if module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.BatchNorm2d):
        weight.normal_(1.0, 0.02)
        module.bias.zero_()


class FrozenGenerator(frozen.FrozenGenerator):
    """G with fixed weights.

    Args:
        generator: G in evaluation mode.
        dtype: what the layers compute in; None: the dtype of the weights.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype | None = None) -> None:
        modules = list(generator.layers)
        self.architecture = a = generator.architecture
        self._outside = next(generator.parameters()).dtype
        self._inside = dtype or self._outside
        first, norm = cast(nn.ConvTranspose2d, modules[0]), cast(nn.BatchNorm2d, modules[1])
        weight, bias = fold(first, norm, outputs=1)
        project = weight.permute(0, 2, 3, 1).flatten(1).to(self._inside)
        self._project = Linear(project.t(), bias.to(self._inside).repeat(a.base * a.base))
        self._project_back = Linear(project)
        ups = [
            cast(nn.ConvTranspose2d, module)
            for module in modules[3:]
            if isinstance(module, nn.ConvTranspose2d)
        ]
        norms = [cast(nn.BatchNorm2d, module) for module in modules[3:] if isinstance(module, nn.BatchNorm2d)]
        self._layers = [
            Layer(*fold(up, norm, 1), self._inside) for up, norm in zip(ups[:-1], norms, strict=True)
        ]
        self._last = image_layer(ups[-1], self._inside)
        side = a.size // 2
        self._last_grad = Rows(project, torch.Size((side, side, a.widths[-1])))
        self._activations: list[Tensor] = []
        self._lacking: Tensor | None = None  # bias of the last activations, where their ReLU is yet to come

    @torch.no_grad()
    def forward(self, z: Tensor) -> Tensor:
        """Images of codes: see :meth:`.frozen.FrozenGenerator.forward`."""
        x = self._maps(z)
        image = ops.image_up(x, self._last.weight, self._last.bias, maps_bias=self._lacking)
        return image.to(self._outside).tanh_()[: len(z)]

    @torch.no_grad()
    def loss(self, z: Tensor, y: Tensor, w: Tensor, norm: str, delta: float) -> tuple[Tensor, Tensor]:
        """Contextual losses of codes: see :meth:`.frozen.FrozenGenerator.loss`."""
        x, (weight, bias) = self._maps(z)[: len(z)], (self._last.weight, self._last.bias)
        y, w = y.to(weight.dtype), w.to(weight.dtype)
        return ops.image_loss(x, weight, y, w, bias, self._lacking, norm, delta)

    def _maps(self, z: Tensor) -> Tensor:
        """The maps that the image is made of, of as many rows as there are threads, or more."""
        count = len(z)
        x = self._entered(fill_up(z), relu=True)
        self._activations, self._lacking = [x[:count]], None
        for layer in self._layers:
            last = layer is self._layers[-1]
            x, self._lacking = layer.up_for(x) if last else (layer.up(x, slope=0.0), None)
            self._activations.append(x[:count])
        return x

    @torch.no_grad()
    def vjp(self, grad: Tensor) -> Tensor:
        """The gradient of the codes: see :meth:`.frozen.FrozenGenerator.vjp`."""
        *activations, last = self._activations
        grad, image = self._last_grad.maps(len(grad)), grad.to(self._last.weight.dtype)
        ops.image_down_(grad, image, self._last.weight, gate=last, gate_bias=self._lacking)
        for layer, activation in zip(reversed(self._layers), reversed(activations), strict=True):
            grad = layer.down(grad)
            ops.gate_(grad, activation)
        return self._left(grad).to(self._outside)

    @torch.no_grad()
    def first(self, z: Tensor) -> Tensor:
        """The first activations: see :meth:`.frozen.FrozenGenerator.first`."""
        return self._entered(fill_up(z), relu=False)[: len(z)].to(self._outside)

    def later(self, mean: Tensor, deviation: Tensor) -> frozen.FrozenGenerator:
        """What comes after them: see :meth:`.frozen.FrozenGenerator.later`."""
        return _Later(self, self._layers, mean, deviation)

    def _entered(self, z: Tensor, relu: bool) -> Tensor:
        """The first activations of codes filled up, before their ReLU or after it; in memory of their own."""
        a = self.architecture
        return unflat(self._project(z.to(self._inside), relu=relu), a.base, a.widths[0])

    def _left(self, grad: Tensor) -> Tensor:
        """The gradient of the codes from that of the first activations, before their ReLU."""
        return self._project_back(flat(grad))


class _Later(FrozenGenerator):
    """G from some activations on, which are its codes; these layers, and the one that draws the image."""

    def __init__(self, whole: FrozenGenerator, layers: list[Layer], mean: Tensor, deviation: Tensor) -> None:
        self.architecture = whole.architecture
        self._outside, self._inside = whole._outside, whole._inside
        self._layers, self._last, self._last_grad = layers, whole._last, whole._last_grad
        self._activations, self._lacking = [], None
        self._mean, self._deviation = mean, deviation

    @torch.no_grad()
    def first(self, z: Tensor) -> Tensor:
        """The activations after those that are its codes."""
        x = self._entered(fill_up(z), relu=True)
        return self._layers[0].up(x, slope=1.0)[: len(z)].to(self._outside)

    def later(self, mean: Tensor, deviation: Tensor) -> frozen.FrozenGenerator:
        """What comes after them."""
        return _Later(self, self._layers[1:], mean, deviation)

    def _entered(self, z: Tensor, relu: bool) -> Tensor:
        features = len(self._mean)
        side = math.isqrt(z.shape[1] // features)
        maps = (unflat(z, side, features) * self._deviation + self._mean).to(self._inside)
        return maps.relu_() if relu else maps

    def _left(self, grad: Tensor) -> Tensor:
        return flat(grad * self._deviation)


class FrozenDiscriminator(frozen.FrozenDiscriminator):
    """D with fixed weights, and the gradient of the prior loss.

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
        self._first = image_layer(first, self._inside)
        self._layers = [
            Layer(*fold(down, norm, 0), self._inside) for down, norm in zip(middle, norms, strict=True)
        ]
        self._weight = flat(last.weight.detach()).to(self._inside)
        self._away = -self._weight
        self._logit = Linear(self._weight, cast(Tensor, last.bias).detach().to(self._inside))
        side = a.size // 2
        self._first_maps = Rows(self._weight, torch.Size((side, side, a.widths[-1])))
        self._last_grad = Rows(self._weight, torch.Size((a.base, a.base, a.widths[0])))

    @torch.no_grad()
    def prior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The prior loss and its gradient: see :meth:`.frozen.FrozenDiscriminator.prior`."""
        count, x = len(x), fill_up(x)
        image, x = x.to(self._first.weight.dtype), self._first_maps.maps(len(x))
        ops.image_down_(x, image, self._first.weight, self._first.bias, slope=LEAK)
        first, activations = x, []
        for layer in self._layers:
            x = layer.down(x, slope=LEAK)
            activations.append(x)
        fake = -self._logit(flat(x))
        torch.mul(each(torch.sigmoid, fake), self._away, out=self._last_grad.flat(len(x)))
        grad = self._last_grad.maps(len(x))
        for layer, activation in zip(reversed(self._layers), reversed(activations), strict=True):
            ops.gate_(grad, activation, LEAK)
            grad = layer.up(grad)
        grad = ops.image_up(grad, self._first.weight, gate=first, slope=LEAK)
        loss = each(F.softplus, fake.to(self._outside))
        return loss[:count, 0], grad.to(self._outside)[:count]


def build(architecture: Architecture) -> tuple[Generator, Discriminator]:
    """G and D, their weights drawn from torch's random numbers, G's first."""
    return Generator(architecture), Discriminator(architecture)


def freeze(network: nn.Module, dtype: torch.dtype | None = None) -> frozen.Frozen:
    """G or D, in evaluation mode, for the search; ``dtype`` as for :class:`FrozenGenerator`."""
    if isinstance(network, Generator):
        return FrozenGenerator(network, dtype)
    return FrozenDiscriminator(cast(Discriminator, network), dtype)
