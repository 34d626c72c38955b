"""Pictures end to end: region, latent search, scale back, blend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from inpaintx.blending import BlendPlugin, apply_blend
from inpaintx.checkpoint import Model
from inpaintx.errors import InpaintxError
from inpaintx.models import Generator, calibrate
from inpaintx.options import Fill, SearchOptions
from inpaintx.pictures import Picture
from inpaintx.regions import Region, from_square, hole_region, to_square
from inpaintx.search import Search


@dataclass(frozen=True)
class Completed:
    """One completed picture.

    Attributes:
        picture: the result: the known pixels bit for bit, the hole filled and blended.
        mask: bool ``[H, W]``, True = keep.
        contextual: contextual loss of the code that was kept.
        prior: its prior loss, before λ.
        iterations: gradient steps it took.
        seconds: the picture's share of its group's time.
        trail: the result as it stood at some iterations of the search, if asked for.
    """

    picture: Picture
    mask: np.ndarray
    contextual: float
    prior: float
    iterations: int
    seconds: float
    trail: list[tuple[int, Picture]] = field(default_factory=list)


class Completer:
    """Completes pictures of any size with one model.

    Args:
        model: from :func:`inpaintx.checkpoint.load_model`.
        blend: how the fill joins the known pixels, from ``registry.make("blend", …)``.
        options: of the latent search.
        fill: ``"model"``; or, to see what the model is worth, ``"untrained"`` (the same networks before
            training) or ``"constant"`` (mid gray, no search).
    """

    def __init__(
        self, model: Model, blend: BlendPlugin, options: SearchOptions | None = None, fill: Fill = "model"
    ) -> None:
        options = options or SearchOptions()
        self._architecture, self._fit, self._blend = model.architecture, model.fit, blend
        self._candidates = options.candidates
        self._search: Search | None = None
        if fill == "model":
            self._search = Search(model.generator, model.discriminator, options)
        elif fill == "untrained":
            self._search = Search(_untrained(model), model.discriminator, options)

    def __call__(
        self, pictures: Sequence[Picture], masks: Sequence[np.ndarray], trails: bool = False
    ) -> list[Completed]:
        """Completes a group of pictures together.

        Args:
            pictures: what is damaged; the pixels under the holes are never read.
            masks: for each, bool ``[H, W]``, True = keep; hides something and keeps something.
            trails: remember how each result formed.

        Raises:
            InpaintxError: a mask that does not fit its picture, hides nothing or keeps nothing.
        """
        start = time.monotonic()
        for picture, mask in zip(pictures, masks, strict=True):
            _check(picture, mask)
        if not pictures:
            return []
        a = self._architecture
        regions = [hole_region(mask, self._fit) for mask in masks]
        squares = [
            to_square(picture.as_float(), mask, region, a.size, a.channels)
            for picture, mask, region in zip(pictures, masks, regions, strict=True)
        ]
        if self._search is None:
            fills = np.full((len(pictures), a.size, a.size, a.channels), 0.5, np.float32)
            losses, walks = [(0.0, 0.0, 0)] * len(pictures), [[]] * len(pictures)
        else:
            fills, losses, walks = self._searched(squares, trails)
        results = []
        for index, (picture, mask, region) in enumerate(zip(pictures, masks, regions, strict=True)):
            result = self._blended(picture, mask, region, fills[index])
            trail = [(step, self._blended(picture, mask, region, fill)) for step, fill in walks[index]]
            results.append((result, trail))
        share = (time.monotonic() - start) / len(pictures)
        return [
            Completed(picture, mask, *loss, share, trail)
            for (picture, trail), mask, loss in zip(results, masks, losses, strict=True)
        ]

    def _searched(self, squares: list[tuple[np.ndarray, np.ndarray]], trails: bool) -> tuple:
        """The best fill of each square in [0, 1], its (contextual, prior, iterations), and how it formed."""
        assert self._search is not None
        images = torch.from_numpy(np.stack([image for image, _ in squares])).permute(0, 3, 1, 2) * 2 - 1
        masks = torch.from_numpy(np.stack([mask for _, mask in squares]))[:, None].float()
        seen: dict[int, list[tuple[int, Tensor]]] = {}

        def watch(numbers: Tensor, steps: Tensor, codes: Tensor) -> None:
            for number, step, code in zip(numbers.tolist(), steps.tolist(), codes.cpu(), strict=True):
                seen.setdefault(number, []).append((step, code))

        found = self._search(images, masks, watch if trails else None)
        losses = list(
            zip(
                found.contextual[:, 0].tolist(),
                found.prior[:, 0].tolist(),
                found.iterations[:, 0].tolist(),
                strict=True,
            )
        )
        walks: list[list[tuple[int, np.ndarray]]] = []
        for image, candidate in enumerate(found.candidates[:, 0].tolist()):
            walk = seen.get(image * self._candidates + candidate, [])
            codes = [code for _, code in walk]
            drawn = _to_float(self._search.images(torch.stack(codes))) if codes else []
            walks.append([(step, fill) for (step, _), fill in zip(walk, drawn, strict=True)])
        return _to_float(found.fill), losses, walks

    def _blended(self, picture: Picture, mask: np.ndarray, region: Region, fill: np.ndarray) -> Picture:
        whole = from_square(fill, region, picture.height, picture.width, picture.channels)
        return picture.with_fill(apply_blend(self._blend, picture.as_float(), whole, mask), mask)


def _check(picture: Picture, mask: np.ndarray) -> None:
    where, shape = picture.path or "a picture without a path", (picture.height, picture.width)
    if mask.dtype != bool or mask.shape != shape:
        found = f"{mask.dtype} {list(mask.shape)}"
        raise InpaintxError(f"the mask of {where} is {found}: it must be bool {list(shape)}")
    if mask.all() or not mask.any():
        what = "hides nothing" if mask.all() else "keeps nothing"
        raise InpaintxError(f"the mask of {where} {what}: there must be a hole and known pixels around it")


def _to_float(images: Tensor) -> np.ndarray:
    """Images in [−1, 1], ``[B, C, H, W]``, as float32 ``[B, H, W, C]`` in [0, 1]."""
    return ((images.float() + 1) / 2).permute(0, 2, 3, 1).cpu().numpy()


def _untrained(model: Model) -> Generator:
    """G as it is initialised, with batch statistics of its own, where the model's G is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(model.architecture)
    generator.requires_grad_(False)
    calibrate(generator, torch.Generator().manual_seed(0))
    return generator.to(next(model.generator.parameters()).device)
