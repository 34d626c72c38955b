"""The lines of ``inpaintx complete --metrics``."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from inpaintx.completion import FolderResult
    from inpaintx.completion.regions import Chosen


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
        "regions": [_region(chosen) for chosen in completed.regions],
    }
    if result.synthetic:
        line |= asdict(score(result.original.array, completed.picture.array, completed.mask))
    return line


def _region(chosen: Chosen) -> dict[str, Any]:
    """What the model saw, in pixels of the picture."""
    region = chosen.region
    return {
        "x": region.left,
        "y": region.top,
        "width": region.width,
        "height": region.height,
        "holes": len(chosen.holes),
        "scale": chosen.scale,
        "error": chosen.error,
        "doubt": chosen.doubt,
    }


def metrics_writer(stack: ExitStack, path: Path | None) -> Callable[[FolderResult], None]:
    """A function that writes a result's line; the file appears when the stack closes well, all lines in it.

    Where no picture can be completed, no file appears.
    """
    from inpaintx.pictures.files import atomic_file

    @cache
    def file() -> BinaryIO:
        assert path is not None
        return stack.enter_context(atomic_file(path))

    def write(result: FolderResult) -> None:
        if path is not None:
            file().write((json.dumps(metrics(result)) + "\n").encode())

    return write
