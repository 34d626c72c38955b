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
    moved: Tensor = _Cut.apply(padded(images, reach), shifts, images.shape[-1])
    return moved.contiguous(memory_format=torch.channels_last)


def mirrored(images: Tensor, which: Tensor | None) -> Tensor:
    """``[B, C, S, S]``, of which some, bool ``[B]``, are mirrored left to right; None: none."""
    return images if which is None else torch.where(which[:, None, None, None], images.flip(-1), images)


def padded(images: Tensor, reach: int) -> Tensor:
    """The edge repeated: ``[B, C, H, W]`` to ``[B, C, H + 2·reach, W + 2·reach]``; H and W are at least 2.

    Of torch's own, the gradient on CUDA adds up in any order; on the CPU it repeats, and is what runs had.
    """
    if images.device.type == "cpu":
        return F.pad(images, [reach] * 4, mode="replicate")
    return EdgesRepeated.apply(images, reach)


class EdgesRepeated(torch.autograd.Function):
    """Replication padding by gathers, whose gradient is sums over slices: the same bits each time."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, reach: int) -> Tensor:
        """As :func:`padded`."""
        ctx.reach = reach
        for axis in (2, 3):
            size = images.shape[axis]
            places = torch.arange(-reach, size + reach, device=images.device).clamp(0, size - 1)
            images = images.index_select(axis, places)
        return images

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """What came to the copies of an edge is added to it."""
        reach = ctx.reach
        for axis in (2, 3):
            size = grad.shape[axis] - 2 * reach
            first, last = (
                grad.narrow(axis, start, reach + 1).sum(axis, keepdim=True) for start in (0, size + reach - 1)
            )
            grad = torch.cat([first, grad.narrow(axis, reach + 1, size - 2), last], axis)
        return grad, None


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
