"""Writes a gallery: pages that hold everything they show, and link to the whole pictures. Loads no torch."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import numpy as np

from inpaintx.atomic import atomic_file
from inpaintx.completion.manifest import file_hash
from inpaintx.errors import InpaintxError, shown
from inpaintx.gallery import records
from inpaintx.gallery.records import Line, Shown
from inpaintx.gallery.shots import make_shots
from inpaintx.pictures import Picture, read_picture

PER_PAGE = 48  # pictures: a page of photographs has some five megabytes
SUFFIXES = (".html", ".htm")
_GENERATOR = b'<meta name="generator" content="inpaintx gallery">'
_HEAD = 512  # bytes at a page's beginning, of which that is one line
STATUSES = ("completed", "undamaged", "failed")
_DAMAGE = ("file", "detect")  # masks of what is damaged; under others the picture is intact

#: Gives the mask of a picture, bool ``[H, W]``, True = keep, by its line; None: it isn't known.
MaskOf = Callable[[Picture, Line], "np.ndarray | None"]


@dataclass(frozen=True)
class _Page:
    """One of the pages, and which pictures are on it, from the first to the last."""

    number: int
    link: str
    first: str
    last: str


def page_path(path: Path, number: int) -> Path:
    """Where a gallery's page is: the first has the gallery's own name, the second ``NAME-2.html``."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def check_gallery(path: Path, pictures: int, overwrite: bool, go_on: bool = False) -> None:
    """Raises InpaintxError where a gallery can't be written without loss.

    Args:
        path: of its first page.
        pictures: how many it may show, which says how many pages there may be.
        overwrite: a file that has the first page's name may be replaced, whatever it is.
        go_on: it may be if it is a gallery. Further pages only ever replace pages of a gallery.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InpaintxError(f"--gallery {path}: its name must end in {' or '.join(SUFFIXES)}")
    if os.path.lexists(path) and not overwrite and not (go_on and _is_ours(path)):
        raise InpaintxError(f"file exists already: {path}; choose another name, or give --overwrite")
    for number in range(2, -(-pictures // PER_PAGE) + 1):
        page = page_path(path, number)
        if os.path.lexists(page) and not _is_ours(page):
            raise InpaintxError(f"no page of a gallery, so it is not replaced: {page}; choose another name")


def write_gallery(
    path: Path,
    out: Path,
    lines: Mapping[str, Line],
    mask_of: MaskOf = lambda picture, line: None,
    on_progress: Callable[[int], object] = lambda count: None,
) -> int:
    """Writes the pages of a gallery; the first one last, so that it leads to no page that isn't there.

    Pictures and results are read from their files: one that is missing, broken, or not what it was when the
    line was written, is said to be so.

    Args:
        path: of the first page; see :func:`page_path`.
        out: the folder of the results.
        lines: what the manifest says of each result, by its name below that folder.
        mask_of: gives the masks; without one, what was filled is stated and not shown.
        on_progress: called with the number of pictures that are on pages, page by page.

    Returns:
        How many pages there are.

    Raises:
        InpaintxError: a page can't be written.
    """
    names = list(lines)
    groups = [names[first : first + PER_PAGE] for first in range(0, len(names), PER_PAGE)] or [[]]
    pages = [
        _Page(number, quote(page_path(path, number).name), shown(group[0]), shown(group[-1]))
        for number, group in enumerate(filter(None, groups), 1)
    ]
    about = {
        "title": shown(out.resolve().name),
        "made_by": records.made_by(lines),
        "counts": {
            status: sum(line.get("status") == status for line in lines.values()) for status in STATUSES
        },
        "pages": pages,
        "total": len(names),
        "notable": list(_notable(lines, path)),
    }
    done = 0
    for number in [*range(2, len(groups) + 1), 1]:
        first = (number - 1) * PER_PAGE
        pictures = [
            _shown(first + place, name, lines[name], out, path.parent, mask_of)
            for place, name in enumerate(groups[number - 1], 1)
        ]
        with atomic_file(page_path(path, number)) as file:
            file.write(_render(number=number, pictures=pictures, **about).encode())
        done += len(pictures)
        on_progress(done)
    return len(groups)


def _notable(lines: Mapping[str, Line], path: Path) -> Iterator[tuple[str, str, str]]:
    """Pictures whose records warn of something: where they are, their names, and the first warning."""
    for number, (name, line) in enumerate(lines.items(), 1):
        for warning in records.warnings(line)[:1]:
            page = page_path(path, 1 + (number - 1) // PER_PAGE)
            yield f"{quote(page.name)}#p{number}", shown(name), warning


def _shown(number: int, name: str, line: Line, out: Path, beside: Path, mask_of: MaskOf) -> Shown:
    status, warnings = str(line.get("status")), records.warnings(line)
    source, target = Path(str(line.get("picture", ""))), out / name
    of_source = [] if status == "failed" else warnings  # which say already why it failed
    original = _read(source, line.get("picture_sha256"), "the picture", of_source)
    result = None
    if status != "failed" and (status == "completed" or target.exists()):  # undamaged ones may be left out
        result = _read(target, line.get("result_sha256"), "its result", warnings)
    mask = None if original is None or status != "completed" else mask_of(original, line)
    if status == "undamaged" and result is not None:
        original = None  # it looks the same
    one = original or result
    pixels = None if one is None else one.height * one.width
    settings = line.get("settings") or {}
    cut = (settings.get("mask") or {}).get("name") not in _DAMAGE
    return Shown(
        number=number,
        name=shown(name),
        status=status,
        original=_link(source, beside) if source.is_file() else "",
        result="" if result is None else _link(target, beside),
        shots=make_shots(original, result, mask, cut),
        brief=records.brief(line, pixels),
        warnings=warnings,
        facts=records.facts(line, pixels),
    )


def _read(path: Path, hash: str | None, what: str, warnings: list[str]) -> Picture | None:
    """A picture's file; what is wrong with it becomes a warning."""
    try:
        picture = read_picture(path)
    except InpaintxError as error:
        warnings.append(f"{what} can't be shown: {error}")
        return None
    if hash is not None and file_hash(path) != hash:
        warnings.append(f"{what} was changed since its line was written")
    return picture


def _link(path: Path, folder: Path) -> str:
    """A file as a page in that folder links to it: the way there, so that both can be moved together."""
    try:
        way = PurePath(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(os.fsencode(way))


def _is_ours(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return _GENERATOR in file.read(_HEAD)
    except OSError:
        return False


def _render(**about: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (here / "slider.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    template = environment.get_template("page.html.jinja")
    return template.render(
        generator=_GENERATOR.decode(), script=script, script_hash=f"sha256-{digest}", **about
    )
