"""A folder of pictures with holes as one tensor of equal squares, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from inpaintx.errors import InpaintxError, NothingToFill
from inpaintx.options import Fit
from inpaintx.pictures import Picture, read_picture, search_pictures
from inpaintx.pictures.arrays import fit_channels, to_levels
from inpaintx.pictures.regions import fit_region, to_square
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.training.collection import Collection, matches
from inpaintx.training.patches import Patches

#: Of a square, below which there is too little to learn from it.
LEAST_KNOWN = 0.25
UNKNOWN = 0.5  # mid gray: what images hold where nothing is known, which nobody reads


@dataclass(frozen=True)
class Damaged:
    """A folder of pictures with holes.

    Attributes:
        folder: the pictures.
        mask: a mask, or a folder of masks that lie as ``complete`` finds them, white where the hole is; or
            ``"alpha"``: holes are what is transparent, and pictures without alpha have none.
    """

    folder: Path
    mask: Path | Literal["alpha"]

    def __post_init__(self) -> None:
        if self.mask != "alpha" and not Path(self.mask).exists():
            raise InpaintxError(f"no such mask: {self.mask}; give a folder of masks, or alpha")

    def known(self) -> Callable[[Picture], np.ndarray]:
        """Tells where a picture is known, bool ``[H, W]``; raises InpaintxError where it can't be told."""
        path = None if self.mask == "alpha" else self.mask
        plugin = registry.make("mask", "file", {"path": path})

        def of(picture: Picture) -> np.ndarray:
            whole = np.ones((picture.height, picture.width), bool)
            if path is None and picture.alpha is None:
                return whole
            try:
                return make_mask(plugin, picture, seed=0)
            except NothingToFill:
                return whole

        return of


def load_damaged(
    damaged: Damaged,
    size: int,
    channels: int | None = None,
    fit: Fit | Patches = "crop",
    exclude: Sequence[str] = (),
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Collection:
    """Reads a folder of damaged pictures; what lies under a hole is never read.

    Pictures without a mask, and squares that are known to less than a quarter, are left out.

    Args:
        damaged: where they are, and their masks.
        size: side of the squares, pixels.
        channels: 1, 3, or None for 3 if any picture has colour.
        fit: ``"crop"`` or ``"stretch"``.
        exclude: as :func:`.load_collection` takes it.
        progress: wraps the list of files while it is gone through, e.g. ``tqdm``.

    Raises:
        InpaintxError: there is no picture that can be learned from, or the fit is another one.
    """
    if isinstance(fit, Patches) or fit == "patches":
        raise InpaintxError("masks go with --fit crop or stretch, not with patches; leave one of them out")
    known_of, folder = damaged.known(), damaged.folder
    searched = search_pictures([folder])
    wanted = [path for path in searched.pictures if not matches(path.relative_to(folder), exclude)]
    squares: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    paths: list[Path] = []
    skipped: dict[Path, str] = {}
    for path in progress(wanted):
        try:
            picture = read_picture(path, folder)
            keep = known_of(picture)
        except InpaintxError as error:
            skipped[path] = str(error)
            continue
        region = fit_region(picture.height, picture.width, fit)
        image, known = to_square(picture.array, keep, region, size, channels or picture.channels)
        if known.mean() < LEAST_KNOWN:
            skipped[path] = f"less than a quarter of its square is known: {path}"
            continue
        squares.append(to_levels(np.where(known[..., None], image, np.float32(UNKNOWN))))
        masks.append(known)
        paths.append(path)
    if not squares:
        why = next(iter(skipped.values()), "all are excluded")
        raise InpaintxError(f"no picture in {folder} to learn from: {why}; give other pictures, or masks")
    most = channels or max(square.shape[2] for square in squares)
    stack = np.stack([fit_channels(square, most) for square in squares])
    images = torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()
    known_pixels = torch.from_numpy(np.stack(masks))[:, None]
    return Collection(images, paths, skipped, searched.summary(), known=known_pixels)
