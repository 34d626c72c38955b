"""The encoder: what of a damaged image can be told in one pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inpaintx.networks.dcgan import initialise, pyramid
from inpaintx.options import Architecture


class Encoder(nn.Module):
    """Guesses the code of a damaged image: what a search would find, in one pass.

    Like :class:`Discriminator`, with the mask as one more channel and a code in place of the logit. It is
    what predicts the starting code in Lahiri et al., "Faster Unsupervised Semantic Inpainting: A GAN Based
    Approach" (ICIP 2019).

    Attributes:
        bank: ``[N, nz]``, codes of N pictures of the collection that G was trained on.
    """

    bank: Tensor

    def __init__(self, architecture: Architecture, bank: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("bank", torch.zeros(bank, architecture.nz))
        self.layers = pyramid(architecture, architecture.channels + 1, architecture.nz)
        self.apply(initialise)

    def forward(self, y: Tensor, mask: Tensor) -> Tensor:
        """Codes ``[B, nz]`` in the box, of images ``[B, C, size, size]`` in [−1, 1] and masks, 1 = keep.

        What the images hold under the hole is never read, NaN included.
        """
        seen = torch.cat([y.masked_fill(mask == 0, 0), mask], 1)
        return torch.tanh(self.layers(seen).flatten(1)) * self.architecture.bound
