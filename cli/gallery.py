"""``inpaintx gallery``: pages to look through what ``inpaintx complete`` made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inpaintx.completion.plan import MANIFEST, FolderPlan
from inpaintx.errors import InpaintxError, shown
from inpaintx.outputs import check_harmless, make_folder
from inpaintx_cli.options import OutPath, overwrite_option

if TYPE_CHECKING:
    from inpaintx.gallery.pages import MaskOf
    from inpaintx.gallery.records import Line

gallery_option = click.option(
    "--gallery",
    type=OutPath(path_type=Path),
    help="Write pages of HTML to look through the results, before and after, with their records.",
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=OutPath(path_type=Path), help="The first page.  [default: FOLDER/gallery.html]")
@click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False),
    help="What --masks-out wrote, so that the pages can show what was filled.",
)
@overwrite_option
def command(folder: Path, out: Path | None, masks: Path | None, overwrite: bool) -> None:
    """Write pages of HTML to look through the results in FOLDER, before and after, with their records.

    They are made from the manifests that `inpaintx complete` left there; those of all shards are read. Run it
    where `complete` ran, so that the pictures are found by the names that they were given. Pages hold what
    they show, need no network, and link to the whole pictures.
    """
    from inpaintx.completion.manifest import Manifest
    from inpaintx.gallery.masks import from_files, unknown
    from inpaintx.gallery.pages import check_gallery

    manifests = sorted(folder.glob(f"{Path(MANIFEST).stem}*{Path(MANIFEST).suffix}"))
    if not manifests:
        raise InpaintxError(f"no {MANIFEST} in {folder}; give a folder of results of `inpaintx complete`")
    page = out or folder / "gallery.html"
    lines = {name: line for path in manifests for name, line in Manifest(path).lines.items()}
    check_gallery(page, len(lines), overwrite, go_on=True)
    check_harmless([page], [*manifests, *(folder / name for name in lines)])
    make_folder(page.parent)
    count = _write(page, folder, lines, unknown if masks is None else from_files(masks))
    click.echo(f"gallery: {shown(page)}" + (f", {count} pages" if count > 1 else ""))


def check(path: Path | None, plan: FolderPlan) -> None:
    """Raises InpaintxError where ``complete`` will not be able to write the gallery that is asked for."""
    if path is None:
        return
    from inpaintx.gallery.pages import check_gallery

    if plan.manifest is None:
        raise InpaintxError(
            "--gallery shows what the manifest says; give --manifest, or leave out --no-record"
        )
    request, pictures = plan.request, len(plan.targets) + len(plan.manifest.lines)
    check_gallery(path, pictures, request.overwrite, request.skip_done)


def show(path: Path | None, plan: FolderPlan) -> None:
    """Writes the gallery that ``complete`` was asked for, of all that its manifest holds."""
    if path is not None and plan.request.manifest is not None:
        from inpaintx.completion.manifest import Manifest
        from inpaintx.gallery.masks import made_again

        lines = Manifest(plan.request.manifest).lines
        _write(path, plan.request.out, lines, made_again(plan.request.mask, plan.request.seed, plan.roots))


def _write(page: Path, folder: Path, lines: Mapping[str, Line], mask_of: MaskOf) -> int:
    from tqdm import tqdm

    from inpaintx.gallery.pages import write_gallery

    with tqdm(total=len(lines), desc="gallery", unit="picture", disable=None) as bar:
        return write_gallery(page, folder, lines, mask_of, lambda done: bar.update(done - bar.n))
