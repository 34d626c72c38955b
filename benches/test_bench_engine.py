"""The frozen networks under pytest-benchmark: `pytest benches/test_bench_engine.py --benchmark-enable`.

Each contender alone, as in test_bench_ops.py; for ratios there is `benches/report.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contenders import BATCHES, DEVICES
from iterations import ENGINES, flops, unavailable


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", list(ENGINES))
@pytest.mark.parametrize("batch", BATCHES)
def test_bench(
    benchmark: Any,
    awaited: Callable[[Callable[[], object], str], Callable[[], None]],
    batch: int,
    name: str,
    device: str,
) -> None:
    if reason := unavailable(name, device):
        pytest.skip(reason)
    iterate = awaited(ENGINES[name](batch, device), device)
    iterate()  # compiles
    benchmark.group = f"iteration, batch {batch}, {device}"
    benchmark(iterate)
    if benchmark.stats:  # absent where the benchmark is disabled and the call only checked
        benchmark.extra_info["GFLOP/s"] = flops(batch) / benchmark.stats.stats.median / 1e9
