"""``inpaintx train``: a DCGAN from a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx.options import Architecture, Fit, TrainOptions
from inpaintx.outputs import make_folder
from inpaintx_cli.options import (
    OutPath,
    device_option,
    exclude_from_option,
    exclude_option,
    excluded,
    flags,
    given,
)

if TYPE_CHECKING:
    from inpaintx.training import Report
    from inpaintx.training.collection import Collection

SHEET_COLUMNS, SHEET_ROWS = 16, 4


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", "run", required=True, type=OutPath(path_type=Path), help="Folder of the run.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint in the run's folder; flags that aren't given stay as they were.",
)
@click.option(
    "--fit",
    type=click.Choice(get_args(Fit)),
    help="How pictures become squares: the largest centred one, all of it, stretched, or (patches: scans "
    "without a common frame) random ones at their own resolution.  [default: crop]",
)
@click.option(
    "--scales",
    metavar="N,N,…",
    help="Of --fit patches: pixels of the pictures to one of the model's; each gets as many squares.  "
    "[default: 1]",
)
@exclude_option
@exclude_from_option
@click.option("--gray/--rgb", "gray", default=None, help="[default: RGB if any picture has colour]")
@flags(Architecture, skip=("channels",))
@flags(TrainOptions)
@click.option("--tensorboard", is_flag=True, help="Write scalars and samples for TensorBoard (an extra).")
@device_option
def command(data: Path, run: Path, **values: Any) -> None:
    """Train on the pictures in DATA, nested folders included.

    Ctrl-C or SIGTERM saves and stops; --resume goes on to the same result as if it had not stopped.
    """
    from tqdm import tqdm

    from inpaintx.networks.checkpoint import FILE_NAME
    from inpaintx.networks.devices import pick_device
    from inpaintx.training import train
    from inpaintx.training.request import SAMPLES, TrainRequest, begin

    device = pick_device(values["device"])
    request = TrainRequest(
        data,
        run,
        values["resume"],
        values["fit"],
        None if values["scales"] is None else _scales(values["scales"]),
        {None: None, True: 1, False: 3}[values["gray"]],
        excluded(values),
        given(Architecture, values),
        given(TrainOptions, values),
    )

    def reading(paths: list[Path]) -> tqdm:
        return tqdm(paths, desc="reading", unit="picture", leave=False, disable=None)

    trainer = begin(request, device, reading)
    _tell(trainer.collection)
    if values["resume"]:
        click.echo(f"resumed at step {trainer.step}")
    with _Display(trainer.step, trainer.options, run, values["tensorboard"]) as display:
        finished = train(
            trainer,
            run,
            display.on_step,
            lambda network: display.on_save(trainer, network),
            lambda loss: display.on_later_step("encoder", trainer.later_steps[0], loss),
            lambda loss: display.on_later_step("predictor", trainer.later_steps[1], loss),
        )
    click.echo(f"{shown(run / FILE_NAME)} at step {trainer.step}; samples in {shown(run / SAMPLES)}.png")
    if not finished:
        raise KeyboardInterrupt


def _scales(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise click.UsageError(f"--scales {text}: give whole numbers from 1 on, such as 1,2")
    return tuple(map(int, parts))


def _tell(collection: Collection) -> None:
    count, channels, size, _ = collection.images.shape
    what = "patches" if collection.scales else "pictures"
    click.echo(f"{count} {what}, {'gray' if channels == 1 else 'RGB'}, {size}×{size}")
    for note in collection.notes:
        click.echo(note, err=True)


class _Display:
    """What is shown and written while a run goes on: progress bar, sample sheets, TensorBoard."""

    def __init__(self, step: int, options: TrainOptions, run: Path, tensorboard: bool) -> None:
        from tqdm import tqdm

        self._run, self._options = run, options
        self._board = _tensorboard(run) if tensorboard else None
        self._bar = tqdm(total=options.steps, initial=step, unit="step", dynamic_ncols=True, disable=None)
        self._first = step
        self._stage = "step"

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self._board is not None:
            self._board.close()

    def on_step(self, report: Report) -> None:
        speed = (report.step - self._first) * self._options.batch / report.seconds
        self._bar.set_postfix_str(
            f"D {report.loss_d:.3f} G {report.loss_g:.3f} {speed:.0f} images/s", refresh=False
        )
        self._bar.update()
        if self._board is not None:
            self._board.add_scalar("loss/D", report.loss_d, report.step)
            self._board.add_scalar("loss/G", report.loss_g, report.step)
            self._board.add_scalar("images per second", speed, report.step)

    def on_later_step(self, stage: str, steps: int, loss: float) -> None:
        """A step of what is trained after G and D: ``"encoder"``, or ``"predictor"``."""
        from tqdm import tqdm

        if self._stage != stage:
            self._bar.close()
            self._bar = tqdm(total=steps, desc=stage, unit="step", dynamic_ncols=True, disable=None)
            self._stage = stage
        self._bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self._bar.update()

    def on_save(self, trainer: Any, network: Any) -> None:
        import numpy as np

        from inpaintx.completion.showcase import write_sheet
        from inpaintx.pictures.sheets import grid
        from inpaintx.training.request import SAMPLES

        samples = trainer.samples(SHEET_COLUMNS * SHEET_ROWS, network)
        sheet = grid(list(samples), SHEET_COLUMNS)
        folder = make_folder(self._run / SAMPLES)
        write_sheet(sheet, folder / f"step-{trainer.step:06d}.png")
        write_sheet(sheet, self._run / f"{SAMPLES}.png")
        if self._board is not None:
            self._board.add_image("samples", np.asarray(sheet), trainer.step, dataformats="HWC")


def _tensorboard(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InpaintxError("TensorBoard is not installed; pip install 'inpaintx[tensorboard]'") from error
    return SummaryWriter(str(run / "tensorboard"))
