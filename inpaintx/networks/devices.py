"""The device that a name means, and what it can."""

from __future__ import annotations

import torch

from inpaintx.errors import InpaintxError


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """``"auto"`` (a GPU where torch sees one), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises:
        InpaintxError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InpaintxError(f"no such device: {name}; choose auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise InpaintxError(f"no such device: {name}; choose auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InpaintxError(f"no such GPU: {name}; torch sees {torch.cuda.device_count()}; use --device cpu")
    return device


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for it: a CPU AMX or AVX-512's own, a GPU tensor cores for it."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
