"""The blend ``auto``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from inpaintx.ops.solvers import biharmonic, distance_to_known
from inpaintx_plugins.blends.spline import Spline, smoothed

if TYPE_CHECKING:
    from inpaintx.options import Estimate
    from inpaintx.plugins.blends import Trial

LENGTHS = (2.0, 1.0, float("inf"))  # pixels; what `spline` is chosen from, the usual one first
REACH = 10.0  # pixels; of `spline`, for a sample
BLUR = 1.5  # pixels; of `spline`, for a mean in a hole deeper than twice that; more beyond _DEEP
_SHALLOW = 6.0  # pixels: in a hole whose median depth is more, no plate without tension
_CHANCE_AT_MOST = 0.8  # of the fill's energy that is taken for disagreement between candidates

# What trust is expected before anything is tried, and how firmly.
_EVEN_DEPTH = 3.0  # pixels: how deep a hole is where the fill and interpolation are expected to do as well
_SPREAD = 0.3  # standard deviation of the trust around what is expected
_CLUMP = 30.0  # held-out pixels that say as much as one independent pixel
_SURE_CLUMP = (
    60.0  # the same, up to _DEEP, where an error was expected that what is found can be held against
)
_DETAIL = 0.3  # of the trust, what fine detail is expected to deserve
_FINE_CLUMP = 10.0  # as _CLUMP, of fine detail
# In a hole n times as deep, what is n times as coarse is detail, too, and n times as doubtful.
_DEEP = 8.0  # pixels


@dataclass(frozen=True)
class Auto:
    """Measures, picture by picture, how far the fill can be trusted, and blends by `spline` accordingly.

    Some known pixels near the hole are hidden from a part of the candidates. What the fill predicts there is
    compared with what interpolation alone predicts, and `spline`'s trust is the share of the fill that brings
    the two closest to the truth (least squares, corrected for what is chance in a mean of few candidates:
    errors in variables, Fuller, Measurement Error Models, 1987, section 1.2). Candidates that did not see the
    hidden pixels predict them worse than they would have if they had seen as much as there is around the
    hole, and those that saw them better than they should: both count half, as in the .632 bootstrap (Efron,
    1983). Where the trials say little, the trust stays near what a hole of this depth usually deserves (the
    posterior mean under a Gaussian prior). What share of the trust fine detail deserves is then found in the
    same way; the deeper the hole, the coarser and the less expected. The length of `spline` is the one that
    predicts the held-out pixels best; infinite never in a deep hole, where a plate swings out further than
    any trial would show. Where the trials say how far off their fills were expected to be (those of a model
    that predicts what is in the hole), it isn't infinite either, only fills that did not see the hidden
    pixels count, and detail is kept. Such fills hold as much of the interpolation as is good for them: trust
    is 1 where they are nearer to the hidden pixels than interpolation alone (which is worth less, the deeper
    the hole); else it stays near 1 as far as that error explains what is missed. A sample is trusted wholly:
    a part of it would be a ghost; and what it misses at the rim is not spread across the hole (`reach`),
    unless the trials found it to be worth nothing.
    """

    name: ClassVar[str] = "auto"
    trials: ClassVar[int] = 4

    def choose(self, trials: Sequence[Trial], scale: float, estimate: Estimate) -> Spline:
        """The blend for a picture with ``scale`` pixels, along a side, to one of the trials'.

        Where nothing was held out, from a single candidate or where hardly anything is known, the fill is
        trusted.
        """
        tried = [trial for trial in trials if trial.hidden.any()]
        reach = REACH * scale if estimate == "sample" else float("inf")
        if not tried:
            return Spline(LENGTHS[0] * scale, reach=reach)
        mask = tried[0].mask
        depth = float(np.median(distance_to_known(mask)[~mask]))
        told = tried[0].error is not None
        lengths = [length for length in LENGTHS if length < np.inf or not (told or depth > _SHALLOW)]
        blur = BLUR * _remoteness(depth)
        compared = {length: [_compare(trial, length, blur) for trial in tried] for length in lengths}
        fits = {length: _fit(found, depth) for length, found in compared.items()}
        length = min(fits, key=lambda length: fits[length].error)
        trust, detail = fits[length].trust, fits[length].detail
        if estimate == "mean":
            return Spline(length * scale, trust, detail=detail, blur=blur * scale)
        return Spline(length * scale, reach=reach if trust > 0 else float("inf"))

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]: without trials, the fill is trusted."""
        return Spline().blend(picture, fill, mask)


@dataclass(frozen=True)
class _Comparison:
    """Sums over held-out pixels: what least squares needs, for coarse and for fine changes.

    missed: what interpolation alone is off, squared; agreed: ``[2]``, that times what the fill would change;
    changed: ``[2, 2]``, products of what the fill would change, less what is chance; pixels: how many;
    expected: squared errors that were expected, NaN where nothing said.
    """

    missed: float
    agreed: np.ndarray
    changed: np.ndarray
    pixels: int
    expected: float


class _Fit(NamedTuple):
    trust: float
    detail: float
    error: float


def _compare(trial: Trial, length: float, blur: float) -> _Comparison:
    hidden, blind = trial.hidden, trial.blind
    unseen, seen = trial.fills[blind], trial.fills[~blind]
    expected = float("nan")
    if trial.error is not None:
        # Twice the square of a Laplace distribution's mean absolute error is its variance. Fills that repeat
        # what they saw say nothing of what they expect.
        expected, seen = float(2 * np.square(trial.error[hidden], dtype=np.float64).sum()), seen[:0]
    layers = [trial.picture, *unseen] if not len(seen) else [trial.picture, *unseen, seen.mean(0)]
    # On the mean of the colours, and all at once: layers are interpolated independently of each other.
    gray = np.stack(layers).mean(3).transpose(1, 2, 0)
    known = trial.mask & ~hidden
    left = gray - biharmonic(gray, known, length**-2.0)
    missed = left[..., 0][hidden].astype(np.float64)
    coarse = smoothed(left[..., 1:], blur)
    bands = np.stack([coarse, left[..., 1:] - coarse])[:, hidden].astype(np.float64)  # [2, pixels, fills]
    changes, flattered = np.split(bands, [len(unseen)], axis=2)
    change = changes.mean(2)
    agreed, changed = change @ missed, change @ change.T
    if len(unseen) > 1:
        # The mean of all candidates varies less than that of these few.
        apart = changes - change[..., None]
        chance = np.einsum("apk,bpk->ab", apart, apart) / (len(unseen) - 1)
        changed = changed - _capped(chance * (1 / len(unseen) - 1 / len(blind)), changed)
    if len(seen):
        flattering = flattered[..., 0]
        agreed = (agreed + flattering @ missed) / 2
        changed = (changed + flattering @ flattering.T) / 2
    return _Comparison(float(missed @ missed), agreed, changed, len(missed), expected)


def _capped(chance: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Chance, made less where it would be nearly all that the fill changes, in all or in fine detail."""
    most = _CHANCE_AT_MOST * np.array([changed.sum(), changed[1, 1]])
    found = np.array([chance.sum(), chance[1, 1]])
    return chance * min(1.0, *np.divide(most, found, out=np.ones(2), where=found > most))


def _fit(comparisons: Sequence[_Comparison], depth: float) -> _Fit:
    """The trust, the share of it for fine detail, and the squared error that trust alone leaves."""
    missed, agreed, changed, pixels, expected = (
        sum(getattr(comparison, name) for comparison in comparisons)
        for name in ("missed", "agreed", "changed", "pixels", "expected")
    )
    in_all, of_all = agreed.sum(), changed.sum()

    def error(trust: float) -> float:
        return float(missed - 2 * trust * in_all + trust**2 * of_all)

    if of_all <= 0:
        return _Fit(0.0, 1.0, missed)
    if np.isfinite(expected):
        # What was learned to be as near as can be makes up no detail.
        # In a hole n times as deep n² times as many pixels say one thing, and those near its rim, which were
        # hidden, say less and less of what is deep in it.
        clump = _SURE_CLUMP * _remoteness(depth) ** 4
        nearer = error(1.0) <= missed * _remoteness(depth)
        trust = 1.0 if nearer else _posterior(in_all, of_all, 1.0, clump * expected / pixels)
        return _Fit(trust, 1.0, error(trust))
    noise = error(min(max(in_all / of_all, 0.0), 1.0)) / pixels
    trust = _posterior(in_all, of_all, depth / (depth + _EVEN_DEPTH), _CLUMP * noise)
    if depth < 2 * BLUR:  # there is nothing but detail
        return _Fit(trust, 1.0, error(trust))
    fine = trust * (agreed[1] - trust * changed[0, 1]), trust**2 * changed[1, 1]
    remoteness = _remoteness(depth)
    detail = _posterior(*fine, _DETAIL / remoteness, _FINE_CLUMP * remoteness * noise)
    return _Fit(trust, detail, error(trust))


def _remoteness(depth: float) -> float:
    """How much less the pixels at the rim say of the detail inside than in a hole that isn't deep; from 1."""
    return max(1.0, depth / _DEEP)


def _posterior(agreed: float, changed: float, expected: float, noise: float) -> float:
    """A share in [0, 1], its posterior mean under a Gaussian prior around what is expected.

    noise: variance of one independent held-out pixel.
    """
    firmness = noise / _SPREAD**2
    if changed + firmness <= 0:
        return 1.0
    return float(min(max((agreed + firmness * expected) / (changed + firmness), 0.0), 1.0))
