"""Pictures end to end: region, latent search, scale back, blend."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from inpaintx.completion.candidates import CandidateFinder, Candidates
from inpaintx.completion.estimate import disagreement
from inpaintx.completion.streaming import Beside, cores
from inpaintx.completion.trials import choose_blend, folds_for, trials_of
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Control, SearchOptions
from inpaintx.pictures import Picture, write_picture
from inpaintx.pictures.kinds import to_pillow
from inpaintx.pictures.regions import Region, from_square, hole_region, to_square
from inpaintx.plugins.blends import BlendPlugin, fill_hole
from inpaintx.plugins.masks import check_mask


def _as_pillow(picture: Picture, mask: np.ndarray) -> Any:
    return to_pillow(picture)


@dataclass(frozen=True)
class Completed:
    """One completed picture.

    Attributes:
        picture: the result: the known pixels bit for bit, the hole filled and blended.
        mask: bool ``[H, W]``, True = keep.
        uncertainty: float32 ``[H, W]`` in [0, 0.5]: where the candidates disagree; 0 where known.
        contextual: contextual loss of the best candidate.
        prior: its prior loss, before λ.
        iterations: gradient steps it took.
        seconds: its share of the time that its group's search took, and the processor time that finishing it
            took. Pictures are finished beside each other and beside the next search, so that the sum over a
            run's pictures is more than the time that the run took.
        history: the result as it stood at some iterations of the search, if asked for.
        give: the picture and its mask to the kind that :meth:`inpaintx.Model.complete` was passed.
    """

    picture: Picture
    mask: np.ndarray
    uncertainty: np.ndarray
    contextual: float
    prior: float
    iterations: int
    seconds: float
    history: list[tuple[int, Picture]] = field(default_factory=list)
    give: Callable[[Picture, np.ndarray], Any] = field(default=_as_pillow, repr=False)

    @property
    def image(self) -> Any:
        """The result in the kind that was passed (a Pillow image for a path).

        A Pillow image holds 16 bits of gray only, other deep pictures come with 8; ``picture`` and
        :meth:`save` keep all of them.
        """
        return self.give(self.picture, self.mask)

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Writes the result: see :func:`inpaintx.pictures.write_picture`, which keeps all that it can.

        Args:
            path: the file; one that is there is replaced, whole or not at all.
            format: ``"png"``, ``"tiff"``, ``"webp"``, ``"bmp"`` or ``"jpeg"``; None: by the path's suffix.

        Raises:
            InpaintxError: the format can't hold the picture, or the file can't be written.
        """
        write_picture(self.picture, Path(path), format)

    def _repr_png_(self) -> bytes:
        """For a notebook, which shows it."""
        png = BytesIO()
        to_pillow(self.picture).save(png, "PNG")
        return png.getvalue()


@dataclass(frozen=True)
class Searched:
    """A picture that the search is done with: what remains is to blend it.

    Attributes:
        picture: what is damaged.
        mask: bool ``[H, W]``, True = keep.
        region: what of the picture the model saw.
        candidates: the candidates that were found for it.
        seconds: its share of its group's search.
    """

    picture: Picture
    mask: np.ndarray
    region: Region
    candidates: Candidates
    seconds: float


class Completer:
    """Completes pictures of any size with one model.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        blend: how the fill joins the known pixels, from ``registry.make("blend", …)``; several threads use
            it at once.
        options: of the latent search.
        control: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).

    Attributes:
        source: the file that the model came from.
    """

    def __init__(
        self,
        model: Networks,
        blend: BlendPlugin,
        options: SearchOptions | None = None,
        control: Control = "model",
    ) -> None:
        self.source = model.source
        self._options = options or SearchOptions()
        self._fit, self._blend = model.fit, blend
        self._find = CandidateFinder(model, self._options, control)

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
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], history: bool = False
    ) -> list[Searched]:
        """The first half of a completion: finds candidates for a group of pictures together.

        Args:
            pictures: what is damaged.
            masks: for each, what :func:`.check_mask` lets in, or :func:`.make_mask` makes: they are not
                checked again.
            history: remember how each fill formed.
        """
        if not pictures:
            return []
        start = time.monotonic()
        a = self._find.architecture
        regions = [hole_region(mask, self._fit) for mask in masks]
        squares = [
            to_square(picture.array, mask, region, a.size, a.channels)
            for picture, mask, region in zip(pictures, masks, regions, strict=True)
        ]
        candidates = self._find(squares, folds_for(self._blend), history)
        share = (time.monotonic() - start) / len(pictures)
        return [Searched(*parts, share) for parts in zip(pictures, masks, regions, candidates, strict=True)]

    def finish(self, searched: Searched, stopped: Event | None = None) -> Completed:
        """The second half: one fill of the candidates, scaled back and blended. Several threads may call it.

        Args:
            searched: from :meth:`search`.
            stopped: when this is set, nobody waits for the result any more.

        Raises:
            InpaintxError: the blend can't fill the picture.
            CancelledError: ``stopped`` was set before all was blended.
        """
        start = time.thread_time()
        picture, mask, region = searched.picture, searched.mask, searched.region
        candidates = searched.candidates
        scale = max(region.height, region.width) / self._find.architecture.size
        estimate = self._options.estimate
        blend = choose_blend(self._blend, trials_of(candidates, estimate), estimate, scale)

        def blended(fill: np.ndarray) -> Picture:
            if stopped is not None and stopped.is_set():
                raise CancelledError
            whole = from_square(fill, region, picture.height, picture.width, picture.channels)
            return picture.with_fill(fill_hole(blend, picture.as_float(), whole, mask, picture.path), mask)

        doubt = from_square(
            disagreement(candidates.fills)[..., None], region, picture.height, picture.width, 1
        )[..., 0]
        filled = blended(candidates.fill(estimate))
        history = [(step, blended(fill)) for step, fill in candidates.history]
        return Completed(
            filled,
            mask,
            np.where(mask, np.float32(0), doubt),
            float(candidates.contextual[0]),
            float(candidates.prior[0]),
            int(candidates.iterations[0]),
            searched.seconds + time.thread_time() - start,
            history,
        )
