"""The bench of the bound: its arithmetic against what is known otherwise, and the page against the bench."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benches")
    return importlib.import_module("bound")


def test_operations_are_those_of_the_multiplications(bench: ModuleType) -> None:
    flops = importlib.import_module("iterations").flops
    for batch in (1, 64):
        assert sum(each.flops for each in bench.passes(batch, 2)) == flops(batch)


def test_weights_are_moved_each_way_and_once_for_a_batch(bench: ModuleType) -> None:
    networks = importlib.import_module("iterations").networks("cpu")
    parameters = [parameter for network in networks for parameter in network.parameters()]
    weights = sum(parameter.numel() for parameter in parameters if parameter.dim() == 4)
    narrow, wide = (sum(each.bytes for each in bench.passes(1, size)) for size in (2, 4))
    assert wide >= 2 * 4 * weights
    assert 0.4 < narrow / wide < 0.7
    assert sum(each.bytes for each in bench.passes(64, 4)) < 64 * wide


def test_bound_is_of_what_is_slower(bench: ModuleType) -> None:
    every = list(bench.passes(64, 2))
    moving, multiplying = (
        1e3 * sum(getattr(each, what) for each in every) / 1e12 for what in ("bytes", "flops")
    )
    assert bench.bound(every, 1.0, 1e9) == pytest.approx(moving)
    assert bench.bound(every, 1e9, 1.0) == pytest.approx(multiplying, rel=1e-4)
    assert max(moving, multiplying) <= bench.bound(every, 1.0, 1.0) < moving + multiplying


def test_without_the_prior_half_is_multiplied_and_no_image_written(bench: ModuleType) -> None:
    without, with_prior = (list(bench.passes(64, 2, prior)) for prior in (False, True))
    of_g = [each.flops for each in with_prior if each.name.startswith("G")]
    assert sum(each.flops for each in without) == sum(of_g)
    image = 4 * 64 * 3 * 64**2
    own = sum(each.bytes for each in with_prior if not each.name.startswith("D"))
    assert own - sum(each.bytes for each in without) == 3 * image  # written; read; the prior's gradient


@pytest.mark.skipif(torch.cuda.is_available(), reason="here, its last column is measured")
def test_the_page_holds_what_the_bench_prints(bench: ModuleType) -> None:
    assert bench.table(64) in (ROOT / "docs" / "gpu.md").read_text()
