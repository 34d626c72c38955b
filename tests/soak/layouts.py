"""Picture files of every layout that somebody's program writes, and what another reader sees in them.

Each maker writes one file, by Pillow, tifffile, OpenCV or ImageMagick, and says what is to be seen: the
samples that it stored, or, where coding changes them, what Pillow shows. All choices come from a
``random.Random``, a seeded one or hypothesis's.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from by_others import magick_file, opencv_file, tifffile_tiff
from by_pillow import pillow_jpeg, pillow_lossy, pillow_other, pillow_png, pillow_tiff, pillow_webp
from drawing import Made

MAKERS: dict[str, Callable[[Random, Path], Made]] = {
    "Pillow's PNG": pillow_png,
    "Pillow's JPEG": pillow_jpeg,
    "Pillow's TIFF": pillow_tiff,
    "Pillow's WebP": pillow_webp,
    "Pillow's other formats": pillow_other,
    "Pillow's lossy formats": pillow_lossy,
    "tifffile": tifffile_tiff,
    "OpenCV": opencv_file,
}
if shutil.which("convert"):
    MAKERS["ImageMagick"] = magick_file


def make(random: Random, stem: Path) -> Made:
    """A file of a random maker."""
    return MAKERS[random.choice(list(MAKERS))](random, stem)
