"""The ops under pytest-benchmark: `pytest benches/test_bench_ops.py --benchmark-enable`.

Each contender alone, for comparing runs (`--benchmark-compare`); for ratios between contenders, which drift
of the machine would spoil, `benches/report.py` lets them take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contenders import BATCHES, DEVICES, OPS, contest


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["op", "eager", "compiled", "copy"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("op", list(OPS))
def test_bench(
    benchmark: Any,
    awaited: Callable[[Callable[[], object], str], Callable[[], None]],
    op: str,
    batch: int,
    name: str,
    device: str,
) -> None:
    setting = contest(op, batch, device)
    benchmark.group = f"{op}, batch {batch}, {device}"
    benchmark(awaited(setting.contenders[name], device))
    if benchmark.stats:  # absent where the benchmark is disabled and the call only checked
        benchmark.extra_info["GB/s"] = setting.moved / benchmark.stats.stats.median / 1e9
