"""A folder of pictures as one tensor of equal squares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.options import Fit
from inpaintx.pictures import Picture, read_picture, search_pictures
from inpaintx.pictures.arrays import fit_channels, to_levels
from inpaintx.pictures.regions import Region, fit_region, resample


@dataclass(frozen=True)
class Collection:
    """What training sees.

    Attributes:
        images: uint8 ``[N, C, size, size]``, held in memory.
        paths: the N files they came from.
        skipped: unreadable files, and why.
        left_out: the folder's files that are no pictures, and why, in a line; None: there are none.
        scales: of patches: pixels of the pictures to one of an image, along a side; else none.
    """

    images: Tensor
    paths: list[Path]
    skipped: dict[Path, str] = field(default_factory=dict)
    left_out: str | None = None
    scales: tuple[int, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any pixel or the order of the images does."""
        return hashlib.sha256(self.images.numpy().tobytes()).hexdigest()[:16]

    def learned(self, flip: bool) -> Tensor:
        """What there is to learn from: the images and, with ``flip``, then the mirror image of each."""
        return torch.cat([self.images, self.images.flip(-1)]) if flip else self.images


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


def fit_picture(picture: Picture, size: int, channels: int, fit: Fit, scale: int = 1) -> np.ndarray:
    """A picture as the model sees it: float32 ``[size, size, channels]`` in [0, 1].

    Where the model knows patches, what is in the middle of it, at this scale.
    """
    region = fit_region(picture.height, picture.width, fit)
    if fit == "patches":
        side = min(size * scale, region.height)
        top, left = (picture.height - side) // 2, (picture.width - side) // 2
        region = Region(top, left, side, side)
    return _square(picture, region, size, channels)


def draw_patches(picture: Picture, size: int, channels: int, patches: Patches, name: str) -> list[np.ndarray]:
    """Random squares of a picture, float32 ``[size, size, channels]`` in [0, 1] each.

    None at a scale at which the picture is smaller than the square.
    """
    sides = [size * scale for scale in patches.scales if size * scale <= min(picture.height, picture.width)]
    rng = np.random.default_rng([patches.seed, crc32(name.encode())])
    drawn = []
    for number in range(patches.count if sides else 0):
        side = sides[number % len(sides)]
        top, left = (
            int(rng.integers(0, room - side, endpoint=True)) for room in (picture.height, picture.width)
        )
        drawn.append(_square(picture, Region(top, left, side, side), size, channels))
    return drawn


def _square(picture: Picture, region: Region, size: int, channels: int) -> np.ndarray:
    return resample(fit_channels(picture.as_float(region), channels), size, size).clip(0.0, 1.0)


def load_collection(
    folder: Path,
    size: int,
    channels: int | None = None,
    fit: Fit = "crop",
    exclude: Sequence[str] = (),
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
    patches: Patches | None = None,
) -> Collection:
    """Reads a folder, nested folders included.

    Args:
        folder: where the pictures are; any format that Pillow reads.
        size: side of the squares, pixels.
        channels: 1, 3, or None for 3 if any picture has colour.
        fit: see :func:`inpaintx.pictures.regions.fit_region`.
        exclude: patterns (``s3*``, ``*/draft-*.png``) of paths relative to ``folder`` to leave out, for
            example the people that a model is to be judged on.
        progress: wraps the list of files while it is gone through, e.g. ``tqdm``.
        patches: where ``fit`` is ``"patches"``, which; None: the default ones.

    Raises:
        InpaintxError: the folder is missing, empty, or holds no readable picture.
    """
    patches = (patches or Patches()) if fit == "patches" else None
    squares: list[np.ndarray] = []
    paths: list[Path] = []
    skipped: dict[Path, str] = {}
    searched = search_pictures([folder])
    found = searched.pictures
    wanted = [path for path in found if not _matches(path.relative_to(folder), exclude)]
    for path in progress(wanted):
        try:
            picture = read_picture(path)
        except InpaintxError as error:
            skipped[path] = str(error)
            continue
        shape = size, channels or picture.channels
        if patches is None:
            fitted = [fit_picture(picture, *shape, fit)]
        else:
            fitted = draw_patches(picture, *shape, patches, path.relative_to(folder).as_posix())
            if not fitted:
                least = size * min(patches.scales)
                skipped[path] = f"smaller than a patch of {least} pixels: {path}; choose a smaller scale"
        squares.extend(map(to_levels, fitted))
        paths.extend([path] * len(fitted))
    if not squares:
        excluded = len(found) - len(wanted)
        raise InpaintxError(
            f"no readable picture in {folder}: {len(skipped)} unreadable, {excluded} excluded; "
            "give another folder"
        )
    most = channels or max(square.shape[2] for square in squares)
    stack = np.stack([fit_channels(square, most) for square in squares])
    images = torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()
    return Collection(images, paths, skipped, searched.summary(), patches.scales if patches else ())


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the path or one of the folders above it."""
    names = [path.as_posix(), *(parent.as_posix() for parent in path.parents)]
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)
