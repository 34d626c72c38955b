"""Pictures side by side, to look at: grids, three-row sheets, and films of a fill that forms.

Images here are numpy arrays, [H, W], [H, W, 1] or [H, W, 3]: uint8, uint16, or float in [0, 1]. Sheets are
Pillow images in RGB; ``write_picture(Picture(np.asarray(sheet)), path)`` writes one.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.pictures.files import atomic_file

CAPTIONS = ("real", "corrupted", "reconstructed", "uncertainty")

_PAPER = (232, 232, 232)  # so that white pictures are seen whole
_INK = (40, 40, 40)
# A dull blue: no gray picture holds it, and it is about as far from black as from white.
_HOLE = (128, 152, 184)
_GAP = 6
_GOOD_CELL = 112
_LARGEST_CELL = 192


def show_hole(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image as uint8 [H, W, 3], its hole in a colour that stands out.

    Args:
        image: what is damaged; what lies under the hole is not shown.
        mask: bool ``[H, W]``, True = keep.
    """
    shown = np.array(_to_rgb(image))
    shown[~mask] = _HOLE
    return shown


def show_uncertainty(uncertainty: np.ndarray) -> np.ndarray:
    """Where candidates disagree, float [H, W], as uint8 [H, W]: black for 0, white from 0.25 on."""
    return to_levels(uncertainty / 0.25)


def grid(images: Sequence[np.ndarray], columns: int | None = None) -> Image.Image:
    """The images in equal cells, row by row; without ``columns``, about as many columns as rows.

    Small images are enlarged by a whole number of times, so that their pixels stay sharp; large ones are
    reduced.
    """
    if not images:
        raise ValueError("no images to put on a sheet")
    columns = min(len(images), columns or math.ceil(math.sqrt(len(images))))
    cell = _cell_size(images)
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (_extent(columns, cell), _extent(rows, cell)), _PAPER)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        _paste(sheet, image, _extent(column, cell), _extent(row, cell), cell)
    return sheet


def three_row_sheet(
    real: Sequence[np.ndarray],
    corrupted: Sequence[np.ndarray],
    reconstructed: Sequence[np.ndarray],
    columns: int = 12,
    uncertainty: Sequence[np.ndarray] | None = None,
) -> Image.Image:
    """Row 1 real, row 2 corrupted (by ``show_hole``), row 3 reconstructed, each captioned on its left.

    The i-th images of the rows belong together, one below the other. More than ``columns`` of them go on in
    further bands of rows below. With uncertainty, see ``show_uncertainty``, there is a fourth row.
    """
    rows = (real, corrupted, reconstructed, *([] if uncertainty is None else [uncertainty]))
    count = len(real)
    if not count or any(len(row) != count for row in rows):
        raise ValueError(f"rows of equally many images are needed, not {[len(row) for row in rows]}")
    columns = min(columns, count)
    cell = _cell_size([image for row in rows for image in row])
    font = ImageFont.load_default(size=15)
    margin = _GAP + math.ceil(max(font.getlength(caption) for caption in CAPTIONS))
    band_height = _extent(len(rows), cell) + _GAP
    bands = math.ceil(count / columns)
    sheet = Image.new("RGB", (margin + _extent(columns, cell), bands * band_height - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for band in range(bands):
        for number, (caption, row) in enumerate(zip(CAPTIONS, rows, strict=False)):
            y = band * band_height + _extent(number, cell)
            draw.text((margin, y + cell // 2), caption, _INK, font, anchor="rm")
            for column, image in enumerate(row[band * columns : (band + 1) * columns]):
                _paste(sheet, image, margin + _extent(column, cell), y, cell)
    return sheet


def animate(frames: Sequence[Image.Image], path: Path) -> None:
    """Writes sheets of the same size as an endless film of a few seconds; the last one stays for a while.

    Args:
        frames: the sheets.
        path: the file: animated WebP where its suffix says so, in all colours; else GIF, in 256.

    Raises:
        InpaintxError: the file can't be written.
    """
    each = min(max(2000 // len(frames), 80), 300)  # milliseconds
    durations = [each] * (len(frames) - 1) + [1500]
    kind: dict[str, Any] = {"format": "GIF"}
    if path.suffix.lower() == ".webp":
        kind = {"format": "WEBP", "quality": 85}
    with atomic_file(path) as file:
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=durations, loop=0, **kind)


def _extent(cells: int, cell: int) -> int:
    """Pixels that so many cells take, with a gap around each: where the next one begins."""
    return _GAP + cells * (cell + _GAP)


def _cell_size(images: Sequence[np.ndarray]) -> int:
    longest = max(max(image.shape[:2]) for image in images)
    return min(_LARGEST_CELL, longest * max(1, round(_GOOD_CELL / longest)))


def _paste(sheet: Image.Image, image: np.ndarray, x: int, y: int, cell: int) -> None:
    """Puts the image in the middle of the cell whose upper left corner is at (x, y)."""
    picture = Image.fromarray(_to_rgb(image))
    scale = cell / max(picture.size)
    if scale >= 1:
        times = int(scale)
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    else:
        picture.thumbnail((cell, cell), Image.Resampling.LANCZOS)
    sheet.paste(picture, (x + (cell - picture.width) // 2, y + (cell - picture.height) // 2))


def _to_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] of any of the module's images."""
    if image.dtype == np.uint16:
        image = to_values(image)
    if image.dtype != np.uint8:
        image = to_levels(image)
    return np.broadcast_to(image.reshape(*image.shape[:2], -1), (*image.shape[:2], 3))
