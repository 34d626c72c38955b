"""Training of the encoder that guesses codes, for a G that stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inpaintx.networks.base import Generator
from inpaintx.networks.encoder import Encoder
from inpaintx.options import TrainOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import levels_to_images
from inpaintx.plugins.masks import FAMILIES, family_masks
from inpaintx.training.fitting import fit

MASKS = 100  # of each family, drawn once
LR = 1e-3  # falls to nothing along half a cosine
WARM_UP = 100  # steps
SQUARES, CODES = 0.5, 0.1  # weights of the other two losses
BANK = 512  # pictures at most whose codes are kept


def train_encoder(
    generator: Generator,
    images: Tensor,
    options: TrainOptions,
    steps: int,
    on_step: Callable[[float], bool] = lambda _: True,
) -> Encoder | None:
    """An encoder that guesses, from what a mask of any family leaves, a code of the whole image.

    Three quarters of a batch are real images, and the rest G's own samples. The loss is the mean absolute
    error of the code's image over all pixels, the hidden ones included, a half of the mean squared error and,
    for samples, a tenth of the codes' (their true codes are known). So it learns to fill holes, as far as G
    can draw what belongs there, and not only to repeat what is seen.

    Args:
        generator: G, in evaluation mode and frozen.
        images: uint8 ``[N, C, size, size]``, what G learned from.
        options: for its batch size, precision and seed, which all randomness is a function of.
        steps: how many.
        on_step: told of each step's loss; where it returns False, training is given up.

    Returns:
        the encoder, in evaluation mode and with its bank of codes; None where it was given up.
    """
    device = next(generator.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        encoder = Encoder(generator.architecture)
    encoder.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR, betas=(0.9, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    noise = torch.Generator().manual_seed(options.seed)
    masks = mask_pool(generator.architecture.size)
    enabled = options.precision == "bfloat16"
    samples = options.batch // 4

    def loss_of() -> Tensor:
        chosen = torch.randint(len(images), (options.batch - samples,), generator=noise)
        real = levels_to_images(images[chosen]).to(device)
        codes = generator.sample_codes(samples, noise).to(device)
        mask = masks[torch.randint(len(masks), (options.batch,), generator=noise)].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            with torch.no_grad():
                y = torch.cat([real, generator(codes).float()])
            guess = encoder(y, mask).float()
            x = generator(guess).float()
        loss = (x - y).abs().mean() + SQUARES * ((x - y) ** 2).mean()
        if samples:
            loss = loss + CODES * ((guess[-samples:] - codes) ** 2).mean()
        return loss

    if not fit(loss_of, steps, optimizer, schedule, on_step):
        return None
    encoder.eval().requires_grad_(False)
    encoder.bank = _code_bank(encoder, images, options.batch)
    return encoder


@torch.no_grad()
def _code_bank(encoder: Encoder, images: Tensor, batch: int) -> Tensor:
    """``[N, nz]``: the encoder's codes of whole pictures, spread evenly over the collection."""
    chosen = torch.arange(0, len(images), -(-len(images) // BANK))
    codes = []
    for part in chosen.split(batch):
        y = levels_to_images(images[part]).to(encoder.bank.device)
        codes.append(encoder(y, torch.ones_like(y[:, :1])))
    return torch.cat(codes)


def rate(step: int, steps: int) -> float:
    """Of the learning rate: a warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)


@lru_cache(maxsize=1)  # a run's encoder and predictor take the same
def mask_pool(size: int) -> Tensor:
    """float32 ``[N, 1, size, size]``, 1 = keep: masks of every family, and their mirror images."""
    blank = np.zeros((size, size), np.uint8)
    pictures = [Picture(blank, None, Path(f"{number}.png")) for number in range(MASKS)]
    pool = np.concatenate([family_masks(family, pictures, seed=0) for family in FAMILIES])
    mirrored = [(mask, mask[:, ::-1], mask[::-1])[number % MASKS % 3] for number, mask in enumerate(pool)]
    return torch.from_numpy(np.stack(mirrored))[:, None].float()
