"""What every call of a native op needs around it."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError

_OPS = (
    *("image_loss", "context_loss", "latent_step_", "keep_best_", "context_weight"),
    *("gate_", "image_down_", "image_up"),
)


def raise_versions(*changed: Tensor) -> None:
    """Tells autograd that tensors were changed in place."""
    if not torch.compiler.is_compiling():  # a compiled graph does this itself
        torch.autograd.graph.increment_version(changed)


def one_line(error: RuntimeError) -> Exception:
    """What the native op objected to, as the user's error; any other error as it is."""
    message = str(error).splitlines()[0] if str(error) else ""
    for op in _OPS:
        if f"{op}: " in message:
            return InpaintxError(message[message.index(f"{op}: ") :])
    return error
