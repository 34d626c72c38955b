"""Damage of four kinds, planted into pictures where it is known to the pixel, and how well it was found.

Used by ``benches/detect.py`` and by the tests of detection. A planted mask holds what was changed so that it
can be seen: pixels that the damage covers for half or more, and that it changed by more than ``VISIBLE``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

#: Changes of less than this, of a range of 1, are no damage that anyone would repair.
VISIBLE = 0.04

_EIGHT = np.ones((3, 3), bool)


class Counts(NamedTuple):
    """What was found of what is there, summed over pictures: pixels within 1 of each other count as found.

    Attributes:
        right, found: pixels found, and all that the mask holds; likewise for the others.
    """

    right: int = 0
    found: int = 0
    met: int = 0
    there: int = 0
    right_blobs: int = 0
    found_blobs: int = 0
    met_blobs: int = 0
    there_blobs: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Precision and recall at the pixel, then at the blob; NaN where nothing was found or is there."""
        pairs = (self[:2], self[2:4], self[4:6], self[6:])
        return tuple(part / whole if whole else float("nan") for part, whole in pairs)  # type: ignore

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall at the pixel."""
        found, met = self.right / max(self.found, 1), self.met / max(self.there, 1)
        return 2 * found * met / max(found + met, 1e-9)


def count(found: np.ndarray, truth: np.ndarray, blobs: bool = True) -> Counts:
    """Compares two masks of damage, bool ``[H, W]``; a blob counts where half of its pixels do.

    Without ``blobs``, only pixels are counted.
    """
    near_truth = ndimage.binary_dilation(truth, _EIGHT)
    near_found = ndimage.binary_dilation(found, _EIGHT)
    return Counts(
        int((found & near_truth).sum()),
        int(found.sum()),
        int((truth & near_found).sum()),
        int(truth.sum()),
        *(_blobs(found, near_truth) + _blobs(truth, near_found) if blobs else ()),
    )


def _blobs(mask: np.ndarray, near: np.ndarray) -> tuple[int, int]:
    labels, number = ndimage.label(mask, _EIGHT)
    if not number:
        return 0, 0
    shares = ndimage.mean(near, labels, np.arange(1, number + 1))
    return int((np.asarray(shares) >= 0.5).sum()), number


def scratches(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two to five bent lines, 1 to 3.5 pixels wide, white or black, opaque by half to all.

    Args:
        values: float32 ``[H, W, C]`` in [0, 1].
        rng: draws everything.

    Returns:
        The damaged values, and bool ``[H, W]``, True = damaged. So do the other kinds.
    """
    height, width = values.shape[:2]
    diagonal = float(np.hypot(height, width))
    layers = []
    for _ in range(rng.integers(2, 6)):
        start = rng.uniform(0, (height, width))
        angle = rng.uniform(0, 2 * np.pi)
        end = start + rng.uniform(0.25, 0.8) * diagonal * np.array([np.sin(angle), np.cos(angle)])
        bend = (start + end) / 2 + rng.normal(0, 0.03 * diagonal, 2)
        along = np.linspace(0, 1, int(4 * diagonal))[:, None]
        path = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        half = rng.uniform(0.5, 1.75) * min(1.0, diagonal / 300 + 0.4)
        layers.append((_stroke((height, width), path, half), rng.uniform(0.5, 1), _ink(rng)))
    return _lay(values, layers)


def dust(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ten to forty specks of 1 to 4 pixels' radius, uneven, white or black, nearly opaque."""
    height, width = values.shape[:2]
    most = min(4.0, 1 + min(height, width) / 64)
    number = rng.integers(10, 41) if min(height, width) > 128 else rng.integers(2, 7)
    layers = []
    for _ in range(number):
        radius = rng.uniform(1, most)
        layers.append((_spot((height, width), rng, radius, 0.25), rng.uniform(0.6, 1), _ink(rng)))
    return _lay(values, layers)


def stains(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to three brownish stains, 4 to 9 % of the shorter side in radius; the picture shows through."""
    height, width = values.shape[:2]
    damaged, truth = values.copy(), np.zeros((height, width), bool)
    for _ in range(rng.integers(1, 4)):
        cover = _spot((height, width), rng, rng.uniform(0.04, 0.09) * min(height, width), 0.2)
        tint = rng.uniform(0.4, 0.75) * np.array([1.15, 0.95, 0.7])
        tint = tint if values.shape[2] == 3 else tint[1:2]
        damaged *= 1 - cover[..., None] * (1 - tint.astype(np.float32))
        truth |= cover >= 0.5
    return damaged, truth & (np.abs(damaged - values).max(axis=2) > VISIBLE)


def burnt(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to four spots burnt out to white, 1.5 to 5 % of the shorter side in radius."""
    height, width = values.shape[:2]
    layers = []
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(0.015, 0.05) * min(height, width) + 1
        layers.append((_spot((height, width), rng, radius, 0.1), 1.0, 1.0))
    return _lay(values, layers)


def everything(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One kind after the other."""
    truth = np.zeros(values.shape[:2], bool)
    for kind in (stains, burnt, scratches, dust):
        values, more = kind(values, rng)
        truth |= more
    return values, truth


#: By the names that detection gives them.
KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "scratches": scratches,
    "dust": dust,
    "stains": stains,
    "burnt": burnt,
    "all": everything,
}


def _ink(rng: np.random.Generator) -> float:
    """Nearly white, or nearly black."""
    return float(rng.uniform(0.9, 1) if rng.random() < 0.5 else rng.uniform(0, 0.1))


def _lay(values: np.ndarray, layers: list[tuple[np.ndarray, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Lays inks over the picture: each a cover ``[H, W]`` in [0, 1], its opacity and its value."""
    damaged, truth = values.copy(), np.zeros(values.shape[:2], bool)
    for cover, opacity, ink in layers:
        share = (opacity * cover)[..., None]
        damaged += share * (np.float32(ink) - damaged)
        truth |= cover >= 0.5
    return damaged, truth & (np.abs(damaged - values).max(axis=2) > VISIBLE)


def _stroke(shape: tuple[int, int], path: np.ndarray, half: float) -> np.ndarray:
    """Cover of a stroke ``2 * half`` pixels wide along points (row, column), its rim a pixel soft."""
    cells = np.rint(path).astype(int)
    inside = ((cells >= 0) & (cells < shape)).all(axis=1)
    centre = np.ones(shape, bool)
    centre[tuple(cells[inside].T)] = False
    if centre.all():
        return np.zeros(shape, np.float32)
    distance = ndimage.distance_transform_edt(centre)
    return np.clip(half + 0.5 - distance, 0, 1).astype(np.float32)


def _spot(shape: tuple[int, int], rng: np.random.Generator, radius: float, uneven: float) -> np.ndarray:
    """Cover of a spot with a wavy rim, a pixel or two soft."""
    centre = rng.uniform(0, shape)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    rows, columns = rows - centre[0], columns - centre[1]
    angle = np.arctan2(rows, columns)
    rim = np.full(shape, radius)
    for wave in range(1, 6):
        rim *= 1 + uneven / wave * rng.normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    distance = np.hypot(rows, columns)
    return np.clip((rim - distance) / min(2.0, radius) + 0.5, 0, 1).astype(np.float32)
