"""Files as Pillow's images, and the way up they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image, ImageFile, ImageOps


@contextmanager
def open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Pillow's image of a file, not loaded yet.

    Pillow gets the open file, not its name: what it maps into memory by name it takes for rows of the
    picture's width, and those of one that lies on its side have its height.
    """
    with open(path, "rb") as file, Image.open(file) as opened:
        yield opened


def load_upright(opened: Image.Image) -> None:
    """Loads an image and turns it by its EXIF orientation, in place."""
    opened.load()
    with suppress(Exception):  # broken EXIF data says nothing about the way up; the pixels are there
        ImageOps.exif_transpose(opened, in_place=True)
