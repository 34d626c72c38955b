"""The weight of known pixels, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.ops.reference.checks import code

# The values are those of the enumeration in the op's op.h.
BORDERS = {"valid": 0, "zero": 1}


@torch.no_grad()
def context_weight(mask: Tensor, window: int = 7, border: str = "valid") -> Tensor:
    """``inpaintx.ops.context_weight``, in plain PyTorch."""
    code("context_weight", "border", BORDERS, border)
    op = "context_weight"
    if mask.dim() != 4 or mask.shape[1] != 1:
        raise InpaintxError(f"{op}: mask is {list(mask.shape)}; it must be [B, 1, H, W]")
    if window < 1 or window % 2 == 0:
        raise InpaintxError(f"{op}: window is {window}; it must be odd and positive")
    known = mask > 0.5
    # Sums over any window as differences of the integral image: integers, so exact.
    integral = torch.nn.functional.pad((~known).long().cumsum(2).cumsum(3), (1, 0, 1, 0))
    top, bottom = _window_rows(mask.shape[2], window, mask.device)
    left, right = _window_rows(mask.shape[3], window, mask.device)
    rows = integral[:, :, bottom] - integral[:, :, top]
    holes = rows[..., right] - rows[..., left]
    area = (bottom - top)[:, None] * (right - left) if border == "valid" else torch.tensor(window * window)
    dtype = mask.dtype if mask.is_floating_point() else torch.float32
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    share = holes.to(wide) / area.to(device=mask.device, dtype=wide)
    return torch.where(known, share, torch.zeros((), dtype=wide, device=mask.device)).to(dtype)


def _window_rows(length: int, window: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """First and end position of the window around each of ``length`` positions, inside the image."""
    center = torch.arange(length, device=device)
    return (center - window // 2).clamp(min=0), (center + window // 2 + 1).clamp(max=length)
