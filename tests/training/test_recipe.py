"""What training chooses where nothing is said, and how long its stages may take."""

from collections.abc import Callable

import pytest
import torch

from inpaintx.options import Architecture, TrainOptions
from inpaintx.training import course, recipe
from inpaintx.training.course import Course, Spent, progress, seconds_for, shares
from inpaintx.training.recipe import choose, default_minutes, go_on

CPU = torch.device("cpu")


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Has time go by, for a stage: two threads are at work."""
    now = 100.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(course.time, "monotonic", lambda: now)
    monkeypatch.setattr(course.time, "process_time", lambda: 2 * now)
    return pass_


# --- what is chosen ---


@pytest.mark.parametrize("quick", [False, True])
def test_without_flags_the_machine_and_the_collection_choose(
    monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    monkeypatch.setattr(recipe, "multiplies_bfloat16", lambda device: quick)
    options, shape = choose({}, {}, 5000, CPU)
    assert options.precision == ("bfloat16" if quick else "float32")
    assert shape.width == 32
    assert options.minutes is not None
    assert options.minutes <= 45
    assert options.hold_out == 64
    few, _ = choose({}, {}, 499, CPU)
    assert few.hold_out == 0
    assert few.minutes is not None
    assert few.minutes < options.minutes
    assert choose({}, {}, 500, CPU)[0].hold_out == 10


def test_what_is_given_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "multiplies_bfloat16", lambda device: True)
    given = {"precision": "float32", "minutes": 7, "hold_out": 0, "predictor_steps": 0, "lr": 1e-4}
    options, shape = choose(given, {"width": 8, "size": 32}, 5000, CPU)
    assert shape == Architecture(width=8, size=32)
    assert {name: getattr(options, name) for name in given} == given
    assert options.steps is None  # as many as there is time for
    assert options.encoder_steps is None


def test_with_steps_nothing_is_chosen() -> None:
    assert choose({"steps": 300}, {}, 5000, CPU) == (TrainOptions(steps=300), Architecture())


@pytest.mark.parametrize(
    ("count", "share"), [(240, 0.4), (1000, 0.4), (1500, 0.55), (2000, 0.7), (20_000, 0.7)]
)
def test_the_predictor_gets_more_of_the_time_of_many_pictures(count: int, share: float) -> None:
    assert choose({}, {}, count, CPU)[0].predictor_share == share
    assert choose({"minutes": 5}, {}, count, CPU)[0].predictor_share == share
    assert choose({"predictor_share": 0.3}, {}, count, CPU)[0].predictor_share == 0.3


def test_larger_squares_get_more_minutes() -> None:
    assert default_minutes(5000, 128) == 4 * default_minutes(5000, 64)


def test_a_resumed_run_by_the_clock_ends_by_what_is_given() -> None:
    before, _ = choose({}, {}, 5000, CPU)
    assert go_on(before, {}) == before
    longer = go_on(before, {"minutes": 90})
    assert (longer.minutes, longer.steps, longer.predictor_steps) == (90, None, None)
    exact = go_on(longer, {"steps": 20_000})
    assert (exact.minutes, exact.steps, exact.encoder_steps) == (None, 20_000, 3000)
    both = go_on(before, {"steps": 7, "minutes": 1})
    assert (both.minutes, both.steps, both.encoder_steps) == (1, 7, before.encoder_steps)
    without = TrainOptions(minutes=5, steps=None, predictor_steps=0)
    assert go_on(without, {"minutes": 9}).predictor_steps == 0
    by_steps = TrainOptions(steps=9)
    assert go_on(by_steps, {"minutes": 1}) == TrainOptions(steps=9, minutes=1)


# --- how long ---


def test_stages_share_the_minutes_of_those_there_are() -> None:
    options = TrainOptions(minutes=10)
    assert sum(shares(options).values()) == pytest.approx(1)
    assert sum(seconds_for(options, stage) or 0 for stage in shares(options)) == pytest.approx(600)
    alone = TrainOptions(minutes=10, encoder_steps=0, predictor_steps=0)
    assert shares(alone) == {"gan": 1}
    most = shares(TrainOptions(minutes=10, predictor_share=0.6))
    assert most == pytest.approx({"gan": 0.3, "encoder": 0.1, "predictor": 0.6})
    assert shares(TrainOptions(minutes=10, predictor_steps=0)) == pytest.approx({"gan": 0.9, "encoder": 0.1})
    assert seconds_for(TrainOptions(), "gan") is None


def test_a_course_ends_by_its_steps_or_by_the_clock(wait: Callable[[float], None]) -> None:
    by_steps = Course(10)
    wait(1000)
    assert not by_steps.over(9)
    assert by_steps.over(10)
    assert by_steps.place(3) == (3, 10)
    by_clock = Course(None, 60)
    wait(45)
    assert by_clock.place(1_000) == (45, 60)
    assert by_clock.share(1_000) == 0.75
    assert not by_clock.over(10**6)
    wait(15)
    assert by_clock.over(1)
    assert by_clock.place(1) == (60, 60)
    both = Course(10, 60)
    wait(30)
    assert both.place(4) == (30, 60)  # the clock is further
    assert both.place(6) == (6, 10)


def test_a_resumed_stage_has_the_time_that_is_left(wait: Callable[[float], None]) -> None:
    first = Course(None, 60)
    wait(40)
    spent = Spent()
    spent.note("gan", first)
    assert spent == Spent({"gan": 80.0}, {"gan": 40.0})
    spent = Spent.of({"seconds": {"gan": 80.0, "encoder": "long"}, "clock": {"gan": 40.0, "predictor": -1}})
    second = Course(None, 60, processor=spent.seconds["gan"], clock=spent.clock["gan"])
    wait(19)
    assert not second.over(5)
    wait(1)
    assert second.over(5)
    spent.note("gan", second)
    assert spent == Spent({"gan": 120.0}, {"gan": 60.0})


def test_time_left_is_measured_and_counts_the_stages_to_come(wait: Callable[[float], None]) -> None:
    exact = TrainOptions(steps=1000, encoder_steps=0, predictor_steps=100)
    stage = Course(1000)
    wait(20)
    assert progress(exact, "gan", stage, 10, 0, ()).seconds_left is None  # too early to tell
    told = progress(exact, "gan", stage, 100, 0, ())
    assert told.share == 0.1
    assert told.seconds_left == pytest.approx(180 + 100 * 0.1)
    limited = TrainOptions(steps=None, minutes=10, encoder_steps=None, predictor_steps=None)
    stage = Course(None, seconds_for(limited, "gan"))
    wait(90)
    assert progress(limited, "gan", stage, 5, 0, ()).seconds_left == pytest.approx(600 - 90)
    last = Course(None, seconds_for(limited, "predictor"))
    assert progress(limited, "predictor", last, 1, 0, ()).seconds_left == pytest.approx(0.4 * 600)


def test_looks_are_spread_over_a_course() -> None:
    stage = Course(1000)
    due = [step for step in range(1, 1001) if stage.look_due(step)]
    assert due == list(range(100, 1001, 100))
