"""The rival: the network that anyone would train instead, on the same pictures and for the same time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks, shipped_models, state
from inpaintx.networks.dcgan import LEAK, doubling, halving
from inpaintx.networks.storage import opened, save
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import images_to_values, levels_to_images
from inpaintx.plugins.masks import FAMILIES
from inpaintx.training.augmentation import shift
from inpaintx.training.collection import Collection
from inpaintx.training.encoder import MASKS, mask_pool
from inpaintx.training.predictor import BRIGHTNESS, CONTRAST, PLACED, WHOLE

MIDDLE = 512  # numbers between the way down and the way up
LR = 1e-3  # falls to a hundredth along half a cosine, after a warm-up
WARM_UP = 100  # steps
PREFIX = "unet."


class UNet(nn.Module):
    """A U-Net (Ronneberger et al., 2015) of the generator's kind that draws the whole image.

    Convolutions that halve the side, transposed ones that double it, skips between them, two linear layers
    in the middle; of the generator's widths and kernels. It gets known pixels and mask, nothing else.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        widths = a.widths[::-1]
        numbers = widths[-1] * a.base**2
        self.down = nn.ModuleList(
            nn.Sequential(
                halving(narrow, wide, a.kernel, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(LEAK)
            )
            for narrow, wide in pairwise([a.channels + 1, *widths])
        )
        self.middle = nn.Sequential(
            nn.Flatten(),
            nn.Linear(numbers, MIDDLE),
            nn.ReLU(),
            nn.Linear(MIDDLE, numbers),
            nn.Unflatten(1, (widths[-1], a.base, a.base)),
        )
        self.up = nn.ModuleList(
            nn.Sequential(doubling(2 * wide, narrow, a.kernel, bias=False), nn.BatchNorm2d(narrow), nn.ReLU())
            for wide, narrow in pairwise(widths[::-1])
        )
        self.last = doubling(2 * widths[0], a.channels, a.kernel, bias=True)

    def forward(self, y: Tensor, mask: Tensor) -> Tensor:
        """Whole images, float32 in [−1, 1], like ``y``.

        Args:
            y: ``[B, C, size, size]`` in [−1, 1]; what lies under the hole is never read, NaN included.
            mask: ``[B, 1, size, size]``, 1 = keep.
        """
        maps = torch.cat([y.masked_fill(mask == 0, 0), mask], 1)
        skips = []
        for layer in self.down:
            maps = layer(maps)
            skips.append(maps)
        maps = self.middle(maps.contiguous())
        for layer in self.up:
            maps = layer(torch.cat([maps, skips.pop()], 1))
        return self.last(torch.cat([maps, skips.pop()], 1)).float().tanh()


@dataclass(frozen=True)
class Rival:
    """A trained U-Net, which is called as the other learned methods are.

    Attributes:
        network: in evaluation mode.
        minutes: of its training: of the processor, all threads together, or on a GPU by the clock.
        steps: of its training.
    """

    network: UNet
    minutes: float
    steps: int

    @torch.no_grad()
    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """images: float32 ``[n, S, S, C]`` in [0, 1]; masks: bool ``[n, S, S]``."""
        device = next(self.network.parameters()).device
        seen = np.where(masks[..., None], images, np.float32(0))
        y = torch.from_numpy(seen.transpose(0, 3, 1, 2)).to(device) * 2 - 1
        mask = torch.from_numpy(masks)[:, None].to(device, torch.float32)
        return images_to_values(self.network(y, mask))


def minutes_of(model: Networks) -> float | None:
    """What all of a model's training took, in processor minutes; None: its file doesn't say."""
    seconds = model.header.get("seconds")
    parts = list(seconds.values()) if isinstance(seconds, Mapping) else []
    if not parts or not all(isinstance(part, (int, float)) and 0 <= part < math.inf for part in parts):
        return None
    return sum(parts) / 60


@dataclass(frozen=True)
class Match:
    """What a rival of a model has to be trained on, and how.

    Attributes:
        model: which it is the rival of.
        collection: what the model was trained on.
        minutes: how long to train.
        folder: where it is kept; None: beside the model.
    """

    model: Networks
    collection: Collection
    minutes: float
    folder: Path | None = None

    @property
    def key(self) -> dict[str, Any]:
        """All that a rival depends on."""
        names = ("batch", "translate", "flip", "precision", "seed")
        return {
            "collection": self.collection.fingerprint,
            "architecture": self.model.architecture.to_dict(),
            "minutes": round(self.minutes, 2),
            **{name: value for name, value in asdict(self.options).items() if name in names},
        }

    @property
    def options(self) -> TrainOptions:
        """Of the model's training, as far as they are the rival's, too."""
        return TrainOptions.from_dict(dict(self.model.header.get("options", {})))

    @property
    def file(self) -> Path:
        """Where it is kept: one that was trained otherwise has another name."""
        source = self.model.source
        folder = self.folder if source in shipped_models().values() else source.parent
        digest = sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:12]
        return (folder or source.parent) / f"{source.stem}.unet-{digest}.safetensors"

    def kept(self) -> Rival | None:
        """The one that was trained before; None where there is none, or its file is damaged."""
        if not self.file.is_file():
            return None
        try:
            with opened(self.file) as stored:
                network = UNet(self.model.architecture)
                stored.fill(network, PREFIX)
                steps = int(stored.header["step"])
        except (InpaintxError, KeyError, TypeError, ValueError):
            return None
        network.to(self._device).eval().requires_grad_(False)
        return Rival(network, self.minutes, steps)

    def train(self, progress: Callable[[float], object] = lambda share: None) -> Rival:
        """Trains one, and keeps it.

        Args:
            progress: told after each step what share of the time has passed.

        Raises:
            InpaintxError: the file can't be written.
        """
        training = _Training(self.model.architecture, self.collection.learned(self.model.flip), self.options)
        training.to(self._device)
        spent = time.monotonic if self._device.type == "cuda" else time.process_time
        begin, steps = spent(), 0
        while (share := (spent() - begin) / (60 * self.minutes)) < 1:
            training.step(steps, share)
            steps += 1
            progress(share)
        network = training.network.eval().requires_grad_(False)
        save(self.file, {**self.key, "step": steps}, state(network, PREFIX))
        return Rival(network, self.minutes, steps)

    @property
    def _device(self) -> torch.device:
        return next(self.model.generator.parameters()).device


class _Training:
    """Masks of every family; with d what it is off, the mean of |d| + d²/2 over the hole, a fifth over all.

    It gets what made the model's predictor better: images are moved by up to half of ``translate`` and change
    their light, and holes that may lie anywhere do.
    """

    def __init__(self, architecture: Architecture, images: Tensor, options: TrainOptions) -> None:
        self._images, self._options = images, options
        self._masks = mask_pool(architecture.size)
        self._reach = round(options.translate * architecture.size / 2)
        self._noise = torch.Generator().manual_seed(options.seed)
        self._rng = np.random.default_rng([options.seed, 6])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.network = UNet(architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def to(self, device: torch.device) -> None:
        """Where it takes place."""
        self._device = device
        self.network.to(device)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=LR, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )

    def step(self, number: int, share: float) -> None:
        """One step, when this share of the time has passed."""
        for group in self._optimizer.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * share)) + 0.01
            group["lr"] = LR * min(1.0, (number + 1) / WARM_UP) * cosine
        y, mask = self._drawn().to(self._device), torch.stack(list(self._holes())).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._options.precision == "bfloat16"):
            off = self.network(y, mask) - y
        distance, hole = off.abs() + 0.5 * off * off, 1 - mask
        loss = (distance * hole).sum() / (hole.sum() * off.shape[1]) + WHOLE * distance.mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def _drawn(self) -> Tensor:
        """A batch of pictures, ``[B, C, S, S]`` in [−1, 1]."""
        batch, reach = self._options.batch, self._reach
        chosen = torch.randint(len(self._images), (batch,), generator=self._noise)
        y = levels_to_images(self._images[chosen])
        y = shift(y, torch.randint(2 * reach + 1, (batch, 2), generator=self._noise), reach)
        contrast, brightness = torch.randn(2, batch, 1, 1, 1, generator=self._noise)
        return (y * (1 + CONTRAST * contrast) + 2 * BRIGHTNESS * brightness).clamp(-1, 1)

    def _holes(self) -> Iterator[Tensor]:
        """As many masks, ``[1, S, S]``, 1 = keep."""
        size = self._masks.shape[-1]
        for number in self._rng.integers(len(self._masks), size=self._options.batch):
            mask = self._masks[number]
            if tuple(FAMILIES)[number // MASKS] not in PLACED:
                mask = mask.roll(tuple(self._rng.integers(0, size, 2).tolist()), (1, 2))
                mask = mask.flip(2) if self._rng.random() < 0.5 else mask
                mask = mask.transpose(1, 2) if self._rng.random() < 0.5 else mask
            yield mask
