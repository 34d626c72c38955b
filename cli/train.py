"""``inpaintx train``: a DCGAN from a folder of pictures."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from inpaintx.errors import shown
from inpaintx.options import Architecture, Fit, TrainOptions
from inpaintx_cli.options import (
    OutPath,
    device_option,
    exclude_from_option,
    exclude_option,
    excluded,
    flags,
    given,
)
from inpaintx_cli.stages import NAMES, Display, in_words

if TYPE_CHECKING:
    from inpaintx.training import Team, Trainer, TrainRequest
    from inpaintx.training.collection import Collection


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
@click.option(
    "--mask",
    metavar="FOLDER|alpha",
    help="Of damaged pictures: masks, white where the hole is, as complete finds them; or alpha: what is "
    "transparent. Nothing is learned from holes.",
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

    Without --steps, --minutes are those of the whole model, and what else is not given is chosen by the
    collection and the machine. Ctrl-C or SIGTERM saves and stops; --resume goes on to the same result as if
    it had not stopped. Started by torchrun, several processes share each batch of G and D.
    """
    from inpaintx.training import TrainRequest, joining

    request = TrainRequest(
        data,
        run,
        values["resume"],
        values["fit"],
        None if values["scales"] is None else _scales(values["scales"]),
        {None: None, True: 1, False: 3}[values["gray"]],
        values["mask"] if values["mask"] in (None, "alpha") else Path(values["mask"]),
        excluded(values),
        given(Architecture, values),
        given(TrainOptions, values),
    )

    with joining(values["device"]) as team:
        finished = _shown(request, team, values["tensorboard"]) if team.leads else _joined(request, team)
    if not finished:
        if team.leads:
            words = [word for word in sys.argv[1:] if word != "--resume"]
            click.echo(f"go on with: {shlex.join(['inpaintx', *words, '--resume'])}", err=True)
        raise KeyboardInterrupt


def _shown(request: TrainRequest, team: Team, tensorboard: bool) -> bool:
    """Trains, and shows it; False if it was interrupted."""
    from tqdm import tqdm

    from inpaintx.completion.mixing import finish
    from inpaintx.networks.checkpoint import FILE_NAME
    from inpaintx.training import begin, train
    from inpaintx.training.determinism import deterministic
    from inpaintx.training.request import SAMPLES

    def reading(paths: list[Path]) -> tqdm:
        return tqdm(paths, desc="reading", unit="picture", leave=False, disable=None)

    run = request.run
    trainer = begin(request, team, reading)
    _tell(trainer.collection)
    _tell_plan(trainer, request)
    if request.resume:
        click.echo(f"resumed at step {trainer.step}")
    with Display(trainer, run, tensorboard) as display:
        if request.resume and not display.sheet.exists():  # a kill came between the two
            with deterministic(trainer.options.deterministic):
                display.on_save(trainer.calibrated())
        finished = train(
            trainer, run, display.on_step, display.on_save, display.on_progress, display.on_score
        )
    finished = finished and finish(trainer, run)
    click.echo(f"{shown(run / FILE_NAME)} at step {trainer.step}; samples in {shown(run / SAMPLES)}.png")
    return finished


def _joined(request: TrainRequest, team: Team) -> bool:
    """The same in a process that another one shows and writes for."""
    from inpaintx.training import begin, train

    return train(begin(request, team), request.run)


def _scales(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) for part in parts):
        raise click.UsageError(f"--scales {text}: give whole numbers from 1 on, such as 1,2")
    return tuple(map(int, parts))


def _tell(collection: Collection) -> None:
    count, channels, size, _ = collection.images.shape
    what = "patches" if collection.scales else "pictures"
    hidden = "" if collection.known is None else f", {1 - collection.known.float().mean():.0%} hidden"
    click.echo(f"{count} {what}, {'gray' if channels == 1 else 'RGB'}, {size}×{size}{hidden}")
    for note in collection.notes:
        click.echo(note, err=True)


def _tell_plan(trainer: Trainer, request: TrainRequest) -> None:
    """What was chosen, where something was, and how long it will take at most."""
    from inpaintx.training.course import seconds_for, shares
    from inpaintx.training.logs import HELD_OUT_NAME

    options = trainer.options
    if trainer.held_out is not None:
        listed = request.run / HELD_OUT_NAME
        click.echo(f"{len(trainer.held_out.names)} more are kept back for a score, listed in {listed}")
    elif options.minutes is not None and "hold_out" not in request.options:
        click.echo("none is kept back for a score: they are too few, or too alike; --hold-out N keeps N")
    if options.minutes is None:
        return
    parts = [f"{NAMES[stage]} {in_words(seconds_for(options, stage) or 0)}" for stage in shares(options)]
    click.echo(
        f"width {trainer.architecture.width}, {options.precision}; {in_words(60 * options.minutes)} at most: "
        f"{', '.join(parts)}"
    )
