"""A run's first pictures, to look at: its sheet, and a GIF of how the fill forms. Loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inpaintx.completion.plan import SHEET_FORMATS
from inpaintx.pictures import Picture, write_picture
from inpaintx.pictures.regions import resample
from inpaintx.pictures.sheets import animate, grid, show_hole, show_uncertainty, three_row_sheet

if TYPE_CHECKING:
    from PIL import Image

    from inpaintx.completion.completer import Completed

SHEET_PICTURES, GIF_PICTURES = 36, 12
SHOWN_SIDE = 192  # pixels: a sheet shows no picture larger than this


class Showcase:
    """Small copies of the first pictures, from which a sheet and a GIF are made.

    Args:
        sheet: file for the sheet; None: none is made.
        gif: file for the GIF; None: none is made.
        uncertainty: the sheet has a row for it.
    """

    def __init__(self, sheet: Path | None, gif: Path | None, uncertainty: bool = False) -> None:
        self._sheet, self._gif, self._uncertainty = sheet, gif, uncertainty
        self._rows: list[tuple[np.ndarray, ...]] = []  # real, corrupted, reconstructed, uncertainty
        self._histories: list[list[np.ndarray]] = []

    @property
    def wants_history(self) -> bool:
        """Whether the next results should remember how they formed."""
        return self._gif is not None and len(self._histories) < GIF_PICTURES

    def add(self, original: Picture, completed: Completed) -> None:
        """Keeps what will be shown of a result, if anything."""
        if self.wants_history:
            self._histories.append([_small(picture) for _, picture in completed.history])
        if (self._sheet or self._gif) and len(self._rows) < SHEET_PICTURES:
            corrupted = Picture(show_hole(original.array, completed.mask))
            doubt = Picture(show_uncertainty(completed.uncertainty))
            self._rows.append(tuple(map(_small, (original, corrupted, completed.picture, doubt))))

    def write(self) -> None:
        """Writes what was asked for, if there is any picture to show.

        Raises:
            InpaintxError: it can't be written.
        """
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


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Writes a sheet in the format that its suffix says, one of :data:`.SHEET_FORMATS`."""
    write_picture(Picture(np.asarray(sheet)), path, SHEET_FORMATS[path.suffix.lower()])


def _small(picture: Picture) -> np.ndarray:
    """The picture as a sheet shows it: float32 ``[H, W, C]`` in [0, 1], no side above ``SHOWN_SIDE``."""
    scale = min(1.0, SHOWN_SIDE / max(picture.height, picture.width))
    height, width = (max(1, round(scale * side)) for side in (picture.height, picture.width))
    return resample(picture.as_float(), height, width)
