"""What G and D of every architecture have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inpaintx.errors import InpaintxError
from inpaintx.options import Architecture

# The first tanh of a process that runs on several threads can race in torch's math library: one thread's part
# comes out up to 5e-5 off, and runs differ. A small one before, on one thread, settles it.
torch.tanh(torch.zeros(8))


class Generator(nn.Module):
    """Codes ``[B, nz]`` to images ``[B, C, size, size]`` in [−1, 1], by a tanh at the end."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture

    def sample_codes(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """``[count, nz]`` float32 codes on the CPU, drawn from what G is trained on."""
        shape = (count, self.architecture.nz)
        if self.architecture.code == "uniform":
            return torch.rand(shape, generator=generator) * 2 - 1
        return torch.randn(shape, generator=generator)

    def divided(self, depth: int) -> tuple[nn.Module, nn.Module]:
        """What leads to G's last two layers, and these, without the tanh.

        Args:
            depth: what the first part takes: 0, codes ``[B, nz]``; n, the n-th activations, ``[B, F, s, s]``,
                before their ReLU.

        Raises:
            InpaintxError: an architecture that can't be divided.
        """
        kind = self.architecture.kind
        raise InpaintxError(f"search: the layers of networks of kind {kind} can't be adapted; choose adapt 0")


class Discriminator(nn.Module):
    """Images ``[B, C, size, size]`` in [−1, 1] to logits ``[B]``; positive means "real"."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture


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
