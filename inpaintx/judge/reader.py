"""A reader of letters: trained on intact ones, it says whether a completed letter still is that letter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate

from inpaintx.errors import InpaintxError
from inpaintx.letters.chars import CLASSES

# What a tightly cropped letter doesn't tell, for want of a base line and of neighbours: the ring, the stroke,
# and letters whose small form is the capital, scaled. (Readers do tell k, p and u from their capitals.)
FUSED = ("0Oo", "1Il", "Cc", "Ss", "Vv", "Ww", "Xx", "Zz")

_SIDE = 32
_MOST = 10_000  # pictures to learn from; more take longer and read little better
_STEPS = 1000  # about 40 seconds of one core
_BATCH = 64
_RATE = 2e-3
# Augmentation, as shares of the picture's side: a crop is never cut the same way twice.
_SHIFT, _SCALE = 0.08, 0.1

Tensor = torch.Tensor


def label_of(path: Path) -> int | None:
    """The class that a picture's name tells, as in Chars74K: 1 to 62 for 0–9, A–Z, a–z; None if it doesn't.

    ``img011-00021.png`` is of class 11, "A".
    """
    match = re.fullmatch(r"img(\d{3})-\d+", path.stem)
    return int(match[1]) if match and 1 <= int(match[1]) <= len(CLASSES) else None


def fused(labels: np.ndarray) -> np.ndarray:
    """Int [N] of 1 to 62, gives int64 [N]: for each class, the first of those that it is fused with."""
    return _STANDS_FOR[np.asarray(labels)]


class Reader:
    """Reads single letters; made by ``Reader.train``."""

    def __init__(self, network: nn.Module, classes: np.ndarray) -> None:
        self._network = network.eval().requires_grad_(False)
        self._classes = classes

    @classmethod
    def train(cls, images: np.ndarray, labels: np.ndarray, seed: int = 0, steps: int = _STEPS) -> Reader:
        """Learns from intact letters; the same pictures, labels and seed give the same reader.

        Args:
            images: float32 ``[N, H, W, C]`` in [0, 1], C = 1 or 3; of more than 10,000 as many are drawn.
            labels: int ``[N]``, 1 to 62.
            seed: of the draw, and of training.
            steps: of training, on 64 pictures each.

        Raises:
            InpaintxError: not a label for each picture, or fewer than two classes.
        """
        classes, numbers = np.unique(fused(labels), return_inverse=True)
        if len(images) != len(labels) or len(classes) < 2:
            raise InpaintxError(
                f"can't learn to read from {len(images)} pictures with {len(labels)} labels of "
                f"{len(classes)} classes: give one label a picture, and two classes or more"
            )
        rng = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(images), generator=rng)[:_MOST].numpy()
        pictures, targets = _prepared(images[chosen]), torch.from_numpy(numbers[chosen])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _network(len(classes))
            _fit(network, pictures, targets, steps, rng)
        return cls(network, classes)

    def read(self, images: np.ndarray) -> np.ndarray:
        """Float32 [N, H, W, C] in [0, 1], C = 1 or 3; gives int64 [N]: the (fused) class of each."""
        pictures = _prepared(images)
        best = [self._network(batch).argmax(dim=1) for batch in pictures.split(_BATCH)]
        return self._classes[torch.cat(best).numpy()]

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """The share of the pictures that are read as what they are, up to fused classes."""
        return float((self.read(images) == fused(labels)).mean())


def _network(classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for width in (16, 32, 64):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
        channels = width
    side = _SIDE // 8
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(channels * side * side, 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def _fit(network: nn.Module, pictures: Tensor, targets: Tensor, steps: int, rng: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(pictures), (_BATCH,), generator=rng)
        loss = cross_entropy(network(_moved(pictures[chosen], rng)), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _prepared(images: np.ndarray) -> Tensor:
    """Float32 [N, 1, 32, 32] of mean 0 and deviation 1 each, so that light and contrast don't matter."""
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.float32 or not len(images):
        raise InpaintxError(
            f"can't read pictures of {images.dtype} {list(images.shape)}: give float32 [N,H,W,C], gray or RGB"
        )
    batches = np.array_split(images, -(-len(images) // 256))
    gray = [torch.from_numpy(np.ascontiguousarray(batch.mean(axis=3)))[:, None] for batch in batches]
    small = torch.cat([interpolate(batch, (_SIDE, _SIDE), mode="bilinear", antialias=True) for batch in gray])
    deviation, mean = torch.std_mean(small, dim=(1, 2, 3), keepdim=True)
    return (small - mean) / (deviation + 1e-3)


def _moved(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Each picture shifted and scaled a little at random, its border repeated."""
    drawn = 2 * torch.rand(len(pictures), 4, generator=rng) - 1
    transform = torch.zeros(len(pictures), 2, 3)
    transform[:, 0, 0], transform[:, 1, 1] = (1 + _SCALE * drawn[:, :2]).unbind(dim=1)
    transform[:, :, 2] = 2 * _SHIFT * drawn[:, 2:]
    grid = affine_grid(transform, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _standing_for() -> np.ndarray:
    table = np.arange(len(CLASSES) + 1)
    for letters in FUSED:
        numbers = [CLASSES.index(letter) + 1 for letter in letters]
        table[numbers] = min(numbers)
    return table


_STANDS_FOR = _standing_for()
