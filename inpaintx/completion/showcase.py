"""A run's pictures, to look at: its sheets, and a GIF of how the fill of the first forms. Loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inpaintx.completion.plan import SHEET_FORMATS, SHEET_PICTURES, sheet_path
from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture, write_picture
from inpaintx.pictures.regions import resample
from inpaintx.pictures.sheets import animate, grid, show_hole, show_uncertainty, three_row_sheet

if TYPE_CHECKING:
    from PIL import Image

    from inpaintx.completion.completer import Completed

GIF_PICTURES = 12
SHOWN_SIDE = 192  # pixels: a sheet shows no picture larger than this


class Showcase:
    """Small copies of the pictures, from which sheets and a GIF are made.

    A sheet is written as soon as it is full, so that memory is bounded.

    Args:
        sheet: file for the first sheet, see :func:`.sheet_path` for the others; None: none is made.
        gif: file for the GIF; None: none is made.
        uncertainty: sheets have a row for it.
    """

    def __init__(self, sheet: Path | None, gif: Path | None, uncertainty: bool = False) -> None:
        self._sheet, self._gif, self._uncertainty = sheet, gif, uncertainty
        self._rows: list[tuple[np.ndarray, ...]] = []  # real, corrupted, reconstructed, uncertainty
        self._sheets = 0
        self._error: InpaintxError | None = None
        self._forming: list[tuple[np.ndarray, list[np.ndarray], np.ndarray]] = []  # before, history, result

    @property
    def wants_history(self) -> bool:
        """Whether the next results should remember how they formed."""
        return self._gif is not None and len(self._forming) < GIF_PICTURES

    def add(self, original: Picture, completed: Completed) -> None:
        """Keeps what will be shown of a result; a sheet that can't be written is told by :meth:`write`."""
        if not (self._sheet or self.wants_history):
            return
        corrupted = Picture(show_hole(original.array, completed.mask))
        before, result = _small(corrupted), _small(completed.picture)
        if self.wants_history:
            history = [_small(picture) for _, picture in completed.history]
            self._forming.append((before, history, result))
        if self._sheet is not None:
            doubt = Picture(show_uncertainty(completed.uncertainty))
            self._rows.append((_small(original), before, result, _small(doubt)))
            if len(self._rows) == SHEET_PICTURES:
                self._end_sheet(self._sheet)

    def write(self) -> None:
        """Writes what was asked for and isn't written yet, if there is any picture to show.

        Raises:
            InpaintxError: it can't be written, or a sheet could not be before.
        """
        if self._sheet is not None and self._rows:
            self._end_sheet(self._sheet)
        if self._error is not None:
            raise self._error
        if self._gif is not None and self._forming:
            before, histories, results = zip(*self._forming, strict=True)
            looks = max(map(len, histories))
            # A search that ended early stands still while the others go on.
            forming = [
                [history[min(look, len(history) - 1)] for history in histories] for look in range(looks)
            ]
            animate([grid(moment) for moment in (before, *forming, results)], self._gif)

    def _end_sheet(self, sheet: Path) -> None:
        real, corrupted, reconstructed, uncertainty = zip(*self._rows, strict=True)
        self._rows, self._sheets = [], self._sheets + 1
        fourth = uncertainty if self._uncertainty else None
        try:
            drawn = three_row_sheet(real, corrupted, reconstructed, uncertainty=fourth)
            write_sheet(drawn, sheet_path(sheet, self._sheets))
        except InpaintxError as error:  # the pictures go on
            self._error = self._error or error


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Writes a sheet in the format that its suffix says, one of :data:`.SHEET_FORMATS`."""
    write_picture(Picture(np.asarray(sheet)), path, SHEET_FORMATS[path.suffix.lower()])


def _small(picture: Picture) -> np.ndarray:
    """The picture as a sheet shows it: float32 ``[H, W, C]`` in [0, 1], no side above ``SHOWN_SIDE``."""
    scale = min(1.0, SHOWN_SIDE / max(picture.height, picture.width))
    height, width = (max(1, round(scale * side)) for side in (picture.height, picture.width))
    return resample(picture.as_float(), height, width)
