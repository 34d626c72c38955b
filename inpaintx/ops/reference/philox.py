"""Random numbers that are a function of seed and step, in plain PyTorch: Philox4x32-10."""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF


def symmetric_uniform(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """What stochastic clipping draws, bit for bit as ``csrc/common/philox.h``.

    Element (b, i) is the first word of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1,
    2, 3", SC 2011) for key seed[b] and counter (i, step[b]): 24 high bits, scaled.

    Args:
        seed: int64 ``[B]``.
        step: int64 ``[B]``.
        count: how many numbers a row.

    Returns:
        float32 ``[B, count]`` in [−1, 1).
    """
    word = random_words(seed, step, count)[0]
    return ((word >> 8) - (1 << 23)).to(torch.float32) * 2.0**-23


def random_words(seed: Tensor, step: Tensor, count: int) -> list[Tensor]:
    """Four words, int64 [B, count] in 0 … 2³² − 1, for each element of each sample's step."""
    index = torch.arange(count, device=seed.device)[None, :]
    counter = [_low(index), _high(index), _low(step)[:, None], _high(step)[:, None]]
    key = [_low(seed)[:, None], _high(seed)[:, None]]
    return philox(counter, key)


def philox(counter: list[Tensor], key: list[Tensor]) -> list[Tensor]:
    """Philox4x32-10: four counter words and two key words (int64 tensors in 0 … 2³² − 1) to four words."""
    a, b, c, d = counter
    key0, key1 = key
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57  # 64 bits; int64 wraps, and wraps to the right bits
        a, b, c, d = _high(q) ^ b ^ key0, _low(q), _high(p) ^ d ^ key1, _low(p)
        key0, key1 = (key0 + 0x9E3779B9) & _WORD, (key1 + 0xBB67AE85) & _WORD
    return [a, b, c, d]


def _low(a: Tensor) -> Tensor:
    return a & _WORD


def _high(a: Tensor) -> Tensor:
    return (a >> 32) & _WORD
