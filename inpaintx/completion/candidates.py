"""What a model proposes for the holes of squares of its own size: several candidates each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import gcd

import numpy as np
import torch
from torch import Tensor

from inpaintx.completion.estimate import combine
from inpaintx.completion.folds import hold_out
from inpaintx.networks.architectures import build
from inpaintx.networks.base import Generator, calibrate
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Estimate, Fill, SearchOptions
from inpaintx.pictures.arrays import images_to_values, values_to_images
from inpaintx.plugins.blends import BlendPlugin, ChoosingBlend, Trial
from inpaintx.search import Search


@dataclass(frozen=True)
class Proposals:
    """The candidates for one square, best first.

    Attributes:
        image: float32 ``[S, S, C]`` in [0, 1], what is completed; 0 where nothing is known.
        mask: bool ``[S, S]``, True = keep.
        fills: float32 ``[K, S, S, C]`` in [0, 1].
        contextual: ``[K]``, their contextual losses on all known pixels.
        prior: ``[K]``, their prior losses, before λ.
        iterations: ``[K]``, gradient steps they took.
        hidden: bool ``[F, S, S]``, sets of known pixels that were held out.
        blind_to: ``[K]``, the set that each candidate did not see.
        walk: the fill as it stood at some iterations, if asked for.
    """

    image: np.ndarray
    mask: np.ndarray
    fills: np.ndarray
    contextual: np.ndarray
    prior: np.ndarray
    iterations: np.ndarray
    hidden: np.ndarray
    blind_to: np.ndarray
    walk: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def fill(self, estimate: Estimate) -> np.ndarray:
        """One fill, float32 ``[S, S, C]`` in [0, 1]."""
        return combine(self.fills, self.contextual, estimate)

    def blend(self, plugin: BlendPlugin, estimate: Estimate, scale: float = 1.0) -> BlendPlugin:
        """The plugin; or what it chooses for this square, if it is one that chooses.

        scale: pixels of the picture, along a side, to one of the square's.
        """
        return plugin.choose(self.trials(), scale, estimate) if isinstance(plugin, ChoosingBlend) else plugin

    def trials(self) -> list[Trial]:
        """How well known pixels were predicted that were held out."""
        return [
            Trial(self.image, self.mask, hidden, self.fills, self.blind_to == number)
            for number, hidden in enumerate(self.hidden)
        ]


class Proposer:
    """Finds candidates for squares with one model.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        options: of the latent search.
        fill: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).
    """

    def __init__(self, model: Networks, options: SearchOptions, fill: Fill = "model") -> None:
        self.architecture, self.options = model.architecture, options
        self._search: Search | None = None
        if fill != "constant":
            generator = model.generator
            if fill == "untrained":  # the encoder knows the codes of the trained G only
                generator, options = _untrained(model), replace(options, guess=False)
            self._search = Search(generator, model.discriminator, options, model.encoder)

    def __call__(
        self, squares: Sequence[tuple[np.ndarray, np.ndarray]], sets: int = 0, trails: bool = False
    ) -> list[Proposals]:
        """Proposals for squares.

        Args:
            squares: images, float32 ``[S, S, C]`` in [0, 1], and masks, bool ``[S, S]``, True = keep.
            sets: how many sets of known pixels to hold out, each from a part of the candidates; fewer where
                that does not divide them, and none where it would take pixels from all of them.
            trails: remember how each fill formed.
        """
        if self._search is not None and sets:
            sets = gcd(sets, self.options.candidates)
            sets = sets if sets > 1 else 0
        hidden = [hold_out(mask, sets, self.options.seed) for _, mask in squares]
        if self._search is None:
            return [
                self._constant(image, mask, held_out)
                for (image, mask), held_out in zip(squares, hidden, strict=True)
            ]
        images = values_to_images([image for image, _ in squares])
        masks = torch.from_numpy(np.stack([mask for _, mask in squares]))[:, None].float()
        trail = _Trail()
        held_out = torch.from_numpy(np.stack(hidden)) if sets else None
        found = self._search(images, masks, trail.look if trails else None, held_out)
        candidates = self.options.candidates
        blind_to = found.candidates.cpu().numpy() // (candidates // max(sets, 1))
        fills = images_to_values(found.fills.flatten(0, 1)).reshape(
            len(squares), candidates, *squares[0][0].shape
        )
        proposals = []
        for index, (image, mask) in enumerate(squares):
            contextual = found.contextual[index].cpu().numpy()
            walk = []
            if trails:
                numbers = index * candidates + found.candidates[index]
                walk = trail.walk(self._search, numbers.tolist(), contextual, self.options.estimate)
            proposals.append(
                Proposals(
                    image,
                    mask,
                    fills[index],
                    contextual,
                    found.prior[index].cpu().numpy(),
                    found.iterations[index].cpu().numpy(),
                    hidden[index],
                    blind_to[index],
                    walk,
                )
            )
        return proposals

    def _constant(self, image: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> Proposals:
        """Mid gray, and as many times as there are sets to be blind to."""
        count = max(len(hidden), 1)
        nothing = np.zeros(count, np.float32)
        gray = np.full((count, *image.shape), 0.5, np.float32)
        return Proposals(
            image, mask, gray, nothing, nothing, np.zeros(count, np.int64), hidden, np.arange(count)
        )


class _Trail:
    """The codes of all samples at each look, by their numbers."""

    def __init__(self) -> None:
        self._seen: dict[int, list[tuple[int, Tensor]]] = {}

    def look(self, numbers: Tensor, steps: Tensor, codes: Tensor) -> None:
        for number, step, code in zip(numbers.tolist(), steps.tolist(), codes.cpu(), strict=True):
            self._seen.setdefault(number, []).append((step, code))

    def walk(
        self, search: Search, numbers: list[int], losses: np.ndarray, estimate: Estimate
    ) -> list[tuple[int, np.ndarray]]:
        """How the fill of these candidates formed; one that ended early stands still while others go on."""
        paths = [self._seen[number] for number in numbers]
        walk = []
        for look in range(max(map(len, paths))):
            steps, codes = zip(*(path[min(look, len(path) - 1)] for path in paths), strict=True)
            fills = images_to_values(search.images(torch.stack(codes)))
            walk.append((max(steps), combine(fills, losses, estimate)))
        return walk


def _untrained(model: Networks) -> Generator:
    """G as it is initialised, with batch statistics of its own, where the model's G is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator, _ = build(model.architecture)
    generator.requires_grad_(False)
    calibrate(generator, torch.Generator().manual_seed(0))
    return generator.to(next(model.generator.parameters()).device)
