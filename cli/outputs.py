"""Where commands write. Nothing of the user's is written over, and what can't be written is told at once."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from PIL import Image

#: What a sheet may be written as. Nothing in it is a known pixel, so JPEG will do.
SHEET_FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".bmp": "bmp",
}

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files of an earlier run.")


def make_folder(path: Path) -> Path:
    """Makes an output folder, with its parents. Raises InpaintxError where it can't be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InpaintxError(
            f"can't write to the folder {path}: {error.strerror}; choose another one"
        ) from error
    return path


def check_free(paths: Iterable[Path], overwrite: bool = False) -> None:
    """Raises InpaintxError for a file that is there already, unless it may be replaced."""
    taken = [] if overwrite else [path for path in paths if os.path.lexists(path)]
    if taken:
        raise InpaintxError(f"file exists already: {taken[0]}; choose another name, or give --overwrite")


def check_apart(out: Path, sources: Iterable[Path]) -> None:
    """Raises InpaintxError where a folder is that of a source, or lies inside of it, by whatever name.

    Results would land among what was read, and be read themselves the next time.
    """
    place = out.resolve()
    for source in sources:
        home = source.resolve()
        beside = place == home.parent and source.is_file()
        if beside or (source.is_dir() and place.is_relative_to(home)):
            raise InpaintxError(
                f"the output folder {out} is, or is in, that of the input {source}; choose another one"
            )


def plan_results(inputs: Sequence[Path], out: Path, suffix: str) -> dict[Path, Path]:
    """Where the result of each picture goes: below ``out`` as below the folder that was given.

    Of several folders, each keeps its name: ``a/1.png``, ``b/1.png`` give ``out/a/1.png``, ``out/b/1.png``.
    Pictures of the same name but for their suffix keep it: ``a.jpg`` beside ``a.bmp`` gives ``a.jpg.png`` and
    ``a.bmp.png``.

    Args:
        inputs: files and folders.
        out: the folder of the results.
        suffix: of the results, with its dot.

    Raises:
        InpaintxError: an input is missing or an empty folder, or two pictures would get one result.
    """
    from inpaintx.pictures import find_pictures

    relative: dict[Path, Path] = {}
    several = sum(given.is_dir() for given in inputs) > 1
    for given in inputs:
        folder = given if given.is_dir() and not several else given.parent
        for picture in find_pictures([given]):
            relative.setdefault(picture, picture.relative_to(folder))
    sharing = Counter(path.with_suffix("") for path in relative.values())
    sources: dict[Path, Path] = {}
    for picture, path in relative.items():
        name = path.with_suffix(suffix) if sharing[path.with_suffix("")] == 1 else Path(f"{path}{suffix}")
        target = out / name
        if target in sources:
            raise InpaintxError(
                f"two inputs would be written to {target}: {sources[target]} and {picture}; "
                "complete them one by one, each to an --out of its own"
            )
        sources[target] = picture
    return {picture: target for target, picture in sources.items()}


def check_harmless(outputs: Collection[Path], sources: Iterable[Path]) -> None:
    """Raises InpaintxError where an output is one of the files that are read, or named twice.

    This holds with --overwrite too, and for folders that hold a link to the sources.
    """
    read = {source.resolve() for source in sources}
    for output in outputs:
        if output.resolve() in read:
            raise InpaintxError(f"{output} is read, so it can't be written; choose another name")
    doubled = [path for path, count in Counter(path.resolve() for path in outputs).items() if count > 1]
    if doubled:
        raise InpaintxError(f"two things would be written to {doubled[0]}; choose another name")


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Writes a sheet in the format that its suffix says, one of :data:`SHEET_FORMATS`."""
    import numpy as np

    from inpaintx.pictures import Picture, write_picture

    write_picture(Picture(np.asarray(sheet)), path, SHEET_FORMATS[path.suffix.lower()])
