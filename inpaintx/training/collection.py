"""A folder of pictures as one tensor of equal squares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.options import Fit
from inpaintx.pictures import Picture, read_picture, search_pictures
from inpaintx.pictures.arrays import fit_channels, to_levels
from inpaintx.pictures.regions import Region, fit_region
from inpaintx.training.patches import Patches, draw_patches
from inpaintx.training.seen import is_hidden, square_of, transparent_line


@dataclass(frozen=True)
class Collection:
    """What training sees.

    Attributes:
        images: uint8 ``[N, C, size, size]``, held in memory.
        paths: the N files they came from.
        skipped: unreadable files, and why.
        left_out: the folder's files that are no pictures, and why, in a line; None: there are none.
        transparent: what became of pictures with transparent parts, in a line; None: there are none.
        scales: of patches: pixels of the pictures to one of an image, along a side; else none.
        known: bool ``[N, 1, size, size]``, True = known, of damaged pictures; None: all is.
    """

    images: Tensor
    paths: list[Path]
    skipped: dict[Path, str] = field(default_factory=dict)
    left_out: str | None = None
    transparent: str | None = None
    scales: tuple[int, ...] = ()
    known: Tensor | None = None

    @property
    def notes(self) -> list[str]:
        """What a user should know of the folder, a line each."""
        skipped = [f"Skipped: {why}" for why in self.skipped.values()]
        return [*filter(None, (self.left_out, self.transparent)), *skipped]

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any pixel or the order of the images does."""
        return hashlib.sha256(self.images.numpy().tobytes()).hexdigest()[:16]

    def part(self, chosen: np.ndarray) -> Collection:
        """Some of the images: ``chosen`` is bool ``[N]``."""
        rows = np.flatnonzero(chosen)
        return replace(
            self,
            images=self.images[rows],
            known=None if self.known is None else self.known[rows],
            paths=[self.paths[row] for row in rows],
        )

    def learned(self, flip: bool) -> Tensor:
        """What there is to learn from: the images and, with ``flip``, then the mirror image of each."""
        return torch.cat([self.images, self.images.flip(-1)]) if flip else self.images

    def lessons(self, flip: bool) -> Tensor | tuple[Tensor, Tensor]:
        """The same, of damaged pictures with where they are known: what E and P are trained on."""
        if self.known is None:
            return self.learned(flip)
        known = torch.cat([self.known, self.known.flip(-1)]) if flip else self.known
        return self.learned(flip), known


def fit_picture(picture: Picture, size: int, channels: int, fit: Fit, scale: int = 1) -> np.ndarray | None:
    """A picture as the model sees it: float32 ``[size, size, channels]`` in [0, 1].

    Where the model knows patches, what is in the middle of it, at this scale. None: too much of that is
    transparent; see :func:`inpaintx.training.seen.square_of`.
    """
    return square_of(picture, _fitted_region(picture, size, fit, scale), size, channels)


def _fitted_region(picture: Picture, size: int, fit: Fit, scale: int) -> Region:
    region = fit_region(picture.height, picture.width, fit)
    if fit != "patches":
        return region
    side = min(size * scale, region.height)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    return Region(top, left, side, side)


def load_collection(
    folder: Path,
    size: int,
    channels: int | None = None,
    fit: Fit | Patches = "crop",
    exclude: Sequence[str] = (),
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Collection:
    """Reads a folder, nested folders included.

    Args:
        folder: where the pictures are; any format that Pillow reads.
        size: side of the squares, pixels.
        channels: 1, 3, or None for 3 if any picture has colour.
        fit: see :func:`inpaintx.pictures.regions.fit_region`; or which patches, ``"patches"`` being the
            default ones.
        exclude: patterns (``s3*``, ``*/draft-*.png``) of paths relative to ``folder`` to leave out, for
            example the people that a model is to be judged on.
        progress: wraps the list of files while it is gone through, e.g. ``tqdm``.

    Raises:
        InpaintxError: the folder is missing, empty, or holds no readable picture.
    """
    if fit == "patches":
        fit = Patches()
    scales = fit.scales if isinstance(fit, Patches) else ()
    squares: list[np.ndarray] = []
    paths: list[Path] = []
    skipped: dict[Path, str] = {}
    filled: list[Path] = []
    transparent: list[Path] = []
    searched = search_pictures([folder])
    found = searched.pictures
    wanted = [path for path in found if not matches(path.relative_to(folder), exclude)]
    for path in progress(wanted):
        try:
            picture = read_picture(path)
        except InpaintxError as error:
            skipped[path] = str(error)
            continue
        shape = size, channels or picture.channels
        if isinstance(fit, Patches):
            least = size * min(scales)
            if least > min(picture.height, picture.width):
                skipped[path] = f"smaller than a patch of {least} pixels: {path}; choose a smaller scale"
                continue
            own = draw_patches(picture, *shape, fit, path.relative_to(folder).as_posix())
        else:
            own = [fitted] if (fitted := fit_picture(picture, *shape, fit)) is not None else []
        if not own or is_hidden(picture):
            (filled if own else transparent).append(path)
        squares.extend(map(to_levels, own))
        paths.extend([path] * len(own))
    if not squares:
        counts = f"{len(skipped)} unreadable, {len(found) - len(wanted)} excluded"
        advice = transparent_line([], transparent) or "give another folder"
        raise InpaintxError(f"no readable picture in {folder}: {counts}; {advice}")
    most = channels or max(square.shape[2] for square in squares)
    stack = np.stack([fit_channels(square, most) for square in squares])
    images = torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()
    line = transparent_line(filled, transparent)
    return Collection(images, paths, skipped, searched.summary(), line, scales)


def matches(path: Path, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the path or one of the folders above it."""
    names = [path.as_posix(), *(parent.as_posix() for parent in path.parents)]
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)
