"""Images as training shows them to D: moved, real and generated ones alike."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def shift(images: Tensor, shifts: Tensor, reach: int) -> Tensor:
    """Each image shifted by whole pixels, its edge repeated.

    Args:
        images: ``[B, C, S, S]``.
        shifts: int64 ``[B, 2]`` from 0 to ``2 * reach``, down and right; ``reach``: where it was.
        reach: pixels by which an image is moved at most.

    Returns:
        the images, channels last.
    """
    padded = F.pad(images, [reach] * 4, mode="replicate")
    moved: Tensor = _Cut.apply(padded, shifts, images.shape[-1])
    return moved.contiguous(memory_format=torch.channels_last)


class _Cut(torch.autograd.Function):
    """A square of each image, at a place of its own: one gather, and one scatter on the way back.

    No pixel is in a square twice, so that the gradient needs no sums.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, corners: Tensor, size: int) -> Tensor:
        place = _pixels(corners, size)
        ctx.save_for_backward(corners)
        ctx.size, ctx.shape = size, images.shape
        return images.permute(0, 2, 3, 1)[place].permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        [corners] = ctx.saved_tensors
        batch, channels, height, width = ctx.shape
        whole = grad.new_zeros(batch, height, width, channels)
        whole[_pixels(corners, ctx.size)] = grad.permute(0, 2, 3, 1)
        return whole.permute(0, 3, 1, 2), None, None


def _pixels(corners: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the squares with these corners, ``[B, 2]``, lie in ``[B, height, width, …]``."""
    along = torch.arange(size, device=corners.device)
    rows, columns = (corners[:, axis, None] + along for axis in (0, 1))
    image = torch.arange(len(corners), device=corners.device)
    return image[:, None, None], rows[:, :, None], columns[:, None, :]
