"""How many rows are searched together where nobody says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from search_cases import QUICK, images_of, masks_of, run_search
from torch.utils._python_dispatch import TorchDispatchMode

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import Architecture, SearchOptions
from inpaintx.search import Search
from inpaintx.search.batch import MOST, SHARE, bytes_a_row, with_batch
from inpaintx.search.descent import Descent
from inpaintx.search.precision import freeze_pair

CARD, GIB = torch.device("cuda", 1), 2**30


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[torch.device, int]:
    """The free memory of cards that aren't there."""
    memory: dict[torch.device, int] = {}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (memory[device], 80 * GIB))
    return memory


def rows_on_a_card(size: int = 64, **options: Any) -> int:
    return with_batch(SearchOptions(**options), Architecture(size=size), torch.bfloat16, CARD).rows


def test_a_card_takes_what_fits_into_a_share_of_its_free_memory(free: dict[torch.device, int]) -> None:
    a_row = bytes_a_row(Architecture(), torch.bfloat16, prior=False)
    for fitting, taken in ((0, 1), (1, 1), (5, 4), (64, 64), (127, 64), (128, 128), (10**6, MOST)):
        free[CARD] = int(fitting * a_row / SHARE) + 2
        assert rows_on_a_card() == taken


def test_larger_images_and_the_prior_take_smaller_batches(free: dict[torch.device, int]) -> None:
    free[CARD] = 512 * bytes_a_row(Architecture(), torch.bfloat16, prior=False)
    assert rows_on_a_card() == 256
    assert rows_on_a_card(size=128) == 32
    assert rows_on_a_card(prior=0.1) == 128


def test_who_says_a_batch_gets_it_and_the_cpu_the_usual_one() -> None:
    """And no card is asked: there is none."""
    architecture = Architecture()
    for device in (CARD, torch.device("cpu")):
        assert with_batch(SearchOptions(batch=7), architecture, torch.float32, device).batch == 7
    assert with_batch(SearchOptions(), architecture, torch.float32, torch.device("cpu")).batch == 64


def test_a_search_says_which_batch_it_took(model: Networks) -> None:
    search = Search(model.generator, None, replace(QUICK, prior=0, batch=None))
    assert search.options.batch == 64
    assert Search(model.generator, None, replace(QUICK, prior=0, batch=3)).options.batch == 3


def test_the_batch_does_not_change_what_is_found(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    usual = run_search(model, replace(QUICK, batch=None), images, masks)
    two = run_search(model, replace(QUICK, batch=2), images, masks)
    assert torch.equal(usual.codes, two.codes)


class Allocated(TorchDispatchMode):
    """Adds up what ops allocate, as if nothing were ever freed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else (results,):
            if isinstance(result, torch.Tensor):
                storage = result.untyped_storage()
                self.seen[storage.data_ptr()] = storage
        return results

    @property
    def bytes(self) -> int:
        return sum(storage.nbytes() for storage in self.seen.values())


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("prior", [0.0, 0.1])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_row_takes_no_more_than_is_estimated(
    model: Networks, precision: Any, prior: float, optimizer: Any
) -> None:
    """Not ten times less, either. L-BFGS keeps the longest memory, and frees what is added up here."""
    options = SearchOptions(iterations=5, candidates=1, precision=precision, prior=prior, optimizer=optimizer)
    pair = freeze_pair(model.generator, model.discriminator, options)
    descent, count = Descent(pair, options, options.plan(False)), 16
    y, codes = images_of(model, count), torch.zeros(count, model.generator.architecture.nz)
    estimate = count * bytes_a_row(model.generator.architecture, pair.inside, prior > 0)
    with Allocated() as allocated:
        rows = descent.begin(torch.arange(count), y.clone(), torch.ones_like(y[:, :1]), codes.clone())
        kept = rows.clone()
        descent._iterate(rows, descent._kind({0}, {0}, 0))
    assert len(kept) == count
    slack = 2 if optimizer == "lbfgs" else 1
    assert estimate / 10 < allocated.bytes < slack * estimate


def test_info_says_what_a_card_would_take(
    monkeypatch: pytest.MonkeyPatch, free: dict[torch.device, int]
) -> None:
    from inpaintx_cli.info import _devices

    free[torch.device("cuda", 0)] = 8 * GIB
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert _devices()["cuda:0"] == (
        "A Card, 8.0 of 80.0 GiB free: 512 candidates at once of a model with 64 pixels and width 64"
    )
