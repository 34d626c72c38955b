"""How sure a mean is: bootstrap intervals over whole groups (people, font families, near-copies)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inpaintx.errors import InpaintxError

# Group numbers drawn at once: bounds the memory however many groups there are.
_DRAWS_AT_ONCE = 4_000_000


class Interval(NamedTuple):
    """A mean and the two ends of its interval, in the values' unit; NaN: can't be told."""

    mean: float
    low: float
    high: float


def interval(
    values: np.ndarray,
    groups: np.ndarray | Sequence[object],
    level: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Interval:
    """The mean of values that come in groups, and where it would lie with other groups.

    The cluster bootstrap of Davison and Hinkley (1997), Bootstrap Methods and their Application, 3.8,
    strategy 1; Field and Welsh (2007), Bootstrapping clustered data, "cluster bootstrap".

    Args:
        values: float [N]; NaN: no value, left out.
        groups: [N], whatever names a value's group (numbers or words).
        level: the interval's confidence, between 0 and 1.
        rounds: bootstrap rounds; each draws as many whole groups as there are, with replacement, and takes
            the sum of their values over their number.
        seed: of what they draw.

    Returns:
        The mean of all values, and the interval's ends: those percentiles of the rounds' means. The ends are
        NaN with fewer than two groups, all three with no value at all. With a handful of groups the interval
        is too narrow, as bootstrap intervals are.

    Raises:
        InpaintxError: shapes, level or rounds don't fit.
    """
    values = np.asarray(values, dtype=np.float64)
    names = np.asarray(groups)
    if values.ndim != 1 or names.shape != values.shape:
        raise InpaintxError(
            f"values {list(values.shape)} and groups {list(names.shape)} don't fit: give one group a value"
        )
    if not 0 < level < 1 or rounds < 1:
        raise InpaintxError(
            f"no interval of level {level} from {rounds} rounds: give 0 < level < 1 and a round or more"
        )
    there = ~np.isnan(values)
    if not there.any():
        return Interval(np.nan, np.nan, np.nan)
    values, names = values[there], names[there]
    group = np.unique(names, return_inverse=True)[1]
    sums, sizes = np.bincount(group, weights=values), np.bincount(group)
    mean = float(values.mean())
    if len(sizes) < 2:
        return Interval(mean, np.nan, np.nan)
    means = _resampled_means(sums, sizes, rounds, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def paired(
    a: np.ndarray,
    b: np.ndarray,
    groups: np.ndarray | Sequence[object],
    level: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of the mean of a − b: float [N] of the same pictures; a pair with a NaN is left out."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise InpaintxError(f"{list(a.shape)} and {list(b.shape)} values are no pairs: give as many of both")
    return interval(a - b, groups, level, rounds, seed)


def _resampled_means(
    sums: np.ndarray, sizes: np.ndarray, rounds: int, rng: np.random.Generator
) -> np.ndarray:
    count = len(sizes)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    means = []
    for done in range(0, rounds, at_once):
        drawn = rng.integers(count, size=(min(at_once, rounds - done), count))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
