"""Models with a predictor: what is expected, where it goes, and what is as it was without."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from completion_cases import make_blend, make_mask, make_picture
from search_cases import images_of

from inpaintx.completion import Completer
from inpaintx.completion.candidates import CandidateFinder, Square
from inpaintx.completion.estimate import DEPTHS, SHARES, SURE, combine, with_expected
from inpaintx.completion.expected import HALF, SHARE, Expected, expect
from inpaintx.completion.trials import trials_of
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.predictor import FrozenPredictor, Predictor, interpolation
from inpaintx.options import PRESETS, SearchOptions

OPTIONS = SearchOptions(iterations=8, candidates=4, starts=8, lr=0.1, precision="float32")


@pytest.fixture
def predicting(model: Networks) -> Networks:
    """A model whose predictor adds something to the interpolation."""
    torch.manual_seed(0)
    predictor = Predictor(model.architecture).eval().requires_grad_(False)
    torch.nn.init.normal_(predictor.last.weight, std=0.1)
    return replace(model, predictor=predictor)


def _squares(model: Networks, count: int = 2) -> list[Square]:
    images = images_of(model, count).permute(0, 2, 3, 1).float().numpy() / 2 + 0.5
    squares = []
    for index, image in enumerate(images):
        mask = np.ones((32, 32), bool)
        mask[6 + index : 22, 9 : 25 - index] = False
        squares.append((image * mask[..., None], mask))
    return squares


def _find(model: Networks, squares: list[Square], options: SearchOptions = OPTIONS, **more: Any) -> Any:
    return CandidateFinder(model, options)(squares, **more)


# --- what is expected ---


@pytest.mark.parametrize("flip", [False, True])
def test_what_is_expected_of_a_mirror_image_is_mirrored_where_such_were_learned(
    predicting: Networks, flip: bool
) -> None:
    options = {**predicting.header.get("options", {}), "flip": flip}
    model = replace(predicting, header={**predicting.header, "options": options})
    [square, *_] = _squares(model)
    [one], [other] = (_find(model, [each]) for each in (square, tuple(part[:, ::-1] for part in square)))
    near = np.allclose(one.expected.images, other.expected.images[:, :, ::-1], atol=1e-5)
    assert near is flip


def test_what_is_expected_is_the_interpolation_and_what_p_adds(predicting: Networks) -> None:
    assert predicting.predictor is not None
    squares = _squares(predicting)
    folds = [np.zeros((0, 32, 32), bool)] * 2
    found = expect(FrozenPredictor(predicting.predictor, places=[(0, 0)]), squares, folds, OPTIONS)
    assert found.images.shape == found.interpolated.shape == (2, 1, 32, 32, 1)
    assert found.errors.shape == (2, 1, 32, 32)
    for number, (image, mask) in enumerate(squares):
        images, errors = found[number].images, found[number].errors
        np.testing.assert_allclose(found[number].interpolated[0], interpolation(image, mask))
        tensors = [
            torch.from_numpy(a).permute(2, 0, 1)[None] * 2 - 1 for a in (image, interpolation(image, mask))
        ]
        x, log_error = predicting.predictor(
            tensors[0], torch.from_numpy(mask)[None, None].float(), tensors[1]
        )
        drawn = ((x.clamp(-1, 1) + 1) / 2)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(images[0][~mask], drawn[~mask], rtol=0, atol=1e-5)
        assert np.array_equal(images[0][mask], image[mask])
        np.testing.assert_allclose(errors[0], log_error.exp()[0, 0] / 2, rtol=1e-4)
    weight = found.expectation().weight[:, 0, 0].numpy()
    np.testing.assert_allclose(weight, SHARE * HALF / (HALF + found.errors[:, 0]), rtol=1e-5)


def test_nothing_is_read_of_the_hole_nor_of_a_fold_that_is_hidden(predicting: Networks) -> None:
    assert predicting.predictor is not None
    ((image, mask),) = _squares(predicting, 1)
    fold = np.zeros((1, 32, 32), bool)
    fold[0, 2:5, 10:20] = True
    clean = expect(FrozenPredictor(predicting.predictor), [(image, mask)], [fold], OPTIONS)
    spoilt = np.where(mask[..., None], image, np.float32(np.nan))
    spoilt[fold[0]] = 1 - spoilt[fold[0]]
    same = expect(FrozenPredictor(predicting.predictor), [(spoilt, mask)], [fold], OPTIONS)
    assert np.array_equal(same.images[0, 1], clean.images[0, 1])
    assert np.array_equal(same.errors[0, 1], clean.errors[0, 1])
    assert not np.array_equal(clean.images[0, 0], clean.images[0, 1])


# --- where it goes ---


def test_candidates_and_trials_of_a_fold_do_not_know_its_pixels(predicting: Networks) -> None:
    """Whatever is there instead, the trial's blind fills stay the same, P's part included."""
    ((image, mask),) = _squares(predicting, 1)
    (before,) = _find(predicting, [(image, mask)], folds=2)
    only_here = before.folds[0] & ~before.folds[1]
    assert only_here.sum() > 10
    changed = image.copy()
    changed[only_here] = 1 - changed[only_here]
    (after,) = _find(predicting, [(changed, mask)], folds=2)
    for estimate in ("mean", "sample"):
        fills = [
            np.sort(trials_of(each, estimate)[0].fills[each.blind_to == 0], 0) for each in (before, after)
        ]
        np.testing.assert_allclose(*fills, rtol=0, atol=1e-5)
        others = [
            np.sort(trials_of(each, estimate)[0].fills[each.blind_to == 1], 0) for each in (before, after)
        ]
        assert np.abs(others[0] - others[1]).max() > 0.01
        for number, trial in enumerate(trials_of(before, estimate)):
            assert np.array_equal(trial.error, before.expected.errors[1 + number])


def _expected(images: np.ndarray, error: float = 0.0) -> Expected:
    """What is expected of one square, [S,S,C], over mid gray, and how far off it may be, all over."""
    return Expected(images, np.full_like(images, 0.5), np.full(images.shape[:2], error, np.float32))


def test_what_is_fine_is_taken_where_it_is_sure() -> None:
    """By half at the error that is named; the rest as without: its coarse part only."""
    rng = np.random.default_rng(1)
    images, fill = rng.random((2, 32, 32, 1), dtype=np.float32)
    mask = np.ones((32, 32), bool)
    mask[4:28, 4:28] = False
    plain = with_expected(fill[None], _expected(images, 0.1), mask, "sample")
    half = with_expected(fill[None], _expected(images, 0.1), mask, "sample", fine=0.1)
    np.testing.assert_allclose(half, (plain + images) / 2, rtol=0, atol=1e-5)
    sure = with_expected(fill[None], _expected(images), mask, "sample", fine=0.1)
    np.testing.assert_allclose(sure[0], images, rtol=0, atol=1e-6)


def test_mean_is_a_mixture_whose_shares_go_with_depth() -> None:
    assert np.allclose(np.sum(SHARES, 1), 1)
    mask = np.ones((64, 64), bool)
    mask[:, 4:62] = False  # 29 pixels deep in the middle
    gray, white, black = (np.full((64, 64, 1), value, np.float32) for value in (0.5, 1.0, 0.0))
    mean = with_expected(black[None], _expected(white), mask, "mean")[0, 20, :, 0]
    for depth, (plate, drawn, _) in zip(DEPTHS, SHARES, strict=True):
        assert mean[3 + depth] == pytest.approx(0.5 * plate + drawn, abs=1e-6)
    assert np.all(mean[:4] == mean[4])  # what is known, as at the rim
    assert np.ptp(mean[31:35]) < 1e-6
    found = with_expected(white[None], _expected(black), mask, "mean")[0, 20, 4:62, 0]
    np.testing.assert_allclose(found, 1 - mean[4:62], rtol=0, atol=1e-6)
    np.testing.assert_allclose(with_expected(gray[None], _expected(gray), mask, "mean")[0], gray, atol=1e-6)


def test_sample_takes_its_coarse_part_from_what_is_expected() -> None:
    rng = np.random.default_rng(0)
    fills = rng.random((3, 32, 32, 3), dtype=np.float32)
    mask = np.ones((32, 32), bool)
    mask[8:28, 4:28] = False
    expected = _expected(rng.random((32, 32, 3), dtype=np.float32))
    lighter = with_expected(fills, _expected(fills[0] + np.float32(0.2)), mask, "sample")
    np.testing.assert_allclose(lighter[0], fills[0] + 0.2, rtol=0, atol=1e-5)
    unsure = with_expected(fills, _expected(fills[0] + np.float32(0.2), SURE), mask, "sample")
    np.testing.assert_allclose(unsure[0], fills[0] + 0.1, rtol=0, atol=1e-5)
    fine = np.float32(0.3) * ((np.indices((32, 32)).sum(0) % 2) * 2 - 1)[..., None]
    kept = with_expected(fills[:1], _expected(fills[0] + fine), mask, "sample")
    assert np.abs(kept[0] - fills[0])[12:24, 8:24].max() < 0.01
    together = with_expected(fills, expected, mask, "sample")
    for number in range(3):
        alone = with_expected(fills[number : number + 1], expected, mask, "sample")
        np.testing.assert_allclose(alone[0], together[number], rtol=0, atol=1e-6)


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_history_ends_at_the_fill_with_what_is_expected(predicting: Networks, estimate: Any) -> None:
    options = replace(OPTIONS, estimate=estimate)
    (found,) = _find(predicting, _squares(predicting, 1), options, folds=2, history=True)
    np.testing.assert_allclose(found.history[-1][1], found.fill(estimate), rtol=0, atol=1e-5)
    assert not np.allclose(found.fill(estimate), combine(found.fills, found.contextual, estimate), atol=0.01)


# --- what is as it was ---


@pytest.mark.parametrize(
    "options",
    [replace(OPTIONS, predict=False), *(replace(each, iterations=3) for each in PRESETS.values())],
)
def test_without_it_and_in_presets_all_is_as_in_a_model_that_has_none(
    model: Networks, predicting: Networks, options: SearchOptions
) -> None:
    mine, others = (_find(each, _squares(model), options) for each in (model, predicting))
    for without, with_one in zip(mine, others, strict=True):
        assert np.array_equal(without.fills, with_one.fills)
        assert np.array_equal(without.fill("sample"), with_one.fill("sample"))
        assert with_one.expected is None


@pytest.mark.parametrize("control", ["untrained", "constant"])
def test_controls_have_no_predictor(model: Networks, predicting: Networks, control: Any) -> None:
    (mine,), (others,) = (
        CandidateFinder(each, OPTIONS, control)(_squares(model, 1)) for each in (model, predicting)
    )
    assert np.array_equal(mine.fills, others.fills)
    assert others.expected is None


# --- without a search ---


def test_regions_are_measured_by_what_is_expected(predicting: Networks) -> None:
    """And, where nothing expects anything, by what the search begins with."""
    assert predicting.predictor is not None
    squares = _squares(predicting)
    expected = expect(
        FrozenPredictor(predicting.predictor), squares, [np.zeros((0, 32, 32), bool)] * 2, OPTIONS
    ).images[:, 0]
    guessed = CandidateFinder(predicting, OPTIONS).guess(squares)
    np.testing.assert_array_equal(guessed, expected)
    started = CandidateFinder(predicting, replace(OPTIONS, predict=False)).guess(squares)
    assert started.shape == expected.shape
    assert np.abs(started - expected).mean() > 0.01


def test_no_iterations_give_what_is_expected_in_one_pass(predicting: Networks) -> None:
    squares = _squares(predicting)
    searched = _find(predicting, squares)
    for found, other in zip(
        _find(predicting, squares, replace(OPTIONS, iterations=0), folds=4), searched, strict=True
    ):
        assert np.array_equal(found.fill("sample"), other.expected.images[0])
        assert np.array_equal(found.fill("mean"), found.fill("sample"))
        assert found.iterations.tolist() == [0]
        assert trials_of(found, "sample") == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [({"predict": True}, "--predict"), ({"iterations": 0}, "a search of 0 iterations needs a predictor")],
)
def test_what_needs_a_predictor_says_how_to_get_one(model: Networks, changed: Any, what: str) -> None:
    with pytest.raises(InpaintxError, match=what) as caught:
        CandidateFinder(model, replace(OPTIONS, **changed))
    assert "--predictor-steps" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("iterations", [0, 5])
def test_pictures_are_completed_end_to_end(predicting: Networks, iterations: int) -> None:
    picture, mask = make_picture(50, 40), make_mask(50, 40)
    options = replace(OPTIONS, iterations=iterations)
    completer = Completer(predicting, make_blend("auto"), options)
    [done] = completer([picture], [mask])
    before, after = picture.as_float(), done.picture.as_float()
    assert np.array_equal(after[mask], before[mask])
    assert done.iterations == iterations
    [without] = Completer(predicting, make_blend("auto"), replace(OPTIONS, predict=False))([picture], [mask])
    assert np.abs(without.picture.as_float() - after)[~mask].max() > 0.02
