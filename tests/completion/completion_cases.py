"""Pictures, masks and settings that the tests of completion share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry

OPTIONS = SearchOptions(iterations=12, candidates=2, starts=4, lr=0.1, prior=0.1, precision="float32")

MakeModel = Callable[..., Networks]


def make_picture(
    height: int, width: int, channels: int = 1, dtype: type = np.uint8, alpha: bool = False, seed: int = 0
) -> Picture:
    """Noise over a slope: values from 0.2 to 0.9."""
    rng, top = np.random.default_rng(seed), np.iinfo(dtype).max
    slope = np.linspace(0.2, 0.6, width)[None, :, None]
    values = slope + 0.3 * rng.random((height, width, channels))
    array: np.ndarray = (values * top).astype(dtype)
    transparency = rng.integers(0, top, (height, width), dtype, endpoint=True) if alpha else None
    return Picture(array[..., 0] if channels == 1 else array, transparency)


def make_mask(height: int, width: int, top: float = 0.3, left: float = 0.2) -> np.ndarray:
    """A hole of about a third of either side."""
    mask = np.ones((height, width), bool)
    rows, columns = int(top * height), int(left * width)
    mask[rows : rows + max(height // 3, 1), columns : columns + max(width // 3, 1)] = False
    return mask


def make_blend(name: str = "poisson") -> Any:
    return registry.make("blend", name, {})
