"""The lines of ``inpaintx complete --metrics``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.completion import FolderResult


def metrics(result: FolderResult) -> dict[str, Any]:
    """What a line says of a result."""
    from inpaintx.judge.metrics import score

    completed = result.completed
    line = {
        "picture": str(result.original.path),
        "result": str(result.target),
        "hole": float((~completed.mask).mean()),
        "contextual_loss": completed.contextual,
        "prior_loss": completed.prior,
        "iterations": completed.iterations,
        "uncertainty": float(completed.uncertainty[~completed.mask].mean()),
        "seconds": completed.seconds,
        "regions": [chosen.described for chosen in completed.regions],
    }
    if result.synthetic:
        line |= asdict(score(result.original.array, completed.picture.array, completed.mask))
    return line


@contextmanager
def metrics_writer(path: Path | None, go_on: bool) -> Iterator[Callable[[FolderResult], None]]:
    """A function that takes a result's line; the file is written when the block ends, also by Ctrl-C.

    Where no picture can be completed, no file appears.

    Args:
        path: the file; None: there is none.
        go_on: keep the lines of an earlier run, but for those of the same results.
    """
    from inpaintx.pictures.files import atomic_file

    lines = _read(path) if path is not None and go_on and path.exists() else {}
    taken = False

    def take(result: FolderResult) -> None:
        nonlocal taken
        if path is not None:
            lines[str(result.target)] = json.dumps(metrics(result))
            taken = True

    try:
        yield take
    finally:
        if path is not None and taken:
            with atomic_file(path) as file:
                file.writelines(f"{line}\n".encode() for line in lines.values())


def _read(path: Path) -> dict[str, str]:
    """The lines of an earlier run, by their result."""
    try:
        return {json.loads(line)["result"]: line for line in path.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InpaintxError(f"no metrics of an earlier run: {path}; choose another name") from error
