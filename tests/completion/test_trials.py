"""The blend for a square: chosen from trials on known pixels that some candidates have not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from inpaintx.completion.candidates import Candidates
from inpaintx.completion.trials import choose_blend, folds_for, trials_of
from inpaintx.plugins import registry
from inpaintx.plugins.blends import Trial


def _candidates(folds: int = 2) -> Candidates:
    """Four candidates, each blind to one of the folds, or to none."""
    rng = np.random.default_rng(0)
    mask = np.ones((8, 8), bool)
    mask[2:5, 3:6] = False
    hidden = np.zeros((folds, 8, 8), bool)
    for number in range(folds):
        hidden[number, number, :2] = True
    return Candidates(
        image=rng.random((8, 8, 1), np.float32) * mask[..., None],
        mask=mask,
        fills=rng.random((4, 8, 8, 1), np.float32),
        contextual=np.arange(1, 5, dtype=np.float32),
        prior=np.zeros(4, np.float32),
        iterations=np.full(4, 7),
        folds=hidden,
        blind_to=np.array([1, 0, 0, 1]) if folds else np.full(4, -1),
    )


@dataclass(frozen=True)
class Chooser:
    """Notes what it is asked, and chooses the blend `none`."""

    name: ClassVar[str] = "chooser"
    trials: ClassVar[int] = 6
    asked: list[Any] = field(default_factory=list)

    def choose(self, trials: Sequence[Trial], scale: float, estimate: Any) -> Any:
        self.asked.append((trials, scale, estimate))
        return registry.make("blend", "none")

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        raise AssertionError("another was chosen")


def test_there_is_a_trial_for_each_fold() -> None:
    candidates = _candidates()
    trials = trials_of(candidates, "sample")
    assert len(trials) == 2
    for number, trial in enumerate(trials):
        assert np.array_equal(trial.hidden, candidates.folds[number])
        assert trial.hidden.any()
        assert trial.picture is candidates.image
        assert trial.mask is candidates.mask
        assert trial.fills is candidates.fills
    assert [trial.blind.tolist() for trial in trials] == [
        [False, True, True, False],
        [True, False, False, True],
    ]


def test_without_folds_there_is_no_trial() -> None:
    assert trials_of(_candidates(folds=0), "sample") == []


def test_blend_that_chooses_is_given_the_trials() -> None:
    plugin, trials = Chooser(), trials_of(_candidates(), "sample")
    assert choose_blend(plugin, trials, "mean", scale=2.5) == registry.make("blend", "none")
    assert plugin.asked == [(trials, 2.5, "mean")]


@pytest.mark.parametrize("name", ["none", "poisson"])
def test_blend_that_does_not_choose_stays(name: str) -> None:
    plugin = registry.make("blend", name)
    assert choose_blend(plugin, trials_of(_candidates(), "sample"), "sample") is plugin


def test_folds_are_as_many_as_the_blend_wants_that_wants_most() -> None:
    plain, auto = registry.make("blend", "poisson"), registry.make("blend", "auto")
    assert folds_for(plain) == 0
    assert folds_for(auto) == auto.trials
    assert folds_for(plain, auto, Chooser()) == max(auto.trials, 6)
