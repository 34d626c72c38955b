"""What the tests of picture files share."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

H, W = 11, 17


def samples(channels: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    shape = (H, W) if channels == 1 else (H, W, channels)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path
