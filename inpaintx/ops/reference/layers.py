"""The layers of the frozen networks, in plain PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import check_device, check_floating, check_like, wide_dtype


@torch.no_grad()
def gate_(x: Tensor, gate: Tensor | None, slope: float = 0.0, bias: Tensor | None = None) -> None:
    """``inpaintx.ops.gate_``, in plain PyTorch."""
    check_gate("gate_", x, gate, bias)
    value = _biased(x, bias)
    x.copy_(_gated(value, value if gate is None else gate, slope))


@torch.no_grad()
def image_down_(
    maps: Tensor,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
    gate_bias: Tensor | None = None,
) -> None:
    """``inpaintx.ops.image_down_``, in plain PyTorch."""
    check_image_down(maps, image, weight, bias, gate, gate_bias)
    weight, image = weight.to(maps.dtype), image.to(maps.dtype)
    bias = None if bias is None else bias.to(maps.dtype)
    value = F.conv2d(image, weight, bias, stride=2, padding=(weight.shape[2] - 1) // 2)
    maps.copy_(_gated(value, value if gate is None else _biased(gate, gate_bias), slope))


@torch.no_grad()
def image_up(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
    maps_bias: Tensor | None = None,
) -> Tensor:
    """``inpaintx.ops.image_up``, in plain PyTorch."""
    check_image_layer("image_up", maps, weight, bias, gate, biases=weight.shape[1])
    check_maps_bias("image_up", "maps_bias", maps_bias, maps)
    kernel = weight.shape[2]
    value = _biased(maps, maps_bias)
    if gate is not None or maps_bias is not None:
        value = _gated(value, value if gate is None else gate, slope)
    image = F.conv_transpose2d(
        value.to(maps.dtype),
        weight.to(maps.dtype),
        stride=2,
        padding=(kernel - 1) // 2,
        output_padding=kernel - 4,
    )
    image = image.to(weight.dtype, memory_format=torch.contiguous_format)
    return image if bias is None else image + bias[:, None, None]


def _gated(value: Tensor, gate: Tensor, slope: float) -> Tensor:
    return torch.where(gate > 0, value, value * slope if slope else 0)


def _biased(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias.unflatten(0, (-1, *[1] * (x.dim() - 2)))


def check_gate(op: str, x: Tensor, gate: Tensor | None, bias: Tensor | None, name: str = "x") -> None:
    """Raises InpaintxError where gate or bias do not fit the tensor that is gated."""
    check_floating(op, name, x)
    if gate is not None:
        check_like(op, "gate", gate, name, x)
    if bias is not None:
        if x.dim() < 2:
            raise InpaintxError(f"{op}: {name} is {list(x.shape)}; with a bias it must be [B, F, ...]")
        _check_bias(op, bias, x.shape[1], name, x)


def check_image_layer(
    op: str, maps: Tensor, weight: Tensor, bias: Tensor | None, gate: Tensor | None, biases: int
) -> None:
    """Raises InpaintxError where what image_up and image_down_ share does not fit together."""
    if maps.dim() != 4:
        raise InpaintxError(f"{op}: maps is {list(maps.shape)}; it must be [B, F, H, W]")
    check_floating(op, "maps", maps)
    features, kernel = maps.shape[1], weight.shape[-1]
    if weight.dim() != 4 or weight.shape[0] != features or weight.shape[2] != kernel or kernel not in (4, 5):
        raise InpaintxError(
            f"{op}: weight is {list(weight.shape)} and maps is {list(maps.shape)}; "
            "weight must be [F, C, k, k], with k = 4 or 5"
        )
    check_wide(op, "weight", weight, "maps", maps)
    if bias is not None:
        _check_bias(op, bias, biases, "maps", maps)
    check_gate(op, maps, gate, None, "maps")


def check_image_down(
    maps: Tensor,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    gate: Tensor | None,
    gate_bias: Tensor | None = None,
) -> None:
    """Raises InpaintxError where image_down_'s tensors do not fit together."""
    op = "image_down_"
    check_image_layer(op, maps, weight, bias, gate, biases=maps.shape[1] if maps.dim() == 4 else 0)
    check_maps_bias(op, "gate_bias", gate_bias, maps)
    if gate_bias is not None and gate is None:
        raise InpaintxError(f"{op}: gate_bias needs a gate")
    batch, _, height, width = maps.shape
    if image.shape != (batch, weight.shape[1], 2 * height, 2 * width):
        raise InpaintxError(
            f"{op}: image is {list(image.shape)} and maps is {list(maps.shape)}; "
            "image must be [B, C, 2 H, 2 W]"
        )
    check_wide(op, "image", image, "maps", maps)


def check_maps_bias(op: str, name: str, bias: Tensor | None, maps: Tensor) -> None:
    """Raises InpaintxError where what maps or a gate lack yet does not fit the maps."""
    if bias is not None:
        _check_bias(op, bias, maps.shape[1], "maps", maps, name)


def _check_bias(op: str, bias: Tensor, count: int, like_name: str, like: Tensor, name: str = "bias") -> None:
    if bias.shape != (count,):
        raise InpaintxError(f"{op}: {name} is {list(bias.shape)}; it must be [{count}]")
    check_wide(op, name, bias, like_name, like)


def check_wide(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    """Raises InpaintxError where t is not of what is computed beside tensors like that."""
    wide = wide_dtype(like)
    if t.dtype != wide:
        wanted = str(wide).removeprefix("torch.")
        raise InpaintxError(f"{op}: {name} must be {wanted} beside {like_name} of this dtype")
    check_device(op, name, t, like_name, like)
