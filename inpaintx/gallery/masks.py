"""Where a gallery has the masks from. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inpaintx.completion.manifest import mask_hash
from inpaintx.errors import InpaintxError
from inpaintx.gallery.pages import MaskOf
from inpaintx.gallery.records import Line
from inpaintx.pictures import Picture, read_picture
from inpaintx.plugins.masks import make_mask

if TYPE_CHECKING:
    from inpaintx.plugins.masks import MaskPlugin


def unknown(picture: Picture, line: Line) -> None:
    """No mask: what was filled is not shown."""


def from_files(folder: Path) -> MaskOf:
    """The masks that a run wrote below a folder; those that are not there any more are unknown."""

    def mask_of(picture: Picture, line: Line) -> np.ndarray | None:
        name = (line.get("filled") or {}).get("mask")
        try:
            return None if name is None else _checked(read_picture(folder / name).array < 128, line)
        except InpaintxError:
            return None

    return mask_of


def made_again(plugin: MaskPlugin, seed: int, roots: Mapping[Path, Path]) -> MaskOf:
    """The masks that a plugin makes with this seed; of pictures that were done with others, they are unknown.

    Args:
        plugin: from ``registry.make("mask", …)``.
        seed: of the masks.
        roots: the folders in which pictures were found.
    """

    def mask_of(picture: Picture, line: Line) -> np.ndarray | None:
        root = None if picture.path is None else roots.get(picture.path)
        try:
            return _checked(make_mask(plugin, replace(picture, root=root), seed), line)
        except InpaintxError:
            return None

    return mask_of


def _checked(mask: np.ndarray, line: Line) -> np.ndarray | None:
    """The mask, if it is the one that a line is about: bool, of the picture's shape."""
    return mask if mask_hash(mask) == line.get("mask_sha256") else None
