"""What the makers of picture files share: what is drawn, and what is to be seen of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageSequence

ORIENTATION = int(ExifTags.Base.Orientation)
SIDES = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 57, 64)

#: What is seen of stored samples: the EXIF orientation says which side row 0 and column 0 are (CIPA DC-008).
TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class Made:
    """A file, and what is to be seen of it.

    Attributes:
        path: the file.
        seen: uint16 ``[H, W, 4]``, RGBA, upright.
        alpha: whether the file holds alpha.
        refusable: the project may say that it doesn't read this layout; else it has to read it.
    """

    path: Path
    seen: np.ndarray
    alpha: bool
    refusable: bool = False


def rgba(samples: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Gray, gray with alpha, RGB or RGBA, uint8 or uint16, as uint16 ``[H, W, 4]``; 255 becomes 65535."""
    white = int(np.iinfo(dtype or samples.dtype).max)
    deep = samples.astype(np.uint32).reshape(*samples.shape[:2], -1) * (65535 // white)
    channels = deep.shape[2]
    colours = deep[..., :3] if channels > 2 else np.repeat(deep[..., :1], 3, axis=2)
    alpha = deep[..., -1:] if channels in (2, 4) else np.full_like(deep[..., :1], 65535)
    return np.concatenate([colours, alpha], axis=2).astype(np.uint16)


def draw(random: Random, channels: int, dtype: Any = np.uint8, step: int = 1) -> np.ndarray:
    """Samples of a random size: noise, a slope, few levels or one colour; alpha is often a hole.

    step: what all samples are a multiple of.
    """
    height, width = random.choice(SIDES), random.choice(SIDES)
    if height * width == 1:
        width = 2
    rng = np.random.default_rng(random.getrandbits(32))
    white = int(np.iinfo(dtype).max)
    shape = (height, width, channels)
    kind = random.choice(["noise", "slope", "levels", "flat"])
    if kind == "noise":
        values = rng.integers(0, white, shape, endpoint=True)
    elif kind == "slope":
        ends = rng.uniform(0, white, (2, channels))
        along = np.linspace(0, 1, height)[:, None, None] * np.linspace(0.3, 1, width)[:, None]
        values = ends[0] * (1 - along) + ends[1] * along + rng.uniform(-0.03, 0.03, shape) * white
    elif kind == "levels":
        values = rng.integers(0, white, (3, channels))[rng.integers(0, 3, shape[:2])]
    else:
        values = np.broadcast_to(rng.integers(0, white, channels, endpoint=True), shape)
    samples = np.clip(np.rint(np.asarray(values, float) / step) * step, 0, white).astype(dtype)
    if channels in (2, 4) and random.random() < 0.7:
        samples[..., -1] = np.where(hole(random, height, width), 0, white)
    return samples[..., 0] if channels == 1 else samples


def hole(random: Random, height: int, width: int) -> np.ndarray:
    """bool ``[H, W]``, True = fill: a box anywhere, a frame, lone pixels, a side, all but one pixel."""
    rng = np.random.default_rng(random.getrandbits(32))
    marked = np.zeros((height, width), bool)
    kind = random.choice(["box", "box", "border box", "frame", "pixel", "dots", "side", "all but one"])
    if kind in ("box", "border box"):
        h, w = (int(rng.integers(1, max(2, side // 2 + 1))) for side in (height, width))
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        if kind == "border box":
            top, left = top if rng.random() < 0.5 else 0, 0
        marked[top : top + h, left : left + w] = True
    elif kind == "frame":
        marked[[0, -1]] = marked[:, [0, -1]] = True
    elif kind == "pixel":
        marked[rng.integers(height), rng.integers(width)] = True
    elif kind == "dots":
        marked = rng.random((height, width)) < 0.1
    elif kind == "side":
        marked[:, : width // 2] = True
    else:
        marked[:] = True
    if marked.all():
        marked.flat[int(rng.integers(marked.size))] = False
    if not marked.any():
        marked.flat[int(rng.integers(marked.size))] = True
    return marked


def seen_by_pillow(path: Path) -> np.ndarray:
    """The first frame of a file of 8 bits as Pillow shows it, not turned: uint16 ``[H, W, 4]``."""
    with Image.open(path) as opened:
        shown = next(iter(ImageSequence.Iterator(opened)))
        return rgba(np.asarray(shown.convert("RGBA")))


def finish(path: Path, seen: np.ndarray, orientation: int = 1, **more: Any) -> Made:
    """What was written, whose samples an orientation turns."""
    upright = np.ascontiguousarray(TURNED[orientation](seen))
    return Made(path, upright, bool((upright[..., 3] < 65535).any()), **more)
