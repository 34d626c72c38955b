"""Files to write: nothing of the user's is written over, and what can't be written is told at once."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from inpaintx.errors import InpaintxError


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
    try:
        place = out.resolve()
        if os.path.lexists(out):
            os.stat(out)
    except (OSError, RuntimeError) as error:  # RuntimeError: Python's before 3.13, for links in a circle
        raise InpaintxError(
            f"the output folder {out} is a link that leads nowhere; choose another one"
        ) from error
    for source in sources:
        home = source.resolve()
        beside = place == home.parent and source.is_file()
        if beside or (source.is_dir() and place.is_relative_to(home)):
            raise InpaintxError(
                f"the output folder {out} is, or is in, that of the input {source}; choose another one"
            )


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


def check_regular(outputs: Iterable[Path]) -> None:
    """Raises InpaintxError where something else than a file has an output's name: a device, a pipe.

    A folder is told when the file is written, and stops no other.
    """
    for path in outputs:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InpaintxError(f"no regular file, so it is not replaced: {path}; choose another name")


def has_content(path: Path) -> bool:
    """A file that is there is whole, since each is written aside and then renamed; but for an empty one."""
    return path.is_file() and path.stat().st_size > 0
