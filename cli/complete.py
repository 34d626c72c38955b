"""`inpaintx complete`: fill the holes of pictures."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from inpaintx.completion.streaming import Ahead, Behind
from inpaintx.errors import InpaintxError
from inpaintx.options import PRESETS, Control, SearchOptions
from inpaintx_cli.options import device_option, flags, given, model_option, out_folder_option
from inpaintx_cli.outputs import (
    SHEET_FORMATS,
    check_apart,
    check_free,
    check_harmless,
    make_folder,
    overwrite_option,
    plan_results,
)
from inpaintx_cli.results import GIF_PICTURES, Result, Showcase, metrics_writer

if TYPE_CHECKING:
    import numpy as np

    from inpaintx.completion import Completer
    from inpaintx.pictures import Picture
    from inpaintx.plugins.masks import MaskPlugin

DEFAULT_BLEND = "auto"
EXTRAS = ("sheet", "gif", "metrics")
FORMATS = ("png", "tiff", "webp", "bmp", "jpeg")
# What is completed together, so that memory is bounded. A history holds each picture some thirty times.
GROUP_PICTURES, GROUP_PIXELS, GROUP_PIXELS_WITH_HISTORY = 64, 32_000_000, 1_000_000


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
    help="Of the results; JPEG changes known pixels.",
)
@overwrite_option
@click.option(
    "--skip-done",
    is_flag=True,
    help="Go on with a run that was cut off: leave out pictures that have a result.",
)
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Write a sheet: real, corrupted, reconstructed."
)
@click.option("--gif", type=click.Path(path_type=Path), help="Write how the fill forms over the iterations.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Write a line of JSON for each picture.")
@click.option(
    "--uncertainty",
    type=click.Path(path_type=Path),
    help="Folder for maps of where the candidates disagree (white: most); the sheet gets a row of them.",
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Search settings of a published source.")
@click.option(
    "--fill",
    type=click.Choice(get_args(Control)),
    default="model",
    show_default=True,
    help="Fill the hole by the model; or, to compare, by untrained networks or a constant.",
)
@flags(SearchOptions)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def command(inputs: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Complete pictures: INPUTS are files or folders. Known pixels stay as they are, bit for bit.

    The hole comes from --mask (your own masks), from --mask-plugin, or, with neither, from the pictures'
    alpha channel. Results go to --out under the pictures' names.
    """
    from inpaintx.completion import Completer
    from inpaintx.networks import checkpoint
    from inpaintx.networks.devices import pick_device

    device = pick_device(values["device"])
    base = PRESETS[values["preset"]] if values["preset"] else SearchOptions()
    options = replace(base, **given(SearchOptions, values))
    mask, blend = _plugins(values)
    model = checkpoint.find(values["model"])
    targets = _wanted(plan_results(inputs, out, "." + values["format_"]), values)
    maps = _maps(targets, out, values["uncertainty"])
    _check_outputs(inputs, model, targets, maps, out, values)
    completer = Completer(checkpoint.load_model(model, device), blend, options, values["fill"])
    for folder in (out, *(extra.parent for extra in _extras(values))):
        make_folder(folder)
    debug = click.get_current_context().find_root().params["debug"]
    run = Run(targets, maps, completer, mask, options.seed, values["format_"], debug)
    showcase = Showcase(values["sheet"], values["gif"], uncertainty=bool(maps))
    try:
        with ExitStack() as stack:
            run.complete(showcase, metrics_writer(stack, values["metrics"]))
        showcase.write()
    except KeyboardInterrupt:
        click.echo(f"{run.done} of {len(targets)} pictures in {out}; go on with --skip-done", err=True)
        raise
    _report(run, out, values)


def _wanted(targets: dict[Path, Path], values: Mapping[str, Any]) -> dict[Path, Path]:
    """The results to make: a file that is there is whole, since each is written aside and then renamed."""
    if not values["skip_done"]:
        return targets
    if values["overwrite"]:
        raise click.UsageError("--skip-done and --overwrite exclude each other; give one")
    return {picture: target for picture, target in targets.items() if not target.is_file()}


def _plugins(values: Mapping[str, Any]) -> tuple[MaskPlugin, Any]:
    """The mask and the blend that the flags ask for."""
    from inpaintx.plugins import registry

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


def _check_outputs(
    inputs: Sequence[Path],
    model: Path,
    targets: Mapping[Path, Path],
    maps: Mapping[Path, Path],
    out: Path,
    values: Mapping[str, Any],
) -> None:
    """Raises InpaintxError where an output would hurt a file of the user's, or has a name that can't be."""
    mask = [] if values["mask"] is None else [values["mask"]]
    extras = _extras(values)
    for name, suffixes in (("sheet", tuple(SHEET_FORMATS)), ("gif", (".gif",))):
        path = values[name]
        if path is not None and path.suffix.lower() not in suffixes:
            raise InpaintxError(f"--{name} {path}: its name must end in {' or '.join(suffixes)}")
    folders = [path for path in (*inputs, *mask) if path.is_dir()]
    check_apart(out, [*inputs, *folders])
    for extra in extras:
        check_apart(extra.parent, folders)
    if values["uncertainty"] is not None:
        check_apart(values["uncertainty"], [*inputs, *folders])
    outputs = [*targets.values(), *maps.values(), *extras]
    check_harmless(outputs, [*targets, *mask, model])
    # A map is written before its result: without that, it is of a picture to do again.
    check_free(extras if values["skip_done"] else outputs, values["overwrite"])


def _maps(targets: Mapping[Path, Path], out: Path, folder: Path | None) -> dict[Path, Path]:
    """Where the uncertainty map of each result goes: below the folder as the result below ``out``."""
    if folder is None:
        return {}
    return {target: folder / target.relative_to(out).with_suffix(".png") for target in targets.values()}


def _extras(values: Mapping[str, Any]) -> list[Path]:
    """The files that are written besides the results."""
    return [values[name] for name in EXTRAS if values[name] is not None]


class Loaded(NamedTuple):
    """A picture to complete."""

    path: Path
    picture: Picture
    mask: np.ndarray


class Failed(NamedTuple):
    """A picture that can't be completed, and why."""

    path: Path
    error: InpaintxError


@dataclass
class Run:
    """Pictures on their way to their results.

    One thread reads, ahead of the search; the main thread searches and blends; a third, behind it, writes and
    tells. Only that one changes what was done and what failed.

    Attributes:
        targets: the files to complete, and where the result of each goes.
        maps: results, and where the uncertainty map of each goes; empty: none is wanted.
        completer: does it.
        mask: says where the holes are.
        seed: of the masks.
        format: of the results.
        debug: show tracebacks.
        done: how many are written.
        failures: the pictures that can't be completed, and why.
    """

    targets: Mapping[Path, Path]
    maps: Mapping[Path, Path]
    completer: Completer
    mask: MaskPlugin
    seed: int
    format: str
    debug: bool
    done: int = 0
    failures: dict[Path, str] = field(default_factory=dict)

    def complete(self, showcase: Showcase, note: Callable[[Result], None]) -> None:
        """Completes and writes the pictures; those that can't be are told, and the others go on.

        What is written goes to the showcase and to ``note``, in the order of the targets.
        """
        from tqdm import tqdm

        with (
            tqdm(total=len(self.targets), desc="completing", unit="picture", disable=None) as bar,
            Ahead(map(self._load, self.targets), _size, GROUP_PIXELS) as loaded,
            Behind(GROUP_PIXELS) as behind,
        ):

            def settle(result: Result) -> None:
                if self._write(result):
                    note(result)
                    showcase.add(result)

            def show_progress() -> None:
                # Group by group: within one, nothing comes for long and then all at once, which would make
                # nonsense of the time left.
                bar.update(self.done + len(self.failures) - bar.n)

            for group in self._groups(loaded, showcase, behind):
                history = showcase.wants_history
                for outcome in self._complete(group, history):
                    if isinstance(outcome, Failed):
                        behind.call(self._fail, outcome)
                    else:
                        behind.call(settle, outcome, size=_size(outcome.original))
                behind.call(show_progress)
                if history:
                    behind.wait()  # only then is known whether the next group should have some
            behind.call(show_progress)

    def _load(self, path: Path) -> Loaded | Failed:
        from inpaintx.pictures import read_picture
        from inpaintx.plugins.masks import make_mask

        try:
            picture = read_picture(path)
            return Loaded(path, picture, make_mask(self.mask, picture, self.seed))
        except InpaintxError as error:
            return Failed(path, error)

    def _groups(
        self, loaded: Iterable[Loaded | Failed], showcase: Showcase, behind: Behind
    ) -> Iterator[list[Loaded]]:
        """What is completed together: as many pictures at a time as fit in bounded memory."""
        group: list[Loaded] = []
        pixels = 0
        for one in loaded:
            if isinstance(one, Failed):
                behind.call(self._fail, one)
                continue
            group.append(one)
            pixels += one.picture.height * one.picture.width
            history = showcase.wants_history
            most = GIF_PICTURES if history else GROUP_PICTURES
            most_pixels = GROUP_PIXELS_WITH_HISTORY if history else GROUP_PIXELS
            if len(group) >= most or pixels >= most_pixels:
                yield group
                group, pixels = [], 0
        if group:
            yield group

    def _complete(self, group: list[Loaded], history: bool) -> Iterator[Result | Failed]:
        paths, pictures, masks = zip(*group, strict=True)
        synthetic = self.mask.name != "file"
        outcomes = self.completer.one_by_one(pictures, masks, history)
        for path, picture, outcome in zip(paths, pictures, outcomes, strict=True):
            if isinstance(outcome, InpaintxError):
                yield Failed(path, outcome)
            else:
                yield Result(picture, outcome, self.targets[path], synthetic)

    def _write(self, result: Result) -> bool:
        from inpaintx.pictures import Picture, write_picture
        from inpaintx.pictures.sheets import show_uncertainty

        assert result.original.path is not None
        try:
            if self.maps:
                target = self.maps[result.target]
                make_folder(target.parent)
                write_picture(Picture(show_uncertainty(result.completed.uncertainty)), target, "png")
            make_folder(result.target.parent)
            write_picture(result.completed.picture, result.target, self.format)
        except InpaintxError as error:
            self._fail(Failed(result.original.path, error))
            return False
        self.done += 1
        return True

    def _fail(self, failed: Failed) -> None:
        from tqdm import tqdm

        self.failures[failed.path] = str(failed.error)
        if self.debug:
            traceback.print_exception(failed.error)
        tqdm.write(f"Error: {failed.error}", file=sys.stderr)  # above the progress bar, if there is one


def _size(thing: Loaded | Failed | Picture) -> int:
    """Of what waits for its turn, in pixels; no less than that of a picture in a full group of small ones."""
    least = GROUP_PIXELS // GROUP_PICTURES
    if isinstance(thing, Failed):
        return least
    picture = thing.picture if isinstance(thing, Loaded) else thing
    return max(least, picture.height * picture.width)


def _report(run: Run, out: Path, values: Mapping[str, Any]) -> None:
    """Says what was done; leaves with 3 if some pictures failed, with 1 if all did."""
    if values["as_json"]:
        failed = {str(path): why for path, why in run.failures.items()}
        click.echo(json.dumps({"completed": run.done, "out": str(out), "failed": failed}))
    else:
        click.echo(f"{run.done} pictures in {out}")
        for name in EXTRAS:
            if values[name] and run.done:
                click.echo(f"{name}: {values[name]}")
    if run.failures:
        click.get_current_context().exit(3 if run.done else 1)
