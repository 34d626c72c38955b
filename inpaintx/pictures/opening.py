"""Files as Pillow's images, and the way up they stand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

#: Raw files of cameras. Some are TIFFs, of which Pillow would read the preview.
RAW_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("3fr", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc"),
        *("mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "ptx", "raf", "raw", "rw2", "rwl", "sr2", "srf"),
        *("srw", "x3f"),
    )
)

# What these think of a broken file would stand on stderr, beside its error, where nobody asked for logs.
for _reader in ("PIL", "tifffile"):
    logging.getLogger(_reader).addHandler(logging.NullHandler())


@contextmanager
def open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Pillow's image of a file, not loaded yet.

    Pillow gets the open file, not its name: what it maps into memory by name it takes for rows of the
    picture's width, and those of one that lies on its side have its height.
    """
    register_formats()
    with path.open("rb") as file, Image.open(file) as opened:
        yield opened


class TagsOfTiff(TiffImagePlugin.TiffImageFile):
    """The tags of a TIFF in a layout that Pillow doesn't know; its pixels can't be loaded."""

    def _setup(self) -> None:
        tags = self.tag_v2
        self._mode, self._size = "L", (tags[256], tags[257])
        if 34675 in tags:
            self.info["icc_profile"] = tags[34675]
        inch = {2: 1.0, 3: 2.54}.get(tags.get(296, 2))
        if inch is not None and 282 in tags and 283 in tags:
            self.info["dpi"] = (float(tags[282]) * inch, float(tags[283]) * inch)


def load_upright(opened: Image.Image) -> None:
    """Loads an image and turns it by its EXIF orientation, in place."""
    opened.load()
    with suppress(Exception):  # broken EXIF data says nothing about the way up; the pixels are there
        ImageOps.exif_transpose(opened, in_place=True)


@cache
def register_formats() -> None:
    """Lets Pillow read HEIC and JPEG XL, where the plugins of the extra ``formats`` are installed."""
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        import_module("pillow_jxl")
