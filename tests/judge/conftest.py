"""Letters to judge by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintx.letters.chars import TRAIN_FAMILIES, CharsOptions, render_chars


@pytest.fixture(scope="session")
def letter_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten letters of each class, of the training families."""
    options = CharsOptions(count=620, size=32, seed=3, families=TRAIN_FAMILIES)
    return render_chars(options, tmp_path_factory.mktemp("letters") / "out")


@pytest.fixture(scope="session")
def letters(letter_paths: list[Path]) -> np.ndarray:
    """Those, as float32 [620,32,32,1] in [0,1]."""
    pictures = [np.asarray(Image.open(path), dtype=np.float32) / 255 for path in letter_paths]
    return np.stack(pictures)[..., None]
