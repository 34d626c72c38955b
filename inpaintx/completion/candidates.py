"""Several candidates each for the holes of squares of the model's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import gcd

import numpy as np
import torch

from inpaintx.completion.estimate import combine, with_expected
from inpaintx.completion.expected import Expected, expect, predictor_of
from inpaintx.completion.folds import draw_folds
from inpaintx.completion.redrawing import Redrawing, Square
from inpaintx.networks.architectures import build
from inpaintx.networks.base import Generator, calibrate
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.copying import on_host
from inpaintx.networks.shares import SHARES, Shares
from inpaintx.options import Control, Estimate, SearchOptions
from inpaintx.pictures.arrays import images_to_values, values_to_images
from inpaintx.search import Found, History, Search, Standing


@dataclass(frozen=True)
class Candidates:
    """The candidates for one square, best first.

    Attributes:
        image: float32 ``[S, S, C]`` in [0, 1], what is completed; 0 where nothing is known.
        mask: bool ``[S, S]``, True = keep.
        fills: float32 ``[K, S, S, C]`` in [0, 1].
        contextual: ``[K]``, their contextual losses on all known pixels.
        prior: ``[K]``, their prior losses, before λ.
        iterations: ``[K]``, gradient steps they took.
        folds: bool ``[F, S, S]``, sets of known pixels, each of which some candidates did not see.
        blind_to: int64 ``[K]``, the fold that each candidate did not see; −1: it saw all known pixels.
        history: gradient steps, and the fill as it stood then, if asked for.
        expected: what the model's predictor expects, ``[1 + F]``; None: there is none.
        shares: what a mean is mixed of, by depth.
        fine: how much of what is fine in a sample is expected: see :func:`.with_expected`.
        redrawing: draws a sample anew; None: samples stay as they are.
        redrawn: the sample by the best, drawn anew, where that is done already.
    """

    image: np.ndarray
    mask: np.ndarray
    fills: np.ndarray
    contextual: np.ndarray
    prior: np.ndarray
    iterations: np.ndarray
    folds: np.ndarray
    blind_to: np.ndarray
    history: list[tuple[int, np.ndarray]] = field(default_factory=list)
    expected: Expected | None = None
    shares: Shares = SHARES
    fine: float = 0.0
    redrawing: Redrawing | None = None
    redrawn: np.ndarray | None = None

    def fill(self, estimate: Estimate) -> np.ndarray:
        """One fill, float32 ``[S, S, C]``, in [0, 1] but for what a sample's coarse part may add."""
        if estimate == "sample":
            return self.sample(self._best)
        return self._with_expected(combine(self.fills, self.contextual, estimate), estimate)

    def tried(self, estimate: Estimate) -> np.ndarray:
        """``[K, S, S, C]``: each candidate, with what was expected without the fold that it did not see."""
        if self.expected is None:
            return self.fills
        fills = np.empty_like(self.fills)
        for number in np.unique(self.blind_to):
            own, expected = self.blind_to == number, self.expected[1 + number]
            seen = self.mask if number < 0 else self.mask & ~self.folds[number]
            fills[own] = with_expected(self.fills[own], expected, seen, estimate, self.shares, self.fine)
        return fills

    def sample(self, candidate: int) -> np.ndarray:
        """The fill by one of the candidates, as an estimate by ``"sample"`` has it from the best."""
        if candidate == self._best and self.redrawn is not None:
            return self.redrawn
        fill = self._with_expected(self.fills[candidate], "sample")
        if self.redrawing is None:
            return fill
        (redrawn,) = self.redrawing([(self.image, self.mask)], fill[None])
        return redrawn

    @property
    def _best(self) -> int:
        return int(np.argmin(self.contextual))

    def _with_expected(self, fill: np.ndarray, estimate: Estimate) -> np.ndarray:
        if self.expected is None:
            return fill
        return with_expected(fill[None], self.expected[0], self.mask, estimate, self.shares, self.fine)[0]


@dataclass(frozen=True)
class Forming:
    """How the fills of squares stand while the search is under way.

    Attributes:
        squares: that are searched.
        expected: what is expected of them; None: nothing is.
        standing: of the search.
        fine: how much of what is fine in a sample is expected.
    """

    squares: Sequence[Square]
    expected: Expected | None
    standing: Standing
    fine: float

    def fills(self, numbers: Sequence[int]) -> dict[int, np.ndarray]:
        """The best yet, float32 ``[S, S, C]``, of those of these squares that have one."""
        drawn = self.standing.images(numbers)
        fills = {number: images_to_values(image[None])[0] for number, image in drawn.items()}
        if self.expected is None:
            return fills
        return {
            number: with_expected(
                fill[None], self.expected[number][0], self.squares[number][1], "sample", fine=self.fine
            )[0]
            for number, fill in fills.items()
        }


class CandidateFinder:
    """Finds candidates for squares with one model.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        options: of the latent search.
        control: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).
    """

    def __init__(self, model: Networks, options: SearchOptions, control: Control = "model") -> None:
        self.architecture, self.options = model.architecture, options
        self._search: Search | None = None
        if control == "untrained":  # the encoder knows the codes of the trained G only
            options = replace(options, guess=False, predict=False)
        self._predictor = None if control == "constant" else predictor_of(model, options)
        self._shares, self._fine = model.shares, model.fine
        self._redrawing = None if self._predictor is None else Redrawing(self._predictor, options, self._fine)
        if control != "constant" and options.iterations != 0:
            generator = _untrained(model) if control == "untrained" else model.generator
            self._search = Search(generator, model.discriminator, options, model.encoder)

    def __call__(
        self,
        squares: Sequence[Square],
        folds: int = 0,
        history: bool = False,
        watch: Callable[[Forming], object] | None = None,
    ) -> list[Candidates]:
        """Candidates for squares.

        Args:
            squares: images, float32 ``[S, S, C]`` in [0, 1], and masks, bool ``[S, S]``, True = keep.
            folds: how many sets of known pixels to hide, each from a part of the candidates; fewer where
                that does not divide them, and none where it would take pixels from all of them.
            history: remember how each fill formed.
            watch: told, now and then, of how the fills form; what it raises ends the search.
        """
        if self._search is None and self._predictor is not None:
            folds = 0  # each would take another pass, and there is no candidate to choose
        elif self._search is not None and folds:
            folds = gcd(folds, self.options.candidates)
            folds = folds if folds > 1 else 0
        drawn = [draw_folds(mask, folds, self.options.seed) for _, mask in squares]
        expected = None
        if self._predictor is not None:
            expected = expect(self._predictor, squares, drawn, self.options)
        if self._search is None and expected is not None:
            return [_alone(*square, *own) for square, own in zip(squares, expected.images, strict=True)]
        if self._search is None:
            return [_gray(*square, own) for square, own in zip(squares, drawn, strict=True)]
        found = self._search(
            values_to_images([image for image, _ in squares]),
            torch.from_numpy(np.stack([mask for _, mask in squares]))[:, None].float(),
            torch.from_numpy(np.stack(drawn)) if folds else None,
            history,
            None if expected is None else expected.expectation(),
            None if watch is None else lambda at: watch(Forming(squares, expected, at, self._fine)),
        )
        found = on_host(found)  # at once, not square by square
        fills = images_to_values(found.fills.flatten(0, 1)).reshape(
            len(squares), self.options.candidates, *squares[0][0].shape
        )
        candidates = [
            self._of_one(number, square, own, fills[number], found, expected)
            for number, (square, own) in enumerate(zip(squares, drawn, strict=True))
        ]
        return self._finished(candidates, found)

    def guess(self, squares: Sequence[Square]) -> np.ndarray:
        """What the model makes of squares in one pass, float32 ``[B, S, S, C]`` in [0, 1].

        What the predictor expects, or, without one, what the search would begin with; a constant fill has
        neither to ask.
        """
        if self._predictor is not None:
            none = [np.zeros((0, *mask.shape), bool) for _, mask in squares]
            return expect(self._predictor, squares, none, self.options).images[:, 0]
        assert self._search is not None
        masks = np.stack([mask for _, mask in squares])
        images = values_to_images([image for image, _ in squares])
        return images_to_values(self._search.guess(images, torch.from_numpy(masks)[:, None].float()))

    def _of_one(
        self,
        number: int,
        square: Square,
        folds: np.ndarray,
        fills: np.ndarray,
        found: Found,
        expected: Expected | None,
    ) -> Candidates:
        """Those that were found for the square of this number."""
        contextual, prior, iterations, blind_to = (
            values[number].numpy()
            for values in (found.contextual, found.prior, found.iterations, found.blind_to)
        )
        own = None if expected is None else expected[number]
        alike = (fills, contextual, prior, iterations, folds, blind_to)
        return Candidates(*square, *alike, expected=own, shares=self._shares, fine=self._fine)

    def _finished(self, candidates: list[Candidates], found: Found) -> list[Candidates]:
        """With what the options want of them: the sample by the best drawn anew, and how fills formed.

        It is drawn for all together, which takes a fraction of the time of one by one.
        """
        if self._redrawing is not None and self.options.estimate == "sample":
            redrawn = self._redrawing(
                [(each.image, each.mask) for each in candidates],
                np.stack([each.fill("sample") for each in candidates]),
            )
            candidates = [
                replace(each, redrawing=self._redrawing, redrawn=fill)
                for each, fill in zip(candidates, redrawn, strict=True)
            ]
        else:
            candidates = [replace(each, redrawing=self._redrawing) for each in candidates]
        if not found.history:
            return candidates
        estimate = self.options.estimate
        return [
            replace(each, history=_formed(history, each, estimate))
            for each, history in zip(candidates, found.history, strict=True)
        ]


def _formed(history: History, candidates: Candidates, estimate: Estimate) -> list[tuple[int, np.ndarray]]:
    """How the fill of one image's candidates formed: as found, and last as it is."""
    plain = replace(candidates, redrawing=None, redrawn=None)
    looks = [
        (step, replace(plain, fills=images_to_values(images)).fill(estimate))
        for step, images in zip(history.steps.amax(1).tolist(), history.images(), strict=True)
    ]
    return [*looks[:-1], (looks[-1][0], candidates.fill(estimate))]


def _alone(image: np.ndarray, mask: np.ndarray, expected: np.ndarray) -> Candidates:
    """What is expected as the only candidate, where nothing is searched."""
    nothing = np.zeros(1, np.float32)
    folds = np.zeros((0, *mask.shape), bool)
    return Candidates(
        image, mask, expected[None], nothing, nothing, np.zeros(1, np.int64), folds, np.array([-1])
    )


def _gray(image: np.ndarray, mask: np.ndarray, folds: np.ndarray) -> Candidates:
    """Mid gray, and as many times as there are folds to be blind to."""
    count = max(len(folds), 1)
    nothing = np.zeros(count, np.float32)
    gray = np.full((count, *image.shape), 0.5, np.float32)
    blind_to = np.arange(count) if len(folds) else np.array([-1])
    return Candidates(image, mask, gray, nothing, nothing, np.zeros(count, np.int64), folds, blind_to)


def _untrained(model: Networks) -> Generator:
    """G as it is initialised, with batch statistics of its own, where the model's G is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator, _ = build(model.architecture)
    generator.requires_grad_(False)
    calibrate(generator, torch.Generator().manual_seed(0))
    return generator.to(next(model.generator.parameters()).device)
