"""What `inpaintx complete` makes of its results: lines of metrics, a sheet, a GIF."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inpaintx_cli.outputs import write_sheet

if TYPE_CHECKING:
    import numpy as np

    from inpaintx.completion import Completed
    from inpaintx.pictures import Picture

SHEET_PICTURES, GIF_PICTURES = 36, 12
SHOWN_SIDE = 192  # pixels: a sheet shows no picture larger than this


@dataclass(frozen=True)
class Result:
    """A picture before and after.

    Attributes:
        original: as it was read.
        completed: what came of it.
        target: the file that it goes to.
        synthetic: the hole was made by a plugin, so the picture under it is the truth.
    """

    original: Picture
    completed: Completed
    target: Path
    synthetic: bool

    def metrics(self) -> dict[str, Any]:
        """A line of ``--metrics``."""
        from inpaintx.judge.metrics import score

        completed = self.completed
        line = {
            "picture": str(self.original.path),
            "result": str(self.target),
            "hole": float((~completed.mask).mean()),
            "contextual_loss": completed.contextual,
            "prior_loss": completed.prior,
            "iterations": completed.iterations,
            "uncertainty": float(completed.uncertainty[~completed.mask].mean()),
            "seconds": completed.seconds,
        }
        if self.synthetic:
            line |= asdict(score(self.original.array, completed.picture.array, completed.mask))
        return line


def metrics_writer(stack: ExitStack, path: Path | None) -> Callable[[Result], None]:
    """A function that writes a result's line; the file appears when the stack closes well, all lines in it.

    Where no picture can be completed, no file appears.
    """
    from inpaintx.pictures.files import atomic_file

    @cache
    def file() -> BinaryIO:
        assert path is not None
        return stack.enter_context(atomic_file(path))

    def write(result: Result) -> None:
        if path is not None:
            file().write((json.dumps(result.metrics()) + "\n").encode())

    return write


class Showcase:
    """Small copies of a run's first pictures, from which its sheet and its GIF are made.

    With ``uncertainty``, the sheet has a row for it.
    """

    def __init__(self, sheet: Path | None, gif: Path | None, uncertainty: bool = False) -> None:
        self._sheet, self._gif, self._uncertainty = sheet, gif, uncertainty
        self._rows: list[tuple[np.ndarray, ...]] = []  # real, corrupted, reconstructed, uncertainty
        self._histories: list[list[np.ndarray]] = []

    @property
    def wants_history(self) -> bool:
        """Whether the next results should remember how they formed."""
        return self._gif is not None and len(self._histories) < GIF_PICTURES

    def add(self, result: Result) -> None:
        """Keeps what will be shown of a result, if anything."""
        from inpaintx.pictures import Picture
        from inpaintx.pictures.sheets import show_hole, show_uncertainty

        if self.wants_history:
            self._histories.append([_small(picture) for _, picture in result.completed.history])
        if (self._sheet or self._gif) and len(self._rows) < SHEET_PICTURES:
            corrupted = Picture(show_hole(result.original.array, result.completed.mask))
            doubt = Picture(show_uncertainty(result.completed.uncertainty))
            shown = (result.original, corrupted, result.completed.picture, doubt)
            self._rows.append(tuple(map(_small, shown)))

    def write(self) -> None:
        """Writes what was asked for, if any picture was completed."""
        from inpaintx.pictures.sheets import animate, grid, three_row_sheet

        if not self._rows:
            return
        real, corrupted, reconstructed, uncertainty = zip(*self._rows, strict=True)
        if self._sheet is not None:
            fourth = uncertainty if self._uncertainty else None
            write_sheet(three_row_sheet(real, corrupted, reconstructed, uncertainty=fourth), self._sheet)
        if self._gif is not None:
            shown = len(self._histories)
            looks = max(map(len, self._histories))
            # A search that ended early stands still while the others go on.
            forming = [
                [history[min(look, len(history) - 1)] for history in self._histories] for look in range(looks)
            ]
            moments = [corrupted[:shown], *forming, reconstructed[:shown]]
            animate([grid(moment) for moment in moments], self._gif)


def _small(picture: Picture) -> np.ndarray:
    """The picture as a sheet shows it: float32 ``[H, W, C]`` in [0, 1], no side above ``SHOWN_SIDE``."""
    from inpaintx.pictures.regions import resample

    scale = min(1.0, SHOWN_SIDE / max(picture.height, picture.width))
    height, width = (max(1, round(scale * side)) for side in (picture.height, picture.width))
    return resample(picture.as_float(), height, width)
