"""``inpaintx make-chars``: a Chars74K-like collection rendered from fonts."""

from pathlib import Path

import click
from tqdm import tqdm

from inpaintx.errors import shown
from inpaintx.letters.chars import TEST_FAMILIES, TRAIN_FAMILIES, CharsOptions, render_chars

_SPLITS = {"train": TRAIN_FAMILIES, "test": TEST_FAMILIES, "all": None}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the pictures.")
@click.option(
    "--fonts", type=click.Path(path_type=Path), help="Folder of .ttf/.otf files. [default: matplotlib's]"
)
@click.option(
    "--split",
    type=click.Choice(list(_SPLITS)),
    default="all",
    show_default=True,
    help="Which of matplotlib's families: those the shipped model was trained on, those held out, or all.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=CharsOptions.count,
    show_default=True,
    help="Pictures in all.",
)
@click.option(
    "--size",
    type=click.IntRange(8, 512),
    default=CharsOptions.size,
    show_default=True,
    help="Side in pixels.",
)
@click.option("--seed", type=click.IntRange(min=0), default=CharsOptions.seed, show_default=True)
def command(out: Path, fonts: Path | None, split: str, count: int, size: int, seed: int) -> None:
    """Render letters (0-9, A-Z, a-z) as small gray pictures, dark on white, one sub folder a font family."""
    if fonts is not None and split != "all":
        raise click.UsageError(f"--split {split} is a split of matplotlib's fonts; leave it out with --fonts")
    options = CharsOptions(fonts=fonts, families=_SPLITS[split], count=count, size=size, seed=seed)
    with tqdm(total=count, unit="picture", disable=None) as bar:
        render_chars(options, out, progress=bar.update)
    click.echo(f"{count} pictures in {shown(out)}")
