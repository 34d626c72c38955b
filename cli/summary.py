"""What ``inpaintx complete`` says at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpaintx.errors import shown

if TYPE_CHECKING:
    from inpaintx.completion import FolderReport, FolderRequest

MOST_LINES = 5  # of what could not be kept


def exit_code(report: FolderReport) -> int:
    """0; 3 where some pictures failed, 1 where all did."""
    if not report.failures:
        return 0
    return 3 if report.done or report.undamaged or report.kept else 1


def warning(report: FolderReport) -> str | None:
    """One line, of all pictures in which the model can't speak for a region; None: there are none."""
    if not report.doubts:
        return None
    path, why = next(iter(report.doubts.items()))
    more = f" and {len(report.doubts) - 1} more pictures" if len(report.doubts) > 1 else ""
    return f"Warning: the model can't speak for {shown(path)} ({why}){more}; --metrics says for which holes"


def in_words(report: FolderReport, request: FolderRequest, extras: Mapping[str, Path]) -> Iterator[str]:
    """The summary, then what could not be kept, then the other files that were written."""
    yield report.summary(request)
    yield from _lost_lines(report.lost)
    for name, path in extras.items():
        if report.done or name == "gallery":  # which shows what earlier runs did, too
            yield f"{name}: {shown(path)}"


def as_json(report: FolderReport, request: FolderRequest) -> str:
    """The same for a script; keys of which there is nothing to say are left out."""

    def named(whys: Mapping[Path, str]) -> dict[str, str]:
        return {str(path): why for path, why in whys.items()}

    more: dict[str, Any] = {
        "undamaged": [str(path) for path in report.undamaged],
        "done_before": [str(path) for path in report.kept],
        "lost": named(report.lost),
        "doubts": named(report.doubts),
        "not_done_yet": named(report.waiting),
        "left_out": report.left_out,
    }
    summary = {"completed": len(report.done), "out": str(request.out), "failed": named(report.failures)}
    return json.dumps(summary | {what: told for what, told in more.items() if told})


def _lost_lines(lost: Mapping[Path, str]) -> list[str]:
    """What could not be kept, in a line for all pictures of which the same is said; few of many."""
    alike: dict[str, list[Path]] = {}
    for path, what in lost.items():
        alike.setdefault(what, []).append(path)
    lines = [
        f"{shown(paths[0].name)}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {what}"
        for what, paths in alike.items()
    ]
    return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], "… --json lists them all"]
