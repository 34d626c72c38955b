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


@dataclass(frozen=True)
class _Fill:
    """What goes into one square: its image in [0, 1], how it was found, and its image on the way there."""

    image: np.ndarray
    contextual: float = 0.0
    prior: float = 0.0
    iterations: int = 0
    walk: list[tuple[int, np.ndarray]] = field(default_factory=list)


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
            fills = [_Fill(np.full((a.size, a.size, a.channels), 0.5, np.float32))] * len(pictures)
        else:
            fills = self._searched(self._search, squares, trails)
        results = []
        for picture, mask, region, fill in zip(pictures, masks, regions, fills, strict=True):
            trail = [(step, self._blended(picture, mask, region, image)) for step, image in fill.walk]
            results.append((self._blended(picture, mask, region, fill.image), trail))
        share = (time.monotonic() - start) / len(pictures)
        return [
            Completed(picture, mask, fill.contextual, fill.prior, fill.iterations, share, trail)
            for (picture, trail), mask, fill in zip(results, masks, fills, strict=True)
        ]

    def _searched(
        self, search: Search, squares: list[tuple[np.ndarray, np.ndarray]], trails: bool
    ) -> list[_Fill]:
        images = torch.from_numpy(np.stack([image for image, _ in squares])).permute(0, 3, 1, 2) * 2 - 1
        masks = torch.from_numpy(np.stack([mask for _, mask in squares]))[:, None].float()
        seen: dict[int, list[tuple[int, Tensor]]] = {}

        def watch(numbers: Tensor, steps: Tensor, codes: Tensor) -> None:
            for number, step, code in zip(numbers.tolist(), steps.tolist(), codes.cpu(), strict=True):
                seen.setdefault(number, []).append((step, code))

        found = search(images, masks, watch if trails else None)
        drawn = _to_float(found.fill)
        fills = []
        for index, candidate in enumerate(found.candidates[:, 0].tolist()):
            walk = []
            if trails:
                steps, codes = zip(*seen[index * self._candidates + candidate], strict=True)
                walk = list(zip(steps, _to_float(search.images(torch.stack(codes))), strict=True))
            losses = found.contextual[index, 0].item(), found.prior[index, 0].item()
            fills.append(_Fill(drawn[index], *losses, int(found.iterations[index, 0]), walk))
        return fills

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
