"""The flags of ``inpaintx complete``, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from inpaintx.completion.plan import FORMATS, MANIFEST, UNDAMAGED, FolderRequest
from inpaintx.options import PRESETS, Control, SearchOptions
from inpaintx_cli.choices import blend_option, mask_plugin_option, settings_option
from inpaintx_cli.gallery import gallery_option
from inpaintx_cli.options import (
    OutPath,
    device_option,
    flags,
    model_option,
    out_folder_option,
    overwrite_option,
    plugin_seconds_option,
)

if TYPE_CHECKING:
    from inpaintx.plugins.masks import MaskPlugin

#: Flags that are fields of a :class:`.FolderRequest`.
REQUESTED = (
    *("format", "undamaged", "overwrite", "skip_done", "shard"),
    *("uncertainty", "sheet", "gif", "record", "masks"),
)
#: Flags that look at pictures as they are done, or go on for ever: on one machine only.
_ON_ONE_MACHINE = ("watch", "sheet", "gif", "metrics")
#: Files that a run may write besides, which the summary names.
EXTRAS = ("sheet", "gif", "metrics", "gallery")


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is no I/N with 1 ≤ I ≤ N, like 2/4")
    return int(part), int(parts)


_OPTIONS: tuple[Callable[[Callable], Callable], ...] = (
    click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path)),
    model_option,
    out_folder_option,
    click.option(
        "--mask", type=click.Path(path_type=Path), help="Mask picture, or folder of them; white is the hole."
    ),
    mask_plugin_option,
    click.option("--mask-invert", is_flag=True, help="In --mask, black is the hole."),
    click.option(
        "--mask-color", metavar="#RRGGBB", help="What has this color in --mask, or the picture, is hole."
    ),
    click.option("--mask-threshold", type=float, help="Take a soft --mask: hole above this share of white."),
    click.option(
        "--mask-grow", type=int, default=0, help="Make the holes of --mask wider by so many pixels."
    ),
    blend_option,
    click.option(
        "--feather",
        type=float,
        help="Fade from the known pixels to the fill over so many pixels of the hole.",
    ),
    settings_option,
    plugin_seconds_option,
    click.option(
        "--format",
        type=click.Choice(FORMATS),
        default="keep",
        show_default=True,
        help="Of the results: keep is the picture's own where that is lossless, else PNG; same keeps JPEG, "
        "too. JPEG changes known pixels.",
    ),
    click.option(
        "--undamaged",
        type=click.Choice(UNDAMAGED),
        default="copy",
        show_default=True,
        help="What becomes of pictures whose mask is empty.",
    ),
    overwrite_option,
    click.option(
        "--skip-done",
        is_flag=True,
        help="Go on with a run that was cut off: leave out what the manifest says was done just so; what it "
        "doesn't know, where it has a result.",
    ),
    click.option(
        "--record/--no-record",
        default=True,
        show_default=True,
        help="Say in each result, as XMP, what was filled and by what; and in a manifest.",
    ),
    click.option(
        "--manifest",
        type=OutPath(path_type=Path),
        help="File for a line of JSON a picture: what was filled and by what.  [default: OUT/manifest.jsonl]",
    ),
    click.option(
        "--masks-out", "masks", type=OutPath(path_type=Path), help="Folder for masks of what was filled."
    ),
    click.option(
        "--shard",
        default="1/1",
        callback=lambda _context, _option, text: _shard(text),
        metavar="I/N",
        help="Complete the I-th of N parts of the pictures, for machines that share nothing.",
    ),
    click.option(
        "--ray",
        metavar="ADDRESS",
        help="Complete on the machines of a Ray cluster, auto or HOST:PORT, which see the same files by the "
        "same names; or local: by processes on this machine (an extra).",
    ),
    click.option(
        "--ray-workers",
        type=click.IntRange(min=1),
        help="How many workers --ray has at once.  [default: one a core, or one a GPU]",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Say what would be done, picture by picture, with which mask and regions; write nothing.",
    ),
    click.option(
        "--watch",
        is_flag=True,
        help="Go on with what arrives in the folders, when it is whole, until Ctrl-C or SIGTERM (an extra).",
    ),
    click.option(
        "--sheet", type=OutPath(path_type=Path), help="Write sheets: real, corrupted, reconstructed."
    ),
    click.option(
        "--gif", type=OutPath(path_type=Path), help="Write how the fill forms, as GIF or animated WebP."
    ),
    gallery_option,
    click.option("--metrics", type=OutPath(path_type=Path), help="Write a line of JSON for each picture."),
    click.option(
        "--uncertainty",
        type=OutPath(path_type=Path),
        help="Folder for maps of where the candidates disagree (white: most); the sheet gets a row of them.",
    ),
    click.option("--preset", type=click.Choice(list(PRESETS)), help="Search settings of a published source."),
    click.option(
        "--fill",
        type=click.Choice(get_args(Control)),
        default="model",
        show_default=True,
        help="Fill the hole by the model; or, to compare, by untrained networks or a constant.",
    ),
    click.option(
        "--region",
        default="auto",
        show_default=True,
        metavar="auto|whole|X,Y,W,H",
        help="What of a picture the model sees: around each hole the part that it predicts best, or all of "
        "the picture, or this part, in pixels.",
    ),
    flags(SearchOptions),
    device_option,
    click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON."),
)


def complete_options(command: Callable) -> Callable:
    """A decorator that adds all flags, in the order of help."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def folder_request(
    inputs: tuple[Path, ...], out: Path, mask: MaskPlugin, seed: int, values: Mapping[str, Any]
) -> FolderRequest:
    """What the flags ask for."""
    if values["skip_done"] and values["overwrite"]:
        raise click.UsageError("--skip-done and --overwrite exclude each other; give one")
    if values["watch"] and (values["dry_run"] or values["shard"] != (1, 1) or values["gallery"]):
        raise click.UsageError("--watch goes with none of --dry-run, --shard and --gallery")
    if values["ray_workers"] and not values["ray"]:
        raise click.UsageError("--ray-workers says how many workers --ray has; give --ray, too")
    alone = [f"--{name}" for name in _ON_ONE_MACHINE if values["ray"] and values[name]]
    if alone:
        raise click.UsageError(f"--ray goes with none of {', '.join(alone)}; leave one out")
    values = {**values, "skip_done": values["skip_done"] or (values["watch"] and not values["overwrite"])}
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
