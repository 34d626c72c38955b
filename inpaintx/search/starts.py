"""Where the search of each image begins: codes near which its own is to be found."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.networks.base import Generator
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.frozen import FrozenGenerator
from inpaintx.options import SearchOptions


def starting_codes(generator: Generator, options: SearchOptions) -> Tensor:
    """``[starts, nz]``: random codes that are looked at for every image, a function of the seed.

    At least as many as there are candidates.
    """
    noise = torch.Generator().manual_seed(options.seed)
    codes = generator.sample_codes(max(options.starts, options.candidates), noise)
    bound = generator.architecture.bound
    return codes.clamp(-bound, bound)


class NearestCodes:
    """For each image, the nearest on its known pixels of random codes that all images share.

    So G draws each of them once.

    Args:
        generator: G, as the search runs it.
        codes: ``[N, nz]``, from :func:`starting_codes`.
        options: of the search: its contextual loss says what is near.
    """

    def __init__(self, generator: FrozenGenerator, codes: Tensor, options: SearchOptions) -> None:
        self._generator, self._codes, self._options = generator, codes, options

    def __call__(self, y: Tensor, masks: Tensor, w: Tensor, count: int, folds: int) -> Tensor:
        """``[B, count, nz]``, nearest first.

        y, masks: as :class:`inpaintx.search.Search` takes them; w: what the loss weights the pixels by;
        folds: that so many in turn are one image, each with another fold hidden.
        """
        if len(self._codes) == count:
            return self._codes.expand(len(y), -1, -1)
        options = self._options
        losses = y.new_empty(
            len(y),
            len(self._codes),
            dtype=torch.float64 if y.dtype == torch.float64 else torch.float32,
        )
        for first in range(0, len(self._codes), options.rows):
            x = self._generator.forward(self._codes[first : first + options.rows])
            for image in range(len(y)):
                target, weight = y[image].expand_as(x), w[image].expand(len(x), -1, -1, -1)
                loss, _ = ops.context_loss(x, target, weight, None, options.norm, options.delta)
                losses[image, first : first + len(x)] = loss
        return self._codes[losses.topk(count, largest=False).indices]


class Guesses:
    """For each image the encoder's guess, codes around it, and codes of pictures that training saw.

    Every other code is one of the bank's, where the model has a bank: the code of a picture that is near on
    the known pixels. The guess is what the hole most likely holds, and the bank knows other things that it
    may hold.

    Args:
        generator: G, as the search runs it.
        encoder: with its bank.
        options: of the search.
    """

    def __init__(self, generator: FrozenGenerator, encoder: Encoder, options: SearchOptions) -> None:
        self._generator, self._encoder, self._options = generator, encoder, options
        self._drawn: Tensor | None = None  # the bank's images, once they have been needed

    def __call__(self, y: Tensor, masks: Tensor, w: Tensor, count: int, folds: int) -> Tensor:
        """``[B, count, nz]``; arguments as of :class:`NearestCodes`.

        The folds of one image get different codes of the bank.
        """
        options, bound = self._options, self._encoder.architecture.bound
        rows = zip(y.split(options.rows), masks.split(options.rows), strict=True)
        guess = torch.cat([self._encoder(*each) for each in rows])
        noise = torch.Generator().manual_seed(options.seed)
        around = torch.randn(count, guess.shape[1], generator=noise).to(guess)
        around[0] = 0
        codes = (guess[:, None] + options.spread * bound * around).clamp(-bound, bound)
        odd, bank = count // 2, self._encoder.bank
        if options.bank and odd and len(bank) >= odd * folds:
            nearest = self._distances(y, masks).topk(odd * folds, largest=False).indices
            own = torch.arange(len(y), device=y.device) % folds
            ranks = torch.arange(odd, device=y.device) * folds + own[:, None]
            codes[:, 1::2] = bank[nearest.gather(1, ranks)].to(codes)
        return codes

    def _distances(self, y: Tensor, masks: Tensor) -> Tensor:
        """``[B, N]``: squares between images and the bank's, summed over known pixels, but for a constant.

        In double precision: what is near must not depend on how many images are looked at together.
        """
        if self._drawn is None:
            parts = self._encoder.bank.to(y).split(self._options.rows)
            self._drawn = torch.cat([self._generator.forward(part).half() for part in parts])
        seen = y.masked_fill(masks == 0, 0).flatten(1).double()
        known = masks.flatten(1).double()
        distances = []
        for part in self._drawn.split(256):
            x = part.double()
            distances.append(known @ x.square().sum(1).flatten(1).T - 2 * seen @ x.flatten(1).T)
        return torch.cat(distances, 1)
