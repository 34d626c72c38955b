"""The latent search: for each image, the code whose image agrees with the known pixels and looks real.

Minimises L_c(z) + λ·L_p(z) over the box of codes (Yeh et al., "Semantic Image Inpainting with Deep
Generative Models", CVPR 2017, eq. 2–5) by gradient descent on ``z``. Every row, one candidate of one image,
is a problem of its own: its result does not depend on its batch mates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.networks.base import Discriminator, Generator
from inpaintx.networks.copying import moved
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.multiplication import multiplying
from inpaintx.networks.repeating import repeating
from inpaintx.options import SearchOptions
from inpaintx.search.adapting import Adapting
from inpaintx.search.batch import with_batch
from inpaintx.search.checking import check_expected, check_folds, check_shapes
from inpaintx.search.deepening import levels
from inpaintx.search.descent import Descent
from inpaintx.search.expectation import Expectation
from inpaintx.search.history import History, Recorder
from inpaintx.search.precision import computing, freeze_pair
from inpaintx.search.rows import Rows
from inpaintx.search.starts import Guesses, NearestCodes, starting_codes
from inpaintx.search.watching import Standing, Watch


@dataclass(frozen=True)
class Found:
    """What the search found, candidates of each image sorted from lowest to highest loss.

    Attributes:
        codes: ``[B, K, nz]``, the best code of each of the K candidates.
        fills: ``[B, K, C, S, S]``, their images, in [−1, 1]; or those of what was searched from there deeper.
        contextual: ``[B, K]``, their contextual losses.
        prior: ``[B, K]``, their prior losses, before λ (0 where λ is 0).
        iterations: int64 ``[B, K]``, gradient steps taken.
        candidates: int64 ``[B, K]``, from which starting code of its image each began; 0: the nearest.
        blind_to: int64 ``[B, K]``, the fold that each did not see; −1: it saw all known pixels.
        history: for each of the B images, how its candidates came to be; empty where none was asked for.
    """

    codes: Tensor
    fills: Tensor
    contextual: Tensor
    prior: Tensor
    iterations: Tensor
    candidates: Tensor
    blind_to: Tensor
    history: tuple[History, ...] = ()

    @property
    def fill(self) -> Tensor:
        """``[B, C, S, S]``, the image of the candidate with the lowest loss."""
        return self.fills[:, 0]


class _Target(NamedTuple):
    """What is to be fitted.

    y: ``[n, C, S, S]``; masks: ``[n, 1, S, S]``, 1 where it is to be read; w: likewise, the weights.
    """

    y: Tensor
    masks: Tensor
    w: Tensor


class Search:
    """Searches codes for any number of images: admits them, and ranks what the descent finds.

    Args:
        generator: G in evaluation mode, on the device to search on.
        discriminator: D likewise; may be None only where ``options.prior`` is 0.
        options: how to search; what they leave open of the batch, this object's ``options`` say.
        encoder: likewise; where there is one, the search starts from its guesses, unless ``options`` say no.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator | None,
        options: SearchOptions,
        encoder: Encoder | None = None,
    ) -> None:
        if any(network is not None and network.training for network in (generator, discriminator, encoder)):
            raise InpaintxError(
                "search: a network is in training mode, whose results depend on the batch; call eval()"
            )
        if options.iterations == 0:
            raise InpaintxError("search: 0 iterations are no search; choose at least 1")
        self._architecture = generator.architecture
        self._networks = freeze_pair(generator, discriminator, options)
        self._device, self._dtype = self._networks.device, self._networks.dtype
        self.options = options = with_batch(options, self._architecture, self._networks.inside, self._device)
        plan = options.plan(encoder is not None)
        self._descent = Descent(self._networks, options, plan)
        self._levels = levels(generator, self._networks, options, plan)
        self._adapting = Adapting(generator, options) if options.adapt else None
        self._starts: Guesses | NearestCodes
        if plan.guess:
            if encoder is None:
                raise InpaintxError(
                    "search: the model has no encoder to guess codes; train one with `inpaintx train "
                    "--resume --encoder-steps 3000`, or leave out --guess"
                )
            self._starts = Guesses(self._networks.generator, encoder, options)
        else:
            codes = starting_codes(generator, options).to(self._device, self._dtype)
            self._starts = NearestCodes(self._networks.generator, codes, options)

    @torch.no_grad()
    @repeating()
    @multiplying(tf32=False)
    def __call__(
        self,
        images: Tensor,
        masks: Tensor,
        folds: Tensor | None = None,
        history: bool = False,
        expected: Expectation | None = None,
        watch: Watch | None = None,
    ) -> Found:
        """Completes images.

        Args:
            images: ``[B, C, S, S]`` in [−1, 1]; what lies under the hole is never read.
            masks: ``[B, 1, S, S]``, 1 = keep, 0 = complete.
            folds: bool ``[B, F, S, S]``: F sets of known pixels. Each is hidden from one part in F of the
                candidates, so that it can be seen how well these predict it (cross-fitting).
            history: remember how the candidates came to be.
            expected: what to fit in the holes besides; the search then starts from codes of whole images.
            watch: called at each look with how the search stands; what it raises ends the search.

        Raises:
            InpaintxError: shapes that don't fit the model or each other; candidates that F does not divide.
        """
        check_shapes(self._architecture, images, masks)
        if folds is not None:
            check_folds(folds, masks, self.options.candidates)
        if expected is not None:
            check_expected(expected, images, 0 if folds is None else folds.shape[1])
        y, masks = (moved(each, self._device, self._dtype) for each in (images, masks))
        count = 1 if folds is None else folds.shape[1]
        seen = masks.repeat_interleave(count, 0)
        if folds is not None:
            seen = seen.masked_fill(moved(folds, self._device).flatten(0, 1)[:, None], 0)
        recorder = Recorder(self._networks.draw) if history else None
        looks: list[Callable[[Rows], object]] = [] if recorder is None else [recorder.look]
        deeper_looks: list[Callable[[Rows | None], object]] = []
        if watch is not None:
            most = self._descent.iterations
            standing = Standing(len(images), self.options.candidates, most, self._networks.draw)
            deeper_looks.append(lambda _: watch(standing))
            looks += [standing.look, *deeper_looks]
        blind = self._target(y.repeat_interleave(count, 0), seen, expected, folds is not None)
        starts = self._starts(*blind, self.options.candidates // count, count)
        codes, iterations = self._searched(self._descent, blind, starts, looks)
        deeper, more = self._deepened(codes, blind, deeper_looks)
        fills = self._drawn(deeper, blind, deeper_looks)
        contextual, prior = self._evaluated(fills, self._target(y, masks, expected))
        candidates = self.options.candidates
        loss = (contextual + self.options.prior * prior).unflatten(0, (len(images), candidates))
        ranking = loss.argsort(1)
        # The numbers of the rows of each image, best candidate first.
        order = ranking + torch.arange(len(images), device=self._device)[:, None] * candidates
        blind_to = torch.full_like(ranking, -1) if folds is None else ranking // (candidates // count)
        told = [] if recorder is None else [recorder.history(numbers) for numbers in order.tolist()]
        return Found(
            codes[order],
            fills[order],
            contextual[order],
            prior[order],
            (iterations + more)[order],
            ranking,
            blind_to,
            tuple(told),
        )

    @torch.no_grad()
    @repeating()
    def guess(self, images: Tensor, masks: Tensor) -> Tensor:
        """What the search would begin with, and no step made: ``[B, C, S, S]`` in [−1, 1].

        Arguments and errors as of a search. One image for each: of the encoder's guess, or of the random code
        that is nearest. In the precision that the search iterates in.
        """
        check_shapes(self._architecture, images, masks)
        y, masks = (moved(each, self._device, self._dtype) for each in (images, masks))
        with computing(self.options.precision, y):
            codes = self._starts(y, masks, self._weighted(masks), 1, 1)[:, 0]
        parts = codes.to(self._dtype).split(self.options.rows)
        with multiplying(tf32=self.options.precision == "tf32"):
            return torch.cat([self._networks.generator.forward(part) for part in parts])

    def _target(self, y: Tensor, masks: Tensor, expected: Expectation | None, folds: bool = False) -> _Target:
        """What is to be fitted; ``folds`` as of :meth:`.Expectation.target`."""
        w = self._weighted(masks)
        if expected is None:
            return _Target(y, masks, w)
        y, w = expected.target(y, masks, w, folds)
        return _Target(y, torch.ones_like(masks), w)

    def _weighted(self, masks: Tensor) -> Tensor:
        """What the loss weights the pixels by.

        All known ones alike where no hole is left for a window to find: one thinner than the model's pixels,
        or none in an image that is only to be drawn anew.
        """
        if self.options.weight == "mask":
            return masks
        w = ops.context_weight(masks, self.options.window, self.options.border)
        return torch.where(w.amax((1, 2, 3), keepdim=True) > 0, w, masks)

    def _searched(
        self,
        descent: Descent,
        target: _Target,
        starts: Tensor,
        looks: Sequence[Callable[[Rows], object]],
    ) -> tuple[Tensor, Tensor]:
        """The best code of each candidate of each image, ``[n, nz]``, and the steps it took, ``[n]``.

        starts: ``[B, K, nz]``, the first ones; looks: told of the rows.
        """
        y, _, w = target
        total = len(y) * starts.shape[1]
        codes = y.new_empty(total, starts.shape[2])
        iterations = torch.empty(total, dtype=torch.int64, device=self._device)
        admitted = 0
        rows = _admit(descent, y, w, starts, range(0))
        while admitted < total or len(rows):
            room = min(self.options.rows - len(rows), total - admitted)
            if room:
                rows = rows.join(_admit(descent, y, w, starts, range(admitted, admitted + room)))
                admitted += room
            descent.advance(rows)
            for look in looks:
                look(rows)
            finished, rows = descent.part(rows)
            codes[finished.index], iterations[finished.index] = finished.best_z, finished.step
        return codes, iterations

    def _deepened(
        self, codes: Tensor, target: _Target, looks: Sequence[Callable[[Rows], object]]
    ) -> tuple[Tensor, Tensor]:
        """What to draw, of these codes: themselves, or as the last level has them; and the steps it took."""
        more = torch.zeros(len(codes), dtype=torch.int64, device=self._device)
        for level in self._levels:
            parts = codes.split(self.options.rows)
            starts = torch.cat([level.starts(part) for part in parts]).unflatten(0, (len(target.y), -1))
            codes, steps = self._searched(level.descent, target, starts, looks)
            more += steps
        return codes, more

    def _drawn(self, codes: Tensor, target: _Target, looks: Sequence[Callable[[None], object]]) -> Tensor:
        """The images of all candidates, at the full precision of the weights; looks: told between rows."""
        level = self._levels[-1] if self._levels else None
        if self._adapting is not None:
            image = torch.arange(len(codes), device=self._device) // (len(codes) // len(target.y))
            found = codes if level is None else level.maps(codes)
            return self._adapting(found, target.y[image], target.w[image], looks)
        draw = self._networks.draw if level is None else level.drawing.forward
        return torch.cat([draw(part) for part in codes.split(self.options.rows)])

    def _evaluated(self, fills: Tensor, target: _Target) -> tuple[Tensor, Tensor]:
        """The losses of all candidates' images, at the full precision of the weights."""
        y, _, w = target
        critic = self._networks.critic
        contextual, prior = [], []
        for numbers in torch.arange(len(fills), device=self._device).split(self.options.rows):
            x, image = fills[numbers], numbers // self.options.candidates
            loss, _ = ops.context_loss(x, y[image], w[image], None, self.options.norm, self.options.delta)
            contextual.append(loss.nan_to_num(nan=torch.inf))
            prior.append(torch.zeros_like(loss) if critic is None else critic.prior(x)[0])
        return torch.cat(contextual), torch.cat(prior)


def _admit(descent: Descent, y: Tensor, w: Tensor, starts: Tensor, numbers: range) -> Rows:
    """Fresh rows of the given numbers (image · candidates + candidate)."""
    index = torch.arange(numbers.start, numbers.stop, device=starts.device)
    image, candidate = index // starts.shape[1], index % starts.shape[1]
    return descent.begin(index, y[image], w[image], starts[image, candidate])
