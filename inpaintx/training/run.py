"""A run of training: from its first step, or where it stopped, to its end, saved on the way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from inpaintx.networks.base import Generator
from inpaintx.networks.multiplication import multiplying
from inpaintx.training.course import Course, Progress, progress, seconds_for
from inpaintx.training.determinism import deterministic
from inpaintx.training.encoder import train_encoder
from inpaintx.training.logs import LOG_NAME, Report, Scored, log, score_log, write_held_out
from inpaintx.training.losses import Losses
from inpaintx.training.predictor import train_predictor
from inpaintx.training.score import Score
from inpaintx.training.trainer import Trainer

#: How much of its time a stage may lack and yet be over.
SLACK = 0.1


def train(
    trainer: Trainer,
    run: Path,
    on_step: Callable[[Report], None] = lambda report: None,
    on_save: Callable[[Generator], None] = lambda network: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_score: Callable[[Scored], None] = lambda scored: None,
) -> bool:
    """Runs ``trainer`` to its last step, saving to ``run/checkpoint.safetensors`` on the way.

    ``run/log.jsonl`` gets a line a step. Then an encoder and a predictor are trained, if the options ask for
    them, and each is saved, too. Where pictures are kept back, ``run/scores.jsonl`` gets what the networks
    are worth on them, and the encoder and the predictor that scored best are kept. Ctrl-C or SIGTERM finishes
    the step, saves and returns; an encoder or a predictor that is interrupted is trained from its first step
    when the run goes on, and the last one there was stays until then.

    Args:
        trainer: fresh, or restored from the run's checkpoint.
        run: an existing folder.
        on_step: told of every step of G and D.
        on_save: given the calibrated G each time a checkpoint of G and D has been written.
        on_progress: told of every step of every stage.
        on_score: told of every score.

    Returns:
        False if the run was interrupted, True otherwise.

    Raises:
        InpaintxError: a loss or weight stopped being finite, or a file can't be written. The last good
            checkpoint stays.
    """
    team = trainer.team
    with (
        deterministic(trainer.options.deterministic),
        multiplying(tf32=trainer.options.precision == "tf32"),
        log(run / LOG_NAME, trainer.step) if team.leads else nullcontext(_unwritten) as write,
        interruptible() as interrupted,
    ):

        def told(report: Report) -> None:
            write(report)
            on_step(report)

        stages = _Stages(trainer, run, on_progress, score_log(run, on_score), interrupted)
        with team.errors():
            network = stages.gan(told, on_save)
        if team.leads:
            stages.encoder(network)
            stages.predictor()
        return not stages.interrupted()


class _Stages:
    """The stages of a run, one after the other; those that an interrupt leaves out do nothing."""

    def __init__(
        self,
        trainer: Trainer,
        run: Path,
        on_progress: Callable[[Progress], None],
        scored: Callable[[Scored], None],
        interrupted: Callable[[], bool],
    ) -> None:
        self.trainer, self.run = trainer, run
        self.on_progress, self.scored, self._flag = on_progress, scored, interrupted
        self._was_interrupted = False
        held_out = trainer.held_out
        self._score = None if held_out is None else Score(held_out.collection, trainer.device)

    def gan(self, on_step: Callable[[Report], None], on_save: Callable[[Generator], None]) -> Generator:
        """G and D, to their last step; gives the calibrated G of the last checkpoint."""
        trainer, options = self.trainer, self.trainer.options
        start, first, told = time.monotonic(), trainer.step, trainer.step
        saved: tuple[int, Generator] | None = None
        course = Course(
            options.steps,
            seconds_for(options, "gan"),
            processor=trainer.spent.seconds.get("gan", 0.0),
            clock=trainer.spent.clock.get("gan", 0.0),
        )

        def tell(read: list[list[float]]) -> None:
            nonlocal told
            for loss_d, loss_g in read:
                told += 1
                trainer.check(told, loss_d, loss_g)
                on_step(Report(told, loss_d, loss_g, time.monotonic() - start))
                self.on_progress(progress(options, "gan", course, told, first, (loss_d, loss_g)))

        def save() -> Generator:
            trainer.spent.note("gan", course)
            network = trainer.save(self.run)
            if self._score is not None and trainer.held_out is not None and trainer.team.leads:
                write_held_out(self.run, trainer.held_out.names)
                self.scored(Scored("gan", trainer.step, self._score.of_generator(network)))
            on_save(network)
            return network

        losses = Losses(trainer.device)
        while not course.over(trainer.step) and not self._all_interrupted():
            tell(losses.add(trainer.descend()))
            if trainer.step % options.save_every == 0:
                tell(losses.read())
                saved = trainer.step, save()
        tell(losses.read())
        if saved is None or saved[0] != trainer.step:
            saved = trainer.step, save()
        return saved[1]

    def _all_interrupted(self) -> bool:
        """Whether any process of the run was; then all of them end after the same step."""
        self._was_interrupted |= self.trainer.team.any(self._flag())
        return self._was_interrupted

    def interrupted(self) -> bool:
        """Whether this process was, or was told of it."""
        return self._was_interrupted or self._flag()

    def encoder(self, network: Generator) -> None:
        """The encoder of G as it is, unless it is there."""
        trainer = self.trainer
        score = None if self._score is None else partial(self._score.of_encoder, generator=network)
        course = self._course("encoder", score, of_now=trainer.encoder_step == trainer.step)
        if course is None:
            return
        images = trainer.collection.lessons(trainer.options.flip)
        encoder = train_encoder(network, images, trainer.options, course, self._going_on("encoder", course))
        if encoder is not None:
            trainer.encoder, trainer.encoder_step = encoder, trainer.step
            self._end("encoder", course)

    def predictor(self) -> None:
        """The predictor, unless it is there."""
        trainer = self.trainer
        course = self._course("predictor", None if self._score is None else self._score.of_predictor)
        if course is None:
            return
        predictor = train_predictor(
            trainer.architecture,
            trainer.collection.lessons(trainer.options.flip),
            trainer.options,
            course,
            trainer.device,
            self._going_on("predictor", course),
        )
        if predictor is not None:
            trainer.predictor = predictor
            self._end("predictor", course)

    def _course(self, stage: str, score: Callable[[Any], float] | None, of_now: bool = True) -> Course | None:
        """Of a later stage; None where it is not to be, or is over."""
        trainer = self.trainer
        steps = trainer.later_steps[stage]
        if steps == 0 or self.interrupted():
            return None
        seconds = seconds_for(trainer.options, stage)
        enough = [steps is not None and trainer.took[stage] >= steps]
        enough += [seconds is not None and trainer.spent.clock.get(stage, 0.0) >= (1 - SLACK) * seconds]
        if getattr(trainer, stage) is not None and of_now and trainer.as_before and any(enough):
            return None
        return Course(steps, seconds, None if score is None else self._told(stage, score))

    def _told(self, stage: str, score: Callable[[Any], float]) -> Callable[[nn.Module, int], float]:
        """A score that is told."""

        def scored(network: nn.Module, step: int) -> float:
            value = score(network)
            self.scored(Scored(stage, step, value))
            return value

        return scored

    def _going_on(self, stage: str, course: Course) -> Callable[[float], bool]:
        """Tells of a step, and whether another one is to come."""
        step = 0

        def go_on(loss: float) -> bool:
            nonlocal step
            step += 1
            self.on_progress(progress(self.trainer.options, stage, course, step, 0, (loss,)))
            return not self.interrupted()

        return go_on

    def _end(self, stage: str, course: Course) -> None:
        """Saves what a later stage has trained."""
        trainer = self.trainer
        trainer.took[stage] = course.taken
        trainer.spent.note(stage, course)
        trainer.save(self.run)


def _unwritten(report: Report) -> None:
    """The log of a process that another one writes for."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C or SIGTERM into a flag, so that a step is never left half done.

    A second one does what it would do outside.
    """
    seen = False
    before: dict[signal.Signals, Any] = {}

    def note(*_: object) -> None:
        nonlocal seen
        seen = True
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    except ValueError:  # not in the main thread, where no signal arrives
        yield lambda: False
        return
    try:
        yield lambda: seen
    finally:
        restore()
