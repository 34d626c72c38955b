"""The pictures, fills and holes on which plugins are tried."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inpaintx.pictures import Picture

_SIZES = ((1, 1), (1, 7), (7, 1), (2, 2), (5, 3), (32, 32), (33, 47), (64, 48))
SEED = 20


def pictures() -> Iterator[tuple[str, Picture]]:
    """Gray and RGB, of 8 and 16 bits, with and without alpha, from 1×1 on; each with its name."""
    rng = np.random.default_rng(SEED)
    for height, width in _SIZES:
        for dtype in (np.uint8, np.uint16):
            for channels in ((), (3,)):
                top = int(np.iinfo(dtype).max)
                array = rng.integers(0, top, (height, width, *channels), dtype=dtype, endpoint=True)
                # Half transparent, half opaque: a mask made of it keeps something and hides something.
                alpha = np.where(np.arange(width) < width / 2, 0, top) * np.ones((height, 1))
                for channel in (None, alpha.astype(dtype)):
                    case = f"{height}×{width} {np.dtype(dtype)} {'RGB' if channels else 'gray'}"
                    yield case + ("" if channel is None else " with alpha"), Picture(array, channel)
    yield "64×64 uint8 gray with a scratch", Picture(_scratched())


def _scratched() -> np.ndarray:
    """A shaded picture with a white line across: something to see for a mask that looks for damage."""
    array = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    array[30:32] = 255
    return array


def blend_inputs() -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Picture and fill, float32 [H, W, C] in [0, 1], and mask, bool [H, W]; each with its name."""
    rng = np.random.default_rng(SEED)
    for height, width in _SIZES:
        for channels in (1, 3):
            for hole, mask in _holes(height, width, rng):
                picture, fill = rng.random((2, height, width, channels), dtype=np.float32)
                picture[~mask] = 0
                yield f"{height}×{width}×{channels}, hole {hole}", picture, fill, mask


def _holes(height: int, width: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Masks that keep one pixel at least, as those that the library lets through."""
    middle, border = np.ones((2, height, width), dtype=bool)
    middle[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = False
    border[:, : max(1, width // 2)] = False
    masks = {
        "in the middle": middle,
        "at the border": border,
        "scattered": rng.random((height, width)) < 0.5,
        "of all but one pixel": np.zeros((height, width), dtype=bool),
    }
    if height * width > 1:
        masks["of one pixel"] = np.arange(height * width).reshape(height, width) != height * width // 2 - 1
    for name, mask in masks.items():
        mask[-1, -1] = True
        yield name, mask
