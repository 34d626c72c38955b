"""The protocol on contenders whose answers are known: the truth, the truth and an error, nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.judge import measures, protocol
from inpaintx.judge.methods import MEAN, SAMPLE, Filled, Source, Square
from inpaintx.judge.page import render
from inpaintx.judge.protocol import Contender, HeldOut, Scope, judge, masks_for
from inpaintx.judge.verdict import FamilyVerdict, Method, Metric, Verdict
from inpaintx.plugins.masks import FAMILIES

pytestmark = pytest.mark.slow

SIZE, COUNT = 32, 8
LEVEL = 1 / 255  # of 8 bits

# What is added to the picture of that number in its hole, in levels; the result stays in range.
Error = Callable[[int], Any]


def _held_out(channels: int = 1, count: int = COUNT, labels: bool = False) -> HeldOut:
    """Smooth pictures with values that leave room for errors, two of a group."""
    y, x = np.indices((SIZE, SIZE)) / SIZE
    waves = [
        [np.sin(4 * x + number + channel) * np.cos(3 * y * number) for channel in range(channels)]
        for number in range(1, count + 1)
    ]
    images = (128 + 40 * np.array(waves)).astype(np.uint8).transpose(0, 2, 3, 1)
    names = [f"{number}.png" for number in range(count)]
    numbers = np.arange(1, count + 1) if labels else None
    return HeldOut(images, names, np.arange(count) // 2, numbers)


def _oracle(
    held_out: HeldOut,
    errors: dict[str, Error],
    doubt: Callable[[int], Any] | None = None,
    seconds: float = 0.5,
) -> Source:
    """Methods that know the pictures, recognise them by their known pixels, and err as told."""
    truth = held_out.images.astype(np.float32) / 255

    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        numbers = [
            next(number for number, image in enumerate(truth) if np.array_equal(image[mask], square[mask]))
            for square, mask in squares
        ]
        for name, error in errors.items():
            images = []
            for number, (_, mask) in zip(numbers, squares, strict=True):
                wrong = np.broadcast_to(np.float32(error(number)) * LEVEL, (SIZE, SIZE))
                images.append(truth[number] + np.where(mask, 0, wrong)[..., None])
            maps = (
                None
                if doubt is None
                else np.stack([np.broadcast_to(doubt(n), (SIZE, SIZE)) for n in numbers])
            )
            yield Filled(name, np.stack(images).astype(np.float32), seconds, maps)

    return run


def _contender(
    held_out: HeldOut, errors: dict[str, Error], count: int | None = None, **more: Any
) -> Contender:
    methods = [Method(name, "ours" if name in (MEAN, SAMPLE) else "classical", "") for name in errors]
    return Contender(methods, _oracle(held_out, errors, **more), count)


def _ours(held_out: HeldOut, mean: float = 0, sample: float = 0, **more: Any) -> Contender:
    return _contender(held_out, {MEAN: lambda _: mean, SAMPLE: lambda _: sample}, **more)


def _judged(
    held_out: HeldOut, *contenders: Contender, families: Sequence[str] = ("center",), **more: Any
) -> Verdict:
    *_, verdict = judge(held_out, contenders, Scope(families, 1), {"by": "a test"}, **more)
    return verdict


def _family(held_out: HeldOut, *contenders: Contender, **more: Any) -> FamilyVerdict:
    (family,) = _judged(held_out, *contenders, **more).families
    return family


# --- masks ---


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_masks_are_a_function_of_the_seed_and_the_name(family: str, channels: int) -> None:
    held_out = _held_out(channels)
    masks = masks_for(family, held_out, 3)
    assert masks.shape == (COUNT, SIZE, SIZE)
    assert masks.dtype == bool
    assert masks.any((1, 2)).all()
    assert not masks.all((1, 2)).any()
    assert np.array_equal(masks_for(family, held_out, 3), masks)
    others = replace(held_out, images=255 - held_out.images)
    assert np.array_equal(masks_for(family, others, 3), masks)
    last = HeldOut(held_out.images[-1:], held_out.names[-1:], held_out.groups[-1:])
    assert np.array_equal(masks_for(family, last, 3), masks[-1:])


@pytest.mark.parametrize("family", ["random-patch", "pattern", "freeform thick", "freeform thin", "random"])
def test_drawn_masks_differ_by_seed_and_by_name(family: str) -> None:
    held_out = _held_out()
    first, other = masks_for(family, held_out, 0), masks_for(family, held_out, 1)
    assert (first != other).any((1, 2)).all()
    assert len({mask.tobytes() for mask in first}) > COUNT // 2
    renamed = replace(held_out, names=[f"other {name}" for name in held_out.names])
    assert not np.array_equal(masks_for(family, renamed, 0), first)


def test_families_hide_what_their_names_say() -> None:
    hidden = {family: (~masks_for(family, _held_out(), 1)).mean(0) for family in FAMILIES}
    assert hidden["random"].mean() == pytest.approx(0.8, abs=0.02)
    assert (hidden["left"] == (np.arange(SIZE) < SIZE // 2)).all()
    assert hidden["center"].mean() == 0.25
    assert hidden["center"][12:20, 12:20].all()


def test_family_that_there_is_not() -> None:
    with pytest.raises(
        InpaintxError, match="no such family of masks: centre; choose from center, "
    ) as caught:
        masks_for("centre", _held_out(), 0)
    assert "\n" not in str(caught.value)


# --- what methods get, and what is measured ---


@pytest.mark.parametrize("channels", [1, 3])
def test_methods_get_the_known_pixels_and_nothing_else(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out, seen = _held_out(channels), []
    oracle = _oracle(held_out, {MEAN: lambda _: 0, SAMPLE: lambda _: 0})

    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        seen.append(squares)
        yield from oracle(squares)

    monkeypatch.setattr(protocol, "GROUP", 3)
    _judged(held_out, Contender([Method(MEAN, "ours", ""), Method(SAMPLE, "ours", "")], run))
    assert [len(squares) for squares in seen] == [3, 3, 2]
    masks = masks_for("center", held_out, 1)
    squares = [square for group in seen for square in group]
    for (image, mask), original, expected in zip(squares, held_out.images, masks, strict=True):
        assert image.dtype == np.float32
        assert np.array_equal(mask, expected)
        assert not image[~mask].any()
        np.testing.assert_allclose(image[mask], original[mask] / 255, rtol=0, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_truth_is_perfect(channels: int) -> None:
    held_out = _held_out(channels)
    scores = _family(held_out, _ours(held_out)).scores[MEAN]
    for metric, best in (
        ("psnr_hole", 48),
        ("psnr", 48),
        ("ssim_hole", 1),
        ("ssim", 1),
        ("l1_hole", 0),
        ("perceptual", 0),
        ("seam", 0),
    ):
        assert scores[metric] == pytest.approx((best, best, best), abs=1e-6), metric
    assert scores["kid"].mean <= 0  # the pictures themselves: the estimate falls below that of others
    assert scores["seconds"].mean == pytest.approx(0.5)


def test_figures_of_a_known_error() -> None:
    """Ten levels too bright in the hole."""
    held_out = _held_out()
    family = _family(held_out, _ours(held_out, mean=10))
    scores = family.scores[MEAN]
    assert family.hidden == pytest.approx(float((~masks_for("center", held_out, 1)).mean()))
    assert scores["psnr_hole"].mean == pytest.approx(20 * np.log10(255 / 10), abs=1e-6)
    assert scores["psnr"].mean == pytest.approx(10 * np.log10(255**2 / (100 * family.hidden)), abs=1e-6)
    assert scores["l1_hole"].mean == pytest.approx(100 * 10 / 255, rel=1e-6)
    assert scores["seam"].mean == pytest.approx(100 * 10 / 255, rel=1e-5)
    assert scores["ssim_hole"].mean < scores["ssim"].mean < 1
    assert scores["perceptual"].mean > 0
    assert family.scores[SAMPLE]["l1_hole"].mean == 0


def test_completions_are_rounded_to_8_bits_first() -> None:
    held_out = _held_out()
    scores = _family(held_out, _ours(held_out, mean=0.45, sample=0.55)).scores
    assert scores[MEAN]["l1_hole"].mean == 0
    assert scores[SAMPLE]["l1_hole"].mean == pytest.approx(100 / 255, rel=1e-6)


def test_mean_and_interval_are_over_whole_groups() -> None:
    """Errors of 2 and 4 levels, alternating in each group of two: each group's mean is the same."""
    held_out = _held_out()
    errors: dict[str, Error] = {MEAN: lambda n: 2 + 2 * (n % 2), SAMPLE: lambda n: 2 + 2 * (n // 4)}
    scores = _family(held_out, _contender(held_out, errors)).scores
    assert scores[MEAN]["l1_hole"] == pytest.approx((300 / 255,) * 3, rel=1e-5)
    assert scores[SAMPLE]["l1_hole"].mean == pytest.approx(300 / 255, rel=1e-5)
    assert scores[SAMPLE]["l1_hole"].low < 250 / 255 < 350 / 255 < scores[SAMPLE]["l1_hole"].high


def test_seconds_are_for_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of different sizes count by their pictures."""
    monkeypatch.setattr(protocol, "GROUP", 6)
    held_out, times = _held_out(), iter([1.0, 5.0])

    def run(squares: Sequence[Square]) -> Iterator[Filled]:
        taken = next(times)
        for name in (MEAN, SAMPLE):
            yield Filled(name, np.stack([image for image, _ in squares]), taken)

    family = _family(held_out, Contender([Method(MEAN, "ours", ""), Method(SAMPLE, "ours", "")], run))
    assert family.scores[MEAN]["seconds"].mean == pytest.approx((6 * 1 + 2 * 5) / 8)


# --- comparisons ---


def test_wins_are_above_0_where_ours_is_better_whichever_way_the_metric_points() -> None:
    held_out = _held_out()
    others: dict[str, Error] = {"worse": lambda _: 8, "better": lambda _: 1}
    family = _family(held_out, _ours(held_out, mean=4, sample=2), _contender(held_out, others))
    for metric in ("psnr_hole", "ssim_hole", "l1_hole", "psnr", "ssim", "seam"):
        assert family.wins[metric]["worse"].low > 0, metric
        assert family.wins[metric]["better"].high < 0, metric
        assert set(family.wins[metric]) == {SAMPLE, "worse", "better"}
    assert family.wins["l1_hole"]["worse"].mean == pytest.approx(100 * (8 - 4) / 255, rel=1e-5)
    assert family.wins["psnr_hole"]["worse"].mean == pytest.approx(20 * np.log10(2), rel=1e-5)
    assert set(family.wins["perceptual"]) == {MEAN, "worse", "better"}
    assert family.wins["perceptual"][MEAN].mean == pytest.approx(
        family.scores[MEAN]["perceptual"].mean - family.scores[SAMPLE]["perceptual"].mean, rel=1e-5
    )
    assert "kid" not in family.wins
    assert "seconds" not in family.wins


def test_judged_methods_are_told() -> None:
    held_out = _held_out()
    verdict = _judged(held_out, _ours(held_out))
    assert verdict.judged["psnr_hole"] == verdict.judged["seam"] == MEAN
    assert verdict.judged["perceptual"] == verdict.judged["kid"] == verdict.judged["told_apart"] == SAMPLE
    assert set(verdict.judged) == {metric.name for metric in verdict.metrics}
    assert [method.name for method in verdict.methods] == [MEAN, SAMPLE]
    assert verdict.about == {"by": "a test"}


def test_slow_methods_get_the_first_pictures_and_are_compared_on_these() -> None:
    """Ours errs by the picture's number, the slow one by four: over the first three, 0, 1 and 2."""
    held_out = _held_out()
    family = _family(
        held_out,
        _contender(held_out, {MEAN: lambda n: n, SAMPLE: lambda n: n}),
        _contender(held_out, {"slow": lambda _: 4}, count=3),
        _contender(held_out, {"patient": lambda _: 4}, count=50),
    )
    assert family.counts == {MEAN: COUNT, SAMPLE: COUNT, "slow": 3, "patient": COUNT}
    assert family.scores["slow"]["l1_hole"].mean == pytest.approx(400 / 255, rel=1e-5)
    assert family.scores[MEAN]["l1_hole"].mean == pytest.approx(350 / 255, rel=1e-5)
    assert family.wins["l1_hole"]["slow"].mean == pytest.approx(300 / 255, rel=1e-5)
    assert family.wins["l1_hole"]["patient"].mean == pytest.approx(50 / 255, rel=1e-5)
    assert {case.picture for case in family.cases} <= {"0.png", "1.png", "2.png"}  # what all completed


def test_progress_is_told_for_each_contender_and_family() -> None:
    held_out, seen = _held_out(), []
    slow = _contender(held_out, {"slow": lambda _: 4}, count=3)
    _judged(
        held_out, _ours(held_out), slow, families=("center", "left"), progress=lambda *told: seen.append(told)
    )
    everything = 2 * (COUNT + 3)
    assert seen[-1] == (everything, everything)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_verdict_grows_family_by_family() -> None:
    held_out = _held_out()
    first, both = judge(held_out, [_ours(held_out)], Scope(("lowres", "center"), 1), {})
    assert [family.name for family in first.families] == ["lowres"]
    assert [family.name for family in both.families] == ["lowres", "center"]


# --- cases ---


def test_cases_are_the_best_the_median_and_the_worst_of_the_mean() -> None:
    held_out = _held_out(3, count=7)
    errors = [5, 1, 9, 3, 12, 7, 2]  # by rank: pictures 1, 6, 3, 0, 5, 2, 4
    ours = _contender(held_out, {MEAN: lambda n: errors[n], SAMPLE: lambda _: 0})
    family = _family(held_out, ours, _contender(held_out, {"other": lambda _: 20}))
    assert [(case.kind, case.picture) for case in family.cases] == [
        ("best", "1.png"),
        ("median", "0.png"),
        ("worst", "4.png"),
    ]
    masks = masks_for("center", held_out, 1)
    for case in family.cases:
        number = int(case.picture[0])
        original, mask = held_out.images[number], masks[number]
        assert list(case.images) == ["original", "damaged", MEAN, SAMPLE, "other"]
        assert np.array_equal(case.images["original"], original)
        assert np.array_equal(case.images["damaged"][mask], original[mask])
        assert (case.images["damaged"][~mask] == 128).all()
        brighter = original + np.where(mask, 0, 20)[..., None]
        assert np.array_equal(case.images["other"], brighter)
        assert case.psnr[MEAN] == pytest.approx(min(20 * np.log10(255 / errors[number]), 48))
        assert case.psnr[SAMPLE] == 48


# --- doubt ---


def _slope(number: int) -> np.ndarray:
    return 5 + 0.5 * np.indices((SIZE, SIZE))[1] + 2 * number


@pytest.mark.parametrize(
    ("doubt", "expected"), [(_slope, 1), (lambda n: -_slope(n), -1), (lambda n: np.exp(_slope(n)), 1)]
)
def test_doubt_is_a_rank_correlation_with_the_error(doubt: Callable[[int], Any], expected: float) -> None:
    held_out = _held_out()
    ours = _contender(held_out, {MEAN: lambda n: 2 * np.round(_slope(n)), SAMPLE: lambda _: 0}, doubt=doubt)
    assert _family(held_out, ours).doubt == pytest.approx(expected, abs=0.01)


def test_doubt_is_looked_at_in_the_hole_only() -> None:
    held_out = _held_out()
    masks = masks_for("center", held_out, 1)

    def doubt(number: int) -> np.ndarray:
        return np.where(masks[number], np.float32(1000), _slope(number))

    ours = _contender(held_out, {MEAN: lambda n: 2 * np.round(_slope(n)), SAMPLE: lambda _: 0}, doubt=doubt)
    assert _family(held_out, ours).doubt == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("doubt", [None, lambda _: 0.25], ids=["none", "the same everywhere"])
def test_doubt_that_says_nothing(doubt: Callable[[int], Any] | None) -> None:
    held_out = _held_out()
    assert np.isnan(_family(held_out, _ours(held_out, mean=3, doubt=doubt)).doubt)


# --- letters, and what is written ---


class Spectacles:
    """Reads the number of a picture that is off by no more than a level anywhere; 0 otherwise."""

    def __init__(self, held_out: HeldOut) -> None:
        self._images = held_out.images.astype(np.float32) / 255

    def read(self, images: np.ndarray) -> np.ndarray:
        apart = np.abs(images[:, None] - self._images[None]).max((2, 3, 4))
        return np.where(apart.min(1) < 1.5 * LEVEL, apart.argmin(1) + 1, 0)


def test_letters_are_read() -> None:
    held_out = _held_out(labels=True)
    ours = _contender(held_out, {MEAN: lambda n: 30 * (n % 4 == 0), SAMPLE: lambda _: 1})
    reader: Any = Spectacles(held_out)
    verdict = _judged(held_out, ours, reader=reader)
    (family,) = verdict.families
    assert "read" in [metric.name for metric in verdict.metrics]
    assert verdict.judged["read"] == SAMPLE
    assert family.scores[MEAN]["read"].mean == pytest.approx(75)
    assert family.scores[SAMPLE]["read"].mean == pytest.approx(100)
    assert family.wins["read"][MEAN].mean == pytest.approx(25)


def test_pictures_that_are_no_letters_are_not_read() -> None:
    held_out = _held_out()
    reader: Any = Spectacles(held_out)
    for verdict in (
        _judged(held_out, _ours(held_out), reader=reader),
        _judged(_held_out(labels=True), _ours(held_out)),
    ):
        assert "read" not in [metric.name for metric in verdict.metrics]
        assert "read" not in verdict.families[0].scores[MEAN]


@pytest.mark.parametrize("count", [1, 2, 3, COUNT])
def test_a_verdict_is_json_however_few_the_pictures(count: int) -> None:
    """What can't be told of so few is null."""
    held_out = _held_out(count=count)
    slow = _contender(held_out, {"slow": lambda _: 4}, count=min(2, count))
    found = _judged(held_out, _ours(held_out, mean=2), slow).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    (family,) = found["families"]
    assert (family["scores"][MEAN]["kid"][0] is None) == (count < 3)
    assert family["scores"]["slow"]["kid"] == [None, None, None]
    assert family["scores"]["slow"]["told_apart"] == [None, None, None]  # a single group
    assert (family["scores"][MEAN]["psnr_hole"][1] is None) == (count < 3)
    assert family["doubt"] is None


@pytest.fixture
def largest_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric more, for a while: a function with what it means, as CONTRIBUTING says."""
    monkeypatch.setattr(measures, "MEASURES", list(measures.MEASURES))

    @measures.measure(Metric("largest", "largest error", "", False, 0, "In levels of 8 bits."))
    def largest(found: measures.Completions) -> np.ndarray:
        return np.abs(found.original.astype(int) - found.completed).max((1, 2, 3)).astype(float)


@pytest.mark.usefixtures("largest_error")
def test_a_metric_is_one_function() -> None:
    held_out = _held_out()
    errors: dict[str, Error] = {MEAN: lambda _: 3, SAMPLE: lambda _: 5, "other": lambda _: 9}
    verdict = _judged(held_out, _contender(held_out, errors))
    (family,) = verdict.families
    assert [family.scores[name]["largest"].mean for name in errors] == [3, 5, 9]
    assert family.wins["largest"]["other"].mean == 6
    assert verdict.judged["largest"] == MEAN
    assert "In levels of 8 bits." in render(verdict)
    assert json.loads(json.dumps(verdict.to_dict()))["metrics"][-1]["name"] == "largest"
