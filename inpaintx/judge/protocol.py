"""The protocol of a judgement: which images, which masks, which methods, and what is measured of each.

Images are brought to the model's size first, so that all methods solve the same problem; each mask is a
function of the seed and the image's file name. A completion is rounded to 8 bits before it is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.judge import features
from inpaintx.judge.methods import MEAN, SAMPLE, Source, Square
from inpaintx.judge.metrics import score
from inpaintx.judge.reader import Reader, fused
from inpaintx.judge.seam import seam
from inpaintx.judge.statistics import Interval, interval, paired
from inpaintx.judge.verdict import Case, FamilyVerdict, Method, Metric, Verdict
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.plugins.masks import family_masks

#: Metrics of how real a picture looks: a sample's business. The others ask how near to the truth it is.
_OF_SAMPLES = ("perceptual", "kid", "told_apart", "read")

GROUP = 64  # images completed together: bounds the memory
FEWEST_FOR_KID = 3  # images: of fewer, its error can't be told

_PSNR = Metric(
    "psnr_hole",
    "PSNR, hole",
    "dB",
    True,
    2,
    "Peak signal-to-noise ratio in the hole: how near the fill is to the truth, pixel by pixel; 3 dB more is "
    "half the squared error. 8 bits, capped at 48 dB.",
)
METRICS = [
    _PSNR,
    Metric("ssim_hole", "SSIM, hole", "", True, 3, "Structural similarity (Wang et al., 2004) in the hole."),
    Metric("l1_hole", "L1, hole", "%", False, 2, "Mean absolute error in the hole, % of the range."),
    Metric(
        "perceptual",
        "perceptual distance",
        "",
        False,
        4,
        "Local amplitudes of oriented band-pass filters, compared around the hole under contrast masking: it "
        "forgives small shifts, but not blur. The filters are fixed, so nothing is downloaded or learned.",
    ),
    Metric("seam", "seam", "%", False, 2, "Gradient mismatch across the hole's rim, % of the range."),
    Metric("psnr", "PSNR, whole", "dB", True, 2, "Over the whole image."),
    Metric("ssim", "SSIM, whole", "", True, 3, "Over the whole image."),
    Metric("seconds", "seconds", "s", False, 3, "For a picture.", per_picture=False),
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
]
READ = Metric(
    "read",
    "read right",
    "%",
    True,
    1,
    "How often a classifier that was trained on intact letters reads the completed one right (letters that "
    "look alike count as one).",
)


@dataclass(frozen=True)
class HeldOut:
    """The images to judge on.

    Attributes:
        images: uint8 ``[N, S, S, C]``.
        names: of their files.
        groups: ``[N]``, which whole group each belongs to: a person, a font family, a cluster of near-copies.
        labels: int64 ``[N]``, which letter each shows, or None.
    """

    images: np.ndarray
    names: list[str]
    groups: np.ndarray
    labels: np.ndarray | None = None


@dataclass(frozen=True)
class Contender:
    """Methods that share a computation, and how many of the images they get (None: all of them)."""

    methods: list[Method]
    run: Source
    count: int | None = None

    def share(self, images: int) -> int:
        """How many of so many images these methods get."""
        return images if self.count is None else min(self.count, images)


def judge(
    held_out: HeldOut,
    contenders: Sequence[Contender],
    families: Sequence[str],
    seed: int,
    about: Mapping[str, Any],
    reader: Reader | None = None,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Iterator[Verdict]:
    """Runs the protocol, and gives the verdict so far after each family: it takes long, and may be cut off.

    Args:
        held_out: what no method has seen.
        contenders: the methods; those of ours must be among them.
        families: of :data:`inpaintx.plugins.masks.FAMILIES`.
        seed: of the masks.
        about: what to say of the judgement.
        reader: reads letters, if these are letters.
        progress: called with how many images the contenders have gone through, and of how many in all.
    """
    metrics = METRICS if reader is None or held_out.labels is None else [*METRICS[:4], READ, *METRICS[4:]]
    judged = {metric.name: SAMPLE if metric.name in _OF_SAMPLES else MEAN for metric in metrics}
    methods = [method for contender in contenders for method in contender.methods]
    verdicts: list[FamilyVerdict] = []
    all_images = len(families) * sum(contender.share(len(held_out.images)) for contender in contenders)
    done = 0

    def advance(images: int) -> None:
        nonlocal done
        done += images
        progress(done, all_images)

    for name in families:
        family = _Family(name, held_out, contenders, seed, reader, advance)
        verdicts.append(family.verdict(metrics, judged))
        yield Verdict(dict(about), metrics, methods, judged, list(verdicts))


def masks_for(family: str, held_out: HeldOut, seed: int) -> np.ndarray:
    """bool ``[N, S, S]``, True = keep: each a function of the seed and its image's name."""
    pictures = [
        Picture(image[..., 0] if image.shape[2] == 1 else image, None, Path(name))
        for image, name in zip(held_out.images, held_out.names, strict=True)
    ]
    return family_masks(family, pictures, seed)


class _Family:
    """One family of masks, gone through by all contenders."""

    def __init__(
        self,
        name: str,
        held_out: HeldOut,
        contenders: Sequence[Contender],
        seed: int,
        reader: Reader | None,
        advance: Callable[[int], object],
    ) -> None:
        self._name, self._held_out, self._reader = name, held_out, reader
        self._masks = masks_for(name, held_out, seed)
        self._completed: dict[str, np.ndarray] = {}
        self._values: dict[str, dict[str, np.ndarray]] = {}
        self._seconds: dict[str, float] = {}
        self._doubt = float("nan")
        for contender in contenders:
            self._run(contender, advance)

    def _run(self, contender: Contender, advance: Callable[[int], object]) -> None:
        count = contender.share(len(self._masks))
        completed: dict[str, list[np.ndarray]] = defaultdict(list)
        seconds: dict[str, list[float]] = defaultdict(list)
        doubts: list[np.ndarray] = []
        for first in range(0, count, GROUP):
            rows = slice(first, min(first + GROUP, count))
            for filled in contender.run(self._squares(rows)):
                completed[filled.name].append(to_levels(filled.images))
                seconds[filled.name] += [filled.seconds] * len(filled.images)
                if filled.name == MEAN and filled.doubt is not None:
                    doubts.append(filled.doubt)
            advance(rows.stop - rows.start)
        for name, groups in completed.items():
            self._completed[name] = np.concatenate(groups)
            self._seconds[name] = float(np.mean(seconds[name]))
            self._values[name] = self._measured(self._completed[name])
        if doubts:
            self._doubt = self._doubt_against_error(np.concatenate(doubts))

    def _squares(self, rows: slice) -> list[Square]:
        """Images as the methods get them: 0 under the hole."""
        return [
            (np.where(mask[..., None], image / np.float32(255), np.float32(0)).astype(np.float32), mask)
            for image, mask in zip(self._held_out.images[rows], self._masks[rows], strict=True)
        ]

    def _measured(self, completed: np.ndarray) -> dict[str, np.ndarray]:
        """By metric, a value for each picture."""
        count = len(completed)
        original, masks = self._held_out.images[:count], self._masks[:count]
        scores = [score(*parts) for parts in zip(original, completed, masks, strict=True)]
        values = {
            name: np.array([getattr(found, name) for found in scores])
            for name in ("psnr_hole", "ssim_hole", "psnr", "ssim")
        }
        error = np.abs(original.astype(np.float32) - completed).mean(-1) / 255
        hole = ~masks
        values["l1_hole"] = 100 * (error * hole).sum((1, 2)) / hole.sum((1, 2))
        real, fake = map(to_values, (original, completed))
        values["perceptual"] = features.perceptual_distance(real, fake, masks)
        values["seam"] = 100 * seam(real, fake, masks)
        if self._reader is not None and self._held_out.labels is not None:
            right = self._reader.read(fake) == fused(self._held_out.labels[:count])
            values["read"] = 100.0 * right
        return values

    def _doubt_against_error(self, doubt: np.ndarray) -> float:
        """Spearman's rank correlation of the uncertainty map with the absolute error, over hole pixels."""
        from scipy.stats import spearmanr

        count = len(doubt)
        error = np.abs(self._held_out.images[:count].astype(np.float32) - self._completed[MEAN]).mean(-1)
        hole = ~self._masks[:count]
        if np.ptp(doubt[hole]) == 0:
            return float("nan")
        return float(spearmanr(doubt[hole], error[hole]).statistic)

    def verdict(self, metrics: Sequence[Metric], judged: Mapping[str, str]) -> FamilyVerdict:
        scores: dict[str, dict[str, Interval]] = {}
        for name, values in self._values.items():
            groups = self._held_out.groups[: len(self._completed[name])]
            scores[name] = {metric: interval(found, groups) for metric, found in values.items()}
            scores[name] |= self._over_all(name)
        wins = {
            metric.name: {
                name: self._win(metric, judged[metric.name], name)
                for name in self._values
                if name != judged[metric.name]
            }
            for metric in metrics
            if metric.per_picture
        }
        return FamilyVerdict(
            self._name,
            float((~self._masks).mean()),
            {name: len(images) for name, images in self._completed.items()},
            scores,
            wins,
            self._doubt,
            list(self._cases()),
        )

    def _over_all(self, name: str) -> dict[str, Interval]:
        """The metrics that have one value for all pictures together."""
        completed = self._completed[name]
        count = len(completed)
        real, fake = (
            features.embed(to_values(images)) for images in (self._held_out.images[:count], completed)
        )
        distance, error = features.kid(real, fake) if count >= FEWEST_FOR_KID else (np.nan, np.nan)
        told = 100 * features.two_sample_accuracy(real, fake, self._held_out.groups[:count], seed=0)
        return {
            "kid": Interval(distance, distance - error, distance + error),
            "told_apart": Interval(told, np.nan, np.nan),
            "seconds": Interval(self._seconds[name], np.nan, np.nan),
        }

    def _win(self, metric: Metric, ours: str, other: str) -> Interval:
        """How much better ours is, over the pictures that both completed."""
        a, b = self._values[ours][metric.name], self._values[other][metric.name]
        count = min(len(a), len(b))
        sign = 1 if metric.higher_is_better else -1
        return paired(sign * a[:count], sign * b[:count], self._held_out.groups[:count])

    def _cases(self) -> Iterator[Case]:
        """Best, median and worst of those pictures that all methods completed."""
        count = min(map(len, self._completed.values()))
        psnr = {name: values["psnr_hole"][:count] for name, values in self._values.items()}
        order = np.argsort(-psnr[MEAN], kind="stable")
        for kind, place in (("best", 0), ("median", count // 2), ("worst", count - 1)):
            index = int(order[place])
            original, mask = self._held_out.images[index], self._masks[index]
            damaged = np.where(mask[..., None], original, np.uint8(128))
            images = {"original": original, "damaged": damaged}
            images |= {name: completed[index] for name, completed in self._completed.items()}
            yield Case(
                kind,
                self._held_out.names[index],
                {name: float(values[index]) for name, values in psnr.items()},
                images,
            )
