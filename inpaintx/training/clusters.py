"""Which pictures are copies of each other, nearly: what must not be told apart in a fair test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch.nn.functional import adaptive_avg_pool2d

from inpaintx.errors import InpaintxError

_SIDE = 16
_ROWS = 512  # pictures compared at once with all others


def near_copies(images: np.ndarray, threshold: float = 0.95) -> np.ndarray:
    """Numbers the clusters of near-copies.

    Two are near-copies if, shrunk to 16×16 and each channel's mean removed, they correlate above the
    threshold; a cluster is what near-copies connect, directly or in a chain.

    Args:
        images: uint8 or float ``[N, C, H, W]``, any range.
        threshold: between −1 and 1.

    Returns:
        Int64 [N]: each picture's cluster, numbered in the order of their first pictures. A picture without
        contrast correlates with nothing and is a cluster by itself.
    """
    shrunk, count = _shrunk(images), len(images)
    labels = np.arange(count)
    for start, correlation in _correlations(shrunk, shrunk):
        row, column = np.nonzero(correlation > threshold)
        links = (np.ones(len(row), dtype=bool), (labels[start + row], labels[column]))
        # Joined block by block, since all links of a collection of copies wouldn't fit into memory.
        labels = connected_components(coo_array(links, shape=(count, count)), directed=False)[1][labels]
    return _in_order_of_appearance(labels)


def nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds for each image the one among others that it correlates with most, as ``near_copies`` compares.

    Args:
        images: uint8 or float ``[N, C, H, W]``.
        others: uint8 or float ``[M, C, H', W']``, M > 0; the sizes may differ, the channels not.

    Returns:
        Its index, int64 [N], and the correlation, float32 [N], −1 to 1.
    """
    if not len(others):
        raise InpaintxError("there is no picture to look among: give one or more")
    index, correlation = np.empty(len(images), dtype=np.int64), np.empty(len(images), dtype=np.float32)
    for start, block in _correlations(_shrunk(images), _shrunk(others)):
        rows = slice(start, start + len(block))
        index[rows], correlation[rows] = block.argmax(axis=1), block.max(axis=1)
    return index, correlation


def groups_of(paths: Sequence[Path], root: Path) -> list[str] | None:
    """The groups that a collection's folders make: people, font families.

    Returns:
        For each path the name of the folder right below the root that it is in; None if any picture lies in
        the root itself, so that near-copies have to tell.
    """
    parts = [path.relative_to(root).parts for path in paths]
    return [below[0] for below in parts] if all(len(below) > 1 for below in parts) else None


def _shrunk(images: np.ndarray) -> torch.Tensor:
    """Float32 [N, C·16·16], each of norm 1, or 0 where the picture has no contrast."""
    if images.ndim != 4:
        raise InpaintxError(f"pictures of shape {list(images.shape)} can't be compared: give [N,C,H,W]")
    small = [
        adaptive_avg_pool2d(torch.from_numpy(images[start : start + _ROWS]).float(), _SIDE)
        for start in range(0, len(images), _ROWS)
    ]
    if not small:
        return torch.empty(0, images.shape[1] * _SIDE * _SIDE)
    pooled = torch.cat(small)
    flat = (pooled - pooled.mean(dim=(2, 3), keepdim=True)).flatten(1)
    norm = flat.norm(dim=1, keepdim=True)
    # What rounding leaves of a constant picture is no contrast.
    contrast = norm > 1e-5 * pooled.flatten(1).norm(dim=1, keepdim=True)
    return torch.where(contrast, flat / norm, 0.0)


def _correlations(a: torch.Tensor, b: torch.Tensor) -> Iterator[tuple[int, np.ndarray]]:
    if a.shape[1] != b.shape[1]:
        raise InpaintxError("gray and colour pictures can't be compared: give the same channels")
    for start in range(0, len(a), _ROWS):
        yield start, (a[start : start + _ROWS] @ b.T).numpy()


def _in_order_of_appearance(labels: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
