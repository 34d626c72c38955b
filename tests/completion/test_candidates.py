"""Candidates for squares, and the trials of them on known pixels that they have not seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from search_cases import images_of

from inpaintx.completion.candidates import Proposals, Proposer
from inpaintx.completion.estimate import combine
from inpaintx.completion.folds import hold_out
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

Square = tuple[np.ndarray, np.ndarray]


def _mask(top: int = 8, left: int = 10) -> np.ndarray:
    mask = np.ones((32, 32), bool)
    mask[top : top + 12, left : left + 12] = False
    return mask


def _squares(model: Networks, count: int = 2) -> list[Square]:
    """What the model can draw, 0 under the hole."""
    images = images_of(model, count).permute(0, 2, 3, 1).float().numpy() / 2 + 0.5
    masks = [_mask(8 + 3 * index, 10 - 2 * index) for index in range(count)]
    return [(image * mask[..., None], mask) for image, mask in zip(images, masks, strict=True)]


def _propose(model: Networks, squares: list[Square], options: SearchOptions = OPTIONS, **more: Any) -> Any:
    return Proposer(model, options)(squares, **more)


# --- what is proposed ---


@pytest.mark.parametrize("channels", [1, 3])
def test_candidates_of_the_model(make_model: Any, channels: int) -> None:
    model = make_model(channels=channels)
    squares = _squares(model)
    for (image, mask), proposals in zip(squares, _propose(model, squares), strict=True):
        assert proposals.image is image
        assert proposals.mask is mask
        assert proposals.fills.shape == (4, 32, 32, channels)
        assert proposals.fills.dtype == np.float32
        assert proposals.fills.min() >= 0
        assert proposals.fills.max() <= 1
        assert len({fill.tobytes() for fill in proposals.fills}) == 4
        # In the model's range, which is twice as wide, summed over known pixels and channels.
        distances = 2 * np.abs(proposals.fills - image)[:, mask].sum((1, 2))
        np.testing.assert_allclose(proposals.contextual, distances, rtol=1e-4)
        total = proposals.contextual + OPTIONS.prior * proposals.prior
        assert (np.diff(total) >= 0).all()
        assert (proposals.iterations == OPTIONS.iterations).all()
        assert proposals.hidden.shape == (0, 32, 32)
        assert proposals.trials() == []
        assert proposals.walk == []


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_fill_is_the_estimate_of_the_candidates(model: Networks, estimate: Any) -> None:
    (proposals,) = _propose(model, _squares(model, 1))
    expected = combine(proposals.fills, proposals.contextual, estimate)
    assert np.array_equal(proposals.fill(estimate), expected)


@pytest.mark.parametrize("sets", [0, 4])
def test_constant_is_mid_gray_whatever_the_image(model: Networks, sets: int) -> None:
    squares = _squares(model)
    for proposals in Proposer(model, OPTIONS, "constant")(squares, sets):
        assert (proposals.fills == 0.5).all()
        assert proposals.fills.shape[1:] == (32, 32, 1)
        assert (proposals.fill("mean") == 0.5).all()
        assert not proposals.contextual.any()
        assert not proposals.iterations.any()
        assert len(proposals.trials()) == sets
        for trial, hidden in zip(proposals.trials(), hold_out(proposals.mask, sets, 0), strict=True):
            assert np.array_equal(trial.hidden, hidden)
            assert trial.blind.sum() == 1


def test_untrained_has_the_shape_of_the_model_and_not_its_weights(model: Networks) -> None:
    squares = _squares(model, 1)
    state = torch.get_rng_state()
    untrained, again = (Proposer(model, OPTIONS, "untrained")(squares)[0] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    (trained,) = _propose(model, squares)
    assert np.array_equal(untrained.fills, again.fills)
    assert untrained.fills.shape == trained.fills.shape
    assert trained.contextual[0] < 0.5 * untrained.contextual[0]  # the model drew this picture


# --- what candidates have not seen ---


@pytest.mark.parametrize("sets", [2, 4])
def test_trials_tell_the_candidates_that_are_blind_to_their_set(model: Networks, sets: int) -> None:
    squares = _squares(model)
    for (image, mask), proposals in zip(squares, _propose(model, squares, sets=sets), strict=True):
        assert np.array_equal(proposals.hidden, hold_out(mask, sets, OPTIONS.seed))
        assert sorted(proposals.blind_to.tolist()) == sorted(list(range(sets)) * (4 // sets))
        trials = proposals.trials()
        assert len(trials) == sets
        for number, trial in enumerate(trials):
            assert np.array_equal(trial.hidden, proposals.hidden[number])
            assert trial.hidden.any()
            assert (trial.picture is image, trial.mask is mask) == (True, True)
            assert trial.fills is proposals.fills
            assert trial.blind.sum() == 4 // sets
            assert np.array_equal(trial.blind, proposals.blind_to == number)


def _blind(proposals: Proposals, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The candidates blind to a set, and the others."""
    there = proposals.blind_to == number
    order = np.argsort(proposals.fills.sum((1, 2, 3)), kind="stable")
    return proposals.fills[order[there[order]]], proposals.fills[order[~there[order]]]


@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("number", [0, 1])
def test_held_out_pixels_are_truly_not_seen(exact: Networks, number: int, weight: Any) -> None:
    """Whatever is there instead, the candidates that are blind to it stay the same, and no others."""
    options = replace(OPTIONS, weight=weight)
    ((image, mask),) = _squares(exact, 1)
    (before,) = _propose(exact, [(image, mask)], options, sets=2)
    changed = image.copy()
    only_here = before.hidden[number] & ~before.hidden[1 - number]
    assert only_here.sum() > 20
    changed[only_here] = 1 - changed[only_here]
    (after,) = _propose(exact, [(changed, mask)], options, sets=2)
    assert np.array_equal(after.hidden, before.hidden)
    blind, seeing = zip(_blind(before, number), _blind(after, number), strict=True)
    np.testing.assert_allclose(*blind, rtol=0, atol=1e-6)
    assert np.abs(seeing[0] - seeing[1]).max() > 0.01
    # Losses are over all known pixels, held-out ones included, so that these too decide which is best.
    assert not np.allclose(before.contextual, after.contextual, rtol=1e-3)


@pytest.mark.parametrize("sets", [0, 2])
@pytest.mark.parametrize("garbage", [np.nan, np.inf, 7.0])
def test_trap_4_what_lies_under_the_hole_is_never_read(model: Networks, sets: int, garbage: float) -> None:
    ((image, mask),) = _squares(model, 1)
    (clean,) = _propose(model, [(image, mask)], sets=sets)
    spoilt = np.where(mask[..., None], image, np.float32(garbage))
    (same,) = _propose(model, [(spoilt, mask)], sets=sets)
    assert np.array_equal(same.fills, clean.fills)
    assert np.array_equal(same.contextual, clean.contextual)


@pytest.mark.parametrize(
    ("candidates", "sets", "held"), [(6, 4, 2), (4, 8, 4), (3, 4, 0), (1, 4, 0), (5, 0, 0), (4, 1, 0)]
)
def test_sets_are_as_many_as_the_candidates_can_share(
    model: Networks, candidates: int, sets: int, held: int
) -> None:
    """Fewer where they don't divide the candidates; none where all candidates would miss the same pixels."""
    options = replace(OPTIONS, candidates=candidates, iterations=2)
    (proposals,) = _propose(model, _squares(model, 1), options, sets=sets)
    assert len(proposals.hidden) == len(proposals.trials()) == held
    assert len(proposals.fills) == candidates
    for trial in proposals.trials():
        assert (len(trial.fills), trial.blind.sum()) == (candidates, candidates // held)


def test_without_sets_every_candidate_sees_everything(exact: Networks) -> None:
    """As a search without held-out pixels does; none is dropped or drawn from fewer pixels."""
    squares = _squares(exact, 1)
    (proposals,) = _propose(exact, squares, sets=0)
    search = Proposer(exact, OPTIONS)._search
    assert search is not None
    image, mask = (torch.from_numpy(part) for part in squares[0])
    found = search(image.permute(2, 0, 1)[None] * 2 - 1, mask[None, None].float())
    fills = (found.fills[0].permute(0, 2, 3, 1).float() + 1) / 2
    np.testing.assert_allclose(proposals.fills, fills, rtol=0, atol=1e-6)


# --- how fills form ---


@pytest.mark.parametrize("sets", [0, 2])
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_walk_ends_at_the_fill(model: Networks, sets: int, estimate: Any) -> None:
    options = replace(OPTIONS, iterations=25, estimate=estimate)
    for proposals in _propose(model, _squares(model), options, sets=sets, trails=True):
        steps = [step for step, _ in proposals.walk]
        assert steps == [10, 20, 25]
        for _, fill in proposals.walk:
            assert fill.shape == (32, 32, 1)
            assert fill.dtype == np.float32
        np.testing.assert_allclose(proposals.walk[-1][1], proposals.fill(estimate), rtol=0, atol=1e-5)
        assert np.abs(proposals.walk[0][1] - proposals.walk[-1][1]).max() > 0.01


def test_walk_of_candidates_that_stop_at_different_times(model: Networks) -> None:
    """Those that ended early stand still while the others go on."""
    options = replace(OPTIONS, iterations=80, patience=4, lr=0.2, batch=3)
    (proposals,) = _propose(model, _squares(model, 1), options, trails=True)
    assert len(set(proposals.iterations.tolist())) > 1
    assert proposals.walk[-1][0] == proposals.iterations.max()
    np.testing.assert_allclose(proposals.walk[-1][1], proposals.fill("mean"), rtol=0, atol=1e-5)
