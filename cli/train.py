"""`inpaintx train`: a DCGAN from a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.errors import InpaintxError
from inpaintx.options import Architecture, TrainOptions
from inpaintx_cli.options import device_option, flags, make_folder, pick_device, take

if TYPE_CHECKING:
    from inpaintx.data import Collection
    from inpaintx.training import Report

SHEET_COLUMNS, SHEET_ROWS = 16, 4


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", "run", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run's folder.")
@click.option(
    "--fit",
    type=click.Choice(["crop", "stretch"]),
    default="crop",
    show_default=True,
    help="How a picture becomes a square: its largest centred square, or all of it, stretched.",
)
@click.option(
    "--exclude", multiple=True, help="Leave out files or folders that match, e.g. 's3*'. Repeatable."
)
@click.option("--gray/--rgb", "gray", default=None, help="[default: RGB if any picture has colour]")
@flags(Architecture, skip=("channels",))
@flags(TrainOptions)
@click.option("--tensorboard", is_flag=True, help="Write scalars and samples for TensorBoard (an extra).")
@device_option
def command(data: Path, run: Path, **values: Any) -> None:
    """Train on the pictures in DATA, nested folders included.

    Ctrl-C saves and stops; --resume goes on to the same result as if it had not stopped.
    """
    from tqdm import tqdm

    from inpaintx import checkpoint
    from inpaintx.data import load_collection
    from inpaintx.training import Trainer, train

    device = pick_device(values.pop("device"))
    options = TrainOptions(**take(TrainOptions, values))
    shape = take(Architecture, values)
    Architecture(**shape)  # bad values are told before the pictures are read
    if (run / checkpoint.FILE_NAME).exists() and not values["resume"]:
        raise InpaintxError(f"{run} holds a run already; go on with --resume, or choose another --out")
    make_folder(run)
    channels = {None: None, True: 1, False: 3}[values["gray"]]

    def reading(paths: list[Path]) -> tqdm:
        return tqdm(paths, desc="reading", unit="picture", leave=False, disable=None)

    collection = load_collection(data, shape["size"], channels, values["fit"], values["exclude"], reading)
    _tell(collection)
    architecture = Architecture(channels=collection.images.shape[1], **shape)
    trainer = Trainer(collection, architecture, options, values["fit"], device)
    if values["resume"]:
        trainer.restore(run / checkpoint.FILE_NAME)
        click.echo(f"resumed at step {trainer.step}")
    with _Display(trainer.step, options, run, values["tensorboard"]) as display:
        finished = train(trainer, run, display.on_step, lambda network: display.on_save(trainer, network))
    click.echo(f"{run / checkpoint.FILE_NAME} at step {trainer.step}; samples in {run / 'samples.png'}")
    if not finished:
        raise KeyboardInterrupt


def _tell(collection: Collection) -> None:
    count, channels, size, _ = collection.images.shape
    click.echo(f"{count} pictures, {'gray' if channels == 1 else 'RGB'}, {size}×{size}")
    for path, why in collection.skipped.items():
        click.echo(f"skipped {path}: {why}", err=True)


class _Display:
    """What is shown and written while a run goes on: progress bar, sample sheets, TensorBoard."""

    def __init__(self, step: int, options: TrainOptions, run: Path, tensorboard: bool) -> None:
        from tqdm import tqdm

        self._run, self._options = run, options
        self._board = _tensorboard(run) if tensorboard else None
        self._bar = tqdm(total=options.steps, initial=step, unit="step", dynamic_ncols=True, disable=None)
        self._first = step

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
            self._board.add_scalars("loss", {"D": report.loss_d, "G": report.loss_g}, report.step)
            self._board.add_scalar("images per second", speed, report.step)

    def on_save(self, trainer: Any, network: Any) -> None:
        import numpy as np

        from inpaintx.pictures import Picture, write_picture
        from inpaintx.sheets import grid

        samples = trainer.samples(SHEET_COLUMNS * SHEET_ROWS, network)
        sheet = Picture(np.asarray(grid(list(samples), SHEET_COLUMNS)))
        folder = make_folder(self._run / "samples")
        write_picture(sheet, folder / f"step-{trainer.step:06d}.png")
        write_picture(sheet, self._run / "samples.png")
        if self._board is not None:
            self._board.add_image("samples", np.atleast_3d(sheet.array), trainer.step, dataformats="HWC")


def _tensorboard(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InpaintxError("TensorBoard is not installed; pip install 'inpaintx[tensorboard]'") from error
    return SummaryWriter(str(run / "tensorboard"))
