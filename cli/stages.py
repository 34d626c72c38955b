"""What is shown and written while a run of training goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.errors import InpaintxError
from inpaintx.outputs import make_folder

if TYPE_CHECKING:
    from inpaintx.networks.base import Generator
    from inpaintx.training import Report, Trainer
    from inpaintx.training.course import Progress
    from inpaintx.training.logs import Scored

SHEET_COLUMNS, SHEET_ROWS = 16, 4
NAMES = {"gan": "G and D", "encoder": "encoder", "predictor": "predictor"}
LINE_EVERY = 30.0  # seconds, where there is no terminal
EARLY = 50  # steps after which a first estimate of the whole time is told


def in_words(seconds: float) -> str:
    """A length of time, to the minute where it takes some."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


class Display:
    """A bar for each stage with the time left, or now and then a line; sample sheets; TensorBoard."""

    def __init__(self, trainer: Trainer, run: Path, tensorboard: bool) -> None:
        self._trainer, self._run = trainer, run
        self._board = _tensorboard(run) if tensorboard else None
        self._first = trainer.step
        self._bar: Any = None
        self._stage, self._speed, self._score = "", 0.0, ""
        self._began = self._line_at = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._board is not None:
            self._board.close()

    def on_step(self, report: Report) -> None:
        """A step of G and D, which :meth:`on_progress` is told of next."""
        self._speed = (report.step - self._first) * self._trainer.options.batch / report.seconds
        if self._board is not None:
            self._board.add_scalar("loss/D", report.loss_d, report.step)
            self._board.add_scalar("loss/G", report.loss_g, report.step)
            self._board.add_scalar("images per second", self._speed, report.step)

    def on_progress(self, progress: Progress) -> None:
        """A step of any stage."""
        if progress.stage != self._stage:
            self._begin(progress.stage)
        early = progress.stage == "gan" and progress.step == self._first + EARLY
        if early and progress.seconds_left is not None and self._trainer.options.minutes is not None:
            whole = time.monotonic() - self._began + progress.seconds_left
            self._bar.write(f"at this speed, {in_words(whole)} in all")
        words = self._words(progress)
        self._bar.set_description_str(f"{NAMES[progress.stage]}: {words}", refresh=False)
        self._bar.update(progress.share - self._bar.n)
        now = time.monotonic()
        if self._bar.disable and now - self._line_at >= LINE_EVERY:
            self._line_at = now
            click.echo(f"{NAMES[progress.stage]}: {progress.share:.0%}, {words}", err=True)

    def on_score(self, scored: Scored) -> None:
        """A score on what was kept back."""
        self._score = f", {scored.psnr:.2f} dB on unseen pictures"
        if self._board is not None:
            self._board.add_scalar(f"unseen/{scored.stage}", scored.psnr, scored.step)

    @property
    def sheet(self) -> Path:
        """The sheet of samples of the trainer's step."""
        from inpaintx.training.request import SAMPLES

        return self._run / SAMPLES / f"step-{self._trainer.step:06d}.png"

    def on_save(self, network: Generator) -> None:
        """A checkpoint of G and D."""
        import numpy as np

        from inpaintx.completion.showcase import write_sheet
        from inpaintx.pictures.sheets import grid
        from inpaintx.training.request import SAMPLES

        trainer = self._trainer
        samples = trainer.samples(SHEET_COLUMNS * SHEET_ROWS, network)
        sheet = grid(list(samples), SHEET_COLUMNS)
        make_folder(self._run / SAMPLES)
        write_sheet(sheet, self.sheet)
        write_sheet(sheet, self._run / f"{SAMPLES}.png")
        if self._board is not None:
            self._board.add_image("samples", np.asarray(sheet), trainer.step, dataformats="HWC")

    def _begin(self, stage: str) -> None:
        from tqdm import tqdm

        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=1.0,
            bar_format="{percentage:3.0f}%|{bar}| {desc}",
            dynamic_ncols=True,
            disable=None,
        )
        self._stage, self._score = stage, ""

    def _words(self, progress: Progress) -> str:
        if progress.stage == "gan":
            loss_d, loss_g = progress.losses
            losses = f"D {loss_d:.3f} G {loss_g:.3f}, {self._speed:.0f} images/s"
        else:
            losses = f"loss {progress.losses[0]:.3f}"
        left = "" if progress.seconds_left is None else f", {in_words(progress.seconds_left)} left"
        return f"step {progress.step}, {losses}{self._score}{left}"


def _tensorboard(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InpaintxError("TensorBoard is not installed; pip install 'inpaintx[tensorboard]'") from error
    return SummaryWriter(str(run / "tensorboard"))
