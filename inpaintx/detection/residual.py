"""Damage by a model: what of a picture no picture like the collection's explains."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from inpaintx.completion.candidates import CandidateFinder
from inpaintx.detection.morphology import finished, search
from inpaintx.detection.options import DetectOptions
from inpaintx.detection.scales import enlarged, pyramid
from inpaintx.detection.shapes import EIGHT, parts
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import fit_channels, to_values
from inpaintx.pictures.regions import Region, fit_region, resample

#: Fits: after each but the last, the pixels that it can't explain are hidden from the next.
FITS = 2
#: The model sees all of a picture that has up to so many times its pixels along a side.
SEEN = 1.5
#: Where more than this share of a picture is unexplained, the model does not know such pictures.
UNEXPLAINED = 0.25
#: No finer than so many pixels to one of the model's are residuals looked at.
FINEST = 8
#: How the picture is fitted: every known pixel counts alike, the sum of absolute errors lets some be far off.
FIT = SearchOptions(norm="l1", weight="mask", candidates=4, predict=False, depth=0)

# The least residual that is damage, of a range of 1; where the model is coarse, also so many times the
# picture's usual one, a quantile.
_LEAST, _TIMES, _USUAL = 0.2, 4.0, 0.75
_LEAST_AREA = 3


class Part(NamedTuple):
    """What of a picture the model knows: a region, how many times it was reduced, and the values then."""

    region: Region
    times: int
    values: np.ndarray


class ModelDetector:
    """Finds damage with a model.

    The model is fitted to the whole picture, and again without what the first fit could not explain: a robust
    fit that is trimmed, as in least trimmed squares (Rousseeuw, 1984). A residual is the distance of a pixel
    to the range of the fit's values right around it, so that an outline that is a pixel off is none.

    Where the picture is about of the model's size, the residual alone says what is damaged. In larger ones
    the model can't see what is finer than its pixels, so that what morphology finds counts too; as it does
    outside of the square that a model of square crops knows. Where the model can't explain a picture at all,
    a warning says so, and morphology alone says what is damaged.

    Args:
        model: from :func:`inpaintx.networks.checkpoint.load_model`.
        options: what counts as damage; ``kind`` only chooses what morphology adds.
        seed: of the search.
    """

    def __init__(self, model: Networks, options: DetectOptions | None = None, seed: int = 0) -> None:
        self._options = options or DetectOptions()
        self._limit = _LEAST / self._options.sensitivity
        self._fit = model.fit
        self._find = CandidateFinder(model, replace(FIT, seed=seed))

    def __call__(self, pictures: Sequence[Picture]) -> list[np.ndarray]:
        """Masks of what looks damaged: for each picture bool ``[H, W]``, True = keep."""
        if not pictures:
            return []
        size, channels = self._find.architecture.size, self._find.architecture.channels
        known = [self._part(picture) for picture in pictures]
        images = [resample(fit_channels(part.values, channels), size, size) for part in known]
        return [self._mask(*each) for each in zip(pictures, known, self._robust_fits(images), strict=True)]

    def _part(self, picture: Picture) -> Part:
        region = fit_region(picture.height, picture.width, self._fit)
        levels = region.of(picture.array.reshape(picture.height, picture.width, picture.channels))
        times, levels = list(pyramid(levels, FINEST * self._find.architecture.size))[-1]
        return Part(region, times, to_values(levels))

    def _robust_fits(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The model's fits to images of its size: float32 ``[S, S, C]`` in [0, 1], as they are."""
        masks = [np.ones(image.shape[:2], bool) for image in images]
        for _ in range(FITS):
            squares = [
                (np.where(mask[..., None], image, np.float32(0)), mask)
                for image, mask in zip(images, masks, strict=True)
            ]
            fits = [candidates.fill("sample") for candidates in self._find(squares)]
            masks = [self._explained(*pair) for pair in zip(images, fits, strict=True)]
        return fits

    def _explained(self, image: np.ndarray, fit: np.ndarray) -> np.ndarray:
        """The pixels that a fit explains; all where they are less than half, since then it is no fit."""
        far = ndimage.binary_dilation(residual(image, fit, 1) > self._limit, EIGHT)
        return np.ones(far.shape, bool) if far.mean() > 0.5 else ~far

    def _mask(self, picture: Picture, part: Part, fit: np.ndarray) -> np.ndarray:
        height, width, channels = part.values.shape
        scale = max(height, width) / len(fit)
        expected = fit_channels(resample(fit, height, width), channels)
        apart = residual(part.values, expected, math.ceil(scale))
        coarse = scale > SEEN
        limit = max(self._limit, _TIMES * float(np.quantile(apart, _USUAL)) if coarse else 0)
        share = (apart > _LEAST).mean()
        if share > UNEXPLAINED:
            warnings.warn(
                f"the model can't explain {share:.0%} of {picture.path or 'a picture'}: it is of another "
                "kind, or lies otherwise; damage was looked for without the model",
                stacklevel=3,
            )
            return finished(search(picture, self._options), picture, self._options)
        found = parts(apart > limit)
        large = found.area >= _LEAST_AREA
        large[0] = False
        region = part.region
        unexplained = enlarged(large[found.labels], part.times, region.height, region.width)
        if region.height * region.width == picture.height * picture.width and not coarse:
            return finished(unexplained, picture, self._options)
        damaged = search(picture, self._options)
        region.of(damaged)[...] = unexplained | (region.of(damaged) if coarse else False)
        return finished(damaged, picture, self._options)


def residual(values: np.ndarray, expected: np.ndarray, tolerance: int) -> np.ndarray:
    """How far values are from the range of the expected ones around them, the most of all channels.

    Args:
        values: float32 ``[H, W, C]`` in [0, 1].
        expected: likewise.
        tolerance: how many pixels around count.

    Returns:
        float32 ``[H, W]``, at least 0.
    """
    window = (2 * tolerance + 1, 2 * tolerance + 1, 1)
    above = values - ndimage.maximum_filter(expected, window)
    below = ndimage.minimum_filter(expected, window) - values
    return np.maximum(np.maximum(above, below), 0).max(axis=2)
