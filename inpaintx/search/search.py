"""The latent search: for each image, the code whose image agrees with the known pixels and looks real.

Minimises L_c(z) + λ·L_p(z) over the box of codes (Yeh et al., "Semantic Image Inpainting with Deep
Generative Models", CVPR 2017, eq. 2–5) by gradient descent on ``z``. Every sample, one candidate of one
image, is a problem of its own: its result does not depend on its batch mates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.networks.architectures import freeze
from inpaintx.networks.base import Discriminator, Generator
from inpaintx.networks.frozen import FrozenDiscriminator
from inpaintx.networks.predictor import Encoder
from inpaintx.options import SearchOptions, SearchPrecision
from inpaintx.search.optimizers import Codes, make_move
from inpaintx.search.replay import Replay, can_record
from inpaintx.search.samples import Samples
from inpaintx.search.starts import Guesses, NearestCodes, starting_codes

#: Iterations between looks at which samples are finished.
STRIDE = 10


@dataclass(frozen=True)
class Completion:
    """What the search found, candidates of each image sorted from lowest to highest loss.

    Attributes:
        codes: ``[B, K, nz]``, the best code of each of the K candidates.
        fills: ``[B, K, C, S, S]``, their images, in [−1, 1].
        contextual: ``[B, K]``, their contextual losses.
        prior: ``[B, K]``, their prior losses, before λ (0 where λ is 0).
        iterations: int64 ``[B, K]``, gradient steps taken.
        candidates: int64 ``[B, K]``, which of its image's starting codes each began from; 0: the nearest, or
            the encoder's own guess.
            With F sets of pixels held out, candidate ``k`` did not see set ``k // (K / F)``.
    """

    codes: Tensor
    fills: Tensor
    contextual: Tensor
    prior: Tensor
    iterations: Tensor
    candidates: Tensor

    @property
    def fill(self) -> Tensor:
        """``[B, C, S, S]``, the image of the candidate with the lowest loss."""
        return self.fills[:, 0]


class Search:
    """A frozen pair of networks, ready to search codes for any number of images.

    Args:
        generator: G in evaluation mode, on the device to search on.
        discriminator: D likewise; may be None only where ``options.prior`` is 0.
        options: how to search.
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
        self.options = options
        self._start = options.start(encoder is not None)
        parameter = next(generator.parameters())
        self._device, self._dtype = parameter.device, parameter.dtype
        inside = _inner_dtype(options.precision, parameter)
        self._move = make_move(options, self._start.lr, generator.architecture.bound)
        self._exact = freeze(generator)
        same = inside == self._dtype
        self._generator = self._exact if same else freeze(generator, inside)
        self._discriminator: FrozenDiscriminator | None = None
        self._judge: FrozenDiscriminator | None = None
        if options.prior:
            if discriminator is None:
                raise InpaintxError(
                    "search: the prior loss needs a discriminator; load one, or set prior to 0"
                )
            self._judge = freeze(discriminator)
            self._discriminator = self._judge if same else freeze(discriminator, inside)
        self._networks = [self._generator, *([self._discriminator] if self._discriminator else [])]
        self._records = can_record(self._device, options)
        self._recorded: dict[int, Replay] = {}  # by the number of samples
        self._starts: Guesses | NearestCodes
        if self._start.guess:
            if encoder is None:
                raise InpaintxError(
                    "search: the model has no encoder to guess codes; train one with `inpaintx train "
                    "--resume --encoder-steps 3000`, or leave out --guess"
                )
            self._starts = Guesses(self._generator, encoder, options)
        else:
            codes = starting_codes(generator, options).to(self._device, self._dtype)
            self._starts = NearestCodes(self._generator, codes, options)

    @torch.no_grad()
    def __call__(
        self,
        images: Tensor,
        masks: Tensor,
        watch: Callable[[Tensor, Tensor, Tensor], None] | None = None,
        held_out: Tensor | None = None,
    ) -> Completion:
        """Completes images.

        Args:
            images: ``[B, C, S, S]`` in [−1, 1]; what lies under the hole is never read.
            masks: ``[B, 1, S, S]``, 1 = keep, 0 = complete.
            watch: called every :data:`STRIDE` iterations with the samples under way: their numbers
                ``[n]`` (image · candidates + candidate), iterations taken ``[n]`` and best codes ``[n, nz]``.
            held_out: bool ``[B, F, S, S]``: F sets of known pixels. Each is hidden from one part in F of the
                candidates, so that it can be seen how well these predict it (cross-fitting).

        Raises:
            InpaintxError: shapes that don't fit the model or each other; candidates that F does not divide.
        """
        self._check(images, masks, held_out)
        y = images.to(self._device, self._dtype)
        masks = masks.to(self._device, self._dtype)
        if held_out is None:
            codes, iterations = self._searched(y, masks, 1, watch)
        else:
            folds = held_out.shape[1]
            hidden = held_out.to(self._device).flatten(0, 1)[:, None]
            seen = masks.repeat_interleave(folds, 0).masked_fill(hidden, 0)
            codes, iterations = self._searched(y.repeat_interleave(folds, 0), seen, folds, watch)
        fills, contextual, prior = self._judged(codes, y, self._weighted(masks))
        shape = (len(images), self.options.candidates)
        loss = (contextual + self.options.prior * prior).unflatten(0, shape)
        # One row of sample numbers an image, best candidate first.
        ranking = loss.argsort(1)
        order = ranking + torch.arange(len(images), device=self._device)[:, None] * self.options.candidates
        return Completion(
            codes[order], fills[order], contextual[order], prior[order], iterations[order], ranking
        )

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
        y: Tensor,
        masks: Tensor,
        sets: int,
        watch: Callable[[Tensor, Tensor, Tensor], None] | None,
    ) -> tuple[Tensor, Tensor]:
        """The best code of each candidate of each image, ``[n, nz]``, and the steps it took, ``[n]``.

        sets: that so many rows in turn are one image, and share its candidates.
        """
        options = self.options
        w = self._weighted(masks)
        candidates = options.candidates // sets
        starts = self._starts(y, masks, w, candidates, sets)
        total = len(y) * candidates
        codes = y.new_empty(total, self._generator.architecture.nz)
        iterations = torch.empty(total, dtype=torch.int64, device=self._device)
        admitted = 0
        samples = self._admit(y, w, starts, range(0))
        while admitted < total or len(samples):
            room = min(options.batch - len(samples), total - admitted)
            if room:
                samples = samples.join(self._admit(y, w, starts, range(admitted, admitted + room)))
                admitted += room
            self._advance(samples, self._run_length(samples))
            if watch is not None:
                watch(samples.index, samples.step.clone(), samples.best_z)
            done = samples.evaluated & ~self._active(samples)
            rows = samples.index[done]
            codes[rows], iterations[rows] = samples.best_z[done], samples.step[done]
            samples = samples.keep(~done)
        return codes, iterations

    @torch.no_grad()
    def images(self, codes: Tensor) -> Tensor:
        """``G(codes)``: ``[n, nz]`` to ``[n, C, S, S]`` in [−1, 1], at the full precision of the weights."""
        return self._exact.forward(codes.to(self._device, self._dtype))

    def _judged(self, codes: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The images of all candidates' codes and their losses, at the full precision of the weights."""
        fills, contextual, prior = [], [], []
        for numbers in torch.arange(len(codes), device=self._device).split(self.options.batch):
            x, image = self.images(codes[numbers]), numbers // self.options.candidates
            loss, _ = ops.context_loss(x, y[image], w[image], None, self.options.norm, self.options.delta)
            fills.append(x)
            contextual.append(loss.nan_to_num(nan=torch.inf))
            prior.append(torch.zeros_like(loss) if self._judge is None else self._judge.prior(x)[0])
        return torch.cat(fills), torch.cat(contextual), torch.cat(prior)

    def _check(self, images: Tensor, masks: Tensor, held_out: Tensor | None) -> None:
        a = self._generator.architecture
        wanted = (a.channels, a.size, a.size)
        if images.dim() != 4 or tuple(images.shape[1:]) != wanted:
            raise InpaintxError(
                f"search: images have shape {tuple(images.shape)}; the model takes [B, *{wanted}]"
            )
        if tuple(masks.shape) != (len(images), 1, a.size, a.size):
            raise InpaintxError(
                f"search: masks have shape {tuple(masks.shape)}; "
                f"these images need {(len(images), 1, a.size, a.size)}"
            )
        if held_out is None:
            return
        sets = held_out.shape[1] if held_out.dim() == 4 else 0
        if not sets or held_out.shape[0] != len(images) or held_out.shape[2:] != masks.shape[2:]:
            raise InpaintxError(
                f"search: held-out pixels have shape {tuple(held_out.shape)}; "
                f"these images need [{len(images)}, F, {a.size}, {a.size}]"
            )
        if self.options.candidates % sets:
            raise InpaintxError(
                f"search: {self.options.candidates} candidates can't share {sets} sets of "
                f"held-out pixels; choose a multiple of {sets}"
            )

    def _admit(self, y: Tensor, w: Tensor, starts: Tensor, numbers: range) -> Samples:
        """Fresh samples for the given numbers (image · candidates + candidate)."""
        index = torch.tensor(list(numbers), dtype=torch.int64, device=self._device)
        image, candidate = index // starts.shape[1], index % starts.shape[1]
        z = starts[image, candidate]
        count = len(index)
        zeros = torch.zeros(count, dtype=torch.int64, device=self._device)
        infinite = z.new_full((count,), torch.inf)  # what was not evaluated, or gives NaN, is never the best
        return Samples(
            index=index,
            y=y[image],
            w=w[image],
            z=z,
            memory=self._move.memory(z),
            step=zeros,
            seed=self.options.seed * 1_000_003 % 2**62 + index % self.options.candidates,
            mark=infinite,
            stale=zeros.clone(),
            evaluated=zeros.bool(),
            prior=torch.zeros_like(infinite),
            best_loss=infinite.clone(),
            best_z=z.clone(),
        )

    def _active(self, samples: Samples) -> Tensor:
        active = samples.step < self._start.iterations
        if self.options.patience:
            active &= samples.stale < self.options.patience
        return active

    def _run_length(self, samples: Samples) -> int:
        """Iterations to the next look: those left to the slowest sample, and one to look at its last code."""
        return min(STRIDE, self._start.iterations - int(samples.step.min()) + 1)

    def _advance(self, samples: Samples, iterations: int) -> None:
        if not self._records:
            for _ in range(iterations):
                self._iterate(samples)
            return
        size = len(samples)
        if size not in self._recorded:
            self._recorded[size] = Replay(self._iterate, samples, self._networks)
        self._recorded[size](samples, iterations)

    def _iterate(self, samples: Samples) -> None:
        """Evaluates every sample's code, remembers the best one, and takes a step where one is due.

        All of it in place, so that it can be recorded.
        """
        options = self.options
        x = self._generator.forward(samples.z)
        prior_grad = self._ask(samples, x)
        contextual, grad = ops.context_loss(x, samples.y, samples.w, prior_grad, options.norm, options.delta)
        loss = contextual + options.prior * samples.prior
        active = self._active(samples)
        samples.evaluated.copy_(~active)

        better = loss < samples.best_loss
        fell = loss < samples.mark * 0.999
        samples.mark.copy_(torch.where(fell, loss, samples.mark))
        samples.stale.add_(1).masked_fill_(fell, 0)
        samples.best_loss.copy_(torch.where(better, loss, samples.best_loss))
        samples.best_z.copy_(torch.where(better[:, None], samples.z, samples.best_z))

        codes = Codes(samples.z, samples.step, samples.seed, active)
        self._move(codes, samples.memory, loss, self._generator.vjp(grad))

    def _ask(self, samples: Samples, x: Tensor) -> Tensor | None:
        """What D says against the samples that are due, and the gradient of λ·L_p with respect to ``x``."""
        if self._discriminator is None:
            return None
        every = self.options.prior_every
        due = samples.step % every == 0
        if every > 1 and not due.any():
            return None
        prior, grad = self._discriminator.prior(x)
        samples.prior.copy_(torch.where(due, prior, samples.prior))
        return grad.mul_((self.options.prior * every * due)[:, None, None, None])


def _inner_dtype(precision: SearchPrecision, weights: Tensor) -> torch.dtype:
    """What the layers compute in. Said by what the device can do, not by timing, so that runs repeat."""
    if weights.dtype != torch.float32 or precision == "float32":
        return weights.dtype
    if precision == "bfloat16":
        return torch.bfloat16
    if weights.device.type == "cuda":
        tensor_cores = torch.cuda.get_device_capability(weights.device) >= (8, 0)
        return torch.bfloat16 if tensor_cores else torch.float32
    return torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32


def cpu_multiplies_bfloat16() -> bool:
    """Whether the CPU has instructions for it: AMX, or AVX-512's own."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
