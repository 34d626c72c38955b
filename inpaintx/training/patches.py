"""Squares of pictures that have no common frame, at their own resolution."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Fit
from inpaintx.pictures import Picture
from inpaintx.pictures.regions import Region
from inpaintx.training.seen import square_of


@dataclass(frozen=True)
class Patches:
    """What is learned from pictures without a common frame: random squares, at their own resolution.

    Attributes:
        scales: pixels of the picture to one of the square's, along a side; each has as many squares.
        count: squares of one picture.
        seed: of where they are; a picture's are a function of it and of the picture's name.

    Raises:
        InpaintxError: no scale, one below 1, or no squares.
    """

    scales: tuple[int, ...] = (1,)
    count: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) < 1 or self.count < 1:
            raise InpaintxError(
                f"patches: scales {self.scales}, {self.count} a picture; choose whole numbers from 1 on"
            )


def fit_of(networks: Networks) -> Fit | Patches:
    """How the collection of trained networks was fitted to squares."""
    return Patches(networks.scales) if networks.scales else networks.fit


def draw_patches(picture: Picture, size: int, channels: int, patches: Patches, name: str) -> list[np.ndarray]:
    """Random squares of a picture, float32 ``[size, size, channels]`` in [0, 1] each.

    None at a scale at which the picture is smaller than the square, and none that is too transparent: see
    :func:`.square_of`.
    """
    sides = [size * scale for scale in patches.scales if size * scale <= min(picture.height, picture.width)]
    rng = np.random.default_rng([patches.seed, crc32(name.encode())])
    drawn = []
    for number in range(patches.count if sides else 0):
        side = sides[number % len(sides)]
        top, left = (
            int(rng.integers(0, room - side, endpoint=True)) for room in (picture.height, picture.width)
        )
        square = square_of(picture, Region(top, left, side, side), size, channels)
        if square is not None:
            drawn.append(square)
    return drawn
