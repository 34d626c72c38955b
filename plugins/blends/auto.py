"""The blend `auto`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx.solvers import biharmonic
from inpaintx_plugins.blends.spline import Spline

if TYPE_CHECKING:
    from inpaintx.blending import Trial
    from inpaintx.options import Estimate

LENGTHS = (2.0, float("inf"))  # pixels; what `spline` is chosen from, the usual one first
_CLEARLY = 0.9  # of the usual one's error: what another must stay below
_NOISE_AT_MOST = 0.8  # of the fill's energy that is taken for disagreement between candidates


@dataclass(frozen=True)
class Auto:
    """Measures, picture by picture, how far the fill can be trusted, and blends by `spline` accordingly.

    Some known pixels near the hole are hidden from a part of the candidates. What these predict there is
    compared with what interpolation alone predicts, and `spline`'s trust is the share of the fill that brings
    the two closest to the truth (least squares, corrected for what is chance in a mean of few candidates:
    errors in variables, Fuller, Measurement Error Models, 1987, section 1.2). The length of `spline` is its
    usual one, or infinite where that predicts the held-out pixels clearly better. A sample is trusted wholly:
    a part of it would be a ghost.
    """

    name: ClassVar[str] = "auto"
    trials: ClassVar[int] = 4

    def choose(self, trials: Sequence[Trial], scale: float, estimate: Estimate) -> Spline:
        """The blend for a picture with `scale` pixels, along a side, to one of the trials'.

        Where nothing was held out, from a single candidate or where hardly anything is known, the fill is
        trusted.
        """
        if not any(trial.hidden.any() for trial in trials):
            return Spline(LENGTHS[0] * scale)
        fits = {length: _fit([_compare(trial, length) for trial in trials]) for length in LENGTHS}
        usual, *others = LENGTHS
        best = min(others, key=lambda length: fits[length][1])
        length = best if fits[best][1] < _CLEARLY * fits[usual][1] else usual
        return Spline(length * scale, 1.0 if estimate == "sample" else fits[length][0])

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H,W,C] in [0,1]: without trials, the fill is trusted."""
        return Spline().blend(picture, fill, mask)


@dataclass(frozen=True)
class _Comparison:
    """Sums over held-out pixels: what least squares needs.

    missed: what interpolation alone is off, squared; agreed: that times what the fill would change; changed:
    what the fill would change, squared, less what of it is chance.
    """

    missed: float
    agreed: float
    changed: float


def _compare(trial: Trial, length: float) -> _Comparison:
    hidden = trial.hidden
    if not hidden.any():
        return _Comparison(0.0, 0.0, 0.0)
    seen = trial.mask & ~hidden
    count = len(trial.fills)
    # On the mean of the colours, and all at once: layers are interpolated independently of each other.
    layers = np.stack([trial.picture, *trial.fills]).mean(3).transpose(1, 2, 0)
    left = (layers - biharmonic(layers, seen, length**-2.0))[hidden].astype(np.float64)
    missed, changes = left[:, 0], left[:, 1:]
    change = changes.mean(1)
    energy = float((change**2).sum())
    if count > 1:
        # The mean of all candidates varies less than that of these few.
        excess = changes.var(1, ddof=1).sum() * max(1 / count - 1 / trial.candidates, 0)
        energy -= min(float(excess), _NOISE_AT_MOST * energy)
    return _Comparison(float((missed**2).sum()), float((missed * change).sum()), energy)


def _fit(comparisons: Sequence[_Comparison]) -> tuple[float, float]:
    """The trust that leaves the least squared error, and that error."""
    missed, agreed, changed = (
        sum(getattr(comparison, name) for comparison in comparisons)
        for name in ("missed", "agreed", "changed")
    )
    trust = min(max(agreed / changed, 0.0), 1.0) if changed > 0 else 0.0
    return trust, missed - 2 * trust * agreed + trust**2 * changed
