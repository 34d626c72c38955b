"""A kind of networks that is none of the library's: what somebody brings who adds one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx.networks import base, frozen
from inpaintx.options import Architecture


class Generator(base.Generator):
    """A small image by a matrix, enlarged, and a convolution."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        a = architecture
        self.project = nn.Linear(a.nz, a.width * a.base**2)
        self.draw = nn.Conv2d(a.width, a.channels, 3, padding=1)

    def before_tanh(self, z: Tensor) -> Tensor:
        a = self.architecture
        small = self.project(z).view(-1, a.width, a.base, a.base)
        return self.draw(F.interpolate(small, size=(a.size, a.size), mode="bilinear"))

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.before_tanh(z))


class Discriminator(base.Discriminator):
    """Looks at the image in squares of the base's side."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        a = architecture
        self.look = nn.Conv2d(a.channels, a.width, a.base, stride=a.base)
        self.say = nn.Linear(a.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.say(F.leaky_relu(self.look(x), 0.2).mean((2, 3))).flatten()


class FrozenGenerator(frozen.FrozenGenerator):
    """By autograd."""

    def __init__(self, generator: Generator) -> None:
        self.architecture, self._generator = generator.architecture, generator

    def forward(self, z: Tensor) -> Tensor:
        with torch.enable_grad():
            self._z = z.detach().clone().requires_grad_()
            self._before = self._generator.before_tanh(self._z)
        return self._before.detach().tanh()

    def vjp(self, grad: Tensor) -> Tensor:
        [product] = torch.autograd.grad(self._before, self._z, grad)
        return product


class FrozenDiscriminator(frozen.FrozenDiscriminator):
    """By autograd."""

    def __init__(self, discriminator: Discriminator) -> None:
        self._discriminator = discriminator

    def prior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            loss = F.softplus(-self._discriminator(x))
            [grad] = torch.autograd.grad(loss.sum(), x)
        return loss.detach(), grad


def build(architecture: Architecture) -> tuple[Generator, Discriminator]:
    return Generator(architecture), Discriminator(architecture)


def freeze(network: nn.Module, dtype: torch.dtype | None = None) -> frozen.Frozen:
    if isinstance(network, Generator):
        return FrozenGenerator(network)
    assert isinstance(network, Discriminator)
    return FrozenDiscriminator(network)
