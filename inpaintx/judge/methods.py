"""The methods that are judged side by side: all get the same images, of the model's size, and masks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inpaintx.completion.candidates import CandidateFinder, Candidates, Square
from inpaintx.completion.estimate import disagreement
from inpaintx.completion.folds import draw_folds
from inpaintx.completion.trials import choose_blend, folds_for, trials_of
from inpaintx.errors import InpaintxError
from inpaintx.judge.learned import MeanOfNearest, MixtureOfPCAs, ProbabilisticPCA
from inpaintx.judge.rival import Rival, minutes_of
from inpaintx.judge.verdict import Method
from inpaintx.networks.checkpoint import Networks
from inpaintx.ops.solvers import biharmonic, membrane
from inpaintx.options import PRESETS, Control, Estimate, SearchOptions
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.plugins import registry
from inpaintx.plugins.blends import BlendPlugin, Trial, apply_blend

MEAN, SAMPLE = "inpaintx mean", "inpaintx sample"
BLENDS = ("none", "alpha", "poisson", "biharmonic", "spline")
OPENCV_RADIUS = 3  # pixels, as in OpenCV's own sample


@dataclass(frozen=True)
class Filled:
    """What one method made of a group of squares.

    Attributes:
        name: the method's.
        images: float32 ``[n, S, S, C]`` in [0, 1].
        seconds: for a picture.
        doubt: float32 ``[n, S, S]``, where its candidates disagree, if it has any.
    """

    name: str
    images: np.ndarray
    seconds: float
    doubt: np.ndarray | None = None


Source = Callable[[Sequence[Square]], Iterator[Filled]]
#: From images, float32 ``[n, S, S, C]`` in [0, 1], and masks, bool ``[n, S, S]``, to whole images.
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def classical() -> list[tuple[list[Method], Source]]:
    """OpenCV's two inpainting functions, and the two linear interpolations."""
    cv2 = _opencv()

    def opencv(flag: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        def fill(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
            filled = cv2.inpaint(_eight_bits(image), np.uint8(~mask), OPENCV_RADIUS, flag)
            return to_values(filled.reshape(image.shape))

        return fill

    methods = [
        (Method("Telea", "classical", "Fast marching (Telea, 2004), by OpenCV."), opencv(cv2.INPAINT_TELEA)),
        (
            Method("Navier–Stokes", "classical", "Isophotes (Bertalmio et al., 2001), by OpenCV."),
            opencv(cv2.INPAINT_NS),
        ),
        (Method("harmonic", "classical", "The membrane through the known pixels."), membrane),
        (Method("biharmonic", "classical", "The thin plate through the known pixels."), biharmonic),
    ]
    return [([method], _one_by_one(method.name, fill)) for method, fill in methods]


def ours(model: Networks, options: SearchOptions) -> tuple[list[Method], Source]:
    """The model under each blend, and both estimates; one search serves them all."""
    minutes = minutes_of(model)
    methods = [
        Method(MEAN, "ours", "The candidates' mean, blend `auto`: `--estimate mean`.", minutes),
        Method(SAMPLE, "ours", "The best candidate, blend `auto`: the default.", minutes),
        *(Method(f"mean, {blend}", "ours", f"The same mean, blend `{blend}`.") for blend in BLENDS),
    ]
    auto = registry.make("blend", "auto")
    variants: list[tuple[str, BlendPlugin, Estimate]] = [(MEAN, auto, "mean"), (SAMPLE, auto, "sample")]
    variants += [(f"mean, {blend}", registry.make("blend", blend), "mean") for blend in BLENDS]
    return methods, _searched(CandidateFinder(model, options), variants)


def switched(model: Networks, options: SearchOptions, control: Control) -> tuple[list[Method], Source]:
    """Ours without what training gives, under the default blend."""
    about = {
        "constant": "Our blend of mid gray: interpolation alone.",
        "untrained": "Our search and blend with G before training.",
    }
    name = f"{control} G"
    return [Method(name, "switch", about[control])], _searched(
        CandidateFinder(model, options, control), [(name, registry.make("blend", "auto"), "mean")]
    )


def preset(model: Networks, name: str, precision: SearchOptions) -> tuple[list[Method], Source]:
    """A published source's search. It has one candidate, so that ``auto`` makes no trials, and trusts it."""
    options = replace(PRESETS[name], precision=precision.precision, batch=precision.batch)
    method = Method(f"preset {name}", "preset", f"The search of preset `{name}`, blend `auto`.")
    return [method], _searched(
        CandidateFinder(model, options), [(method.name, registry.make("blend", "auto"), "sample")]
    )


def learned(collection: np.ndarray) -> list[tuple[list[Method], Source]]:
    """What simpler models learn from the same collection, under our default blend.

    Args:
        collection: uint8 ``[N, C, S, S]``.
    """
    nearest = MeanOfNearest(collection)
    predictors: dict[str, tuple[Predict, str | None]] = {
        "PPCA": (ProbabilisticPCA(collection), ProbabilisticPCA.__doc__),
        "mixture of PPCAs": (MixtureOfPCAs(collection), MixtureOfPCAs.__doc__),
        "8 nearest": (nearest, MeanOfNearest.__doc__),
        "8 nearest around the hole": (nearest.around, nearest.around.__doc__),
    }
    return [
        ([Method(name, "learned", f"{about.splitlines()[0]} Blend `auto`.")], _predicted(name, predict))  # type: ignore[union-attr]
        for name, (predict, about) in predictors.items()
    ]


def rival(network: Rival) -> list[tuple[list[Method], Source]]:
    """A U-Net trained on the same collection, under the better of two joins: harmonic, and ours."""
    about = f"A U-Net of G's kind, trained for {network.minutes:.0f} minutes ({network.steps:,} steps), blend"
    joins = {"U-Net, poisson": "poisson", "U-Net, auto": "auto"}
    return [
        (
            [Method(name, "learned", f"{about} `{blend}`.", network.minutes, "U-Net")],
            _predicted(name, network, blend),
        )
        for name, blend in joins.items()
    ]


def _one_by_one(name: str, fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Source:
    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        start = time.monotonic()
        images = [np.clip(fill(image, mask), 0, 1) for image, mask in squares]
        yield Filled(name, np.stack(images), (time.monotonic() - start) / len(squares))

    return run


def _searched(find: CandidateFinder, variants: Sequence[tuple[str, BlendPlugin, Estimate]]) -> Source:
    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        start = time.monotonic()
        found = find(squares, folds_for(*(blend for _, blend, _ in variants)))
        searched = (time.monotonic() - start) / len(squares)
        doubt = np.stack([disagreement(candidates.fills) for candidates in found])
        for name, blend, estimate in variants:
            start = time.monotonic()
            images = np.stack([_blended(candidates, blend, estimate) for candidates in found])
            yield Filled(name, images, searched + (time.monotonic() - start) / len(squares), doubt)

    return run


def _blended(candidates: Candidates, blend: BlendPlugin, estimate: Estimate) -> np.ndarray:
    chosen = choose_blend(blend, trials_of(candidates, estimate), estimate)
    return apply_blend(chosen, candidates.image, candidates.fill(estimate), candidates.mask)


def _predicted(name: str, predict: Predict, blend: str = "auto") -> Source:
    """A learned predictor under a blend; for ``auto``, it is tried on known pixels that it has not seen."""
    plugin = registry.make("blend", blend)
    count = folds_for(plugin)
    blind = np.array([True, False])

    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        start = time.monotonic()
        folds = np.stack([draw_folds(mask, count, seed=0) for _, mask in squares])  # [n, F, S, S]
        images = np.stack([image for image, _ in squares])
        masks = np.stack([mask for _, mask in squares])
        fills = predict(images, masks)
        tried = [predict(images, masks & ~folds[:, number]) for number in range(count)]
        completed = []
        for index, (image, mask) in enumerate(squares):
            trials = [
                Trial(image, mask, folds[index, number], np.stack([fill[index], fills[index]]), blind)
                for number, fill in enumerate(tried)
            ]
            chosen = choose_blend(plugin, trials, "mean")
            completed.append(apply_blend(chosen, image, fills[index], mask))
        yield Filled(name, np.stack(completed), (time.monotonic() - start) / len(squares))

    return run


def _eight_bits(image: np.ndarray) -> np.ndarray:
    return to_levels(image)


def _opencv():  # type: ignore[no-untyped-def]
    try:
        import cv2
    except ImportError as error:
        raise InpaintxError('the judge needs OpenCV: pip install "inpaintx[eval]"') from error
    return cv2
