"""How far along a run is: by its steps or by the clock, stage by stage, and how much is left of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from inpaintx.options import TrainOptions

STAGES = ("gan", "encoder", "predictor")  # what is trained, one after the other
ENCODER_SHARE = 0.1  # of a run's minutes; P has a share that is an option, G and D have the rest
#: Of a run's minutes, where pictures are kept back: to find on these what a mean is mixed of.
MIXING = 0.02
#: What a step of each takes, in steps of G and D, until it is measured (64 px, width 32, one core).
COSTS = {"gan": 1.0, "encoder": 0.55, "predictor": 0.5}
LOOKS = 10  # scores of a stage, evenly spread over it
FIRST = 20  # steps before a speed counts as measured


@dataclass
class Spent:
    """What the networks of a checkpoint took; of a stage that was trained anew, the last time.

    Attributes:
        seconds: of all threads' processor time together, by stage.
        clock: seconds as a clock on the wall tells, by stage.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    clock: dict[str, float] = field(default_factory=dict)

    def note(self, stage: str, course: Course) -> None:
        """A stage has taken so much so far."""
        self.seconds[stage], self.clock[stage] = round(course.processor, 1), round(course.clock, 1)

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Spent:
        """As a checkpoint's header says; those of earlier versions don't."""
        return cls(*(_numbers(header.get(name)) for name in ("seconds", "clock")))


def _numbers(values: object) -> dict[str, float]:
    """Those of the stages, where a header holds some."""
    held = values if isinstance(values, dict) else {}
    return {
        stage: float(held[stage])
        for stage in STAGES
        if isinstance(held.get(stage), (int, float)) and 0 <= held[stage] < math.inf
    }


class Course:
    """A stage of training: so many steps, or as many as there is time for, whichever ends first.

    Args:
        steps: at most; None: as many as there is time for.
        seconds: for all of them, by the clock; None: they take what they take.
        score: judges the network after a step, higher is better, so that the best is kept; None: the last is.
        processor: seconds that the stage has taken before, of all threads.
        clock: likewise, by the clock.
    """

    def __init__(
        self,
        steps: int | None,
        seconds: float | None = None,
        score: Callable[[nn.Module, int], float] | None = None,
        processor: float = 0.0,
        clock: float = 0.0,
    ) -> None:
        assert steps is not None or seconds is not None
        self.steps, self.seconds, self.score = steps, seconds, score
        self._processor = time.process_time() - processor
        self._began = time.monotonic()
        self._before = clock
        self._looks = self.taken = 0

    @classmethod
    def of(cls, course: Course | int) -> Course:
        """The course, or one of so many steps."""
        return cls(course) if isinstance(course, int) else course

    @property
    def processor(self) -> float:
        """Seconds so far, of all threads."""
        return time.process_time() - self._processor

    @property
    def clock(self) -> float:
        """Seconds so far."""
        return self._before + time.monotonic() - self._began

    def over(self, step: int) -> bool:
        """Whether the stage ends after so many steps."""
        steps_over = self.steps is not None and step >= self.steps
        return steps_over or (self.seconds is not None and self.clock >= self.seconds)

    def place(self, step: int) -> tuple[float, float]:
        """How far after so many steps, and of how much: steps or seconds, of which is nearer to its end."""
        if self.seconds is None:
            assert self.steps is not None
            return step, self.steps
        clock = min(self.clock, self.seconds)
        if self.steps is None or clock * self.steps > step * self.seconds:
            return clock, self.seconds
        return step, self.steps

    def share(self, step: int) -> float:
        """Likewise, from 0 to 1."""
        done, whole = self.place(step)
        return min(1.0, done / whole) if whole else 1.0

    def look_due(self, step: int) -> bool:
        """Whether it is time for a score, :data:`LOOKS` times in all."""
        look = int(self.share(step) * LOOKS)
        due, self._looks = look > self._looks, max(look, self._looks)
        return due

    def left(self, step: int, since: int = 0) -> float | None:
        """Seconds until the end, at the speed since ``since``; None: it can't be told yet."""
        left = [] if self.seconds is None else [max(0.0, self.seconds - self.clock)]
        if self.steps is not None and step >= since + FIRST:
            speed = (time.monotonic() - self._began) / (step - since)
            left.append(max(0, self.steps - step) * speed)
        return min(left, default=None)


def shares(options: TrainOptions) -> dict[str, float]:
    """Of the stages that a run is to have, in its order; 1 together."""
    encoder = ENCODER_SHARE if options.encoder_steps != 0 else 0.0
    predictor = options.predictor_share if options.predictor_steps != 0 else 0.0
    every = dict(zip(STAGES, (1 - encoder - predictor, encoder, predictor), strict=True))
    return {stage: share for stage, share in every.items() if share}


def seconds_for(options: TrainOptions, stage: str) -> float | None:
    """What a run's minutes leave for a stage; None where it has no limit."""
    if options.minutes is None:
        return None
    return (60 * options.minutes - (seconds_to_mix(options) or 0.0)) * shares(options)[stage]


def seconds_to_mix(options: TrainOptions) -> float | None:
    """What a run's minutes leave for what a mean is mixed of; None where it has no limit."""
    if options.minutes is None:
        return None
    return 60 * options.minutes * MIXING if options.hold_out and options.predictor_steps != 0 else 0.0


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        stage: ``"gan"``, ``"encoder"`` or ``"predictor"``.
        step: of the stage.
        losses: of the step: D's and G's, the encoder's, or the predictor's.
        share: of the stage that is done, from 0 to 1.
        seconds_left: of the whole run, by the clock; None: it can't be told yet.
    """

    stage: str
    step: int
    losses: tuple[float, ...]
    share: float
    seconds_left: float | None


def progress(
    options: TrainOptions, stage: str, course: Course, step: int, since: int, losses: tuple[float, ...]
) -> Progress:
    """Where a run is after so many steps of a stage, of which this process did all after ``since``."""
    left = course.left(step, since)
    if left is not None:
        per_step = (course.clock / step if step else 0.0) / COSTS[stage]
        for later in (name for name in shares(options) if STAGES.index(name) > STAGES.index(stage)):
            limits = [] if options.minutes is None else [seconds_for(options, later) or 0.0]
            steps = options.encoder_steps if later == "encoder" else options.predictor_steps
            if steps is not None and step >= since + FIRST:
                limits.append(steps * COSTS[later] * per_step)
            left += min(limits, default=0.0)
    return Progress(stage, step, losses, course.share(step), left)
