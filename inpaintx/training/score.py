"""What a model under training is worth on pictures that were kept back from it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inpaintx.networks.base import Generator
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.predictor import Predictor, interpolation
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import levels_to_images, to_values, values_to_images
from inpaintx.plugins.masks import family_masks
from inpaintx.training.collection import Collection

FAMILIES = ("center", "random-patch", "left", "freeform thick")
DRAWINGS = 1024  # of G, of which each hole gets the one that is nearest around it
_BATCH = 64


class Score:
    """PSNR in the hole, dB, of kept pictures under a mask of each of four families; a mean over all.

    The fill is pasted, and nothing is searched, so that a score takes a second. A stage's scores tell its own
    steps apart; one stage's and another's are not of one kind.

    Args:
        kept: pictures that training doesn't see; what is unknown in them counts as known to nobody.
        device: where the networks are.
    """

    def __init__(self, kept: Collection, device: torch.device) -> None:
        self._device = device
        images, count = kept.images, len(kept.images)
        blank = np.zeros(images.shape[-2:], np.uint8)
        pictures = [Picture(blank, None, Path(f"{number}.png")) for number in range(count)]
        masks = np.concatenate([family_masks(family, pictures, seed=0) for family in FAMILIES])
        whole = np.ones_like(masks) if kept.known is None else np.tile(kept.known[:, 0].numpy(), (4, 1, 1))
        known, hole = masks & whole, ~masks & whole
        self._truth = levels_to_images(images).repeat(len(FAMILIES), 1, 1, 1)
        self._known = torch.from_numpy(known)[:, None].float()
        self._hole = torch.from_numpy(hole)[:, None]
        values = np.tile(to_values(images.numpy().transpose(0, 2, 3, 1)), (len(FAMILIES), 1, 1, 1))
        self._plates = values_to_images(
            [interpolation(value, mask) for value, mask in zip(values, known, strict=True)]
        )

    @torch.no_grad()
    def of_generator(self, generator: Generator) -> float:
        """Of the nearest of G's drawings around each hole."""
        noise = torch.Generator().manual_seed(0)
        codes = generator.sample_codes(DRAWINGS, noise).to(self._device)
        drawn = torch.cat([generator(part).float().cpu() for part in codes.split(_BATCH)])
        flat, known = drawn.flatten(1), self._known.expand_as(self._truth).flatten(1)
        seen = known * self._truth.flatten(1)
        # Σ known·(drawn − truth)², without what doesn't depend on the drawing
        nearest = (known @ (flat**2).T - 2 * seen @ flat.T).argmin(1)
        return self._psnr(drawn[nearest])

    def of_encoder(self, encoder: Encoder, generator: Generator) -> float:
        """Of what G draws from E's guesses."""
        return self._of(lambda y, mask, _: generator(encoder(y, mask)))

    def of_predictor(self, predictor: Predictor) -> float:
        """Of what P expects."""
        return self._of(lambda y, mask, plate: predictor(y, mask, plate)[0])

    @torch.no_grad()
    def _of(self, draw: Callable[[Tensor, Tensor, Tensor], Tensor]) -> float:
        drawn = [draw(*(part.to(self._device) for part in parts)).float().cpu() for parts in self._batches()]
        return self._psnr(torch.cat(drawn))

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        parts = (self._truth, self._known, self._plates)
        yield from zip(*(part.split(_BATCH) for part in parts), strict=True)

    def _psnr(self, drawn: Tensor) -> float:
        squares = ((drawn.clamp(-1, 1) - self._truth) / 2).square().mean(1, keepdim=True)
        pixels = self._hole.sum((1, 2, 3))
        errors = (squares * self._hole).sum((1, 2, 3))[pixels > 0] / pixels[pixels > 0]
        return float((-10 * errors.clamp_min(1e-8).log10()).mean())


class Best:
    """The best state that a network had when it was scored."""

    def __init__(self, network: nn.Module, score: Callable[[nn.Module, int], float]) -> None:
        self._network, self._score = network, score
        self._best, self._last = -np.inf, 0
        self._state: dict[str, Tensor] = {}

    def look(self, step: int) -> None:
        """Scores the network as it is after so many steps, once."""
        if step == self._last:
            return
        self._last = step
        self._network.eval()
        score = self._score(self._network, step)
        self._network.train()
        if score > self._best:
            self._best, self._state = score, copy.deepcopy(self._network.state_dict())

    def restore(self) -> None:
        """Gives the network the best state."""
        self._network.load_state_dict(self._state)
