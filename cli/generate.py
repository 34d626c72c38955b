"""`inpaintx generate`: pictures from a model."""

from __future__ import annotations

from pathlib import Path

import click

from inpaintx_cli.options import device_option, make_folder, model_option, pick_device


@click.command()
@model_option
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="How many.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A picture file (.png) for a sheet of all; any other name is a folder for single files.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the codes.")
@device_option
def command(model: str, count: int, out: Path, seed: int, device: str) -> None:
    """Draw pictures that the model makes up."""
    import numpy as np
    import torch

    from inpaintx.checkpoint import load_model
    from inpaintx.pictures import Picture, write_picture
    from inpaintx.sheets import grid
    from inpaintx.training import stream, to_pixels

    target = pick_device(device)
    generator = load_model(model, target).generator
    codes = generator.sample_codes(count, stream(seed)).to(target)
    with torch.no_grad():
        images = np.concatenate([to_pixels(generator(part)) for part in codes.split(64)])
    if out.suffix:
        make_folder(out.parent)
        write_picture(Picture(np.asarray(grid(list(images)))), out)
    else:
        make_folder(out)
        for number, image in enumerate(images):
            write_picture(Picture(image if image.shape[2] == 3 else image[..., 0]), out / f"{number:05d}.png")
    click.echo(f"{count} pictures in {out}")
