"""``inpaintx detect``: find what looks damaged, as masks."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.completion.plan import find_roots, plan_results
from inpaintx.detection.options import DetectOptions
from inpaintx.errors import InpaintxError, shown
from inpaintx.outputs import check_apart, check_free, check_harmless, make_folder
from inpaintx_cli.choices import models
from inpaintx_cli.options import device_option, flags, out_folder_option, overwrite_option

if TYPE_CHECKING:
    import numpy as np

    from inpaintx.pictures import Picture

    Detector = Callable[[Sequence[Picture]], list[np.ndarray]]

# What a model looks at together, so that memory is bounded.
GROUP_PICTURES, GROUP_PIXELS = 16, 32_000_000


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_folder_option
@click.option(
    "--model",
    shell_complete=models,
    help="Also use a model of such pictures: what it can't explain is damage.",
)
@flags(DetectOptions)
@click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    help="Folder for copies of the pictures that show in colour what was found.",
)
@overwrite_option
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def command(inputs: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Find scratches, dust, stains and burnt-out spots: INPUTS are files or folders.

    For each picture a mask, white where it looks damaged, goes to --out under the picture's name. Look at the
    masks, correct them in any paint program, and give them to `inpaintx complete --mask`.
    """
    options = DetectOptions(values["kind"], values["sensitivity"], values["grow"])
    roots, left_out = find_roots(inputs)
    masks = plan_results(inputs, roots, out, "png")
    overlays = _overlays(masks, out, values["overlay"])
    outputs = [*masks.values(), *overlays.values()]
    folders = [folder for folder in (out, values["overlay"]) if folder is not None]
    for folder in folders:
        check_apart(folder, inputs)
    check_harmless(outputs, masks)
    check_free(outputs, values["overwrite"])
    if left_out:
        click.echo(left_out, err=True)
    detect = _detector(values["model"], values["device"], options)
    for folder in folders:
        make_folder(folder)
    run = Run(masks, overlays, detect, click.get_current_context().find_root().params["debug"])
    for picture, share in run.shares():
        if not values["as_json"]:
            mask = masks[picture]
            found = f"{100 * share:.3g} %, {mask}" if share else f"nothing found, empty mask {mask}"
            click.echo(shown(f"{picture}: {found}"))
    _report(run, out, values["as_json"])


def _overlays(masks: Mapping[Path, Path], out: Path, folder: Path | None) -> dict[Path, Path]:
    """Where the overlay of each picture goes: below the folder as its mask below ``out``."""
    if folder is None:
        return {}
    return {picture: folder / mask.relative_to(out) for picture, mask in masks.items()}


def _detector(model: str | None, device: str, options: DetectOptions) -> Detector:
    """What gives masks of pictures, True = keep."""
    from inpaintx.detection import find_damage

    if model is None:
        return lambda pictures: [find_damage(picture, options) for picture in pictures]
    from inpaintx.detection import ModelDetector
    from inpaintx.networks import checkpoint
    from inpaintx.networks.devices import pick_device

    picked = pick_device(device)
    return ModelDetector(checkpoint.load_model(checkpoint.find(model), picked), options)


@dataclass
class Run:
    """Pictures on their way to their masks.

    Attributes:
        masks: the pictures, and where the mask of each goes.
        overlays: likewise for overlays; empty: none are wanted.
        detect: gives the masks.
        debug: show tracebacks.
        done: of the pictures that have a mask, the share of their pixels that it hides.
        failures: the pictures that can't be read or written, and why.
    """

    masks: Mapping[Path, Path]
    overlays: Mapping[Path, Path]
    detect: Detector
    debug: bool
    done: dict[Path, float] = field(default_factory=dict)
    failures: dict[Path, str] = field(default_factory=dict)

    def shares(self) -> Iterator[tuple[Path, float]]:
        """Writes the masks; yields each picture that has one, and the share of its pixels that was found.

        Those that can't be read or written are told, and the others go on.
        """
        for group in self._groups():
            for picture, mask in zip(group, self.detect(group), strict=True):
                assert picture.path is not None
                try:
                    self._write(picture.path, picture, mask)
                except InpaintxError as error:
                    self._fail(picture.path, error)
                    continue
                self.done[picture.path] = float((~mask).mean())
                yield picture.path, self.done[picture.path]

    def _groups(self) -> Iterator[list[Picture]]:
        from inpaintx.pictures import read_picture

        group: list[Picture] = []
        for path in self.masks:
            try:
                group.append(read_picture(path))
            except InpaintxError as error:
                self._fail(path, error)
                continue
            pixels = sum(picture.height * picture.width for picture in group)
            if len(group) >= GROUP_PICTURES or pixels >= GROUP_PIXELS:
                yield group
                group = []
        if group:
            yield group

    def _write(self, path: Path, picture: Picture, mask: np.ndarray) -> None:
        import numpy as np

        from inpaintx.pictures import Picture, write_picture
        from inpaintx.pictures.sheets import show_hole

        written = {self.masks[path]: np.where(mask, 0, 255).astype(np.uint8)}
        if self.overlays:
            written[self.overlays[path]] = show_hole(picture.array, mask)
        for target, levels in written.items():
            make_folder(target.parent)
            write_picture(Picture(levels), target, "png")

    def _fail(self, path: Path, error: InpaintxError) -> None:
        self.failures[path] = str(error)
        if self.debug:
            traceback.print_exception(error)
        click.echo(f"Error: {error}", file=sys.stderr)


def _report(run: Run, out: Path, as_json: bool) -> None:
    """Says what was done; leaves with 3 if some pictures failed, with 1 if all did."""
    empty = sum(share == 0 for share in run.done.values())
    if as_json:
        found = [
            {"picture": str(path), "mask": str(run.masks[path]), "share": share}
            for path, share in run.done.items()
        ]
        failed = {str(path): why for path, why in run.failures.items()}
        click.echo(json.dumps({"found": found, "empty": empty, "out": str(out), "failed": failed}))
    else:
        click.echo(f"{len(run.done)} masks in {shown(out)}, {empty} of them empty")
    if run.failures:
        click.get_current_context().exit(3 if run.done else 1)
