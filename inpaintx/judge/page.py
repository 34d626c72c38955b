"""A verdict as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inpaintx.judge.statistics import Interval
from inpaintx.judge.verdict import Case, FamilyVerdict, Method, Metric, Verdict

if TYPE_CHECKING:
    from markupsafe import Markup

KINDS = {
    "ours": "Ours",
    "classical": "Classical: they know this picture only",
    "learned": "Learned from the same pictures",
    "switch": "Ours without what training gives",
    "preset": "Presets: settings of earlier work",
}
NOTHING = "–"  # where there is no value

_GOOD_CELL = 96  # pixels wide; pictures are enlarged by a whole number of times, so that they stay sharp
_STANDINGS = ("better", "unclear", "worse")
_PLOT_MARGIN = 0.06  # of the plot's range, on either side


@dataclass(frozen=True)
class _Cell:
    """One method's figure in one family. ``standing``: how the judged method stands against it."""

    mean: str
    spread: str
    note: str
    best: bool
    standing: str


@dataclass(frozen=True)
class _Row:
    method: Method
    judged: bool
    cells: list[_Cell]


@dataclass(frozen=True)
class _Group:
    title: str
    rows: list[_Row]


@dataclass(frozen=True)
class _Mark:
    """A dot and its interval; places are percents of the plot's width, None where there is no value."""

    method: Method
    standing: str
    text: str
    at: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class _Plot:
    family: FamilyVerdict
    zero: float
    ticks: list[tuple[float, str]]
    marks: list[_Mark]


@dataclass(frozen=True)
class _Stand:
    """Where the judged method stands against another, or against the best form of it in each family.

    ``counts``: of families, by standing; ``worse_in``: which; ``margin``: how much better, over the families.
    """

    name: str
    minutes: str
    counts: dict[str, int]
    worse_in: str
    margin: str


@dataclass(frozen=True)
class _Panel:
    """What is shown of one metric. ``tally``: how often the judged method stands how."""

    metric: Metric
    judged: str
    tally: dict[str, int]
    stands: list[_Stand]
    minutes: str
    groups: list[_Group]
    plots: list[_Plot]


@dataclass(frozen=True)
class _Fill:
    name: str
    source: str
    psnr: str
    judged: bool
    best: bool


@dataclass(frozen=True)
class _ShownCase:
    """A case with its pictures as data addresses. ``enlarged``: how many pixels wide they are best shown."""

    kind: str
    picture: str
    enlarged: int
    original: str
    damaged: str
    fills: list[_Fill]


def render(verdict: Verdict) -> str:
    """The page, as text to be written in UTF-8.

    A value of ``verdict.about`` may be a text, a number, or a list or dict of those; "groups", if it is there
    (a number, or words such as "57 font families"), is told in the summary. Methods without a figure in a
    family, and figures that are NaN, are shown as a dash. Whatever the verdict holds is escaped.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    kinds = _by_kind(verdict.methods)
    methods = [method for members in kinds.values() for method in members]
    # What is judged by the first metric is what the cases are about.
    cases_of = verdict.judged.get(verdict.metrics[0].name, "")
    return environment.get_template("page.html.jinja").render(
        verdict=verdict,
        facts={name: _fact(value) for name, value in verdict.about.items()},
        groups=verdict.about.get("groups"),
        most=max((count for family in verdict.families for count in family.counts.values()), default=0),
        kinds=kinds,
        panels=[_panel(verdict, metric, kinds) for metric in verdict.metrics],
        cases_of=cases_of,
        cases=[
            [_shown_case(case, methods, cases_of) for case in family.cases] for family in verdict.families
        ],
        doubts=[_number(family.doubt, 2) for family in verdict.families],
        NOTHING=NOTHING,
    )


def _by_kind(methods: Sequence[Method]) -> dict[str, list[Method]]:
    """The methods under the titles of their kinds; unknown kinds come last, under their own names."""
    kinds = dict.fromkeys([*KINDS, *(method.kind for method in methods)])
    grouped = {KINDS.get(kind, kind): [m for m in methods if m.kind == kind] for kind in kinds}
    return {title: members for title, members in grouped.items() if members}


def _panel(verdict: Verdict, metric: Metric, kinds: Mapping[str, Sequence[Method]]) -> _Panel:
    judged = verdict.judged.get(metric.name, "")
    others = [method for members in kinds.values() for method in members if method.name != judged]
    columns = [_column(family, metric, verdict.methods) for family in verdict.families]
    plots = [_plot(family, metric, others) for family in verdict.families]
    standings = [mark.standing for plot in plots for mark in plot.marks if mark.at is not None]
    return _Panel(
        metric=metric,
        judged=judged,
        tally={standing: standings.count(standing) for standing in _STANDINGS},
        stands=_stands(verdict, metric, others) if standings else [],
        minutes=next((_number(m.minutes, 0) for m in verdict.methods if m.name == judged), NOTHING),
        groups=[
            _Group(
                title,
                [_Row(m, m.name == judged, [column[m.name] for column in columns]) for m in members],
            )
            for title, members in kinds.items()
        ],
        plots=plots if standings else [],
    )


def _stands(verdict: Verdict, metric: Metric, others: Iterable[Method]) -> list[_Stand]:
    """A line for each other method, those of one kind under the name of what they are forms of."""
    forms: dict[str, list[Method]] = {}
    for method in others:
        forms.setdefault(method.variant_of or method.name, []).append(method)
    stands = []
    for name, members in forms.items():
        wins: dict[str, Interval] = {}
        for family in verdict.families:
            own = [_known(family.wins.get(metric.name, {}).get(m.name)) for m in members]
            there = [win for win in own if not math.isnan(win.mean)]
            if there:
                wins[family.name] = min(there)  # against the best form
        found = {family: _standing(win) for family, win in wins.items()}
        stands.append(
            _Stand(
                name,
                _number(members[0].minutes, 0),
                {standing: list(found.values()).count(standing) for standing in _STANDINGS},
                ", ".join(family for family, standing in found.items() if standing == "worse"),
                _number(
                    float(np.mean([win.mean for win in wins.values()])) if wins else None,
                    metric.digits,
                    signed=True,
                ),
            )
        )
    return stands


def _column(family: FamilyVerdict, metric: Metric, methods: Iterable[Method]) -> dict[str, _Cell]:
    """The cells of one family by method.

    Best is only who was judged on as many pictures as anyone, since a mean over fewer isn't comparable; of
    those that are shown as equal, all are.
    """
    scores = {m.name: _known(family.scores.get(m.name, {}).get(metric.name)) for m in methods}
    wins = family.wins.get(metric.name, {})
    most = max(family.counts.values(), default=0)
    fewer = {name: count for name, count in family.counts.items() if count < most}
    eligible = [s.mean for name, s in scores.items() if name not in fewer and not math.isnan(s.mean)]
    choose = max if metric.higher_is_better else min
    best = _number(choose(eligible), metric.digits) if eligible else None

    def cell(name: str, score: Interval) -> _Cell:
        mean = _number(score.mean, metric.digits)
        there = mean != NOTHING
        return _Cell(
            mean=mean,
            spread=_spread(score, metric) if there else "",
            note=f"{fewer[name]} pictures" if there and name in fewer else "",
            best=mean == best and name not in fewer,
            standing=_standing(_known(wins.get(name))),
        )

    return {name: cell(name, score) for name, score in scores.items()}


def _plot(family: FamilyVerdict, metric: Metric, others: Iterable[Method]) -> _Plot:
    wins = {m.name: _known(family.wins.get(metric.name, {}).get(m.name)) for m in others}
    ends = [0.0, *(value for win in wins.values() for value in win if not math.isnan(value))]
    low, high = min(ends), max(ends)
    margin = _PLOT_MARGIN * (high - low) or 1.0
    low, high = low - margin, high + margin

    def place(value: float) -> float | None:
        return None if math.isnan(value) else round(100 * (value - low) / (high - low), 2)

    marks = [
        _Mark(
            method=method,
            standing=_standing(win),
            text=_number(win.mean, metric.digits, signed=True),
            at=place(win.mean),
            low=place(win.low),
            high=place(win.high),
        )
        for method in others
        for win in [wins[method.name]]
    ]
    ticks = [(100 * (value - low) / (high - low), text) for value, text in _ticks(low, high)]
    return _Plot(family, 100 * -low / (high - low), ticks, marks)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Two to four round values between the two, and how they are written."""
    least = (high - low) / 4
    magnitude = 10.0 ** math.floor(math.log10(least))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [
        (number * step, _number(number * step, digits if number else 0, signed=True)) for number in numbers
    ]


def _standing(win: Interval) -> str:
    """Of the judged method: "better" or "worse" where the interval is clear of 0, else "unclear".

    Empty without a value.
    """
    if math.isnan(win.mean):
        return ""
    return "better" if win.low > 0 else "worse" if win.high < 0 else "unclear"


def _shown_case(case: Case, methods: Iterable[Method], judged: str) -> _ShownCase:
    """The pictures of a case in the methods' order; methods without one are left out."""
    original = case.images["original"]
    fills = [method.name for method in methods if method.name in case.images]
    best = max((case.psnr[name] for name in fills if name in case.psnr), default=math.nan)
    return _ShownCase(
        kind=case.kind,
        picture=case.picture,
        enlarged=original.shape[1] * max(1, round(_GOOD_CELL / original.shape[1])),
        original=_data_uri(original),
        damaged=_data_uri(case.images["damaged"]),
        fills=[
            _Fill(
                name=name,
                source=_data_uri(_without(original, case.images[name])),
                psnr=_number(case.psnr.get(name), 2),
                judged=name == judged,
                best=case.psnr.get(name) == best,
            )
            for name in fills
        ],
    )


def _without(original: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The image, transparent where it equals the original, which the page shows behind it.

    So the known pixels are in the page once, not once a method. uint8 [H, W, C] twice, gives [H, W, C + 1].
    """
    differs = (image != original).any(axis=2, keepdims=True)
    return np.concatenate([image * differs, 255 * differs.astype(np.uint8)], axis=2)


def _data_uri(image: np.ndarray) -> str:
    """The picture as PNG in the text of an address: uint8 [H, W, C]; gray, gray and alpha, RGB or RGBA."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _known(score: Interval | None) -> Interval:
    """No interval at all is the same as one of no values."""
    return Interval(math.nan, math.nan, math.nan) if score is None else score


def _spread(score: Interval, metric: Metric) -> str:
    """The interval's ends; a figure of the whole set needs none, so that it isn't missed there."""
    if math.isnan(score.low) or math.isnan(score.high):
        return NOTHING if metric.per_picture else ""
    low, high = _number(score.low, metric.digits), _number(score.high, metric.digits)
    return f"{low} to {high}" if score.low < 0 else f"{low}–{high}"


def _number(value: float | None, digits: int, signed: bool = False) -> str:
    """With a real minus sign, and no sign on what rounds to zero."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return "−" + text if value < 0 else "+" + text if signed else text


def _prose(text: str) -> Markup:
    """Escaped, with what stands between backticks set as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _fact(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_fact(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_fact, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
