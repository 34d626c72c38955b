"""The page of a verdict: read back with a parser, as a browser would."""

from __future__ import annotations

import base64
import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from html_tree import Node, parsed
from PIL import Image
from verdict_cases import DISTANCE, KERNEL, METHODS, NAN, PSNR, case, picture, small_verdict

from inpaintx.judge import page
from inpaintx.judge.statistics import Interval
from inpaintx.judge.verdict import Case, Method, Verdict

NASTY = """<script>alert("&'")</script>.png"""


@pytest.fixture
def verdict() -> Verdict:
    return small_verdict()


def with_first_family(verdict: Verdict, **changes: Any) -> Verdict:
    first = replace(verdict.families[0], **changes)
    return replace(verdict, families=[first, *verdict.families[1:]])


def rows(document: Node, panel: int = 0) -> dict[str, list[Node]]:
    """The summary table of a metric: the cells of each method."""
    table = document.all("table", class_="figures")[panel]
    found = {}
    for row in table.all("tr"):
        cells = row.all("td")
        if cells:
            found[row.all("th")[0].text] = cells
    return found


def wins(document: Node, panel: int = 0) -> list[Node]:
    """The plots of a metric."""
    plots = document.all("div", class_="panel")[panel].all("div", class_="plots")
    return plots[0].all("table") if plots else []


def test_every_tag_is_closed_and_every_id_is_its_own(verdict: Verdict) -> None:
    document = parsed(page.render(verdict))
    ids = [node.attributes["id"] for node in document.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    links = [node.attributes["href"] for node in document.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {node.attributes["for"] for node in document.all("label")} <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(verdict: Verdict) -> None:
    html = page.render(verdict)
    document = parsed(html)
    for node in document.walk():
        assert node.tag not in {"script", "link", "iframe", "object", "base"}
        assert not [name for name in node.attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "xlink:href", "data", "action"):
            address = node.attributes.get(name, "#")
            assert address.startswith(("#", "data:image/png;base64,")), address[:80]
    assert all(url.startswith("data:image/png;base64,") for url in re.findall(r"url\(\s*[\"']?([^)]*)", html))
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html


def test_a_stranger_is_told_what_was_judged(verdict: Verdict) -> None:
    document = parsed(page.render(verdict))
    summary = document.all("header")[0]
    assert "Holes of 2 kinds" in summary.text
    assert "6 methods" in summary.text
    assert "up to 40 pictures a kind of hole, the same for every method, in 12 groups." in summary.text
    assert "95 % interval" in summary.text
    facts = {node.all("dt")[0].text: node.all("dd")[0].text for node in summary.all("dl")[0].all("div")}
    assert facts == {
        "model": "runs/letters",
        "pictures": "40",
        "groups": "12",
        "rate": "0.05",
        "options": "a: 1, –",
    }
    words = {node.all("dt")[0].text: node.all("dd")[0].text for node in document.all("main")[0].all("div")
             if node.all("dt")}  # fmt: skip
    assert words["distance"] == "What distance means. Lower is better."
    assert words["peak ratio in dB"] == "What psnr means. Higher is better."
    assert words["ours mean"] == "The mean, blend auto ."
    assert {method.name for method in METHODS} <= set(words)
    assert [node.text for node in document.all("code")].count("auto") == 1


def test_groups_may_be_words_or_missing(verdict: Verdict) -> None:
    def told(about: dict[str, object]) -> str:
        return parsed(page.render(replace(verdict, about=about))).all("header")[0].text

    assert "the same for every method, in 5 people." in told({"groups": "5 people"})
    assert "the same for every method." in told({})


def test_every_metric_has_a_table_of_every_method_and_family(verdict: Verdict) -> None:
    document = parsed(page.render(verdict))
    tabs = document.all("div", class_="tabs")[0]
    assert [node.text for node in tabs.all("label")] == ["peak ratio", "distance", "kernel distance"]
    assert ["checked" in node.attributes for node in tabs.all("input")] == [True, False, False]
    for number, metric in enumerate(verdict.metrics):
        found = rows(document, number)
        # By kind, whatever the order in the verdict.
        assert list(found) == ["ours mean", "ours sample", "Telea", "eight", "blank G", "old"]
        assert all(len(cells) == 2 for cells in found.values())
        table = document.all("table", class_="figures")[number]
        columns = [node.text for node in table.all("thead")[0].all("th")]
        assert columns == ["Method", "center 25 % hidden", "left half 25 % hidden"]
        kinds = [node.text for node in table.all("tr", class_="kind")]
        assert kinds == list(page.KINDS.values())
        judged = [row.all("th")[0].text for row in table.all("tr", class_="judged")]
        assert judged == [verdict.judged[metric.name]]


def test_an_unknown_kind_comes_last_under_its_own_name(verdict: Verdict) -> None:
    methods = [replace(METHODS[0], kind="magic"), *METHODS[1:]]
    document = parsed(page.render(replace(verdict, methods=methods)))
    table = document.all("table", class_="figures")[0]
    assert table.all("tr", class_="kind")[-1].text == "magic"
    assert list(rows(document))[-1] == "Telea"


def test_cells_show_mean_interval_best_and_standing(verdict: Verdict) -> None:
    found = rows(parsed(page.render(verdict)))
    cells = {method: columns[0] for method, columns in found.items()}
    assert cells["ours mean"].text == "17.50 17.00–17.75"
    assert [method for method, cell in cells.items() if cell.all("b")] == ["eight"]
    marks = {method: [node.text for node in cell.all("i") if node.text] for method, cell in cells.items()}
    assert marks == {
        "ours mean": [],
        "ours sample": [],
        "Telea": ["▼"],
        "eight": ["▲"],
        "blank G": [],
        "old": [],
    }
    assert cells["Telea"].all("i")[0].attributes["aria-label"] == "worse than ours mean"
    assert cells["eight"].all("i")[0].attributes["aria-label"] == "better than ours mean"


def test_the_lowest_is_best_where_lower_is_better_and_equals_share_it(verdict: Verdict) -> None:
    scores = {name: dict(cells) for name, cells in verdict.families[0].scores.items()}
    scores["old"]["distance"] = Interval(scores["eight"]["distance"].mean + 1e-6, 0.01, 0.1)
    found = rows(parsed(page.render(with_first_family(verdict, scores=scores))), panel=1)
    assert [name for name, cells in found.items() if cells[0].all("b")] == ["eight", "old"]
    assert [name for name, cells in found.items() if cells[1].all("b")] == ["eight"]


def test_fewer_pictures_are_told_and_never_best(verdict: Verdict) -> None:
    counts = dict.fromkeys(verdict.families[0].counts, 40) | {"eight": 8}
    found = rows(parsed(page.render(with_first_family(verdict, counts=counts))))
    assert found["eight"][0].text.endswith("8 pictures")
    assert "pictures" not in found["eight"][1].text
    assert [name for name, cells in found.items() if cells[0].all("b")] == ["ours mean"]


def test_what_is_not_known_is_a_dash(verdict: Verdict) -> None:
    scores: dict[str, dict[str, Interval | None]] = {
        name: dict(cells) for name, cells in verdict.families[0].scores.items()
    }
    scores["old"]["psnr"] = Interval(NAN, NAN, NAN)
    scores["blank G"]["psnr"] = None
    scores["ours sample"]["psnr"] = Interval(17.0, NAN, NAN)
    del scores["Telea"]
    won = dict(verdict.families[0].wins["psnr"]) | {"eight": None}
    del won["Telea"]
    document = parsed(
        page.render(
            with_first_family(verdict, scores=scores, wins={"psnr": won}, counts={"ours mean": 40}, doubt=NAN)
        )
    )
    cells = {name: columns[0].text for name, columns in rows(document).items()}
    assert cells["old"] == cells["blank G"] == cells["Telea"] == "–"
    assert cells["ours sample"] == "17.00 –"
    assert rows(document, panel=2)["eight"][0].text == "1.8"  # of a whole set: no interval is missing
    plotted = {row.all("th")[0].text: row for row in wins(document)[0].all("tr")}
    for name in ("Telea", "eight"):
        assert plotted[name].all("td")[-1].text == "–"
        assert not plotted[name].all("circle")
        assert not plotted[name].all("rect")
    doubts = [node for node in document.all("p") if "Rank correlation" in node.text]
    assert len(doubts) == 1
    assert "0.41" in doubts[0].text
    assert "nan" not in document.all("body")[0].text.lower().replace("uncertainty", "").split()


def test_plots_put_dots_and_intervals_where_they_belong(verdict: Verdict) -> None:
    plots = wins(parsed(page.render(verdict)))
    assert [plot.all("caption")[0].text for plot in plots] == ["center", "left half"]
    plotted = {row.all("th")[0].text: row for row in plots[0].all("tr")}

    def percent(node: Node, name: str) -> float:
        return float(node.attributes[name].removesuffix("%"))

    zero = percent(plotted["Telea"].all("line", class_="zero")[0], "x1")
    ticks = plotted[""].all("text")
    places = {float(node.text.replace("−", "-")): percent(node, "x") for node in ticks}
    assert len(places) >= 2
    assert places[0] == pytest.approx(zero, abs=0.02)
    unit = (places[max(places)] - places[0]) / max(places)
    expected = verdict.families[0].wins["psnr"]
    for name, shape, place in (
        ("Telea", "circle", "cx"),
        ("eight", "rect", "x"),
        ("blank G", "circle", "cx"),
    ):
        mark = plotted[name].all(shape)[0]
        whisker = plotted[name].all("line", class_=mark.attributes["class"])[0]
        for value, at in zip(
            expected[name],
            (percent(mark, place), percent(whisker, "x1"), percent(whisker, "x2")),
            strict=True,
        ):
            assert at == pytest.approx(zero + value * unit, abs=0.05)
            assert 0 <= at <= 100
    standings = {
        name: plotted[name].all("circle")[0].attributes["class"] for name in ("Telea", "blank G", "old")
    }
    assert standings == {"Telea": "better", "blank G": "unclear", "old": "unclear"}
    assert [node.attributes["class"] for node in plotted["old"].all("line")] == ["zero"]  # no interval
    assert plotted["eight"].all("td")[-1].text == "−0.75"
    assert plotted["Telea"].all("td")[-1].text == "+3.50"
    assert "ours mean" not in plotted


def test_the_tally_counts_the_plots(verdict: Verdict) -> None:
    panels = parsed(page.render(verdict)).all("div", class_="panel")
    assert "Of its 10 comparisons" in panels[0].text
    assert "it wins 2, loses 2, and in 6 the pictures can't tell" in panels[0].text
    assert "it wins" not in panels[2].text
    assert "there are no pairs to compare" in panels[2].text


def test_where_ours_stands_against_each_is_said(verdict: Verdict) -> None:
    methods = [replace(method, minutes=57.4) if method.name == "ours mean" else method for method in METHODS]
    # Two forms of one rival: "eight" is the better one in both families, "Telea" worse than ours.
    methods = [
        replace(m, minutes=12.0, variant_of="rival") if m.name in ("Telea", "eight") else m for m in methods
    ]
    document = parsed(page.render(replace(verdict, methods=methods)))
    tables = document.all("table", class_="stands")
    assert len(tables) == 2  # figures of whole sets have no pairs
    assert "ours mean: 57" in tables[0].all("thead")[0].text
    told = {
        row.all("th")[0].text: [cell.text for cell in row.all("td")]
        for row in tables[0].all("tbody")[0].all("tr")
    }
    assert list(told) == ["ours sample", "rival", "blank G", "old"]
    assert told["rival"] == ["0", "0", "2 center, left half", "−0.75", "12"]
    assert told["blank G"] == ["0", "2", "0", "+2.50", page.NOTHING]


def test_plots_of_nothing_but_equals_still_have_a_scale(verdict: Verdict) -> None:
    plot = wins(parsed(page.render(verdict)), panel=1)[0]
    assert {row.all("td")[-1].text for row in plot.all("tr")} == {"0.000", ""}
    assert {node.attributes["cx"] for node in plot.all("circle")} == {"50.0%"}
    assert [node.text for node in plot.all("text")] == ["−1.0", "−0.5", "0", "+0.5", "+1.0"]


@pytest.mark.parametrize(
    ("low", "high"), [(-0.3, 4.6), (-2e-4, 7e-4), (-1300.0, 90.0), (0.0, 1.0), (-1.0, 1.0), (-0.1, 0.05)]
)
def test_ticks_are_few_round_and_written_as_they_are(low: float, high: float) -> None:
    ticks = page._ticks(low, high)
    assert 2 <= len(ticks) <= 5
    assert len({text for _, text in ticks}) == len(ticks)
    for value, text in ticks:
        assert low <= value <= high
        assert float(text.replace("−", "-")) == pytest.approx(value, abs=1e-12)


def decoded(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize("channels", [1, 3])
def test_cases_show_their_pictures_bit_for_bit(verdict: Verdict, channels: int) -> None:
    shown = case("median", channels)
    document = parsed(page.render(with_first_family(verdict, cases=[shown])))
    section = document.all("section", class_="case")[0]
    assert section.all("h4")[0].text == "Median median-letter.png"
    images = {node.attributes["alt"].split(", ")[1]: node for node in section.all("img")}
    assert list(images) == ["original", "damaged", "filled by ours mean", "filled by Telea"]
    original = decoded(images["original"].attributes["src"]).convert("RGBA")
    behind = re.search(r"--original: url\((.*)\)", section.all("div")[0].attributes["style"])
    assert behind is not None
    assert behind[1] == images["original"].attributes["src"]
    for alt, name in (
        ("damaged", "damaged"),
        ("filled by ours mean", "ours mean"),
        ("filled by Telea", "Telea"),
    ):
        image = decoded(images[alt].attributes["src"]).convert("RGBA")
        seen = np.asarray(Image.alpha_composite(original, image) if name != "damaged" else image)[..., :3]
        np.testing.assert_array_equal(seen, np.broadcast_to(shown.images[name], seen.shape))
    captions = [node.text for node in section.all("figcaption")]
    assert captions == ["original", "damaged", "ours mean 11.00", "Telea 10.00"]
    assert [node.text for node in section.all("b")] == ["11.00"]
    assert [node.all("figcaption")[0].text for node in section.all("figure", class_="judged")] == [
        "ours mean 11.00"
    ]


def test_known_pixels_are_in_the_page_once() -> None:
    original = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    fill = original.copy()
    fill[28:36, 28:36] = 7
    assert len(page._data_uri(page._without(original, fill))) < 0.05 * len(page._data_uri(original))


def test_pictures_are_enlarged_by_a_whole_number() -> None:
    for side, shown in ((8, 96), (32, 96), (64, 128), (96, 96), (128, 128), (300, 300)):
        blank = np.zeros((side, side, 1), np.uint8)
        made = page._shown_case(Case("best", "a.png", {}, {"original": blank, "damaged": blank}), [], "")
        assert made.enlarged == shown


def test_a_family_without_cases_says_so(verdict: Verdict) -> None:
    document = parsed(page.render(with_first_family(verdict, cases=[])))
    families = document.all("details")
    assert [node.all("h3")[0].text for node in families] == ["center", "left half"]
    assert "No pictures to show." in families[0].text
    assert not families[0].all("img")
    assert len(families[1].all("section", class_="case")) == 2


def test_a_method_may_lack_in_a_case(verdict: Verdict) -> None:
    shown = case(methods=("eight",))
    shown = replace(shown, psnr={"eight": NAN})
    document = parsed(page.render(with_first_family(verdict, cases=[shown])))
    captions = [node.text for node in document.all("details")[0].all("figcaption")]
    assert captions == ["original", "damaged", "eight –"]


def test_whatever_comes_from_outside_is_escaped(verdict: Verdict) -> None:
    nasty = replace(
        verdict,
        about={NASTY: NASTY, "groups": NASTY, "list": [NASTY]},
        metrics=[replace(PSNR, label=NASTY, unit=NASTY, about=f"`{NASTY}`"), DISTANCE, KERNEL],
        methods=[replace(METHODS[0], kind=NASTY, about=NASTY), Method(NASTY, "ours", ""), *METHODS[1:]],
        judged={"psnr": NASTY},
        families=[
            replace(verdict.families[0], name=NASTY, cases=[replace(case(), picture=NASTY, kind=NASTY)])
        ],
    )
    nasty.families[0].cases[0].images[NASTY] = picture(5)
    document = parsed(page.render(nasty))
    assert not document.all("script")
    assert NASTY.lower() in document.all("details")[0].all("h4")[0].text.lower()
    assert NASTY in document.all("details")[0].all("h3")[0].text
    assert f"{NASTY}, filled by {NASTY}" in [node.attributes["alt"] for node in document.all("img")]
    assert document.all("code")[0].text == NASTY
    assert not {
        name for node in document.walk() for name in node.attributes if "<" in name or "alert" in name
    }


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (1.005, 1, False, "1.0"),
        (-0.75, 2, False, "−0.75"),
        (-0.0004, 2, True, "0.00"),
        (0.0, 1, True, "0.0"),
        (2.0, 0, True, "+2"),
        (NAN, 2, True, "–"),
        (math.inf, 2, True, "–"),
        (None, 2, False, "–"),
    ],
)
def test_numbers(value: float | None, digits: int, signed: bool, text: str) -> None:
    assert page._number(value, digits, signed) == text


def test_an_interval_below_zero_has_words_between_its_ends() -> None:
    assert page._spread(Interval(0.1, -0.5, 0.75), PSNR) == "−0.50 to 0.75"


def test_the_page_is_the_same_each_time(verdict: Verdict) -> None:
    assert page.render(verdict) == page.render(verdict)


def test_importing_the_page_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'matplotlib', 'scipy', 'jinja2', 'PIL'}"
    code = f"import sys, inpaintx.judge.page; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
