"""Pictures end to end: region, latent search, scale back, blend."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inpaintx.completion.candidates import Proposals, Proposer
from inpaintx.completion.estimate import disagreement
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Fill, SearchOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.regions import Region, from_square, hole_region, to_square
from inpaintx.plugins.blends import BlendPlugin, ChoosingBlend, apply_blend


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
        seconds: its share of its group's search, and what finishing it took.
        trail: the result as it stood at some iterations of the search, if asked for.
    """

    picture: Picture
    mask: np.ndarray
    uncertainty: np.ndarray
    contextual: float
    prior: float
    iterations: int
    seconds: float
    trail: list[tuple[int, Picture]] = field(default_factory=list)


class Completer:
    """Completes pictures of any size with one model.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        blend: how the fill joins the known pixels, from ``registry.make("blend", …)``.
        options: of the latent search.
        fill: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).
    """

    def __init__(
        self, model: Networks, blend: BlendPlugin, options: SearchOptions | None = None, fill: Fill = "model"
    ) -> None:
        self._options = options or SearchOptions()
        self._fit, self._blend = model.fit, blend
        self._propose = Proposer(model, self._options, fill)

    def __call__(
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], trails: bool = False
    ) -> list[Completed]:
        """Completes a group of pictures together.

        Args:
            pictures: what is damaged; the pixels under the holes are never read.
            masks: for each, bool ``[H, W]``, True = keep; hides something and keeps something.
            trails: remember how each result formed.

        Raises:
            InpaintxError: a mask that does not fit its picture, hides nothing or keeps nothing; a picture
                that the blend can't fill.
        """
        done = []
        for completed in self.one_by_one(pictures, masks, trails):
            if isinstance(completed, InpaintxError):
                raise completed
            done.append(completed)
        return done

    def one_by_one(
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], trails: bool = False
    ) -> Iterator[Completed | InpaintxError]:
        """The same, searched together but finished one by one, as they are asked for.

        Yields what came of each picture, in order: also why the blend can't fill it, where the others go on.
        Raises InpaintxError, before the search, for the masks.
        """
        start = time.monotonic()
        for picture, mask in zip(pictures, masks, strict=True):
            _check(picture, mask)
        if not pictures:
            return
        a = self._propose.architecture
        regions = [hole_region(mask, self._fit) for mask in masks]
        squares = [
            to_square(picture.as_float(), mask, region, a.size, a.channels)
            for picture, mask, region in zip(pictures, masks, regions, strict=True)
        ]
        sets = self._blend.trials if isinstance(self._blend, ChoosingBlend) else 0
        proposals = self._propose(squares, sets, trails)
        share = (time.monotonic() - start) / len(pictures)
        for parts in zip(pictures, masks, regions, proposals, strict=True):
            start = time.monotonic()
            try:
                completed = self._finished(*parts)
            except InpaintxError as error:
                yield error
            else:
                yield replace(completed, seconds=share + time.monotonic() - start)

    def _finished(
        self, picture: Picture, mask: np.ndarray, region: Region, proposals: Proposals
    ) -> Completed:
        scale = max(region.height, region.width) / self._propose.architecture.size
        blend = proposals.blend(self._blend, self._options.estimate, scale)

        def blended(fill: np.ndarray) -> Picture:
            whole = from_square(fill, region, picture.height, picture.width, picture.channels)
            return picture.with_fill(apply_blend(blend, picture.as_float(), whole, mask), mask)

        doubt = from_square(
            disagreement(proposals.fills)[..., None], region, picture.height, picture.width, 1
        )[..., 0]
        return Completed(
            blended(proposals.fill(self._options.estimate)),
            mask,
            np.where(mask, np.float32(0), doubt),
            float(proposals.contextual[0]),
            float(proposals.prior[0]),
            int(proposals.iterations[0]),
            0.0,
            [(step, blended(fill)) for step, fill in proposals.walk],
        )


def _check(picture: Picture, mask: np.ndarray) -> None:
    where, shape = picture.path or "a picture without a path", (picture.height, picture.width)
    if mask.dtype != bool or mask.shape != shape:
        found = f"{mask.dtype} {list(mask.shape)}"
        raise InpaintxError(f"the mask of {where} is {found}: it must be bool {list(shape)}")
    if mask.all() or not mask.any():
        what = "hides nothing" if mask.all() else "keeps nothing"
        raise InpaintxError(f"the mask of {where} {what}: there must be a hole and known pixels around it")
