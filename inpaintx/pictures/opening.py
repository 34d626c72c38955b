"""Files as Pillow's images, and the way up they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path

from PIL import Image, ImageFile, ImageOps

#: Raw files of cameras. Some are TIFFs, of which Pillow would read the preview.
RAW_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc"),
        *("mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "ptx", "raf", "raw", "rw2", "rwl", "sr2", "srf"),
        *("srw", "x3f"),
    )
)


@contextmanager
def open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Pillow's image of a file, not loaded yet.

    Pillow gets the open file, not its name: what it maps into memory by name it takes for rows of the
    picture's width, and those of one that lies on its side have its height.
    """
    register_formats()
    with open(path, "rb") as file, Image.open(file) as opened:
        yield opened


def load_upright(opened: Image.Image) -> None:
    """Loads an image and turns it by its EXIF orientation, in place."""
    opened.load()
    with suppress(Exception):  # broken EXIF data says nothing about the way up; the pixels are there
        ImageOps.exif_transpose(opened, in_place=True)


@cache
def register_formats() -> None:
    """Lets Pillow read HEIC and JPEG XL, where the plugins of the extra `formats` are installed."""
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        import_module("pillow_jxl")
