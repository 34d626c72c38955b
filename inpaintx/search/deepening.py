"""The search a step deeper: where codes end, G's first activations go on, as codes of the rest of G.

Intermediate layer optimisation (Daras et al., "Intermediate Layer Optimization for Inverse Problems using
Deep Generative Models", ICML 2021). What G can't draw of any code, it may draw of activations near those that
codes give. They are searched in units of what is usual, each channel's standard deviation, under a Gaussian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from inpaintx.networks.base import Generator
from inpaintx.networks.frozen import FrozenGenerator, flat, unflat
from inpaintx.networks.multiplication import multiplying
from inpaintx.networks.repeating import repeating
from inpaintx.options import Plan, SearchOptions
from inpaintx.search.descent import Descent
from inpaintx.search.precision import FrozenPair

DRAWN = 256  # codes, whose activations are what is usual
LEAST = 1e-3  # standard deviation, of a channel that hardly varies
LR = 0.05  # of Adam, in standard deviations
UNLIKELY = 0.1  # weight of half the sum of squares, in standard deviations: of the Gaussian's logarithm


@dataclass(frozen=True)
class Level:
    """Activations that are searched.

    Attributes:
        descent: takes rows of them, standardised, to the best that it finds.
        before: what they are the first activations of, at the full precision of G's weights.
        drawing: the rest of G, likewise: its codes are theirs.
        mean: ``[F, 1, 1]``, of each channel over what is usual.
        deviation: likewise, the standard deviation.
    """

    descent: Descent
    before: FrozenGenerator
    drawing: FrozenGenerator
    mean: Tensor
    deviation: Tensor

    def starts(self, codes: Tensor) -> Tensor:
        """Where the search of them begins: ``[n, N]``, of codes of what they are the first activations of."""
        return flat((self.before.first(codes) - self.mean) / self.deviation)

    def maps(self, codes: Tensor) -> Tensor:
        """The activations, ``[n, F, s, s]``, that its codes stand for."""
        features = len(self.mean)
        side = math.isqrt(codes.shape[1] // features)
        return unflat(codes, side, features) * self.deviation + self.mean


@torch.no_grad()
@repeating()
@multiplying(tf32=False)
def levels(generator: Generator, networks: FrozenPair, options: SearchOptions, plan: Plan) -> list[Level]:
    """What to search after the codes, in this order: as many as the options' depth.

    What is usual is drawn from codes that are the same for every search, whatever its seed.

    Args:
        generator: G in evaluation mode, which says what codes there are.
        networks: G, frozen.
        options: of the search.
        plan: likewise.

    Raises:
        InpaintxError: an architecture that has no activations to search.
    """
    if not options.depth:
        return []
    noise = torch.Generator().manual_seed(0)
    usual = generator.sample_codes(DRAWN, noise).to(networks.device, networks.dtype)
    adam = replace(options, optimizer="adam", momentum=0.9, clip="none", prior=0.0)
    plan = replace(plan, lr=LR, iterations=options.depth_iterations or max(1, plan.iterations // 2))
    iterated, exact, made = networks.generator, networks.exact, []
    for _ in range(options.depth):
        maps = exact.first(usual)
        deviation, mean = torch.std_mean(maps, (0, 2, 3), keepdim=True)
        mean, deviation = mean[0], deviation[0].clamp(min=LEAST)
        before, same = exact, iterated is exact
        exact = exact.later(mean, deviation)
        iterated = exact if same else iterated.later(mean, deviation)
        level = Level(
            Descent(replace(networks, generator=iterated, discriminator=None), adam, plan, UNLIKELY),
            before,
            exact,
            mean,
            deviation,
        )
        usual = level.starts(usual)
        made.append(level)
    return made
