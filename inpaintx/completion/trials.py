"""The blend for a square, chosen by how well known pixels are predicted that were hidden. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inpaintx.options import Estimate
from inpaintx.plugins.blends import BlendPlugin, ChoosingBlend, Trial
from inpaintx.plugins.calls import call_plugin

if TYPE_CHECKING:
    from inpaintx.completion.candidates import Candidates


def folds_for(*plugins: BlendPlugin) -> int:
    """How many folds these blends want to be tried on; 0 where none of them chooses."""
    return max(plugin.trials if isinstance(plugin, ChoosingBlend) else 0 for plugin in plugins)


def trials_of(candidates: Candidates, estimate: Estimate) -> list[Trial]:
    """How well each fold's pixels are predicted, by candidates that saw them and by those that did not.

    A predictor says, too, how far off it expects to be.
    """
    if not len(candidates.folds):
        return []
    fills, expected = candidates.tried(estimate), candidates.expected
    return [
        Trial(
            candidates.image,
            candidates.mask,
            fold,
            fills,
            candidates.blind_to == number,
            None if expected is None else expected.errors[1 + number],
        )
        for number, fold in enumerate(candidates.folds)
    ]


def choose_blend(
    plugin: BlendPlugin, trials: Sequence[Trial], estimate: Estimate, scale: float = 1.0
) -> BlendPlugin:
    """The plugin; or what it chooses by these trials of a square, if it is one that chooses.

    Args:
        plugin: a blend.
        trials: of the square's candidates.
        estimate: what fills the hole.
        scale: pixels of the picture, along a side, to one of the square's.
    """
    if not isinstance(plugin, ChoosingBlend):
        return plugin
    pixels = sum(trial.mask.size for trial in trials)
    chosen: BlendPlugin = call_plugin(
        f"blend plugin {plugin.name!r}", pixels, plugin.choose, trials, scale, estimate
    )
    return chosen
