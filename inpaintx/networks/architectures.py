"""The kinds of G and D there are, each a module of its own: see :data:`inpaintx.options.ARCHITECTURES`.

Whoever needs networks (the trainer, the checkpoint, the search, the untrained control) gets them here, and
knows no kind by its name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, overload

import torch

from inpaintx.networks.base import Discriminator, Generator
from inpaintx.networks.frozen import FrozenDiscriminator, FrozenGenerator
from inpaintx.options import ARCHITECTURES, Architecture


def build(architecture: Architecture) -> tuple[Generator, Discriminator]:
    """G and D of that architecture, untrained; their weights are drawn from torch's random numbers."""
    pair: tuple[Generator, Discriminator] = _module(architecture).build(architecture)
    return pair


@overload
def freeze(network: Generator, dtype: torch.dtype | None = None) -> FrozenGenerator: ...
@overload
def freeze(network: Discriminator, dtype: torch.dtype | None = None) -> FrozenDiscriminator: ...
def freeze(
    network: Generator | Discriminator, dtype: torch.dtype | None = None
) -> FrozenGenerator | FrozenDiscriminator:
    """A network with fixed weights, for the search, where no autograd is wanted.

    Args:
        network: G or D, in evaluation mode.
        dtype: what its layers compute in; None: the dtype of the weights.
    """
    frozen: FrozenGenerator | FrozenDiscriminator = _module(network.architecture).freeze(network, dtype)
    return frozen


def _module(architecture: Architecture) -> Any:
    return import_module(ARCHITECTURES[architecture.kind])
