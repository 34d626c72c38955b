"""Finding the picture files in folders, and saying what was left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from inpaintx.errors import InpaintxError, shown
from inpaintx.pictures.opening import RAW_SUFFIXES, register_formats

# Pillow knows their suffixes, but has no decoder of its own for them, or they are no pictures.
_NO_DECODER = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
#: Formats of the extra `formats`, which Pillow reads where its plugins are installed.
_EXTRA_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif", ".avifs", ".jxl"})
#: What a mask's name has after that of its picture: `photo_mask.png`, `photo_mask001.png`, `photo.mask.png`.
_MASK_ENDING = re.compile(r"[_.]mask")
MOST_KINDS = 5  # of reasons that a line names


@dataclass(frozen=True)
class Found:
    """What folders and files hold.

    Attributes:
        pictures: the picture files: those that were named first, those of a folder sorted; none comes twice.
        left_out: the other files and links that a folder holds, and why each was left out.
    """

    pictures: list[Path]
    left_out: dict[Path, str] = field(default_factory=dict)

    def summary(self) -> str | None:
        """What was left out, in one line; None: nothing was."""
        if not self.left_out:
            return None
        number = len(self.left_out)
        return f"{number} {'file' if number == 1 else 'files'} left out: {counted(self.left_out)}"


def counted(reasons: Mapping[Path, str]) -> str:
    """Files and what is the matter with each, in one line: how many of each kind, and the first of them.

    Of more than ``MOST_KINDS`` kinds, those with the fewest files are a number.
    """
    first = {reason: path.name for path, reason in reversed([*reasons.items()])}
    kinds = Counter(reasons.values()).most_common()
    told = [
        f"{count} {reason} ({shown(first[reason])}{', …' if count > 1 else ''})"
        for reason, count in kinds[:MOST_KINDS]
    ]
    others = sum(count for _, count in kinds[MOST_KINDS:])
    return ", ".join([*told, f"{others} for other reasons"] if others else told)


def find_pictures(paths: Iterable[str | Path]) -> list[Path]:
    """The picture files that ``paths`` name: the ``pictures`` of :func:`search_pictures`."""
    return search_pictures(paths).pictures


def search_pictures(paths: Iterable[str | Path]) -> Found:
    """The picture files that ``paths`` name: files as they are, folders with all that is nested in them.

    In a folder, files count by their suffix. Hidden ones and those in hidden folders don't, nor do masks
    beside their picture (``photo_mask.png``, ``photo_mask001.png``, ``photo.mask.png`` beside ``photo.*``).
    Folders that are links are followed, each folder once.

    Raises:
        InpaintxError: a path is missing, or a folder holds no picture.
    """
    pictures: dict[Path, None] = {}
    left_out: dict[Path, str] = {}
    for path in map(Path, paths):
        if path.is_dir():
            found = search_folder(path)
            if not found.pictures:
                said = found.summary()
                raise InpaintxError(
                    f"no pictures in the folder: {path}{f' ({said})' if said else ''}; "
                    "name one that holds some"
                )
            pictures.update(dict.fromkeys(found.pictures))
            left_out.update(found.left_out)
        elif path.exists():
            pictures[path] = None
        else:
            raise InpaintxError(f"no such picture or folder: {path}; check the name")
    return Found(list(pictures), {path: why for path, why in left_out.items() if path not in pictures})


def picture_suffixes() -> set[str]:
    """The suffixes, in lower case with their dot, of the formats that can be read."""
    register_formats()
    return {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN and name not in _NO_DECODER
    } - RAW_SUFFIXES


def mask_owners(stem: str) -> Iterator[str]:
    """The stems of the pictures that a mask file of this stem may belong to, by its name."""
    return (stem[: ending.start()] for ending in _MASK_ENDING.finditer(stem) if ending.start())


def search_folder(folder: Path) -> Found:
    """The same of one folder, which may hold none."""
    left_out: dict[Path, str] = {}
    suffixes = picture_suffixes()
    pictures = []
    for path in _walk(folder, left_out):
        why = _why_left_out(path, suffixes)
        if why is None:
            pictures.append(path)
        elif why:
            left_out[path] = why
    owned = _masks_among(pictures)
    left_out |= dict.fromkeys(owned, "masks of other pictures")
    return Found(sorted(set(pictures) - owned), dict(sorted(left_out.items())))


def _walk(folder: Path, left_out: dict[Path, str]) -> Iterator[Path]:
    """All files below a folder that aren't hidden; links to folders after all folders that are none."""
    seen: set[tuple[int, int]] = set()
    waiting, links = [folder], list[Path]()
    while waiting or links:
        is_link = not waiting
        current = links.pop(0) if is_link else waiting.pop()
        try:
            status = os.stat(current)
            entries = list(os.scandir(current))
        except OSError as error:
            left_out[current] = f"unreadable folders ({error.strerror})"
            continue
        if (status.st_dev, status.st_ino) in seen:
            left_out[current] = "links to folders that are searched anyway"
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = current / entry.name
            if entry.is_dir():
                if not entry.name.startswith("."):
                    (links if entry.is_symlink() else waiting).append(path)
            else:
                yield path


def _why_left_out(path: Path, suffixes: set[str]) -> str | None:
    """Why a file is no picture to work on; None: it is one, empty: nobody would think so."""
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return "raw files of cameras"
    if suffix not in suffixes:
        if suffix in _EXTRA_SUFFIXES:
            return f"{suffix[1:]} without the extra 'formats'"
        return "" if path.name.startswith(".") else "no pictures by their suffix"
    if path.name.startswith("."):
        return "hidden"
    if not path.exists():
        return "links to nothing"
    return None if path.is_file() else "no regular files"


def _masks_among(pictures: Iterable[Path]) -> set[Path]:
    """Those that are masks, by their name, of others in the same folder."""
    stems = {(path.parent, path.stem) for path in pictures}
    return {
        path for path in pictures if any((path.parent, owner) in stems for owner in mask_owners(path.stem))
    }
