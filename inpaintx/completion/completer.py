"""Pictures end to end: region, latent search, scale back, blend."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from itertools import chain
from math import ceil
from threading import Event

import numpy as np

from inpaintx.completion.candidates import CandidateFinder, Candidates
from inpaintx.completion.completed import Completed
from inpaintx.completion.estimate import disagreement
from inpaintx.completion.ledger import describe, means_of
from inpaintx.completion.regions import Chosen, RegionChooser
from inpaintx.completion.searched import PictureForming, Searched, forming
from inpaintx.completion.streaming import Beside, cores
from inpaintx.completion.trials import choose_blend, folds_for, trials_of
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Control, Estimate, SearchOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import fit_channels
from inpaintx.pictures.regions import Region, hole_box, part_from_square, resample, to_square
from inpaintx.plugins.blends import BlendPlugin, fill_hole
from inpaintx.plugins.calls import thread_time
from inpaintx.plugins.masks import check_mask

_LARGE = 4_000_000  # pixels: a larger picture is blended hole by hole, and looked at near them only


class Completer:
    """Completes pictures of any size with one model.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        blend: how the fill joins the known pixels, from ``registry.make("blend", …)``; several threads use
            it at once.
        options: of the latent search.
        control: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).
        region: what of a picture the model sees. ``"auto"``: for each hole, or group of near ones, the part
            whose content the model predicts best; the whole picture where that is about the model's size,
            the hole a large share of it, or no part clearly better. ``"whole"``: the picture, or its largest
            square that holds the hole. Or a :class:`.Region`, or ``"X,Y,W,H"`` in pixels.
            An untrained or constant fill has the whole picture for ``"auto"``.

    Attributes:
        source: the file that the model came from.
        described: the model and the settings, as :func:`~inpaintx.completion.ledger.describe` gives them.
        choose: says what of a picture the model sees, given it and its mask.

    Raises:
        InpaintxError: no such region.
    """

    def __init__(
        self,
        model: Networks,
        blend: BlendPlugin,
        options: SearchOptions | None = None,
        control: Control = "model",
        region: str | Region = "auto",
    ) -> None:
        self.source = model.source
        self.described = describe(model, blend, options or SearchOptions(), control, region)
        self._options = options or SearchOptions()
        self._blend = blend
        self._find = CandidateFinder(model, self._options, control)
        a, guess = model.architecture, self._find.guess if control == "model" else None
        self.choose = RegionChooser(region, model.fit, model.scales, a.size, a.channels, guess)

    def __call__(
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], history: bool = False
    ) -> list[Completed]:
        """Completes a group of pictures together.

        Args:
            pictures: what is damaged; the pixels under the holes are never read.
            masks: for each, bool ``[H, W]``, True = keep; hides something and keeps something.
            history: remember how each result formed.

        Raises:
            InpaintxError: a mask that does not fit its picture, hides nothing or keeps nothing; a picture
                that the blend can't fill.
        """
        done = []
        for completed in self.one_by_one(pictures, masks, history):
            if isinstance(completed, InpaintxError):
                raise completed
            done.append(completed)
        return done

    def one_by_one(
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], history: bool = False
    ) -> Iterator[Completed | InpaintxError]:
        """The same, searched together but finished one by one, a few ahead of who asks for them.

        Yields what came of each picture, in order: also why the blend can't fill it, where the others go on.
        Raises InpaintxError, before the search, for the masks.
        """
        for picture, mask in zip(pictures, masks, strict=True):
            check_mask(mask, picture)
        searched = deque(self.search(pictures, masks, history))
        under_way: deque[Future[Completed]] = deque()
        with Beside() as threads:
            while searched or under_way:
                while searched and len(under_way) <= cores():
                    under_way.append(threads.call(self.finish, searched.popleft(), threads.stopped))
                try:
                    completed = under_way.popleft().result()
                except InpaintxError as error:
                    yield error
                else:
                    yield completed

    def search(
        self,
        pictures: Sequence[Picture],
        masks: Sequence[np.ndarray],
        history: bool = False,
        watch: Callable[[Sequence[PictureForming]], object] | None = None,
    ) -> list[Searched]:
        """The first half of a completion: finds candidates for a group of pictures together.

        Args:
            pictures: what is damaged.
            masks: for each, what :func:`.check_mask` lets in, or :func:`.make_mask` makes: they are not
                checked again.
            history: remember how each fill formed.
            watch: told, now and then, of how each picture's fill forms; what it raises ends the search.
        """
        if not pictures:
            return []
        start = time.monotonic()
        a = self._find.architecture
        chosen = [self._chosen(picture, mask) for picture, mask in zip(pictures, masks, strict=True)]
        squares = [
            to_square(picture.array, mask, each.region, a.size, a.channels)
            for picture, mask, regions in zip(pictures, masks, chosen, strict=True)
            if not isinstance(regions, InpaintxError)
            for each in regions
        ]
        watched = None if watch is None else forming(pictures, masks, chosen, watch)
        found = iter(self._find(squares, folds_for(self._blend), history, watched) if squares else ())
        share = (time.monotonic() - start) / len(pictures)
        return [
            Searched(picture, mask, (), (), share, regions)
            if isinstance(regions, InpaintxError)
            else Searched(picture, mask, regions, [next(found) for _ in regions], share)
            for picture, mask, regions in zip(pictures, masks, chosen, strict=True)
        ]

    def _chosen(self, picture: Picture, mask: np.ndarray) -> list[Chosen] | InpaintxError:
        """The regions of a picture, or why there are none: the others of its group go on."""
        try:
            return self.choose(picture, mask)
        except InpaintxError as error:
            return error

    def finish(
        self, searched: Searched, stopped: Event | None = None, candidate: int | None = None
    ) -> Completed:
        """The second half: one fill of the candidates, scaled back and blended. Several threads may call it.

        Args:
            searched: from :meth:`search`.
            stopped: when this is set, nobody waits for the result any more.
            candidate: fill by this one, 0 for the best, instead of by the options' estimate.

        Raises:
            InpaintxError: the blend can't fill the picture.
            CancelledError: ``stopped`` was set before all was blended.
        """
        if searched.failure is not None:
            raise searched.failure
        start = thread_time()
        picture = searched.picture
        estimate = self._options.estimate if candidate is None else "sample"
        parts = [
            self._parts(searched, *each, estimate)
            for each in zip(searched.chosen, searched.candidates, strict=True)
        ]

        def blended(fills: Sequence[np.ndarray]) -> Picture:
            result = picture
            for own, fill in zip(parts, fills, strict=True):
                for part in own:
                    if stopped is not None and stopped.is_set():
                        raise CancelledError
                    result = part.blended(result, fill)
            return result

        filled = blended(
            [
                candidates.fill(estimate) if candidate is None else candidates.sample(candidate)
                for candidates in searched.candidates
            ]
        )
        histories = [candidates.history for candidates in searched.candidates]
        looks = [
            [history[min(look, len(history) - 1)] for history in histories]  # one that ended stands still
            for look in range(max(map(len, histories)))
        ]
        history = [(max(step for step, _ in look), blended([fill for _, fill in look])) for look in looks]
        uncertainty = np.zeros(searched.mask.shape, np.float32)
        for part in chain.from_iterable(parts):
            part.doubt(uncertainty)
        worst = max(searched.candidates, key=lambda candidates: float(candidates.contextual[0]))
        return Completed(
            filled,
            searched.mask,
            uncertainty,
            float(worst.contextual[0]),
            float(worst.prior[0]),
            int(worst.iterations[0]),
            searched.seconds + thread_time() - start,
            history,
            regions=tuple(searched.chosen),
            means=means_of(self.described, {"name": "hole"}, "keep", self._options.seed),
        )

    def _parts(
        self, searched: Searched, chosen: Chosen, candidates: Candidates, estimate: Estimate
    ) -> list[_Part]:
        """What is filled from one region, and with what blend.

        All at once, or in a large picture hole by hole, so that little of it becomes float.
        """
        mask = searched.mask
        trials = trials_of(candidates, estimate)
        blend = choose_blend(self._blend, trials, estimate, chosen.scale)
        doubt = disagreement(candidates.fills)
        # As far around the hole as a blend looks: the one that reaches furthest, `auto` with a sample, looks
        # at ten of the model's pixels.
        margin = ceil(12 * chosen.scale) + 64
        large = mask.size > _LARGE
        parts = []
        for holes in [(hole,) for hole in chosen.holes] if large else [chosen.holes]:
            own = mask
            if large or len(searched.chosen) > 1:
                own = np.ones_like(mask)
                for hole in holes:
                    hole.of(own)[...] = hole.of(mask)
            box = hole_box(own, 0)
            if large:
                margin = min(margin, max(box.height, box.width, 256))
            box = box.grown(margin, *mask.shape)
            if chosen.local:
                box = box.common(chosen.region)
            parts.append(_Part(chosen.region, box, own, box.of(mask), blend, doubt))
        return parts


@dataclass(frozen=True)
class _Part:
    """A part of a picture, around holes that are filled from one region.

    Attributes:
        region: what the model saw.
        box: the part.
        own: bool ``[H, W]`` of the picture, False in the holes that are filled.
        known: bool, of the part, False in all holes.
        blend: joins the fill to the known pixels.
        disagreement: of the candidates, float32 ``[S, S]``.
    """

    region: Region
    box: Region
    own: np.ndarray
    known: np.ndarray
    blend: BlendPlugin
    disagreement: np.ndarray

    def blended(self, picture: Picture, fill: np.ndarray) -> Picture:
        """The picture with the holes filled from the model's square, ``[S, S, C]``."""
        scaled = self._scaled(fill, picture.channels)
        filled = fill_hole(self.blend, picture.as_float(self.box), scaled, self.known, picture.path)
        return picture.with_fill(filled, self.own, self.box)

    def doubt(self, uncertainty: np.ndarray) -> None:
        """Writes where the candidates disagree into the holes of a map of the picture."""
        hole = ~self.box.of(self.own)
        self.box.of(uncertainty)[hole] = self._scaled(self.disagreement[..., None], 1)[..., 0][hole]

    def _scaled(self, square: np.ndarray, channels: int) -> np.ndarray:
        """The model's square as it lies in the part; 0 beside the region."""
        if self.region.height * self.region.width > _LARGE:
            return part_from_square(square, self.region, self.box, channels)
        whole = resample(fit_channels(square, channels), self.region.height, self.region.width).clip(0, 1)
        scaled = np.zeros((self.box.height, self.box.width, channels), np.float32)
        common = self.region.common(self.box)
        common.moved(self.box).of(scaled)[...] = common.moved(self.region).of(whole)
        return scaled
