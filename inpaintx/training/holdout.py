"""Which pictures of a collection are kept back from training, so that there is a fair test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.training.clusters import near_copies
from inpaintx.training.collection import Collection

#: Correlation at 16×16 pixels above which two pictures are held out together, or not at all: joining too much
#: costs nothing there, telling copies apart does.
KEPT_TOGETHER = 0.9


def held_out_pictures(collection: Collection, count: int, seed: int) -> list[Path]:
    """Pictures to keep from training: whole clusters of near-copies, drawn until there are ``count``.

    A cluster is what correlates above 0.9 at 16×16 pixels; those of more than a tenth of ``count`` stay in
    training. Of patches, those of one picture are a cluster.

    Raises:
        InpaintxError: there are not enough others.
    """
    if collection.scales:
        _, first, clusters = np.unique(
            [str(path) for path in collection.paths], return_index=True, return_inverse=True
        )
        sizes = np.ones(len(first), int)
    else:
        clusters = near_copies(collection.images.numpy(), KEPT_TOGETHER)
        sizes = np.bincount(clusters)
    chosen: list[int] = []
    total = 0
    for cluster in np.random.default_rng(seed).permutation(len(sizes)):
        if total >= count:
            break
        if sizes[cluster] <= max(1, count / 10):
            chosen.append(cluster)
            total += sizes[cluster]
    if total < count or total == sizes.sum():
        raise InpaintxError(
            f"can't hold out {count} pictures: {total} of {sizes.sum()} are in small enough clusters of "
            "near-copies; hold out fewer, or whole folders with --exclude"
        )
    held_out = np.isin(clusters, chosen)
    return list(dict.fromkeys(p for p, held in zip(collection.paths, held_out, strict=True) if held))


@dataclass(frozen=True)
class HeldOut:
    """What is kept back from training.

    Attributes:
        collection: the pictures.
        names: their paths in the folder, each once.
    """

    collection: Collection
    names: list[str]


def keep_back(collection: Collection, count: int, seed: int, root: Path) -> tuple[Collection, HeldOut]:
    """What is learned from, and what is kept back: ``count`` pictures, near-copies together.

    Args:
        collection: all pictures.
        count: how many to keep back.
        seed: of the choice.
        root: the collection's folder.

    Raises:
        InpaintxError: there are not so many.
    """
    held_out = held_out_pictures(collection, count, seed)
    names = [path.relative_to(root).as_posix() for path in held_out]
    learned, kept = without_listed(collection, names, root)
    return learned, HeldOut(kept, names)


def without_listed(collection: Collection, names: Sequence[str], root: Path) -> tuple[Collection, Collection]:
    """The collection without the pictures of these paths in its folder, and those."""
    listed = np.isin([path.relative_to(root).as_posix() for path in collection.paths], list(names))
    return collection.part(~listed), collection.part(listed)
