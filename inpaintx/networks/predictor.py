"""The predictor: what to expect in the hole of a damaged image, and how sure of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.networks.dcgan import LEAK, doubling, halving
from inpaintx.networks.frozen import Frozen, Layer, Linear, fill_up, flat, fold, image_layer, unflat
from inpaintx.ops.solvers import biharmonic
from inpaintx.options import Architecture

MIDDLE = 512  # numbers between the way down and the way up: what is known of the image as a whole
TENSION = 0.25  # of the plate, in 1 / pixel²
BEYOND = 0.1  # how far the plate may leave [0, 1]
SURE, UNSURE = -7.0, 1.0  # what the logarithm of an expected error is kept between
#: Where an image of 64 pixels is moved to, down and right, when P is asked of it.
PLACES = ((0, 0), (2, 1), (-2, -1))
FIRM = 4  # how much more the surer of two answers counts: a power
SHUT = -1.0  # the gate's logit before training: a quarter of what is drawn is taken; less learns slower


class Predictor(nn.Module):
    """Draws the whole image that is to be expected, from its known pixels and an interpolation of them.

    A U-Net (Ronneberger et al., 2015) of the generator's kind: convolutions that halve the side, transposed
    ones that double it, skips between them, two linear layers in the middle. It draws an image, which a tanh
    keeps in its range, so that black and white come out as such, and a gate, how much of the interpolation
    gives way to it. Before training that is a quarter, so that where interpolation is hard to beat, in thin
    and scattered holes, it begins near it. One more channel is the logarithm of the error that it expects
    to make (the scale of a Laplace distribution, as in Kendall and Gal, "What Uncertainties Do We Need in
    Bayesian Deep Learning for Computer Vision?", NeurIPS 2017).

    Layers start as torch initialises them, but the gate's and the error's weights are 0.

    Args:
        architecture: G's.
        gated: False: of earlier versions, which drew what is to be added to the interpolation.
        middle: numbers between the way down and the way up; those of earlier versions have 128.
    """

    def __init__(self, architecture: Architecture, gated: bool = True, middle: int = MIDDLE) -> None:
        super().__init__()
        self.architecture = a = architecture
        widths, side = a.widths[::-1], a.base
        inputs = [2 * a.channels + 1, *widths]
        self.down = nn.ModuleList(
            nn.Sequential(
                halving(narrow, wide, a.kernel, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(LEAK)
            )
            for narrow, wide in pairwise(inputs)
        )
        self.middle = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * side * side, middle),
            nn.ReLU(),
            nn.Linear(middle, widths[-1] * side * side),
            nn.ReLU(),
            nn.Unflatten(1, (widths[-1], side, side)),
        )
        self.up = nn.ModuleList(
            nn.Sequential(doubling(2 * wide, narrow, a.kernel, bias=False), nn.BatchNorm2d(narrow), nn.ReLU())
            for wide, narrow in pairwise(widths[::-1])
        )
        self.gated = gated
        self.last = doubling(2 * widths[0], a.channels + 1 + gated, a.kernel, bias=True)
        with torch.no_grad():
            self.last.weight[:, a.channels if gated else 0 :] = 0
            self.last.bias.zero_()  # type: ignore[union-attr]
            self.last.bias[-2] = SHUT if gated else 0.0  # type: ignore[index]
            self.last.bias[-1] = -2.0  # type: ignore[index]  # e⁻² of the range [−1, 1]: about what it is off

    def forward(self, y: Tensor, mask: Tensor, interpolated: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be expected of damaged images.

        Args:
            y: ``[B, C, size, size]`` in [−1, 1]; what lies under the hole is never read, NaN included.
            mask: ``[B, 1, size, size]``, 1 = keep.
            interpolated: like ``y``: :func:`interpolation` of the known pixels.

        Returns:
            the images, like ``y`` but not kept in its range, and the natural logarithm of the mean absolute
            error that is expected of each pixel, ``[B, 1, size, size]``, in units of [−1, 1]; both float32.
        """
        maps, skips = entered(y, mask, interpolated), []
        for layer in self.down:
            maps = layer(maps)
            skips.append(maps)
        maps = self.middle(maps.contiguous())
        for layer in self.up:
            maps = layer(torch.cat([maps, skips.pop()], 1))
        return told(self.last(torch.cat([maps, skips.pop()], 1)).float(), interpolated, self.gated)


def entered(y: Tensor, mask: Tensor, interpolated: Tensor) -> Tensor:
    """What P sees, ``[B, 2 C + 1, size, size]``: see :meth:`Predictor.forward`."""
    return torch.cat([y.masked_fill(mask == 0, 0), mask, interpolated], 1)


def told(drawn: Tensor, interpolated: Tensor, gated: bool) -> tuple[Tensor, Tensor]:
    """What P says by its last layer's output: see :meth:`Predictor.forward`."""
    if gated:
        gate, image = drawn[:, -2:-1].sigmoid(), drawn[:, :-2].tanh()
        added = gate * (image - interpolated)
    else:
        added = drawn[:, :-1]
    return interpolated + added, drawn[:, -1:].clamp(SURE, UNSURE)


class FrozenPredictor(Frozen):
    """P with fixed weights, as completions ask it: a row's result does not depend on its batch mates.

    It is asked of each image several times, and says the mean: what it draws depends on where its layers'
    grids fall on the image, what is there does not. An answer counts by the inverse fourth power of what it
    expects to be off in the hole, since a hole that is a grid itself is known where P has learned it.

    Args:
        predictor: P in evaluation mode.
        dtype: what the layers compute in; None: the dtype of the weights.
        mirrored: it learned mirror images, too. Then it is asked of each image and of its mirror image where
            they are, so that what it expects of a mirror image is mirrored.
        places: where an image of 64 pixels is moved to, down and right; the first is (0, 0).

    Attributes:
        device: where it is.
        dtype: of what goes in.
    """

    def __init__(
        self,
        predictor: Predictor,
        dtype: torch.dtype | None = None,
        mirrored: bool = False,
        places: Sequence[tuple[int, int]] = PLACES,
    ) -> None:
        weight, a = predictor.last.weight, predictor.architecture
        self.device, self.dtype = weight.device, weight.dtype
        self._inside = inside = dtype or weight.dtype
        self._gated, self._side, self._features = predictor.gated, a.base, a.widths[0]
        moves = [(round(down * a.size / 64), round(right * a.size / 64)) for down, right in places]
        self._asks = [(0, 0, False), (0, 0, True)] if mirrored else [(*move, False) for move in moves]
        down, up = (list(cast(Iterable[Any], layers)) for layers in (predictor.down, predictor.up))
        self._down = [Layer(*fold(conv, norm, outputs=0), inside) for conv, norm, _ in down]
        self._up = [Layer(*fold(conv, norm, outputs=1), inside) for conv, norm, _ in up]
        # Between them maps are rows, height, width and features; P was trained on features, height and width.
        into, out = (cast(nn.Linear, predictor.middle[place]) for place in (1, 3))
        order = torch.arange(out.out_features, device=self.device)
        order = order.view(self._features, self._side, self._side).permute(1, 2, 0).flatten()
        self._into = Linear(into.weight.detach()[:, order].to(inside), into.bias.detach().to(inside))
        self._out = Linear(out.weight.detach()[order].to(inside), out.bias.detach()[order].to(inside))
        self._last = image_layer(predictor.last, inside)

    @torch.no_grad()
    def __call__(self, y: Tensor, mask: Tensor, interpolated: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be expected of damaged images: see :meth:`Predictor.forward`."""
        answers = [self._asked(*ask, y, mask, interpolated) for ask in self._asks]
        counted = ((image * count, log_error * count, count) for image, log_error, count in answers)
        # Term by term: how a reduction sums depends on the number of rows.
        image, log_error, whole = (reduce(torch.add, terms) for terms in zip(*counted, strict=True))
        return image / whole, log_error / whole

    def _asked(
        self, down: int, right: int, mirrored: bool, y: Tensor, mask: Tensor, interpolated: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of images that are moved, and mirrored then: images and log errors in place again.

        With them what they count, ``[B, 1, size, size]``: 0 where they were moved out.
        """
        placed = [_moved(each, down, right) for each in (y, mask, interpolated)]
        image, log_error = self._once(*(each.flip(3) if mirrored else each for each in placed))
        if mirrored:
            image, log_error = image.flip(3), log_error.flip(3)
        hole = 1 - placed[1].to(log_error.dtype)
        off = (log_error * hole).sum((1, 2, 3)) / hole.sum((1, 2, 3)).clamp_min(1)
        count = (-FIRM * off).exp()[:, None, None, None].expand_as(log_error)
        return _moved(image, -down, -right), _moved(log_error, -down, -right), _moved(count, -down, -right, 0)

    def _once(self, y: Tensor, mask: Tensor, interpolated: Tensor) -> tuple[Tensor, Tensor]:
        count, (y, mask, interpolated) = len(y), map(fill_up, (y, mask, interpolated))
        maps, skips = entered(y, mask, interpolated).to(self._inside), []
        maps = maps.contiguous(memory_format=torch.channels_last)
        for layer in self._down:
            maps = layer.down(maps, slope=LEAK)
            skips.append(maps)
        middle = self._out(self._into(flat(maps), relu=True), relu=True)
        maps = unflat(middle, self._side, self._features)
        for layer in self._up:
            maps = layer.up(torch.cat([maps, skips.pop()], 1), slope=0.0)
        maps = torch.cat([maps, skips.pop()], 1)
        drawn = ops.image_up(maps, self._last.weight, self._last.bias)
        expected, log_error = told(drawn.to(interpolated.dtype), interpolated, self._gated)
        return expected[:count], log_error[:count]


def _moved(maps: Tensor, down: int, right: int, edge: float | None = None) -> Tensor:
    """``[B, C, S, S]``, moved by whole pixels; what comes in is ``edge``, or else the edge repeated."""
    reach, size = max(abs(down), abs(right)), maps.shape[-1]
    if not reach:
        return maps
    mode = "replicate" if edge is None else "constant"
    padded = F.pad(maps, [reach] * 4, mode, edge)
    top, left = reach - down, reach - right
    return padded[..., top : top + size, left : left + size]


def interpolation(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What P adds to, in training and in use alike: a plate in tension through the known pixels.

    Args:
        values: float32 ``[S, S, C]`` in [0, 1]; what lies under the hole is never read.
        known: bool ``[S, S]``.

    Returns:
        float32 ``[S, S, C]``, clipped to [−0.1, 1.1]; mid gray where nothing is known.
    """
    if not known.any():
        return np.full_like(values, 0.5)
    return np.clip(biharmonic(values, known, TENSION), -BEYOND, 1 + BEYOND)
