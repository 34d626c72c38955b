"""cuDNN's convolutions by algorithms that give the same bits each time.

It has quicker ones for some shapes, which add up in whatever order their blocks come to an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeating() -> Iterator[None]:
    """While the block runs, cuDNN repeats its bits, and chooses by no timing. It is no matter to the CPU.

    A recording keeps what held when it was made.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before
