"""The cluster bootstrap: right where theory knows the answer, and honest where there is none."""

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.judge import statistics
from inpaintx.judge.statistics import interval, paired


def _clustered(rng: np.random.Generator, groups: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Values of mean 0 whose spread is mostly between groups, and the groups: of 1 to 8 values each."""
    group = np.repeat(np.arange(groups), rng.integers(1, 9, groups))
    return rng.normal(size=groups)[group] + 0.3 * rng.normal(size=len(group)), group


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = {"whole groups": 0, "single values": 0}
    rounds = 300
    for _ in range(rounds):
        values, group = _clustered(rng)
        for name, groups in (("whole groups", group), ("single values", np.arange(len(values)))):
            _, low, high = interval(values, groups, rounds=200)
            held[name] += low <= 0 <= high
    # Percentile intervals of 30 groups are a little narrow. Those over single values miss the point.
    assert 0.88 <= held["whole groups"] / rounds <= 0.98
    assert held["single values"] / rounds < 0.75


def test_of_equal_groups_it_is_the_normal_interval_of_their_means() -> None:
    values = np.random.default_rng(1).normal(5, 2, size=(200, 4))
    mean, low, high = interval(values.ravel(), np.repeat(np.arange(200), 4), rounds=8000)
    error = values.mean(axis=1).std(ddof=1) / np.sqrt(200)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.15 * error)


def test_it_resamples_sums_and_sizes_of_whole_groups() -> None:
    """Two groups have three samples of two: twice the one, twice the other, or both."""
    values, groups = np.array([0.0, 0.0, 0.0, 4.0]), ["large", "large", "large", "small"]
    assert interval(values, groups) == (1.0, 0.0, 4.0)
    assert interval(values, groups, level=0.4) == (1.0, 1.0, 1.0)


def test_a_higher_level_is_wider() -> None:
    values, group = _clustered(np.random.default_rng(2))
    narrow, wide = (interval(values, group, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_it_depends_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values, group = _clustered(np.random.default_rng(3))
    first = interval(values, group, seed=5)
    assert interval(values, group, seed=5) == first
    assert interval(values, group, seed=6) != first
    # However the rounds are split into blocks that fit into memory.
    monkeypatch.setattr(statistics, "_DRAWS_AT_ONCE", 17 * 30)
    assert interval(values, group, seed=5) == first


def test_names_are_groups_as_well_as_numbers() -> None:
    values, group = _clustered(np.random.default_rng(4))
    names = [f"person {number:02}" for number in group]
    assert interval(values, names) == interval(values, group)


def test_nan_is_no_value() -> None:
    values, group = _clustered(np.random.default_rng(5))
    more = np.append(values, [np.nan, np.nan]), np.append(group, [group[0], 99])
    assert interval(*more) == interval(values, group)


def test_constant_values_have_no_spread() -> None:
    assert interval(np.full(12, 0.1), np.repeat(np.arange(4), 3)) == pytest.approx((0.1, 0.1, 0.1))


def test_one_group_says_nothing_of_others() -> None:
    assert interval(np.array([1.0, 3.0]), ["a", "a"]) == pytest.approx((2.0, np.nan, np.nan), nan_ok=True)


def test_no_values_have_no_mean() -> None:
    for values in (np.empty(0), np.array([np.nan])):
        assert np.isnan(interval(values, np.arange(len(values)))).all()


def test_pairs_cancel_what_they_share() -> None:
    rng = np.random.default_rng(6)
    values, group = _clustered(rng)
    better = values + 0.1 + 0.01 * rng.normal(size=len(values))
    mean, low, high = paired(better, values, group)
    assert 0.09 < low < mean < high < 0.11
    assert interval(values, group).high > interval(better, group).low  # which two intervals wouldn't show


def test_a_pair_with_a_nan_is_left_out() -> None:
    a, b = np.array([1.0, np.nan, 5.0, 2.0]), np.array([0.0, 0.0, np.nan, 0.0])
    assert paired(a, b, np.arange(4)).mean == 1.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"groups": [1, 2]}, "don't fit"),
        ({"values": np.zeros((3, 1))}, "don't fit"),
        ({"level": 95}, "level 95"),
        ({"rounds": 0}, "0 rounds"),
    ],
)
def test_arguments_that_do_not_fit(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InpaintxError, match=message):
        interval(**{"values": np.zeros(3), "groups": [1, 2, 3], **wrong})  # type: ignore[arg-type]
    with pytest.raises(InpaintxError, match="no pairs"):
        paired(np.zeros(3), np.zeros(1), [1, 2, 3])
