"""What a judgement found: what is written as JSON, and shown as a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from inpaintx.judge.statistics import Interval


@dataclass(frozen=True)
class Metric:
    """A figure of merit. ``per_picture``: it has a value for each picture, and so an interval and wins."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    digits: int
    about: str
    per_picture: bool = True


@dataclass(frozen=True)
class Method:
    """A way to fill a hole.

    Attributes:
        name: its name in tables.
        kind: "ours", "classical", "learned", "switch" (ours without what training gives) or "preset".
        about: what it does, in a sentence.
        minutes: what it took to train; None: it isn't trained, or nothing says.
        variant_of: what it is a form of, of whose forms the best one counts; empty: of nothing.
    """

    name: str
    kind: str
    about: str
    minutes: float | None = None
    variant_of: str = ""


@dataclass(frozen=True)
class Case:
    """One picture as the methods completed it.

    Attributes:
        kind: "best", "median" or "worst" of the judged method, by PSNR in the hole.
        picture: its file's name.
        psnr: PSNR in the hole, dB, by method.
        images: uint8 ``[S, S, C]``: "original", "damaged", and one a method.
    """

    kind: str
    picture: str
    psnr: dict[str, float]
    images: dict[str, np.ndarray]


@dataclass(frozen=True)
class FamilyVerdict:
    """One family of masks.

    Attributes:
        name: the family's.
        hidden: mean share of a picture that is hidden.
        counts: how many pictures each method was judged on.
        scores: by method and metric.
        wins: by metric and other method: how much better the judged method of that metric is, paired over the
            same pictures; above 0 is better, whichever way the metric points.
        doubt: rank correlation of the uncertainty map with the error, over the hole's pixels of all pictures.
        cases: pictures to look at.
    """

    name: str
    hidden: float
    counts: dict[str, int]
    scores: dict[str, dict[str, Interval]]
    wins: dict[str, dict[str, Interval]]
    doubt: float
    cases: list[Case] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """A whole judgement.

    Attributes:
        about: what was judged, how, where: names and values to print.
        metrics: in the order to show them; the first one decides the cases.
        methods: likewise.
        judged: for each metric, the method of ours that the wins are about.
        families: one each.
    """

    about: dict[str, Any]
    metrics: list[Metric]
    methods: list[Method]
    judged: dict[str, str]
    families: list[FamilyVerdict]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all but the pictures of the cases; an interval is ``[mean, low, high]``, NaN is None."""
        return {
            "about": self.about,
            "metrics": [asdict(metric) for metric in self.metrics],
            "methods": [asdict(method) for method in self.methods],
            "judged": self.judged,
            "families": [
                {
                    "name": family.name,
                    "hidden": family.hidden,
                    "counts": family.counts,
                    "scores": _plain(family.scores),
                    "wins": _plain(family.wins),
                    "doubt": _number(family.doubt),
                    "cases": [
                        {"kind": case.kind, "picture": case.picture, "psnr": case.psnr}
                        for case in family.cases
                    ],
                }
                for family in self.families
            ],
        }


def _plain(table: dict[str, dict[str, Interval]]) -> dict[str, dict[str, list[float | None]]]:
    return {
        row: {column: [_number(value) for value in interval] for column, interval in cells.items()}
        for row, cells in table.items()
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
