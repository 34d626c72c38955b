"""Candidates for squares, what they have not seen, and how they came to be."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from device_cases import each_device
from search_cases import images_of

from inpaintx.completion.candidates import CandidateFinder, Candidates, Square
from inpaintx.completion.estimate import combine
from inpaintx.completion.folds import draw_folds
from inpaintx.networks import copying
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions

OPTIONS = SearchOptions(
    weight="mask",
    iterations=15,
    candidates=4,
    starts=12,
    lr=0.1,
    prior=0.1,
    estimate="mean",
    precision="float32",
)


def _mask(top: int = 8, left: int = 10) -> np.ndarray:
    mask = np.ones((32, 32), bool)
    mask[top : top + 12, left : left + 12] = False
    return mask


def _squares(model: Networks, count: int = 2) -> list[Square]:
    """What the model can draw, 0 under the hole."""
    images = images_of(model, count).permute(0, 2, 3, 1).float().cpu().numpy() / 2 + 0.5
    masks = [_mask(8 + 3 * index, 10 - 2 * index) for index in range(count)]
    return [(image * mask[..., None], mask) for image, mask in zip(images, masks, strict=True)]


def _find(model: Networks, squares: list[Square], options: SearchOptions = OPTIONS, **more: Any) -> Any:
    return CandidateFinder(model, options)(squares, **more)


# --- what is found ---


@each_device
@pytest.mark.parametrize("channels", [1, 3])
def test_candidates_of_the_model(make_model: Any, channels: int) -> None:
    model = make_model(channels=channels)
    squares = _squares(model)
    for (image, mask), found in zip(squares, _find(model, squares), strict=True):
        assert found.image is image
        assert found.mask is mask
        assert found.fills.shape == (4, 32, 32, channels)
        assert found.fills.dtype == np.float32
        assert found.fills.min() >= 0
        assert found.fills.max() <= 1
        assert len({fill.tobytes() for fill in found.fills}) == 4
        # In the model's range, which is twice as wide, summed over known pixels and channels.
        distances = 2 * np.abs(found.fills - image)[:, mask].sum((1, 2))
        np.testing.assert_allclose(found.contextual, distances, rtol=1e-4)
        total = found.contextual + OPTIONS.prior * found.prior
        assert (np.diff(total) >= 0).all()
        assert (found.iterations == OPTIONS.iterations).all()
        assert found.folds.shape == (0, 32, 32)
        assert (found.blind_to == -1).all()
        assert found.history == []


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_fill_is_the_estimate_of_the_candidates(model: Networks, estimate: Any) -> None:
    (found,) = _find(model, _squares(model, 1))
    expected = combine(found.fills, found.contextual, estimate)
    assert np.array_equal(found.fill(estimate), expected)


@pytest.mark.parametrize("folds", [0, 4])
def test_constant_is_mid_gray_whatever_the_image(model: Networks, folds: int) -> None:
    squares = _squares(model)
    for found in CandidateFinder(model, OPTIONS, "constant")(squares, folds):
        assert (found.fills == 0.5).all()
        assert found.fills.shape[1:] == (32, 32, 1)
        assert (found.fill("mean") == 0.5).all()
        assert not found.contextual.any()
        assert not found.iterations.any()
        assert np.array_equal(found.folds, draw_folds(found.mask, folds, 0))
        assert found.blind_to.tolist() == (list(range(folds)) or [-1])


def test_untrained_has_the_shape_of_the_model_and_not_its_weights(model: Networks) -> None:
    squares = _squares(model, 1)
    state = torch.get_rng_state()
    untrained, again = (CandidateFinder(model, OPTIONS, "untrained")(squares)[0] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    (trained,) = _find(model, squares)
    assert np.array_equal(untrained.fills, again.fills)
    assert untrained.fills.shape == trained.fills.shape
    assert trained.contextual[0] < 0.5 * untrained.contextual[0]  # the model drew this picture


# --- what candidates have not seen ---


@pytest.mark.parametrize("folds", [2, 4])
def test_folds_are_drawn_and_shared_by_the_candidates(model: Networks, folds: int) -> None:
    squares = _squares(model)
    for (_, mask), found in zip(squares, _find(model, squares, folds=folds), strict=True):
        assert np.array_equal(found.folds, draw_folds(mask, folds, OPTIONS.seed))
        assert sorted(found.blind_to.tolist()) == sorted(list(range(folds)) * (4 // folds))


def _blind(found: Candidates, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The candidates blind to a fold, and the others."""
    there = found.blind_to == number
    order = np.argsort(found.fills.sum((1, 2, 3)), kind="stable")
    return found.fills[order[there[order]]], found.fills[order[~there[order]]]


@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("number", [0, 1])
def test_held_out_pixels_are_truly_not_seen(exact: Networks, number: int, weight: Any) -> None:
    """Whatever is there instead, the candidates that are blind to it stay the same, and no others."""
    options = replace(OPTIONS, weight=weight)
    ((image, mask),) = _squares(exact, 1)
    (before,) = _find(exact, [(image, mask)], options, folds=2)
    changed = image.copy()
    only_here = before.folds[number] & ~before.folds[1 - number]
    assert only_here.sum() > 20
    changed[only_here] = 1 - changed[only_here]
    (after,) = _find(exact, [(changed, mask)], options, folds=2)
    assert np.array_equal(after.folds, before.folds)
    blind, seeing = zip(_blind(before, number), _blind(after, number), strict=True)
    np.testing.assert_allclose(*blind, rtol=0, atol=1e-6)
    assert np.abs(seeing[0] - seeing[1]).max() > 0.01
    # Losses are over all known pixels, held-out ones included, so that these too decide which is best.
    assert not np.allclose(before.contextual, after.contextual, rtol=1e-3)


@each_device
@pytest.mark.parametrize("folds", [0, 2])
@pytest.mark.parametrize("garbage", [np.nan, np.inf, 7.0])
def test_trap_4_what_lies_under_the_hole_is_never_read(model: Networks, folds: int, garbage: float) -> None:
    ((image, mask),) = _squares(model, 1)
    (clean,) = _find(model, [(image, mask)], folds=folds)
    spoilt = np.where(mask[..., None], image, np.float32(garbage))
    (same,) = _find(model, [(spoilt, mask)], folds=folds)
    assert np.array_equal(same.fills, clean.fills)
    assert np.array_equal(same.contextual, clean.contextual)


@pytest.mark.parametrize(
    ("candidates", "folds", "held"), [(6, 4, 2), (4, 8, 4), (3, 4, 0), (1, 4, 0), (5, 0, 0), (4, 1, 0)]
)
def test_folds_are_as_many_as_the_candidates_can_share(
    model: Networks, candidates: int, folds: int, held: int
) -> None:
    """Fewer where they don't divide the candidates; none where all candidates would miss the same pixels."""
    options = replace(OPTIONS, candidates=candidates, iterations=2)
    (found,) = _find(model, _squares(model, 1), options, folds=folds)
    assert len(found.folds) == held
    assert len(found.fills) == candidates
    blind_to = sorted(found.blind_to.tolist())
    assert blind_to == (sorted(list(range(held)) * (candidates // held)) if held else [-1] * candidates)


def test_without_folds_every_candidate_sees_everything(exact: Networks) -> None:
    """As a search without held-out pixels does; none is dropped or drawn from fewer pixels."""
    squares = _squares(exact, 1)
    (found,) = _find(exact, squares, folds=0)
    search = CandidateFinder(exact, OPTIONS)._search
    assert search is not None
    image, mask = (torch.from_numpy(part) for part in squares[0])
    alone = search(image.permute(2, 0, 1)[None] * 2 - 1, mask[None, None].float())
    fills = (alone.fills[0].permute(0, 2, 3, 1).float() + 1) / 2
    np.testing.assert_allclose(found.fills, fills, rtol=0, atol=1e-6)


def test_what_is_found_is_fetched_once_however_many_squares_there_are(
    model: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches: list[int] = []
    inner = copying.fetched

    def counted(*tensors: torch.Tensor) -> list[torch.Tensor]:
        fetches.append(len(tensors))
        return inner(*tensors)

    monkeypatch.setattr(copying, "fetched", counted)
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: pytest.fail("the host waits"))
    for count in (1, 3):
        assert len(_find(model, _squares(model, count))) == count
    assert fetches == [7, 7]  # all that was found


# --- how fills form ---


@pytest.mark.parametrize("folds", [0, 2])
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_history_ends_at_the_fill(model: Networks, folds: int, estimate: Any) -> None:
    options = replace(OPTIONS, iterations=25, estimate=estimate)
    for found in _find(model, _squares(model), options, folds=folds, history=True):
        steps = [step for step, _ in found.history]
        assert steps == [10, 20, 25]
        for _, fill in found.history:
            assert fill.shape == (32, 32, 1)
            assert fill.dtype == np.float32
        np.testing.assert_allclose(found.history[-1][1], found.fill(estimate), rtol=0, atol=1e-5)
        assert np.abs(found.history[0][1] - found.history[-1][1]).max() > 0.01


def test_history_of_candidates_that_stop_at_different_times(model: Networks) -> None:
    """Those that ended early stand still while the others go on."""
    options = replace(OPTIONS, iterations=80, patience=4, lr=0.2, batch=3)
    (found,) = _find(model, _squares(model, 1), options, history=True)
    assert len(set(found.iterations.tolist())) > 1
    assert found.history[-1][0] == found.iterations.max()
    np.testing.assert_allclose(found.history[-1][1], found.fill("mean"), rtol=0, atol=1e-5)
