"""What is measured of completed pictures. To add a metric, add a function here with what it means.

Each function computes one metric from a :class:`Completions`; its decorator says how it is called and read.
Those of pictures give an array ``[N]``, a value a picture; those of all pictures together an
:class:`~inpaintx.judge.statistics.Interval`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inpaintx.judge import features
from inpaintx.judge.methods import MEAN, SAMPLE
from inpaintx.judge.metrics import Scores, score
from inpaintx.judge.reader import Reader, fused
from inpaintx.judge.seam import seam
from inpaintx.judge.statistics import Interval
from inpaintx.judge.verdict import Metric
from inpaintx.pictures.arrays import to_values

FEWEST_FOR_KID = 3  # images: of fewer, its error can't be told


@dataclass(frozen=True)
class Completions:
    """What one method made of N pictures, and the truth.

    Attributes:
        original: uint8 ``[N, S, S, C]``.
        completed: the same, rounded to 8 bits.
        masks: bool ``[N, S, S]``, True = keep.
        groups: ``[N]``, which whole group each picture belongs to.
        seconds: for a picture, on average.
        letters: int64 ``[N]``, which letter each shows, where they are letters.
        reader: of these letters.
    """

    original: np.ndarray
    completed: np.ndarray
    masks: np.ndarray
    groups: np.ndarray
    seconds: float
    letters: np.ndarray | None = None
    reader: Reader | None = None

    @cached_property
    def scores(self) -> list[Scores]:
        """Of each picture."""
        return [score(*parts) for parts in zip(self.original, self.completed, self.masks, strict=True)]

    @cached_property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """The truth and what was completed, float32 in [0, 1]."""
        return to_values(self.original), to_values(self.completed)

    @cached_property
    def embedded(self) -> tuple[np.ndarray, np.ndarray]:
        """The same in the judge's fixed features."""
        real, fake = self.values
        return features.embed(real), features.embed(fake)


@dataclass(frozen=True)
class Measure:
    """A metric and how it is computed.

    Attributes:
        metric: its name, unit and meaning.
        of: the estimate of ours that is judged by it.
        compute: ``[N]``, or for all pictures together an interval.
        letters: whether it is of letters only.
    """

    metric: Metric
    of: str
    compute: Callable[[Completions], np.ndarray | Interval]
    letters: bool


#: In the order to show them; the first one decides which cases are shown.
MEASURES: list[Measure] = []


def measure(metric: Metric, of: str = MEAN, letters: bool = False) -> Callable[[Callable], Callable]:
    """Adds the function below it, named like its metric, to :data:`MEASURES`.

    Args:
        metric: what it measures.
        of: ``MEAN`` for how near to the truth, ``SAMPLE`` for how real a picture looks.
        letters: whether it is of letters only.
    """

    def add(compute: Callable[[Completions], np.ndarray | Interval]) -> Callable:
        MEASURES.append(Measure(metric, of, compute, letters))
        return compute

    return add


def measures(letters: bool) -> list[Measure]:
    """Those to take: all of letters, else those that are of any picture."""
    return [each for each in MEASURES if letters or not each.letters]


@measure(
    Metric(
        "psnr_hole",
        "PSNR, hole",
        "dB",
        True,
        2,
        "Peak signal-to-noise ratio in the hole: how near the fill is to the truth, pixel by pixel; 3 dB "
        "more is half the squared error. 8 bits, capped at 48 dB.",
    )
)
def psnr_hole(found: Completions) -> np.ndarray:
    return np.array([one.psnr_hole for one in found.scores])


@measure(
    Metric("ssim_hole", "SSIM, hole", "", True, 3, "Structural similarity (Wang et al., 2004) in the hole.")
)
def ssim_hole(found: Completions) -> np.ndarray:
    return np.array([one.ssim_hole for one in found.scores])


@measure(Metric("l1_hole", "L1, hole", "%", False, 2, "Mean absolute error in the hole, % of the range."))
def l1_hole(found: Completions) -> np.ndarray:
    error = np.abs(found.original.astype(np.float32) - found.completed).mean(-1) / 255
    hole = ~found.masks
    share: np.ndarray = 100 * (error * hole).sum((1, 2)) / hole.sum((1, 2))
    return share


@measure(
    Metric(
        "perceptual",
        "perceptual distance",
        "",
        False,
        4,
        "Local amplitudes of oriented band-pass filters, compared around the hole under contrast masking: it "
        "forgives small shifts, but not blur. The filters are fixed, so nothing is downloaded or learned.",
    ),
    of=SAMPLE,
)
def perceptual(found: Completions) -> np.ndarray:
    return features.perceptual_distance(*found.values, found.masks)


@measure(
    Metric(
        "read",
        "read right",
        "%",
        True,
        1,
        "How often a classifier that was trained on intact letters reads the completed one right (letters "
        "that look alike count as one).",
    ),
    of=SAMPLE,
    letters=True,
)
def read(found: Completions) -> np.ndarray:
    assert found.reader is not None
    assert found.letters is not None
    return 100.0 * (found.reader.read(found.values[1]) == fused(found.letters))


@measure(Metric("seam", "seam", "%", False, 2, "Gradient mismatch across the hole's rim, % of the range."))
def rim(found: Completions) -> np.ndarray:
    return 100 * seam(*found.values, found.masks)


@measure(Metric("psnr", "PSNR, whole", "dB", True, 2, "Over the whole image."))
def psnr(found: Completions) -> np.ndarray:
    return np.array([one.psnr for one in found.scores])


@measure(Metric("ssim", "SSIM, whole", "", True, 3, "Over the whole image."))
def ssim(found: Completions) -> np.ndarray:
    return np.array([one.ssim for one in found.scores])


@measure(Metric("seconds", "seconds", "s", False, 3, "For a picture.", per_picture=False))
def seconds(found: Completions) -> Interval:
    return Interval(found.seconds, np.nan, np.nan)


@measure(
    Metric(
        "kid",
        "KID",
        "",
        False,
        4,
        "Kernel distance (Bińkowski et al., 2018) of completed to real images, in the same fixed features; "
        "± its standard error.",
        per_picture=False,
    ),
    of=SAMPLE,
)
def kid(found: Completions) -> Interval:
    enough = len(found.completed) >= FEWEST_FOR_KID
    distance, error = features.kid(*found.embedded) if enough else (np.nan, np.nan)
    return Interval(distance, distance - error, distance + error)


@measure(
    Metric(
        "told_apart",
        "told apart",
        "%",
        False,
        0,
        "How often a linear classifier on those features tells a completed image from a real one (cross-"
        "validated over whole groups); 50 % is chance.",
        per_picture=False,
    ),
    of=SAMPLE,
)
def told_apart(found: Completions) -> Interval:
    told = 100 * features.two_sample_accuracy(*found.embedded, found.groups, seed=0)
    return Interval(told, np.nan, np.nan)
