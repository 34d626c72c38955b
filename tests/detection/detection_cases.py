"""Pictures with damage planted where it is known: the photographs inside scikit-image, rendered letters."""

import importlib.util
import sys
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from inpaintx.letters.chars import TEST_FAMILIES, CharsOptions, render_chars
from inpaintx.pictures import Picture, read_picture
from inpaintx.pictures.arrays import to_levels, to_values


@cache
def damage() -> ModuleType:
    """The bench's module that plants damage and counts what is found of it."""
    path = Path(__file__).parents[2] / "benches" / "damage.py"
    spec = importlib.util.spec_from_file_location("damage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["damage"] = module  # where a NamedTuple looks for its annotations
    spec.loader.exec_module(module)
    return module


@cache
def photograph(name: str) -> np.ndarray:
    """float32 ``[H, W, C]`` in [0, 1]."""
    image = Image.open(BytesIO((files("skimage") / "data" / name).read_bytes()))
    levels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return to_values(levels.reshape(*levels.shape[:2], -1))


def letters(folder: Path, count: int = 12) -> list[np.ndarray]:
    """Of fonts that the shipped model never saw: float32 ``[64, 64, 1]`` in [0, 1]."""
    options = CharsOptions(families=TEST_FAMILIES, count=count, seed=11)
    return [read_picture(path).as_float() for path in render_chars(options, folder)]


def as_picture(values: np.ndarray, dtype: type = np.uint8) -> Picture:
    levels = to_levels(values, dtype)
    return Picture(levels if levels.shape[2] == 3 else levels[..., 0])


def planted(kind: str, values: np.ndarray, seed: int) -> tuple[Picture, np.ndarray]:
    """The picture with damage of a kind, and where it is: bool ``[H, W]``."""
    damaged, truth = damage().KINDS[kind](values, np.random.default_rng(seed))
    return as_picture(damaged), truth
