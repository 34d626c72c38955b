"""A sheet that shows what each plugin does: the masks on a picture, the blends at the hole of one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_levels
from inpaintx.pictures.sheets import show_hole
from inpaintx.plugins import registry
from inpaintx.plugins.blends import apply_blend
from inpaintx.plugins.masks import make_mask

_CELL, _GAP, _LABEL = 128, 14, 18  # pixels: a picture, around it, and the name below
_COLUMNS = 6
_PAPER, _INK, _FAINT = (232, 232, 232), (40, 40, 40), (90, 90, 90)
_OFF = np.float32(0.25)  # of the range, that the fill is darker: so that a seam is seen
_SEED = 3

_Cell = tuple[str, "np.ndarray | None"]  # a name, and levels [H, W] or [H, W, 3]; None: there is none to show


def preview(picture: Picture) -> Image.Image:
    """A labelled sheet in RGB of all plugins that can be found, with their options as they are.

    Each mask is shown by the hole that it makes in the picture, which gets a scratch and a transparent spot,
    so that those that look for either find one. Each blend joins the picture to a fill that is the picture
    again, but darker: what is seen at the hole's rim is the blend's. A plugin that refuses the picture, or
    fails, has its name below an empty cell.

    Args:
        picture: square, of 8 bits, with something to see in its middle.
    """
    shelves = [("masks", list(_masks(picture))), ("blends", list(_blends(picture)))]
    rows = {title: math.ceil(len(cells) / _COLUMNS) for title, cells in shelves}
    step = _CELL + _LABEL + _GAP
    height = sum(_LABEL + _GAP + count * step for count in rows.values()) + _GAP
    sheet = Image.new("RGB", (_GAP + _COLUMNS * (_CELL + _GAP), height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    title_font, font = ImageFont.load_default(size=16), ImageFont.load_default(size=13)
    top = _GAP
    for title, cells in shelves:
        draw.text((_GAP, top), title, _INK, title_font)
        top += _LABEL + _GAP // 2
        for number, (name, levels) in enumerate(cells):
            row, column = divmod(number, _COLUMNS)
            x, y = _GAP + column * (_CELL + _GAP), top + row * step
            if levels is None:
                draw.rectangle((x, y, x + _CELL - 1, y + _CELL - 1), outline=_FAINT)
                draw.text((x + _CELL // 2, y + _CELL // 2), "not on this one", _FAINT, font, anchor="mm")
            else:
                sheet.paste(_shown(levels), (x, y))
            draw.text((x, y + _CELL + 2), _fitting(name, font), _INK, font)
        top += rows[title] * step + _GAP // 2
    return sheet


def _damaged(picture: Picture) -> Picture:
    """The picture grayer, with a white scratch from top to bottom and a transparent spot."""
    levels = (64 + picture.array.astype(np.float32) / 2).astype(np.uint8)
    rows, columns = np.indices((picture.height, picture.width))
    levels[np.abs(columns - 0.2 * picture.width - 0.15 * rows) < 1.5] = 255
    radius = 0.15 * picture.width
    spot = np.hypot(rows - 0.7 * picture.height, columns - 0.7 * picture.width) < radius
    return Picture(levels, np.where(spot, 0, 255).astype(np.uint8))


def _masks(picture: Picture) -> Iterator[_Cell]:
    picture = _damaged(picture)
    for name in registry.names("mask"):
        try:
            mask = make_mask(registry.make("mask", name), picture, _SEED)
            yield name, show_hole(picture.array, mask)
        except InpaintxError:
            yield name, None


def _blends(picture: Picture) -> Iterator[_Cell]:
    values = picture.as_float()
    fill = np.clip(values - _OFF, 0, 1)
    mask = make_mask(registry.make("mask", "center"), picture, _SEED)
    yield "the hole", show_hole(picture.array, mask)
    yield "the fill", to_levels(fill)
    for name in registry.names("blend"):
        try:
            yield name, to_levels(apply_blend(registry.make("blend", name), values, fill, mask))
        except InpaintxError:
            yield name, None


def _shown(levels: np.ndarray) -> Image.Image:
    image = Image.fromarray(levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels)
    return image.convert("RGB").resize((_CELL, _CELL), Image.Resampling.LANCZOS)


def _fitting(name: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The name, cut where it is wider than its cell."""
    shown = name
    while font.getlength(shown) > _CELL:
        shown = shown.rstrip("…")[:-1] + "…"
    return shown
