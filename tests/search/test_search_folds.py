"""Known pixels hidden from a part of the candidates each: `folds`, cross-fitting."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch import Tensor

from inpaintx import InpaintxError, ops
from inpaintx.networks.checkpoint import Networks
from inpaintx.search.starts import starting_codes

OPTIONS = replace(QUICK, candidates=4, starts=16)


def _bands(count: int, masks: Tensor) -> Tensor:
    """For each image, bands of known pixels of four rows each, one below the other."""
    folds = torch.zeros(len(masks), count, *masks.shape[2:], dtype=torch.bool)
    for number in range(count):
        folds[:, number, 4 * number : 4 * number + 4] = True
    return folds & (masks > 0)


@each_device
@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_part_of_the_candidates_is_found_without_its_fold(exact: Networks, count: int) -> None:
    """As if those pixels were a part of the hole, for a search of so many candidates."""
    images, masks = images_of(exact, 2), masks_of(2)
    folds = _bands(count, masks)
    found = run_search(exact, OPTIONS, images, masks, folds=folds)
    part = OPTIONS.candidates // count
    for fold in range(count):
        seen = masks.masked_fill(folds[:, fold, None], 0)
        alone = run_search(exact, replace(OPTIONS, candidates=part), images, seen)
        for image in range(2):
            blind = found.codes[image, found.candidates[image] // part == fold]
            assert len(blind) == part
            torch.testing.assert_close(
                *(codes[codes[:, 0].argsort()] for codes in (blind, alone.codes[image])), rtol=0, atol=1e-6
            )


@each_device
@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_losses_are_over_all_known_pixels(exact: Networks, weight: Any, norm: Any) -> None:
    """So that candidates which did not see the same can be compared."""
    images = images_of(exact, 3)
    masks = masks_of(3).to(images)
    options = replace(OPTIONS, weight=weight, norm=norm)
    found = run_search(exact, options, images, masks, folds=_bands(2, masks))
    w = ops.context_weight(masks, QUICK.window) if weight == "window" else masks
    apart = (found.fills - images[:, None]).abs() ** (1 if norm == "l1" else 2)
    torch.testing.assert_close(found.contextual, (w[:, None] * apart).sum((2, 3, 4)), rtol=1e-5, atol=1e-5)


def test_candidates_are_sorted_by_their_losses_on_all_known_pixels(model: Networks) -> None:
    images, masks = images_of(model, 3), masks_of(3)
    found = run_search(model, OPTIONS, images, masks, folds=_bands(2, masks))
    loss = found.contextual + OPTIONS.prior * found.prior
    assert (loss.diff(dim=1) >= 0).all()
    assert [sorted(row) for row in found.candidates.tolist()] == [[0, 1, 2, 3]] * 3
    assert not torch.equal(found.candidates, torch.arange(4).expand(3, 4))


@pytest.mark.parametrize("batch", [64, 5])
def test_each_part_begins_at_the_codes_nearest_on_what_it_sees(model: Networks, batch: int) -> None:
    images, masks = images_of(model, 3), masks_of(3)
    folds = _bands(2, masks)
    standing = replace(OPTIONS, starts=40, lr=1e-9, iterations=1, prior=0, batch=batch)
    found = run_search(model, standing, images, masks, folds=folds)
    codes = starting_codes(model.generator, standing)
    with torch.no_grad():
        apart = (model.generator(codes)[None] - images[:, None]).abs()
    for fold in range(2):
        seen = masks.masked_fill(folds[:, fold, None], 0)
        nearest = (seen[:, None] * apart).sum((2, 3, 4)).argsort(1)[:, :2]
        for image in range(3):
            for place in range(2):
                number = 2 * fold + place
                (row,) = (found.candidates[image] == number).nonzero()[0]
                expected = codes[nearest[image, place]]
                torch.testing.assert_close(found.codes[image, row], expected, rtol=0, atol=1e-6)


def test_folds_that_hold_nothing_leave_the_candidates_as_near_as_ever(exact: Networks) -> None:
    """Each part is then the same search."""
    images, masks = images_of(exact, 2), masks_of(2)
    nothing = torch.zeros(2, 2, 32, 32, dtype=torch.bool)
    found = run_search(exact, OPTIONS, images, masks, folds=nothing)
    alone = run_search(exact, replace(OPTIONS, candidates=2), images, masks)
    twice = alone.contextual.repeat_interleave(2, 1)
    torch.testing.assert_close(found.contextual, twice, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_candidates_say_what_they_are_blind_to(exact: Networks, count: int) -> None:
    """Whatever stands in a fold, those that are blind to it come out the same, and no others."""
    images, masks = images_of(exact, 2), masks_of(2)
    folds = _bands(count, masks)
    found = run_search(exact, OPTIONS, images, masks, folds=folds)
    for fold in range(count):
        spoilt = torch.where(folds[:, fold, None], -images, images)
        other = run_search(exact, OPTIONS, spoilt, masks, folds=folds)
        for image in range(2):
            before, after = (
                dict(zip(each.candidates[image].tolist(), each.codes[image], strict=True))
                for each in (found, other)
            )
            same = {number for number, code in before.items() if torch.allclose(code, after[number])}
            told = found.candidates[image][found.blind_to[image] == fold]
            assert same == set(told.tolist())
            assert len(told) == OPTIONS.candidates // count


def test_without_folds_candidates_saw_everything(model: Networks) -> None:
    found = run_search(model, OPTIONS, images_of(model, 2), masks_of(2))
    assert found.blind_to.tolist() == [[-1] * 4] * 2


@pytest.mark.parametrize(
    "shape", [(2, 32, 32), (3, 2, 32, 32), (2, 2, 32, 31), (2, 2, 16, 32)], ids=lambda shape: str(list(shape))
)
def test_folds_that_do_not_fit(model: Networks, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InpaintxError, match=r"held-out pixels have shape .*; these images need \[2, F, 32, 32\]"
    ):
        run_search(
            model, OPTIONS, images_of(model, 2), masks_of(2), folds=torch.zeros(shape, dtype=torch.bool)
        )


@pytest.mark.parametrize("count", [3, 8])
def test_candidates_that_can_not_share_the_bands(model: Networks, count: int) -> None:
    masks = masks_of(2)
    message = f"4 candidates can't share {count} sets of held-out pixels; choose a multiple of {count}"
    with pytest.raises(InpaintxError, match=message) as caught:
        run_search(model, OPTIONS, images_of(model, 2), masks, folds=_bands(count, masks))
    assert "\n" not in str(caught.value)
