"""The same bits each time, also where a device has quicker ways that don't give them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from inpaintx.networks.repeating import repeating


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Has torch compute in ways that repeat to the bit, while the block runs.

    Of CUDA: cuDNN's and cuBLAS's choices, and sums over repeated indices. What has no such way
    raises RuntimeError. On the CPU, what training does repeats in any case.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS's own condition, asked for by torch
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    try:
        with repeating():
            yield
    finally:
        torch.set_deterministic_debug_mode(before)


def generator_for(seed: int, *keys: int) -> torch.Generator:
    """A CPU generator that depends on all of (seed, keys) and on nothing else."""
    state = np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
