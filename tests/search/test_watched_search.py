"""How a search stands while it is under way."""

from dataclasses import replace

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, folds_of, images_of, masks_of, run_search

from inpaintx.networks.checkpoint import Networks
from inpaintx.search import Standing


@each_device
@pytest.mark.parametrize("folds", [0, 2])
@pytest.mark.parametrize("batch", [64, 3])
def test_who_watches_sees_each_image_come_to_what_is_found(model: Networks, folds: int, batch: int) -> None:
    options = replace(QUICK, candidates=4, starts=16, batch=batch)
    images, masks = images_of(model, 2), masks_of(2)
    more = {"folds": folds_of(2, folds)} if folds else {}
    steps: list[list[int]] = []
    last: dict[int, torch.Tensor] = {}

    def watch(standing: Standing) -> None:
        assert standing.most == 25
        steps.append(list(standing.steps))
        last.update(standing.images([0, 1]))

    found = run_search(model, options, images, masks, watch=watch, **more)
    plain = run_search(model, options, images, masks, **more)
    assert torch.equal(found.codes, plain.codes)
    assert steps[-1] == [25, 25]
    assert steps == sorted(steps)
    assert (steps[0] == [10, 10]) == (batch == 64)  # with few rows at a time, the second image waits
    for number in range(2):
        assert any(torch.allclose(last[number], fill, atol=1e-4) for fill in found.fills[number])


def test_an_image_that_waits_has_nothing_to_show(model: Networks) -> None:
    shown: list[list[int]] = []

    def watch(standing: Standing) -> None:
        shown.append(sorted(standing.images([0, 1])))

    run_search(model, replace(QUICK, batch=QUICK.candidates), images_of(model, 2), masks_of(2), watch=watch)
    assert shown[0] == [0]
    assert shown[-1] == [0, 1]


def test_what_the_watch_raises_ends_the_search(model: Networks) -> None:
    def watch(standing: Standing) -> None:
        raise TimeoutError(f"after {standing.steps}")

    with pytest.raises(TimeoutError, match=r"after \[10, 10\]"):
        run_search(model, QUICK, images_of(model, 2), masks_of(2), watch=watch)
