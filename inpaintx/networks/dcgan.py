"""The DCGAN generator and discriminator (Radford, Metz and Chintala, 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from inpaintx.options import Architecture

# The first tanh of a process that runs on several threads can race in torch's math library: one thread's part
# comes out up to 5e-5 off, and runs differ. A small one before, on one thread, settles it.
torch.tanh(torch.zeros(8))

LEAK = 0.2  # slope of D's leaky ReLU, as in the paper


class Generator(nn.Module):
    """Codes ``[B, nz]`` to images ``[B, C, size, size]`` in [−1, 1].

    A projection to ``base``×``base`` and stride-2 transposed convolutions, batch norm and ReLU between
    them, tanh at the end (Radford et al., 2016, section 3 and figure 1).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        widths = a.widths
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(a.nz, widths[0], a.base, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inputs, outputs in pairwise(widths):
            layers += [
                _up(inputs, outputs, a.kernel, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        layers += [_up(widths[-1], a.channels, a.kernel, bias=True), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z[:, :, None, None])

    def sample_codes(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """``[count, nz]`` float32 codes on the CPU, drawn from what G is trained on."""
        shape = (count, self.architecture.nz)
        if self.architecture.code == "uniform":
            return torch.rand(shape, generator=generator) * 2 - 1
        return torch.randn(shape, generator=generator)


class Discriminator(nn.Module):
    """Images ``[B, C, size, size]`` in [−1, 1] to logits ``[B]``; positive means "real".

    Stride-2 convolutions, leaky ReLU, batch norm on all but the first and the last layer (Radford et
    al., 2016, section 3).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.layers = pyramid(architecture, architecture.channels, 1)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten()


def pyramid(a: Architecture, inputs: int, outputs: int) -> nn.Sequential:
    """From maps of the image's size to `outputs` numbers."""
    widths = a.widths[::-1]
    layers: list[nn.Module] = [_down(inputs, widths[0], a.kernel, bias=True), nn.LeakyReLU(LEAK)]
    for narrow, wide in pairwise(widths):
        layers += [_down(narrow, wide, a.kernel, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, a.base))


def _up(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.ConvTranspose2d:
    """A transposed convolution that doubles the side, for either kernel."""
    return nn.ConvTranspose2d(
        inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel - 4, bias=bias
    )


def _down(inputs: int, outputs: int, kernel: int, bias: bool) -> nn.Conv2d:
    """A convolution that halves the side, for either kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch-norm scales N(1, 0.02), biases 0 (Radford et al., 2016, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        module.weight.normal_(0.0, 0.02)
        if module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.BatchNorm2d):
        module.weight.normal_(1.0, 0.02)
        module.bias.zero_()


@torch.no_grad()
def calibrate(generator: Generator, noise: torch.Generator, batch: int = 64, batches: int = 16) -> None:
    """Measures the batch statistics that belong to G's weights, and leaves G in evaluation mode.

    Weights that were averaged, or never trained, have other activations than those that the running
    statistics were gathered from.
    """
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over the batches below
    generator.train()
    device = next(generator.parameters()).device
    for _ in range(batches):
        generator(generator.sample_codes(batch, noise).to(device))
    generator.eval()
