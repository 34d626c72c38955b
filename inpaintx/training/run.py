"""A run of training: from its first step, or where it stopped, to its end, saved on the way."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError
from inpaintx.networks.base import Generator
from inpaintx.training.determinism import deterministic
from inpaintx.training.encoder import train_encoder
from inpaintx.training.losses import Losses
from inpaintx.training.predictor import train_predictor
from inpaintx.training.trainer import Trainer

LOG_NAME = "log.jsonl"


@dataclass(frozen=True)
class Report:
    """One step, as told to the progress callback: losses are batch means in nats."""

    step: int
    loss_d: float
    loss_g: float
    seconds: float


def train(
    trainer: Trainer,
    run: Path,
    on_step: Callable[[Report], None] = lambda report: None,
    on_save: Callable[[Generator], None] = lambda network: None,
    on_encoder_step: Callable[[float], None] = lambda loss: None,
    on_predictor_step: Callable[[float], None] = lambda loss: None,
) -> bool:
    """Runs ``trainer`` to its last step, saving to ``run/checkpoint.safetensors`` on the way.

    ``run/log.jsonl`` gets a line a step. Then an encoder and a predictor are trained, if the options ask for
    them, and each is saved, too. Ctrl-C or SIGTERM finishes the step, saves and returns; an encoder or a
    predictor that is interrupted is trained from its first step when the run goes on, and the last one there
    was stays until then.

    Args:
        trainer: fresh, or restored from the run's checkpoint.
        run: an existing folder.
        on_step: told of every step.
        on_save: given the calibrated G each time a checkpoint has been written.
        on_encoder_step: told the loss of each step of the encoder.
        on_predictor_step: likewise of the predictor.

    Returns:
        False if the run was interrupted, True otherwise.

    Raises:
        InpaintxError: a loss or weight stopped being finite, or a file can't be written. The last good
            checkpoint stays.
    """
    options, start = trainer.options, time.monotonic()
    deadline = None if options.minutes is None else start + 60 * options.minutes
    saved_at = -1
    saved: Generator | None = None  # the calibrated G of the last checkpoint

    def save() -> None:
        nonlocal saved_at, saved
        saved_at, saved = trainer.step, trainer.save(run)
        on_save(saved)

    losses, told = Losses(trainer.device), trainer.step

    def tell(read: list[list[float]]) -> None:
        nonlocal told
        for loss_d, loss_g in read:
            told += 1
            trainer.check(told, loss_d, loss_g)
            report = Report(told, loss_d, loss_g, time.monotonic() - start)
            write(report)
            on_step(report)

    with (
        deterministic(options.deterministic),
        _log(run / LOG_NAME, trainer.step) as write,
        interruptible() as interrupted,
    ):
        while trainer.step < options.steps and not interrupted():
            tell(losses.add(trainer.descend()))
            if trainer.step % options.save_every == 0:
                tell(losses.read())
                save()
            if deadline is not None and time.monotonic() >= deadline:
                break
        tell(losses.read())
        if trainer.step != saved_at:
            save()

        def going_on(told: Callable[[float], None]) -> Callable[[float], bool]:
            def go_on(loss: float) -> bool:
                told(loss)
                return not interrupted()

            return go_on

        images = trainer.collection.learned(options.flip)
        encoder_steps, predictor_steps = trainer.later_steps
        if encoder_steps and saved is not None and not interrupted():
            encoder = train_encoder(saved, images, options, encoder_steps, going_on(on_encoder_step))
            if encoder is not None:
                trainer.save(run, encoder)
        if predictor_steps and not interrupted():
            go_on = going_on(on_predictor_step)
            predictor = train_predictor(
                trainer.architecture, images, options, predictor_steps, trainer.device, go_on
            )
            if predictor is not None:
                trainer.save(run, predictor=predictor)
        return not interrupted()


def is_log(path: Path) -> bool:
    """Whether a file is the log of a run, which may have been stopped before its first step."""
    try:
        with path.open("rb") as file:
            first = file.readline(80)
            return not first or first.startswith(b'{"step": 1, "loss_d": ')
    except OSError:
        return False


@contextmanager
def _log(path: Path, step: int) -> Iterator[Callable[[Report], None]]:
    """Appends reports to the run's log, after dropping what a lost continuation wrote past ``step``.

    Each line is written when it is made: a run that is killed leaves no gap before its checkpoint.
    """
    try:
        lines = path.read_text(errors="replace").splitlines(keepends=True) if path.is_file() else []
        if len(lines) > step:  # a line a step, from the first on
            with atomic_file(path) as whole:
                whole.write("".join(lines[:step]).encode())
        file = path.open("a", buffering=1)
    except OSError as error:
        raise InpaintxError(f"can't write: {path} ({error.strerror}); choose another --out") from error
    with file:
        yield lambda report: print(json.dumps(asdict(report)), file=file)


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
