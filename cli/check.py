"""``inpaintx check``: is it the pictures, the model or the search?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx.options import Fit
from inpaintx.outputs import check_free, make_folder
from inpaintx_cli.choices import models
from inpaintx_cli.options import (
    device_option,
    exclude_from_option,
    exclude_option,
    excluded,
    overwrite_option,
    read_list,
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--model",
    shell_complete=models,
    help="Check this model, too: a run folder, a checkpoint file, or a shipped model.",
)
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    help="Folder of intact pictures that training never saw, for what the model can reach at best; left out: "
    "those of DATA that the run kept back.",
)
@exclude_option
@exclude_from_option
@click.option(
    "--size", default=64, show_default=True, help="Side that pictures are brought to, without --model."
)
@click.option("--fit", type=click.Choice(get_args(Fit)), default="crop", show_default=True, help="Likewise.")
@click.option(
    "--hold-out",
    type=click.IntRange(min=1),
    help="Choose so many pictures to keep from training, clusters of near-copies whole, and write --list.",
)
@click.option(
    "--list",
    "list_file",
    type=click.Path(path_type=Path),
    help="Where to write them, one a line: for train --exclude-from and eval --only.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of --hold-out.")
@overwrite_option
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(data: Path, list_file: Path | None, **values: Any) -> None:
    """Check the pictures in DATA as a collection to train on, and a model of them.

    Says how many pictures and near-copies there are and how well they are aligned; with --model, what it
    reaches when it is fitted to intact pictures, and which training pictures it copies.
    """
    from inpaintx.judge.diagnosis import diagnose_collection, diagnose_model, in_words
    from inpaintx.networks import checkpoint
    from inpaintx.networks.devices import pick_device
    from inpaintx.pictures.files import atomic_file
    from inpaintx.training.collection import load_collection
    from inpaintx.training.holdout import held_out_pictures, without_listed
    from inpaintx.training.logs import HELD_OUT_NAME
    from inpaintx.training.patches import Patches, fit_of

    if (values["hold_out"] is None) != (list_file is None):
        raise click.UsageError("--hold-out and --list go together")
    if list_file is not None:
        check_free([list_file], values["overwrite"])
    model = None
    shape: tuple[int, int | None, Fit | Patches] = (values["size"], None, values["fit"])
    if values["model"] is not None:
        model = checkpoint.load_model(checkpoint.find(values["model"]), pick_device(values["device"]))
        shape = (model.architecture.size, model.architecture.channels, fit_of(model))
    collection = load_collection(data, *shape, excluded(values))
    notes, intact = collection.notes, None
    if values["held_out"] is not None:
        held_out = load_collection(values["held_out"], *shape)
        notes, intact = [*notes, *held_out.notes], held_out.images.numpy()
    elif model is not None and (kept_back := model.source.parent / HELD_OUT_NAME).is_file():
        collection, unseen = without_listed(collection, read_list(kept_back), data)
        intact = unseen.images.numpy() if unseen.paths else None
    findings = diagnose_collection(collection)
    if model is not None:
        findings += diagnose_model(model, collection, intact)
    elif values["held_out"] is not None:
        raise InpaintxError("--held-out is for checking a model: give --model, too")
    for note in notes:
        click.echo(note, err=True)
    if list_file is not None:
        names = [
            path.relative_to(data).as_posix()
            for path in held_out_pictures(collection, values["hold_out"], values["seed"])
        ]
        make_folder(list_file.parent)
        with atomic_file(list_file) as file:
            file.write("".join(f"{name}\n" for name in names).encode())
    click.echo(
        json.dumps([asdict(finding) for finding in findings], indent=1)
        if values["as_json"]
        else in_words(findings)
    )
    if list_file is not None and not values["as_json"]:
        click.echo(f"held out: {len(names)} pictures, listed in {shown(list_file)}")
