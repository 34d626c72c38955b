"""The frozen networks of a search: in what it iterates in, and at the full precision of their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks.architectures import freeze
from inpaintx.networks.base import Discriminator, Generator
from inpaintx.networks.devices import multiplies_bfloat16
from inpaintx.networks.frozen import FrozenDiscriminator, FrozenGenerator
from inpaintx.networks.multiplication import multiplying
from inpaintx.networks.repeating import repeating
from inpaintx.options import SearchOptions, SearchPrecision


@dataclass(frozen=True)
class FrozenPair:
    """G and D, frozen.

    Attributes:
        generator: G, as the iterations run it.
        discriminator: D likewise; None where λ is 0.
        exact: G at the full precision of its weights, which draws what is found.
        critic: D at the full precision of its weights, which says how real that looks; None where λ is 0.
        device: where they are.
        dtype: of their weights, and of what goes in and out of them.
        inside: what the layers of the first two compute in.
    """

    generator: FrozenGenerator
    discriminator: FrozenDiscriminator | None
    exact: FrozenGenerator
    critic: FrozenDiscriminator | None
    device: torch.device
    dtype: torch.dtype
    inside: torch.dtype

    def draw(self, codes: Tensor) -> Tensor:
        """``G(codes)`` at full precision: ``[n, nz]``, anywhere, to ``[n, C, S, S]`` in [−1, 1]."""
        return self.exact.forward(codes.to(self.device, self.dtype))


def freeze_pair(
    generator: Generator, discriminator: Discriminator | None, options: SearchOptions
) -> FrozenPair:
    """The networks of a search; raises InpaintxError where the prior needs a D that is not there."""
    weights = next(generator.parameters())
    inside = inner_dtype(options.precision, weights)
    same = inside == weights.dtype
    exact, critic, asked = freeze(generator), None, None
    if options.prior:
        if discriminator is None:
            raise InpaintxError("search: the prior loss needs a discriminator; load one, or set prior to 0")
        critic = freeze(discriminator)
        asked = critic if same else freeze(discriminator, inside)
    drawing = exact if same else freeze(generator, inside)
    return FrozenPair(drawing, asked, exact, critic, weights.device, weights.dtype, inside)


def inner_dtype(precision: SearchPrecision, weights: Tensor) -> torch.dtype:
    """What the layers compute in. Said by what the device can do, not by timing, so that runs repeat."""
    if weights.dtype != torch.float32 or precision in ("float32", "tf32"):
        return weights.dtype
    if precision == "bfloat16":
        return torch.bfloat16
    return torch.bfloat16 if multiplies_bfloat16(weights.device) else torch.float32


@contextmanager
def computing(precision: SearchPrecision, weights: Tensor) -> Iterator[None]:
    """Networks that are not frozen compute so while the block runs; ``weights``: of them."""
    low = inner_dtype(precision, weights) == torch.bfloat16
    with (
        repeating(),
        multiplying(tf32=precision == "tf32"),
        torch.autocast(weights.device.type, torch.bfloat16, enabled=low),
    ):
        yield
