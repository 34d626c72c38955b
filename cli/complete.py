"""``inpaintx complete``: fill the holes of pictures."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from inpaintx.completion.plan import FORMATS, MANIFEST, UNDAMAGED, FolderPlan, FolderRequest, plan_folder
from inpaintx.errors import InpaintxError, shown
from inpaintx.options import PRESETS, Control, SearchOptions
from inpaintx_cli.gallery import check, gallery_option, show
from inpaintx_cli.options import (
    DEFAULT_BLEND,
    device_option,
    flags,
    given,
    mask_and_blend,
    model_option,
    out_folder_option,
    overwrite_option,
    plugin_seconds_option,
)
from inpaintx_cli.results import metrics_writer

if TYPE_CHECKING:
    from inpaintx.completion import Completer, FolderReport, FolderResult
    from inpaintx.plugins.masks import MaskPlugin

REQUESTED = (  # as they are
    *("format", "undamaged", "overwrite", "skip_done", "shard"),
    *("uncertainty", "sheet", "gif", "record", "masks"),
)
EXTRAS = ("sheet", "gif", "metrics", "gallery")
MOST_LINES = 5  # of what could not be kept


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
    "--mask-color", metavar="#RRGGBB", help="What has this color in --mask, or the picture, is hole."
)
@click.option("--mask-threshold", type=float, help="Take a soft --mask: hole above this share of white.")
@click.option("--mask-grow", type=int, default=0, help="Make the holes of --mask wider by so many pixels.")
@click.option(
    "--blend", default=DEFAULT_BLEND, show_default=True, help="How the fill joins the known pixels."
)
@click.option(
    "--feather", type=float, help="Fade from the known pixels to the fill over so many pixels of the hole."
)
@click.option(
    "-o",
    "settings",
    multiple=True,
    metavar="PART.OPTION=VALUE",
    help="Plugin option: mask.size=0.4, blend.width=5.",
)
@plugin_seconds_option
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="keep",
    show_default=True,
    help="Of the results: keep is the picture's own where that is lossless, else PNG; same keeps JPEG, too. "
    "JPEG changes known pixels.",
)
@click.option(
    "--undamaged",
    type=click.Choice(UNDAMAGED),
    default="copy",
    show_default=True,
    help="What becomes of pictures whose mask is empty.",
)
@overwrite_option
@click.option(
    "--skip-done",
    is_flag=True,
    help="Go on with a run that was cut off: leave out what the manifest says was done just so; what it "
    "doesn't know, where it has a result.",
)
@click.option(
    "--record/--no-record",
    default=True,
    show_default=True,
    help="Say in each result, as XMP, what was filled and by what; and in a manifest.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="File for a line of JSON a picture: what was filled and by what.  [default: OUT/manifest.jsonl]",
)
@click.option(
    "--masks-out", "masks", type=click.Path(path_type=Path), help="Folder for masks of what was filled."
)
@click.option(
    "--shard",
    default="1/1",
    callback=lambda _context, _option, text: _shard(text),
    metavar="I/N",
    help="Complete the I-th of N parts of the pictures, for machines that share nothing.",
)
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Write sheets: real, corrupted, reconstructed."
)
@click.option(
    "--gif", type=click.Path(path_type=Path), help="Write how the fill forms, as GIF or animated WebP."
)
@gallery_option
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
@click.option(
    "--region",
    default="auto",
    show_default=True,
    metavar="auto|whole|X,Y,W,H",
    help="What of a picture the model sees: around each hole the part that it predicts best, or all of the "
    "picture, or this part, in pixels.",
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
    mask, blend = mask_and_blend(values)
    model = checkpoint.find(values["model"])
    plan = plan_folder(_request(inputs, out, mask, options.seed, values), model)
    check(values["gallery"], plan)
    networks = checkpoint.load_model(model, device)
    completer = Completer(networks, blend, options, values["fill"], values["region"])
    report = _complete(completer, plan, values["metrics"])
    show(values["gallery"], plan)
    _say(report, plan, values)


def _request(
    inputs: tuple[Path, ...], out: Path, mask: MaskPlugin, seed: int, values: Mapping[str, Any]
) -> FolderRequest:
    """What the flags ask for."""
    if values["skip_done"] and values["overwrite"]:
        raise click.UsageError("--skip-done and --overwrite exclude each other; give one")
    return FolderRequest(
        inputs,
        out,
        mask,
        seed,
        manifest=_manifest(out, values),
        besides=[values[name] for name in ("metrics", "gallery") if values[name] is not None],
        **{name: values[name] for name in REQUESTED},
    )


def _manifest(out: Path, values: Mapping[str, Any]) -> Path | None:
    """Where the manifest goes: each shard has its own, for machines that write into one folder."""
    if values["manifest"] is not None or not values["record"]:
        return values["manifest"]
    part, parts = values["shard"]
    name = Path(MANIFEST)
    return out / (name if parts == 1 else f"{name.stem}-{part}-of-{parts}{name.suffix}")


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is no I/N with 1 ≤ I ≤ N, like 2/4")
    return int(part), int(parts)


def _complete(completer: Completer, plan: FolderPlan, metrics: Path | None) -> FolderReport:
    """Does it, and shows how far it is and what fails."""
    from tqdm import tqdm

    from inpaintx.completion.folder import complete_plan
    from inpaintx.completion.showcase import Showcase

    request = plan.request
    showcase = Showcase(request.sheet, request.gif, request.uncertainty is not None)
    debug = click.get_current_context().find_root().params["debug"]
    done = 0

    def fail(path: Path, error: InpaintxError) -> None:
        if debug:
            traceback.print_exception(error)
        with suppress(OSError, ValueError):  # full or closed: that stops no picture
            tqdm.write(f"Error: {error}", file=sys.stderr)  # above the progress bar, if there is one

    try:
        with metrics_writer(metrics, request.skip_done) as note:

            def count(result: FolderResult) -> None:
                nonlocal done
                done += 1
                note(result)

            with tqdm(total=len(plan.targets), desc="completing", unit="picture", disable=None) as bar:
                report = complete_plan(
                    completer,
                    plan,
                    showcase,
                    on_progress=lambda settled: bar.update(settled - bar.n),
                    on_result=count,
                    on_failure=fail,
                )
        showcase.write()
    except KeyboardInterrupt:
        click.echo(
            f"{done} of {len(plan.targets)} pictures in {shown(request.out)}; go on with --skip-done",
            err=True,
        )
        raise
    return report


def _warn(doubts: Mapping[Path, str]) -> None:
    """One line, of all pictures in which the model can't speak for a region."""
    if doubts:
        path, why = next(iter(doubts.items()))
        more = f" and {len(doubts) - 1} more pictures" if len(doubts) > 1 else ""
        click.echo(
            f"Warning: the model can't speak for {shown(path)} ({why}){more}; --metrics says for which holes",
            err=True,
        )


def _say(report: FolderReport, plan: FolderPlan, values: Mapping[str, Any]) -> None:
    """Says what was done; leaves with 3 if some pictures failed, with 1 if all did."""
    done, out = len(report.done), plan.request.out
    _warn(report.doubts)
    if values["as_json"]:
        failed, lost = ({str(path): why for path, why in of.items()} for of in (report.failures, report.lost))
        undamaged = [str(path) for path in report.undamaged]
        kept = [str(path) for path in report.kept]
        doubts = {str(path): why for path, why in report.doubts.items()}
        more: dict[str, Any] = {"undamaged": undamaged, "done_before": kept, "lost": lost, "doubts": doubts}
        more |= {"left_out": plan.left_out}
        summary = {"completed": done, "out": str(out), "failed": failed}
        click.echo(json.dumps(summary | {what: told for what, told in more.items() if told}))
    else:
        click.echo(f"{done} pictures in {shown(out)}")
        if report.kept:
            click.echo(f"{len(report.kept)} done before")
        if report.undamaged:
            what = "copied" if values["undamaged"] == "copy" else "left out"
            click.echo(f"{len(report.undamaged)} undamaged, {what}")
        for line in filter(None, [plan.left_out, *_lost_lines(report.lost)]):
            click.echo(line)
        for name in EXTRAS:
            if values[name] and (done or name == "gallery"):  # which shows what earlier runs did, too
                click.echo(f"{name}: {shown(values[name])}")
    if report.failures:
        click.get_current_context().exit(3 if done or report.undamaged or report.kept else 1)


def _lost_lines(lost: Mapping[Path, str]) -> list[str]:
    """What could not be kept, in a line for all pictures of which the same is said; few of many."""
    alike: dict[str, list[Path]] = {}
    for path, what in lost.items():
        alike.setdefault(what, []).append(path)
    lines = [
        f"{shown(paths[0].name)}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {what}"
        for what, paths in alike.items()
    ]
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], "… --json lists them all"]
