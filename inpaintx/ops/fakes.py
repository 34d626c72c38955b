"""What the native ops return for tensors without data: for ``torch.compile``, export and meta tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inpaintx.ops import reference
from inpaintx.ops.reference import OPTIMIZERS


def register_fakes() -> None:
    """Registers one for each op; once, where there is a native library."""

    @torch.library.register_fake("inpaintx::context_loss")
    def _(
        x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None, norm: int, delta: float
    ) -> tuple[Tensor, Tensor]:
        reference.check_context_loss(x, y, w, prior_grad)
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        return x.new_empty(x.shape[:1], dtype=wide), torch.empty_like(x)

    @torch.library.register_fake("inpaintx::latent_step_")
    def _(*args: Any) -> None:
        tensors, optimizer = args[:7], args[7]
        reference.check_latent_step(*tensors, adam=optimizer == OPTIMIZERS["adam"])

    @torch.library.register_fake("inpaintx::keep_best_")
    def _(*args: Any) -> tuple[Tensor, Tensor]:
        reference.check_keep_best(*args[:9])
        prior, evaluated = args[2], args[6]
        return prior.new_empty(prior.shape), evaluated.new_empty(evaluated.shape)

    @torch.library.register_fake("inpaintx::context_weight")
    def _(mask: Tensor, window: int, border: int) -> Tensor:
        return torch.empty_like(mask, memory_format=torch.contiguous_format)

    @torch.library.register_fake("inpaintx::gate_")
    def _(x: Tensor, gate: Tensor | None, bias: Tensor | None, slope: float) -> None:
        reference.check_gate("gate_", x, gate, bias)

    @torch.library.register_fake("inpaintx::image_down_")
    def _(*args: Any) -> None:
        reference.check_image_down(*args[:6])

    @torch.library.register_fake("inpaintx::image_up")
    def _(
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        gate: Tensor | None,
        maps_bias: Tensor | None,
        slope: float,
    ) -> Tensor:
        reference.check_image_layer("image_up", maps, weight, bias, gate, biases=weight.shape[1])
        batch, _, height, width = maps.shape
        return weight.new_empty(batch, weight.shape[1], 2 * height, 2 * width)

    @torch.library.register_fake("inpaintx::image_loss")
    def _(*args: Any) -> tuple[Tensor, Tensor]:
        maps, weight, bias, maps_bias, y, w, *_ = args
        reference.check_image_loss(maps, weight, y, w, bias, maps_bias)
        batch, _, height, width = maps.shape
        parts = (
            1 if maps.device.type == "cpu" else -(-height // 2) * -(-width // 32)
        )  # as the kernel's blocks
        return weight.new_empty(batch, parts), torch.empty_like(y, memory_format=torch.contiguous_format)
