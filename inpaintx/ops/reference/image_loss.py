"""G's last layer and what follows it up to the gradient, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import code
from inpaintx.ops.reference.context_loss import NORMS, context_loss
from inpaintx.ops.reference.layers import check_image_layer, check_maps_bias, check_wide, image_up


@torch.no_grad()
def image_loss(
    maps: Tensor,
    weight: Tensor,
    y: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    maps_bias: Tensor | None = None,
    norm: str = "l1",
    delta: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """``inpaintx.ops.image_loss``, in plain PyTorch."""
    code("image_loss", "norm", NORMS, norm)
    check_image_loss(maps, weight, y, w, bias, maps_bias)
    x = image_up(maps, weight, bias, maps_bias=maps_bias).tanh()
    loss, grad = context_loss(x, y, w, None, norm, delta)
    return loss[:, None], grad


def check_image_loss(
    maps: Tensor, weight: Tensor, y: Tensor, w: Tensor, bias: Tensor | None, maps_bias: Tensor | None
) -> None:
    """Raises InpaintxError where image_loss's tensors do not fit together."""
    op = "image_loss"
    check_image_layer(op, maps, weight, bias, None, biases=weight.shape[1] if weight.dim() == 4 else 0)
    check_maps_bias(op, "maps_bias", maps_bias, maps)
    batch, _, height, width = maps.shape
    for name, image, channels in (("y", y, weight.shape[1]), ("w", w, 1)):
        if image.shape != (batch, channels, 2 * height, 2 * width):
            raise InpaintxError(
                f"{op}: {name} is {list(image.shape)} and maps is {list(maps.shape)}; "
                f"{name} must be [B, {channels}, 2 H, 2 W]"
            )
        check_wide(op, name, image, "maps", maps)
