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

from inpaintx.judge.measures import Completions, Measure, measures
from inpaintx.judge.methods import MEAN, Source, Square
from inpaintx.judge.reader import Reader
from inpaintx.judge.rival import Rival
from inpaintx.judge.statistics import Interval, interval, paired
from inpaintx.judge.verdict import Case, FamilyVerdict, Method, Verdict
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_levels
from inpaintx.plugins.masks import family_masks

GROUP = 64  # images completed together: bounds the memory


@dataclass(frozen=True)
class HeldOut:
    """The images to judge on.

    Attributes:
        images: uint8 ``[N, S, S, C]``.
        names: of their files.
        groups: ``[N]``, which whole group each belongs to: a person, a font family, a cluster of near-copies.
        labels: int64 ``[N]``, which letter each shows, or None.
        note: what became of pictures with transparent parts, in a line; None: there are none.
    """

    images: np.ndarray
    names: list[str]
    groups: np.ndarray
    labels: np.ndarray | None = None
    note: str | None = None


@dataclass(frozen=True)
class Scope:
    """What to judge on, besides the data.

    Attributes:
        families: of masks, names in :data:`inpaintx.plugins.masks.FAMILIES`.
        seed: of the masks.
        slow_count: how many of the images the slow methods get (untrained G, presets).
        command: what was typed, for the record.
        rival: a U-Net that was trained on the model's collection; None: none takes part.
    """

    families: Sequence[str]
    seed: int
    slow_count: int = 64
    command: str = ""
    rival: Rival | None = None


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
    scope: Scope,
    about: Mapping[str, Any],
    reader: Reader | None = None,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Iterator[Verdict]:
    """Runs the protocol, and gives the verdict so far after each family: it takes long, and may be cut off.

    Args:
        held_out: what no method has seen.
        contenders: the methods; those of ours must be among them.
        scope: the families of masks, and their seed.
        about: what to say of the judgement.
        reader: reads letters, if these are letters.
        progress: called with how many images the contenders have gone through, and of how many in all.
    """
    taken = measures(letters=reader is not None and held_out.labels is not None)
    judged = {each.metric.name: each.of for each in taken}
    methods = [method for contender in contenders for method in contender.methods]
    verdicts: list[FamilyVerdict] = []
    all_images = len(scope.families) * sum(contender.share(len(held_out.images)) for contender in contenders)
    done = 0

    def advance(images: int) -> None:
        nonlocal done
        done += images
        progress(done, all_images)

    for name in scope.families:
        family = _Family(name, held_out, contenders, scope.seed, reader, advance)
        verdicts.append(family.verdict(taken))
        metrics = [each.metric for each in taken]
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
        if doubts:
            self._doubt = self._doubt_against_error(np.concatenate(doubts))

    def _squares(self, rows: slice) -> list[Square]:
        """Images as the methods get them: 0 under the hole."""
        return [
            (np.where(mask[..., None], image / np.float32(255), np.float32(0)).astype(np.float32), mask)
            for image, mask in zip(self._held_out.images[rows], self._masks[rows], strict=True)
        ]

    def _completions(self, name: str) -> Completions:
        """What a method made."""
        completed, held_out = self._completed[name], self._held_out
        count = len(completed)
        return Completions(
            held_out.images[:count],
            completed,
            self._masks[:count],
            held_out.groups[:count],
            self._seconds[name],
            None if held_out.labels is None else held_out.labels[:count],
            self._reader,
        )

    def _doubt_against_error(self, doubt: np.ndarray) -> float:
        """Spearman's rank correlation of the uncertainty map with the absolute error, over hole pixels."""
        from scipy.stats import spearmanr

        count = len(doubt)
        error = np.abs(self._held_out.images[:count].astype(np.float32) - self._completed[MEAN]).mean(-1)
        hole = ~self._masks[:count]
        if np.ptp(doubt[hole]) == 0:
            return float("nan")
        return float(spearmanr(doubt[hole], error[hole]).statistic)

    def verdict(self, taken: Sequence[Measure]) -> FamilyVerdict:
        scores: dict[str, dict[str, Interval]] = {}
        values: dict[str, dict[str, np.ndarray]] = {each.metric.name: {} for each in taken}
        for name in self._completed:
            found, scores[name] = self._completions(name), {}
            for metric, compute in ((each.metric.name, each.compute) for each in taken):
                value = compute(found)
                if isinstance(value, np.ndarray):
                    values[metric][name], value = value, interval(value, found.groups)
                scores[name][metric] = value
        wins = {
            each.metric.name: {
                name: self._win(each, values[each.metric.name], name)
                for name in self._completed
                if name != each.of
            }
            for each in taken
            if each.metric.per_picture
        }
        return FamilyVerdict(
            self._name,
            float((~self._masks).mean()),
            {name: len(images) for name, images in self._completed.items()},
            scores,
            wins,
            self._doubt,
            list(self._cases(values[taken[0].metric.name])),
        )

    def _win(self, of: Measure, values: Mapping[str, np.ndarray], other: str) -> Interval:
        """How much better ours is, over the pictures that both completed."""
        a, b = values[of.of], values[other]
        count = min(len(a), len(b))
        sign = 1 if of.metric.higher_is_better else -1
        return paired(sign * a[:count], sign * b[:count], self._held_out.groups[:count])

    def _cases(self, psnr: Mapping[str, np.ndarray]) -> Iterator[Case]:
        """Best, median and worst of those pictures that all methods completed, by PSNR in the hole."""
        count = min(map(len, self._completed.values()))
        psnr = {name: values[:count] for name, values in psnr.items()}
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
