"""`inpaintx complete`: fill the holes of pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from inpaintx.errors import InpaintxError
from inpaintx.options import PRESETS, Fill, SearchOptions
from inpaintx_cli.options import (
    device_option,
    flags,
    make_folder,
    model_option,
    out_folder_option,
    pick_device,
    take,
)

if TYPE_CHECKING:
    from inpaintx.completion import Completed, Completer
    from inpaintx.masking import MaskPlugin
    from inpaintx.pictures import Picture

DEFAULT_BLEND = "poisson"
FORMATS = ("png", "tiff", "webp", "bmp", "jpeg")
GROUP_PICTURES, GROUP_PIXELS = 64, 32_000_000
SHEET_PICTURES, GIF_PICTURES = 36, 12


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@out_folder_option
@click.option(
    "--mask", type=click.Path(path_type=Path), help="Mask picture, or folder of them; white is the hole."
)
@click.option("--mask-plugin", help="Or a mask made by a plugin; `inpaintx plugins list` names them.")
@click.option("--mask-invert", is_flag=True, help="In --mask, black is the hole.")
@click.option(
    "--blend", default=DEFAULT_BLEND, show_default=True, help="How the fill joins the known pixels."
)
@click.option(
    "-o",
    "settings",
    multiple=True,
    metavar="PART.OPTION=VALUE",
    help="Plugin option: mask.size=0.4, blend.width=5.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="png",
    show_default=True,
    help="Of the results.",
)
@click.option("--overwrite", is_flag=True, help="Replace results of an earlier run.")
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Write a sheet: real, corrupted, reconstructed."
)
@click.option("--gif", type=click.Path(path_type=Path), help="Write how the fill forms over the iterations.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Write a line of JSON for each picture.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Search settings of a published source.")
@click.option(
    "--fill",
    type=click.Choice(get_args(Fill)),
    default="model",
    show_default=True,
    help="Fill the hole by the model; or, to compare, by untrained networks or a constant.",
)
@flags(SearchOptions, unset=True)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def command(inputs: tuple[Path, ...], **values: Any) -> None:
    """Complete pictures: INPUTS are files or folders. Known pixels stay as they are, bit for bit.

    The hole comes from --mask (your own masks), from --mask-plugin, or, with neither, from the pictures'
    alpha channel. Results go to --out as PNG under the pictures' names.
    """
    from inpaintx.checkpoint import load_model
    from inpaintx.completion import Completer

    device = pick_device(values["device"])
    base = PRESETS[values["preset"]] if values["preset"] else SearchOptions()
    options = replace(base, **take(SearchOptions, values))
    mask, blend = _plugins(values)
    targets = _targets(inputs, values["out"], values["format_"], values["overwrite"])
    completer = Completer(load_model(values["model"], device), blend, options, values["fill"])
    make_folder(values["out"])
    outcome = Outcome()
    with ExitStack() as stack:
        metrics = _metrics_writer(stack, values["metrics"])
        for result in _complete(targets, completer, mask, options.seed, bool(values["gif"]), outcome):
            _write(result, targets, values["format_"])
            metrics(result, targets)
            outcome.add(result)
    if values["sheet"] and outcome.shown:
        _write_sheet(outcome.shown, values["sheet"])
    if values["gif"] and outcome.shown:
        _write_gif(outcome.shown[:GIF_PICTURES], values["gif"])
    _report(outcome, values)


@dataclass
class Outcome:
    """What came of a run: counts, failures, and the first results for the sheet."""

    done: int = 0
    failures: dict[Path, str] = field(default_factory=dict)
    shown: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.done += 1
        if len(self.shown) < SHEET_PICTURES:
            self.shown.append(result)


@dataclass(frozen=True)
class Result:
    """A picture before and after."""

    original: Picture
    completed: Completed
    synthetic: bool  # the hole was made by a plugin, so the picture under it is the truth

    @property
    def path(self) -> Path:
        assert self.original.path is not None
        return self.original.path


def _plugins(values: Mapping[str, Any]) -> tuple[MaskPlugin, Any]:
    """The mask and the blend that the flags ask for."""
    from inpaintx import registry

    parts: dict[str, dict[str, str]] = {"mask": {}, "blend": {}}
    for setting in values["settings"]:
        key, equals, value = setting.partition("=")
        part, dot, option = key.partition(".")
        if not (equals and dot and option and part in parts):
            raise InpaintxError(
                f"not an option of a plugin: -o {setting}; write mask.NAME=VALUE or blend.NAME=VALUE"
            )
        parts[part][option] = value
    if values["mask"] is not None and values["mask_plugin"] is not None:
        raise click.UsageError("--mask and --mask-plugin exclude each other; give one")
    if values["mask_plugin"] is not None:
        if values["mask_invert"]:
            raise click.UsageError("--mask-invert goes with --mask")
        mask = registry.make("mask", values["mask_plugin"], parts["mask"])
    else:
        if values["mask"] is not None and not values["mask"].exists():
            raise InpaintxError(f"no such mask: {values['mask']}; check the name")
        mask = registry.make(
            "mask", "file", {"path": values["mask"], "invert": values["mask_invert"], **parts["mask"]}
        )
    return mask, registry.make("blend", values["blend"], parts["blend"])


def _targets(inputs: Sequence[Path], out: Path, format_: str, overwrite: bool) -> dict[Path, Path]:
    """Where the result of each picture goes. Nothing of the user's is ever written over.

    Raises InpaintxError where a result would land among the inputs, or on a file that is there already.
    """
    from inpaintx.pictures import find_pictures

    place = out.resolve()
    targets: dict[Path, Path] = {}
    for given in inputs:
        folder = given if given.is_dir() else given.parent
        inside = given.is_dir() and folder.resolve() in place.parents
        if place == folder.resolve() or inside:
            raise InpaintxError(f"the output folder {out} is that of the input {given}; choose another --out")
        for picture in find_pictures([given]):
            relative = picture.relative_to(folder)
            target = out / relative.with_suffix("." + format_)
            if target in targets.values():  # a.jpg beside a.png
                target = out / relative.with_name(f"{relative.name}.{format_}")
            if target in targets.values():
                raise InpaintxError(
                    f"two inputs would both be written to {target}; complete them one folder at a time"
                )
            targets.setdefault(picture, target)
    existing = [target for target in targets.values() if target.exists()]
    if existing and not overwrite:
        raise InpaintxError(
            f"result exists already: {existing[0]}; choose another --out, or give --overwrite"
        )
    return targets


def _complete(
    pictures: Mapping[Path, Path],
    completer: Completer,
    mask: MaskPlugin,
    seed: int,
    trails: bool,
    outcome: Outcome,
) -> Iterator[Result]:
    """Completes the pictures group by group; those that can't be are told and noted in the outcome."""
    from tqdm import tqdm

    with tqdm(total=len(pictures), desc="completing", unit="picture", disable=None) as bar:
        for group in _groups(pictures, mask, seed, outcome):
            before, masks = [picture for picture, _ in group], [keep for _, keep in group]
            wanted = trails and outcome.done < GIF_PICTURES
            for original, completed in zip(before, completer(before, masks, wanted), strict=True):
                yield Result(original, completed, mask.name != "file")
            bar.update(len(group))


def _groups(
    paths: Mapping[Path, Path], mask: MaskPlugin, seed: int, outcome: Outcome
) -> Iterator[list[tuple[Picture, Any]]]:
    """Pictures with their masks, as many at a time as fit in bounded memory."""
    from inpaintx.masking import make_mask
    from inpaintx.pictures import read_picture

    group: list[tuple[Picture, Any]] = []
    pixels = 0
    for path in paths:
        try:
            picture = read_picture(path)
            group.append((picture, make_mask(mask, picture, seed)))
        except InpaintxError as error:
            outcome.failures[path] = str(error)
            continue
        pixels += picture.height * picture.width
        if len(group) >= GROUP_PICTURES or pixels >= GROUP_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def _write(result: Result, targets: Mapping[Path, Path], format_: str) -> None:
    from inpaintx.pictures import write_picture

    target = targets[result.path]
    make_folder(target.parent)
    write_picture(result.completed.picture, target, format_)


def _metrics_writer(stack: ExitStack, path: Path | None) -> Any:
    """A function that writes a result's line; the file appears when all lines are in it."""
    if path is None:
        return lambda result, targets: None
    from inpaintx.pictures import atomic_file

    file = stack.enter_context(atomic_file(path))

    def write(result: Result, targets: Mapping[Path, Path]) -> None:
        file.write((json.dumps(_metrics(result, targets[result.path])) + "\n").encode())

    return write


def _metrics(result: Result, target: Path) -> dict[str, Any]:
    from inpaintx.metrics import score

    completed = result.completed
    line = {
        "picture": str(result.path),
        "result": str(target),
        "hole": float((~completed.mask).mean()),
        "contextual_loss": completed.contextual,
        "prior_loss": completed.prior,
        "iterations": completed.iterations,
        "seconds": completed.seconds,
    }
    if result.synthetic:
        line |= asdict(score(result.original.array, completed.picture.array, completed.mask))
    return line


def _write_sheet(results: list[Result], path: Path) -> None:
    import numpy as np

    from inpaintx.pictures import Picture, write_picture
    from inpaintx.sheets import show_hole, three_row_sheet

    sheet = three_row_sheet(
        [result.original.array for result in results],
        [show_hole(result.original.array, result.completed.mask) for result in results],
        [result.completed.picture.array for result in results],
    )
    write_picture(Picture(np.asarray(sheet)), path)


def _write_gif(results: list[Result], path: Path) -> None:
    """One frame a look at the search: the pictures side by side, first with their holes, last completed."""
    from inpaintx.sheets import animate, grid, show_hole

    frames = [grid([show_hole(result.original.array, result.completed.mask) for result in results])]
    trails = [[picture.array for _, picture in result.completed.trail] for result in results]
    for moment in range(max(map(len, trails))):
        frames.append(grid([trail[min(moment, len(trail) - 1)] for trail in trails]))
    frames.append(grid([result.completed.picture.array for result in results]))
    animate(frames, path)


def _report(outcome: Outcome, values: Mapping[str, Any]) -> None:
    """Says what was done; leaves with 3 if some pictures failed, with 1 if all did."""
    if values["as_json"]:
        failed = {str(path): why for path, why in outcome.failures.items()}
        click.echo(json.dumps({"completed": outcome.done, "out": str(values["out"]), "failed": failed}))
    else:
        click.echo(f"{outcome.done} pictures in {values['out']}")
        for name in ("sheet", "gif", "metrics"):
            if values[name] and outcome.done:
                click.echo(f"{name}: {values[name]}")
    for why in outcome.failures.values():
        click.echo(f"Error: {why}", err=True)
    if outcome.failures:
        click.get_current_context().exit(3 if outcome.done else 1)
