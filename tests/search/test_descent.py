"""What the host waits for while a search is under way."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import Waits, each_device
from search_cases import QUICK, images_of, masks_of, run_search

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions


def _waits(model: Networks, options: SearchOptions) -> int:
    with Waits() as waits:
        run_search(model, options, images_of(model, 2), masks_of(2))
    return waits.count


@each_device
@pytest.mark.parametrize(
    "more",
    [{}, {"optimizer": "nesterov"}, {"optimizer": "lbfgs"}, {"optimizer": "hmc"}, {"prior_every": 3}],
    ids=str,
)
@pytest.mark.parametrize("batch", [64, 3])
def test_without_patience_the_host_waits_for_no_look(
    model: Networks, more: dict[str, Any], batch: int
) -> None:
    options = replace(QUICK, candidates=4, starts=16, lr=0.01, batch=batch, **more)
    few, many = (_waits(model, replace(options, iterations=count)) for count in (5, 95))
    assert few == many == 0


@pytest.mark.parametrize("more", [{}, {"optimizer": "hmc"}, {"prior_every": 3}], ids=str)
def test_with_patience_the_host_looks_for_finished_rows(model: Networks, more: dict[str, Any]) -> None:
    """Or else the test above would count nothing: the steps, what is finished, what is left."""
    options = replace(QUICK, patience=1000, **more)
    assert _waits(model, replace(options, iterations=5)) == 3
    assert _waits(model, replace(options, iterations=95)) == 3 * 10


@pytest.mark.parametrize("batch", [64, 3])
def test_a_prior_asked_now_and_then_is_asked_alike_with_patience(model: Networks, batch: int) -> None:
    """By turns of each row, which came at different times where the batch is small."""
    options = replace(QUICK, candidates=2, starts=16, lr=0.01, prior=0.1, prior_every=4, batch=batch)
    images, masks = images_of(model, 2), masks_of(2)
    plain = run_search(model, options, images, masks)
    patient = run_search(model, replace(options, patience=10_000), images, masks)
    for name in ("codes", "contextual", "prior", "iterations"):
        assert torch.equal(getattr(patient, name), getattr(plain, name)), name
