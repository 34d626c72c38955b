"""Training of the encoder that guesses codes, for a G that stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inpaintx.networks.base import Generator
from inpaintx.networks.copying import moved
from inpaintx.networks.encoder import Encoder
from inpaintx.options import TrainOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import levels_to_images
from inpaintx.plugins.masks import FAMILIES, family_masks
from inpaintx.training.course import Course
from inpaintx.training.fitting import fit
from inpaintx.training.store import Store

MASKS = 100  # of each family, drawn once
LR = 1e-3
SQUARES, CODES = 0.5, 0.1  # weights of the other two losses
BANK = 512  # pictures at most whose codes are kept


def train_encoder(
    generator: Generator,
    images: Tensor | tuple[Tensor, Tensor],
    options: TrainOptions,
    course: Course | int,
    on_step: Callable[[float], bool] = lambda _: True,
) -> Encoder | None:
    """An encoder that guesses, from what a mask of any family leaves, a code of the whole image.

    Three quarters of a batch are real images, and the rest G's own samples. The loss is the mean absolute
    error of the code's image over all pixels, the hidden ones included, a half of the mean squared error and,
    for samples, a tenth of the codes' (their true codes are known). So it learns to fill holes, as far as G
    can draw what belongs there, and not only to repeat what is seen.

    Args:
        generator: G, in evaluation mode and frozen.
        images: uint8 ``[N, C, size, size]``, what G learned from; of damaged ones, they and where they are
            known, bool ``[N, 1, size, size]``: then known pixels alone are seen, and counted.
        options: for its batch size, precision and seed, which all randomness is a function of.
        course: how long; or how many steps.
        on_step: told of each step's loss; where it returns False, training is given up.

    Returns:
        the encoder, in evaluation mode and with its bank of codes; None where it was given up.
    """
    device, course = next(generator.parameters()).device, Course.of(course)
    images, known = images if isinstance(images, tuple) else (images, None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        encoder = Encoder(generator.architecture)
    encoder.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR, betas=(0.9, 0.99), fused=True)
    noise = torch.Generator().manual_seed(options.seed)
    masks = Store(mask_pool(generator.architecture.size), device)
    stored, stored_known = Store(images, device), None if known is None else Store(known, device)
    enabled = options.precision == "bfloat16"
    samples = options.batch // 4

    def loss_of() -> Tensor:
        chosen = torch.randint(len(images), (options.batch - samples,), generator=noise)
        real = levels_to_images(stored[chosen])
        codes = moved(generator.sample_codes(samples, noise), device)
        mask = masks[torch.randint(len(masks), (options.batch,), generator=noise)]
        truth = torch.ones_like(mask)
        if stored_known is not None:
            truth[: len(chosen)] = stored_known[chosen].to(mask)
            mask = mask * truth
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            with torch.no_grad():
                y = torch.cat([real, generator(codes).float()])
            guess = encoder(y, mask).float()
            x = generator(guess).float()
        off = x - y
        if known is None:
            loss = off.abs().mean() + SQUARES * (off**2).mean()
        else:
            loss = ((off.abs() + SQUARES * off**2) * truth).sum() / (truth.sum() * off.shape[1])
        if samples:
            loss = loss + CODES * ((guess[-samples:] - codes) ** 2).mean()
        return loss

    if not fit(encoder, loss_of, course, optimizer, on_step):
        return None
    encoder.eval().requires_grad_(False)
    encoder.bank = _code_bank(encoder, images, known, options.batch)
    return encoder


@torch.no_grad()
def _code_bank(encoder: Encoder, images: Tensor, known: Tensor | None, batch: int) -> Tensor:
    """``[N, nz]``: codes of what is known of pictures, spread evenly over the collection."""
    chosen = torch.arange(0, len(images), -(-len(images) // BANK))
    codes = []
    for part in chosen.split(batch):
        y = levels_to_images(images[part]).to(encoder.bank.device)
        mask = torch.ones_like(y[:, :1]) if known is None else known[part].to(y)
        codes.append(encoder(y, mask))
    return torch.cat(codes)


@lru_cache(maxsize=1)  # a run's encoder and predictor take the same
def mask_pool(size: int) -> Tensor:
    """float32 ``[N, 1, size, size]``, 1 = keep: masks of every family, and their mirror images."""
    blank = np.zeros((size, size), np.uint8)
    pictures = [Picture(blank, None, Path(f"{number}.png")) for number in range(MASKS)]
    pool = np.concatenate([family_masks(family, pictures, seed=0) for family in FAMILIES])
    mirrored = [(mask, mask[:, ::-1], mask[::-1])[number % MASKS % 3] for number, mask in enumerate(pool)]
    return torch.from_numpy(np.stack(mirrored))[:, None].float()
