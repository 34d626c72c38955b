"""How a GPU multiplies numbers that are stored in float32: all of each, or 10 bits of its fraction (TF32).

cuDNN takes TF32 for convolutions unless it is told otherwise, which differs from the CPU in the third
decimal. So that float32 means the same everywhere, what runs networks says which it wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def multiplying(tf32: bool) -> Iterator[None]:
    """Products and convolutions of float32 on CUDA are TF32, or not, while the block runs.

    It is no matter to the CPU. A recording keeps what held when it was made.
    """
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "tf32" if tf32 else "ieee"
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.fp32_precision = value
