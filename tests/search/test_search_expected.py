"""A search that is told what to expect in the hole."""

from dataclasses import replace

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.search import Expectation, Found, Search

OPTIONS = replace(QUICK, prior=0.0, iterations=60, candidates=2, starts=8)


def _expectation(images: Tensor, weight: float, folds: int = 0) -> Expectation:
    image = images[:, None].repeat(1, 1 + folds, 1, 1, 1)
    return Expectation(image, torch.full_like(image[:, :, :1], weight))


def _off(found: Found, images: Tensor, masks: Tensor) -> float:
    hole = (masks == 0).expand_as(images)
    return (found.fill - images).abs()[hole].mean().item()


@each_device
def test_search_finds_what_is_expected_the_nearer_the_more_it_counts(model: Networks) -> None:
    """A hole that leaves little to go by, and an expectation that is right."""
    images = images_of(model, 4)
    masks = torch.zeros(4, 1, 32, 32, device=images.device)
    masks[..., :4] = 1
    search = Search(model.generator, None, OPTIONS)
    alone, a_little, much = (
        _off(search(images, masks, expected=expected), images, masks)
        for expected in (None, _expectation(images, 0.02), _expectation(images, 1.0))
    )
    assert much < a_little < alone
    assert much < 0.5 * alone


def test_what_is_expected_of_known_pixels_is_not_read_nor_what_lies_under_the_hole(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    search = Search(model.generator, None, OPTIONS)
    clean = search(images, masks, expected=_expectation(images, 0.5))
    spoilt = _expectation(images.masked_fill(masks == 1, torch.nan), 0.5)
    spoilt = Expectation(spoilt.image, spoilt.weight.masked_fill(masks[:, None] == 1, torch.nan))
    same = search(images.masked_fill(masks == 0, torch.nan), masks, expected=spoilt)
    assert torch.equal(same.codes, clean.codes)
    assert torch.equal(same.contextual, clean.contextual)


@each_device
def test_candidates_that_are_blind_to_a_fold_are_told_what_was_found_without_it(model: Networks) -> None:
    images, masks = images_of(model, 1), masks_of(1)
    folds = torch.zeros(1, 2, 32, 32, dtype=torch.bool)
    folds[:, 0, 28:, :8], folds[:, 1, 28:, 24:] = True, True
    expected = _expectation(images, 0.5, folds=2)
    other = Expectation(expected.image.clone(), expected.weight)
    other.image[:, 1] = -other.image[:, 1]  # what is expected without fold 0
    search = Search(model.generator, None, replace(OPTIONS, candidates=4))
    found = [search(images, masks, folds, expected=each) for each in (expected, other)]
    by_fold = [[each.codes[0][each.blind_to[0] == fold].sort(0).values for each in found] for fold in (0, 1)]
    assert not torch.allclose(*by_fold[0], atol=1e-3)
    torch.testing.assert_close(*by_fold[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("folds", [0, 1, 3])
def test_expectations_that_do_not_fit_are_refused(model: Networks, folds: int) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    held = torch.zeros(2, 2, 32, 32, dtype=torch.bool)
    with pytest.raises(InpaintxError, match=r"image that is expected has shape .*\(2, 3, 1, 32, 32\)"):
        Search(model.generator, None, OPTIONS)(
            images, masks, held, expected=_expectation(images, 0.5, folds=folds)
        )


def test_a_search_without_iterations_is_none(model: Networks) -> None:
    with pytest.raises(InpaintxError, match="at least 1"):
        Search(model.generator, None, replace(OPTIONS, iterations=0))
