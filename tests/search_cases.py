"""A small search: shared by the tests of the search."""

from typing import Any

import torch
from torch import Tensor

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.search import Found, Search

# In float32, so that what is compared does not depend on the machine.
QUICK = SearchOptions(
    weight="mask", iterations=25, candidates=2, starts=1, lr=0.05, prior=0.1, precision="float32"
)


def images_of(model: Networks, count: int, seed: int = 5) -> Tensor:
    """Images that G can draw, where it is: ``[count, C, S, S]`` of codes that no search starts from."""
    codes = model.generator.sample_codes(count, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return model.generator(codes.to(next(model.generator.parameters())))


def masks_of(count: int, size: int = 32) -> Tensor:
    """Each with a square hole of half the side, at a place of its own; on the CPU."""
    masks = torch.ones(count, 1, size, size)
    for index in range(count):
        top, left = (3 * index) % (size // 2), (5 * index) % (size // 2)
        masks[index, :, top : top + size // 2, left : left + size // 2] = 0
    return masks


def folds_of(count: int, folds: int, size: int = 32) -> Tensor:
    """Sets of pixels to do without: of each image's first one, the upper rows; none of the others."""
    hidden = torch.zeros(count, folds, size, size, dtype=torch.bool)
    hidden[:, 0, :3] = True
    return hidden


def run_search(model: Networks, options: SearchOptions, images: Tensor, masks: Tensor, **more: Any) -> Found:
    return Search(model.generator, model.discriminator, options)(images, masks, **more)
