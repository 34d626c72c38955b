"""What training chooses where nothing is said: how long, how wide, how precise, and what is kept back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from inpaintx.networks.devices import multiplies_bfloat16
from inpaintx.options import Architecture, TrainOptions

#: Minutes of the whole model, at 64 pixels, for many pictures; few need half of it, since G learns them by
#: heart. A larger or smaller side needs more or less as its pixels do.
MINUTES, MANY, FEW = 40.0, 2000, 1000
#: Steps at most, where no minutes are asked for: what a fast machine need not exceed.
STEPS, ENCODER_STEPS, PREDICTOR_STEPS = 10_000, 3_000, 40_000
#: Of a run's minutes, what P gets of few pictures and of many: few it knows by heart before long.
PREDICTOR_SHARE = 0.4, 0.7
#: A width of 32 scores as well as 64 for the same minutes on a CPU; a GPU has the minutes.
WIDTH = {"cpu": 32, "cuda": 64}
#: What is kept back for a score: a share, at most so many, and none of fewer pictures than that.
KEPT_BACK, MOST_KEPT_BACK, ENOUGH = 0.02, 64, 500


def choose(
    options: Mapping[str, Any],
    architecture: Mapping[str, Any],
    count: int,
    device: torch.device,
) -> tuple[TrainOptions, Architecture]:
    """Options and architecture of a new run.

    With ``steps`` among the options nothing is chosen: the run is the same on every machine of a kind. Else
    it is the run's ``minutes`` that count, those given or what such a collection needs, and what is not given
    follows from the machine and the collection.

    Args:
        options: fields of :class:`~inpaintx.options.TrainOptions` that are given.
        architecture: fields of :class:`~inpaintx.options.Architecture` that are given.
        count: pictures of the collection.
        device: to train on.
    """
    if "steps" in options:
        return TrainOptions(**options), Architecture(**architecture)
    shape = Architecture(**{"width": WIDTH[device.type], **architecture})
    chosen: dict[str, Any] = {
        "precision": "bfloat16" if multiplies_bfloat16(device) else "float32",
        "steps": None,
        "encoder_steps": None,
        "predictor_steps": None,
        "predictor_share": default_share(count),
        "hold_out": min(MOST_KEPT_BACK, round(KEPT_BACK * count)) if count >= ENOUGH else 0,
    }
    if "minutes" not in options:
        chosen |= {
            "minutes": default_minutes(count, shape.size),
            "steps": STEPS,
            "encoder_steps": ENCODER_STEPS,
            "predictor_steps": PREDICTOR_STEPS,
        }
    return TrainOptions(**{**chosen, **options}), shape


def default_minutes(count: int, size: int) -> float:
    """Minutes of a whole run, for so many pictures of so many pixels along a side."""
    whole = min(1.0, max(0.5, count / MANY))
    return round(MINUTES * whole * (size / 64) ** 2, 1)


def default_share(count: int) -> float:
    """Of a run's minutes, what P gets where there are so many pictures."""
    few, many = PREDICTOR_SHARE
    return round(few + (many - few) * min(1.0, max(0.0, (count - FEW) / (MANY - FEW))), 2)


def go_on(before: TrainOptions, options: Mapping[str, Any]) -> TrainOptions:
    """Options of a run that is resumed: those of before, but for what is given.

    Of a run by the clock, steps that are given end it instead of the minutes, and other minutes end it
    instead of the steps that it would have taken at most.
    """
    changed: dict[str, Any] = {}
    later = [name for name in ("encoder_steps", "predictor_steps") if getattr(before, name) != 0]
    if before.minutes is not None and "minutes" in options and "steps" not in options:
        changed = dict.fromkeys(["steps", *later])
    elif before.minutes is not None and "steps" in options and "minutes" not in options:
        usual = TrainOptions()
        changed = {"minutes": None} | {name: getattr(usual, name) for name in later}
    return replace(before, **{**changed, **options})
