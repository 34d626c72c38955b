"""``inpaintx generate``: pictures from a model."""

from __future__ import annotations

from pathlib import Path

import click

from inpaintx.errors import shown
from inpaintx.outputs import check_free, make_folder
from inpaintx_cli.options import device_option, model_option, overwrite_option


@click.command()
@model_option
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="How many.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A picture file (sheet.png) for a sheet of all; any other name is a folder for single files.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the codes.")
@overwrite_option
@device_option
def command(model: str, count: int, out: Path, seed: int, overwrite: bool, device: str) -> None:
    """Draw pictures that the model makes up."""
    from inpaintx.completion.plan import SHEET_FORMATS
    from inpaintx.completion.showcase import write_sheet
    from inpaintx.model import load
    from inpaintx.pictures import Picture, write_picture
    from inpaintx.pictures.sheets import grid

    drawer = load(model, device)
    is_sheet = out.suffix.lower() in SHEET_FORMATS
    files = [out] if is_sheet else [out / f"{number:05d}.png" for number in range(count)]
    check_free(files, overwrite)
    make_folder(out.parent if is_sheet else out)
    images = drawer.generate(count, seed)
    if is_sheet:
        write_sheet(grid(list(images)), out)
    else:
        for image, file in zip(images, files, strict=True):
            write_picture(Picture(image if image.shape[2] == 3 else image[..., 0]), file)
    click.echo(f"{count} pictures in {shown(out)}")
