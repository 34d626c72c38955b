"""``inpaintx eval``: judge a model's fill on held-out pictures."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx.options import SearchOptions
from inpaintx.outputs import check_apart, check_free, make_folder
from inpaintx_cli.options import (
    device_option,
    exclude_from_option,
    excluded,
    flags,
    given,
    model_option,
    out_folder_option,
    overwrite_option,
    read_list,
)

if TYPE_CHECKING:
    from inpaintx.judge.rival import Rival
    from inpaintx.networks.checkpoint import Networks
    from inpaintx.training.collection import Collection


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@out_folder_option
@click.option(
    "--collection",
    type=click.Path(path_type=Path),
    help="What the model was trained on: simpler models learn from it, and a reader if it is letters.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Pictures to leave out of --collection, as in training.",
)
@exclude_from_option
@click.option(
    "--only", type=click.Path(path_type=Path), help="Judge on those of the pictures that this file lists."
)
@click.option("--count", type=click.IntRange(min=2), help="Judge on so many of the pictures. [default: all]")
@click.option(
    "--family", "families", multiple=True, help="A family of masks; may be given again. [default: all]"
)
@click.option(
    "--slow-count",
    type=click.IntRange(min=2),
    default=64,
    show_default=True,
    help="Pictures for the slow methods: untrained G and the presets.",
)
@click.option(
    "--rival",
    type=click.Choice(["kept", "unet", "none"]),
    default="kept",
    show_default=True,
    help="A U-Net on the same --collection: one that was trained before, one that is trained now if there is "
    "none, or none. It is kept beside the model.",
)
@click.option(
    "--rival-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="How long to train it. [default: as long as the model was]",
)
@click.option("--mask-seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the masks.")
@click.option(
    "--full-size",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Instead, at the pictures' own size, with a hole of this share of their sides: what a region for "
    "each hole brings against the whole picture.",
)
@overwrite_option
@flags(SearchOptions)
@device_option
def command(inputs: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Judge a model on held-out pictures: INPUTS are files or folders that training never saw.

    Compares the fill with classical methods, with simpler models that learn from the same collection, and
    with itself without what training gives. Writes eval.json and eval.html to --out. Pictures in several
    folders count as one group a folder (a person, a font family); those in one, as clusters of near-copies.
    Both files are written anew after each family of masks.

    With --full-size, writes full-size.json and full-size.md.
    """
    if values["full_size"] is not None:
        _full_size(inputs, out, values)
        return
    from tqdm import tqdm

    from inpaintx.judge.judging import held_out_from, verdict_on
    from inpaintx.judge.page import render
    from inpaintx.judge.protocol import Scope
    from inpaintx.networks import checkpoint
    from inpaintx.networks.devices import pick_device
    from inpaintx.pictures.files import atomic_file
    from inpaintx.plugins.masks import FAMILIES
    from inpaintx.training.collection import load_collection
    from inpaintx.training.patches import fit_of

    families = values["families"] or tuple(FAMILIES)
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise click.UsageError(f"no such family of masks: {unknown[0]}; choose from {', '.join(FAMILIES)}")
    targets = {"json": out / "eval.json", "html": out / "eval.html"}
    check_apart(out, inputs)
    check_free(targets.values(), values["overwrite"])
    options = replace(SearchOptions(), **given(SearchOptions, values))
    model = checkpoint.load_model(checkpoint.find(values["model"]), pick_device(values["device"]))
    held_out = held_out_from(_chosen(inputs, values["only"]), model, values["count"])
    a = model.architecture
    collection = None
    if values["collection"] is not None:
        collection = load_collection(
            values["collection"], a.size, a.channels, fit_of(model), excluded(values)
        )
    notes = [] if collection is None else collection.notes
    for note in [*filter(None, [held_out.note]), *notes]:
        click.echo(note, err=True)
    make_folder(out)
    rival = None if collection is None else _rival(model, collection, out, values)
    scope = Scope(families, values["mask_seed"], values["slow_count"], _command_line(), rival)
    with tqdm(desc="judging", unit="picture", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        for verdict in verdict_on(held_out, model, collection, options, scope, progress):
            with atomic_file(targets["json"]) as file:
                file.write(json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False).encode())
            with atomic_file(targets["html"]) as file:
                file.write(render(verdict).encode())
    click.echo(f"{len(held_out.images)} pictures judged: {shown(targets['html'])}, {shown(targets['json'])}")


def _full_size(inputs: tuple[Path, ...], out: Path, values: dict[str, Any]) -> None:
    """Judges whole pictures against regions, and prints the table."""
    from tqdm import tqdm

    from inpaintx.judge.full_size import judge_full_size
    from inpaintx.networks import checkpoint
    from inpaintx.networks.devices import pick_device
    from inpaintx.pictures.files import atomic_file

    for name in ("collection", "count", "families"):
        if values[name]:
            raise click.UsageError(f"--{name.replace('families', 'family')} doesn't go with --full-size")
    targets = [out / f"full-size.{kind}" for kind in ("json", "md")]
    check_apart(out, inputs)
    check_free(targets, values["overwrite"])
    options = replace(SearchOptions(), **given(SearchOptions, values))
    model = checkpoint.load_model(checkpoint.find(values["model"]), pick_device(values["device"]))
    share, seed = values["full_size"], values["mask_seed"]
    with tqdm(desc="judging", unit="picture", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = judge_full_size(_chosen(inputs, values["only"]), model, options, share, seed, progress)
    make_folder(out)
    about = {"command": _command_line(), "model": str(model.source), "share": share, "mask seed": seed}
    for path, text in zip(targets, (found.to_json(about), found.table()), strict=True):
        with atomic_file(path) as file:
            file.write(f"{text}\n".encode())
    if found.left_out:
        click.echo(f"{len(found.left_out)} pictures with transparent parts left out", err=True)
    click.echo(found.table())
    click.echo(f"{len(found.names)} pictures judged: {shown(targets[1])}, {shown(targets[0])}")


def _rival(model: Networks, collection: Collection, out: Path, values: dict[str, Any]) -> Rival | None:
    """What ``--rival`` asks for; trained here if need be."""
    from tqdm import tqdm

    from inpaintx.judge.rival import Match, minutes_of

    minutes = values["rival_minutes"] or minutes_of(model)
    if values["rival"] == "none" or (minutes is None and values["rival"] == "kept"):
        return None
    if minutes is None:
        raise InpaintxError(
            f"{model.source} doesn't say how long its training took: give --rival-minutes, or --rival none"
        )
    match = Match(model, collection, minutes, out)
    kept = match.kept()
    if kept is not None or values["rival"] == "kept":
        return kept
    with tqdm(total=round(60 * minutes), desc="training the U-Net", unit="s", disable=None) as bar:
        return match.train(lambda share: bar.update(round(60 * minutes * min(share, 1)) - bar.n))


def _chosen(inputs: tuple[Path, ...], only: Path | None) -> list[Path]:
    """The inputs, or those of their pictures that a list names."""
    if only is None:
        return list(inputs)
    names = read_list(only)
    found = {name: folder / name for name in names for folder in inputs if (folder / name).is_file()}
    for name in names:
        if name not in found:
            raise InpaintxError(f"{only} lists {name}, not in {', '.join(map(str, inputs))}; check both")
    return list(found.values())


def _command_line() -> str:
    """What was typed, in short: long lists of files are cut."""
    words = sys.argv[1:]
    shown = words if len(words) <= 24 else [*words[:8], "…", *words[-15:]]
    return " ".join(["inpaintx", *shown])
