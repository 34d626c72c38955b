"""The search a step deeper: G's first activations after the code."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.search import Search, Standing, deepening
from inpaintx.search.precision import freeze_pair

OPTIONS = replace(QUICK, prior=0.0, starts=4)
DEEP = replace(OPTIONS, depth=1)


def _foreign(model: Networks, count: int) -> Tensor:
    """Images that G can't draw of any code: another G's."""
    noise = torch.Generator().manual_seed(9)
    images = images_of(model, count)
    coarse = torch.rand(count, 1, 4, 4, generator=noise).to(images)
    return (0.7 * images + 0.6 * torch.nn.functional.interpolate(coarse, size=32) - 0.3).clamp(-1, 1)


def _levels(model: Networks, **changes: int | None) -> list[deepening.Level]:
    options = replace(OPTIONS, depth=2, **changes)  # type: ignore[arg-type]
    pair = freeze_pair(model.generator, None, options)
    return deepening.levels(model.generator, pair, options, options.plan(False))


@each_device
@pytest.mark.parametrize("options", [OPTIONS, QUICK], ids=["without D", "with D"])
def test_each_depth_fits_what_is_known_better(model: Networks, options: SearchOptions) -> None:
    images, masks = _foreign(model, 3), masks_of(3)
    losses = [
        run_search(model, replace(options, depth=depth), images, masks).contextual.amin(1)
        for depth in (0, 1, 2)
    ]
    assert (losses[1] < 0.9 * losses[0]).all()
    assert (losses[2] < 0.95 * losses[1]).all()


@pytest.mark.parametrize("depth", [1, 2])
def test_codes_are_those_of_a_search_that_goes_no_deeper(model: Networks, depth: int) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    options = replace(OPTIONS, candidates=1, depth_iterations=7)
    plain, deeper = (run_search(model, replace(options, depth=each), images, masks) for each in (0, depth))
    assert torch.equal(deeper.codes, plain.codes)
    assert not torch.equal(deeper.fills, plain.fills)
    assert (deeper.iterations == plain.iterations + 7 * depth).all()


@pytest.mark.parametrize(
    ("iterations", "given", "taken"), [(9, None, 4), (1, None, 1), (9, 50, 50), (None, None, 50)]
)
def test_half_as_many_steps_are_taken_at_each_depth_if_nothing_is_said(
    model: Networks, iterations: int | None, given: int | None, taken: int
) -> None:
    levels = _levels(model, iterations=iterations, depth_iterations=given)
    assert [level.descent.iterations for level in levels] == [taken] * 2


def test_first_activations_of_what_was_found_draw_what_the_code_draws(model: Networks) -> None:
    codes = model.generator.sample_codes(5, torch.Generator().manual_seed(1))
    drawn = freeze_pair(model.generator, None, DEEP).draw(codes)
    for level in _levels(model):
        codes = level.starts(codes)
        torch.testing.assert_close(level.drawing.forward(codes), drawn, rtol=1e-4, atol=1e-4)


def test_activations_are_measured_in_what_is_usual(model: Networks) -> None:
    """Each channel of new codes' activations has about mean 0 and deviation 1."""
    codes = model.generator.sample_codes(500, torch.Generator().manual_seed(2))
    for level in _levels(model):
        codes = level.starts(codes)
        channels = codes.unflatten(1, (-1, len(level.mean))).flatten(0, 1)
        assert channels.mean(0).abs().max() < 0.1
        assert (channels.std(0) - 1).abs().max() < 0.1


def _off(model: Networks, weight: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Mean square of the activations found, standardised, and the loss."""
    monkeypatch.setattr(deepening, "UNLIKELY", weight)
    images, masks = _foreign(model, 2), masks_of(2)
    search = Search(model.generator, None, replace(DEEP, depth_iterations=60))
    seen: list[Tensor] = []
    deepened = search._deepened

    def spy(*args: Any) -> tuple[Tensor, Tensor]:
        seen.append(deepened(*args)[0])
        return deepened(*args)

    monkeypatch.setattr(search, "_deepened", spy)
    found = search(images, masks)
    return seen[0].square().mean().item(), found.contextual.mean().item()


def test_the_gaussian_keeps_activations_likely(model: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    (free, fitted), (kept, less) = (_off(model, weight, monkeypatch) for weight in (1e-9, 20.0))
    assert kept < 0.6 * free
    assert fitted < less


@each_device
@pytest.mark.parametrize("depth", [1, 2])
def test_what_lies_under_the_hole_is_never_read(model: Networks, depth: int) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    options = replace(OPTIONS, depth=depth)
    clean = run_search(model, options, images, masks)
    spoilt = run_search(model, options, images.masked_fill(masks.to(images) == 0, torch.nan), masks)
    assert torch.equal(spoilt.fills, clean.fills)


def test_images_that_give_nan_end_where_the_code_ended(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    images[0] = torch.nan
    found = run_search(model, DEEP, images, masks)
    plain = run_search(model, DEEP, images[1:], masks[1:])
    assert found.fills[0].isfinite().all()
    assert found.contextual[0].isinf().all()
    assert torch.equal(found.fills[1], plain.fills[0])


@each_device
def test_the_same_seed_gives_the_same_bits_whatever_the_batch(model: Networks) -> None:
    images, masks = images_of(model, 5), masks_of(5)
    options = replace(OPTIONS, depth=2, candidates=3)
    together = run_search(model, options, images, masks)
    assert torch.equal(together.fills, run_search(model, options, images, masks).fills)
    apart = run_search(model, replace(options, batch=4), images[3:4], masks[3:4])
    torch.testing.assert_close(apart.fills[0], together.fills[3], rtol=0, atol=1e-4)


def test_a_fold_is_hidden_from_its_candidates_at_every_depth(model: Networks) -> None:
    images, masks = images_of(model, 1), masks_of(1)
    folds = torch.zeros(1, 2, 32, 32, dtype=torch.bool)
    folds[:, 0, 28:, :8], folds[:, 1, 28:, 24:] = True, True
    other = images.clone()
    other[folds[:, :1]] *= -1  # what only candidates that see fold 0 can know
    options = replace(OPTIONS, depth=2, candidates=4)
    found = [run_search(model, options, each, masks, folds=folds) for each in (images, other)]
    blind, seeing = ([each.fills[0][each.blind_to[0] == fold] for each in found] for fold in (0, 1))
    order = [each.candidates[0][each.blind_to[0] == 0].argsort() for each in found]
    assert torch.equal(blind[0][order[0]], blind[1][order[1]])
    assert not torch.equal(seeing[0], seeing[1])


@pytest.mark.parametrize("changes", [{"depth": 1}, {"adapt": 2}], ids=["deeper", "adapting"])
def test_who_watches_can_end_what_comes_after_the_code(model: Networks, changes: dict[str, int]) -> None:
    """So that a service's time limit holds there, too."""
    looked = []

    def watch(standing: Standing) -> None:
        looked.append(min(standing.steps))
        if looked.count(OPTIONS.iterations) == 2:  # the first one is the code's own last look
            raise TimeoutError

    options = replace(OPTIONS, **changes)  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        run_search(model, options, images_of(model, 2), masks_of(2), watch=watch)


@pytest.mark.parametrize("depth", [-1, 3])
def test_a_depth_that_there_is_not_is_refused(depth: int) -> None:
    with pytest.raises(InpaintxError, match=f"search: depth is {depth}; choose one of 0, 1, 2"):
        SearchOptions(depth=depth)


def test_published_sources_search_the_code_alone() -> None:
    assert all(options.depth == 0 and options.adapt == 0 for options in PRESETS.values())
