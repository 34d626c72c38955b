"""Pictures end to end: known pixels bit for bit, the hole filled."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from completion_cases import OPTIONS, MakeModel, make_blend, make_mask, make_picture
from device_cases import each_device

from inpaintx.completion import Completed, Completer
from inpaintx.completion.candidates import CandidateFinder
from inpaintx.completion.estimate import disagreement
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.ops.solvers import biharmonic, membrane
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.regions import from_square, hole_region, resample, to_square
from inpaintx.plugins.blends import apply_blend
from inpaintx_plugins.blends.auto import LENGTHS, Auto
from inpaintx_plugins.blends.spline import Spline


def _complete(model: Networks, picture: Picture, mask: np.ndarray, **more: Any) -> Completed:
    (completed,) = Completer(model, make_blend(), OPTIONS, **more)([picture], [mask])
    return completed


@each_device
@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (20, 20), (45, 70), (90, 33), (9, 24)], ids=str)
@pytest.mark.parametrize("kind", ["gray8", "gray16", "rgb8", "rgb16", "gray8-alpha", "rgb16-alpha"])
@pytest.mark.parametrize("channels", [1, 3], ids=["gray-model", "rgb-model"])
def test_known_pixels_stay_bit_for_bit(
    make_model: MakeModel, size: tuple[int, int], kind: str, channels: int
) -> None:
    picture = make_picture(
        *size,
        channels=3 if kind.startswith("rgb") else 1,
        dtype=np.uint16 if "16" in kind else np.uint8,
        alpha=kind.endswith("alpha"),
    )
    mask = make_mask(*size)
    result = _complete(make_model(channels=channels), picture, mask).picture
    assert result.array.dtype == picture.array.dtype
    assert result.array.shape == picture.array.shape
    assert np.array_equal(result.array[mask], picture.array[mask])
    assert (result.array[~mask] != picture.array[~mask]).mean() > 0.5
    assert (result.alpha is None) == (picture.alpha is None)
    if result.alpha is not None and picture.alpha is not None:
        assert np.array_equal(result.alpha[mask], picture.alpha[mask])
        assert (result.alpha[~mask] == result.max_value).all()


@each_device
@pytest.mark.parametrize("control", ["model", "untrained", "constant"])
@pytest.mark.parametrize("blend", ["none", "alpha", "poisson"])
@pytest.mark.parametrize("size", [(32, 32), (50, 75)], ids=str)
def test_trap_4_what_lies_under_the_hole_is_never_read(
    model: Networks, control: Any, blend: str, size: tuple[int, int]
) -> None:
    picture, mask = make_picture(*size), make_mask(*size)
    completer = Completer(model, make_blend(blend), OPTIONS, control)
    results = []
    for level in (0, 255):
        array = picture.array.copy()
        array[~mask] = level
        (completed,) = completer([Picture(array)], [mask])
        results.append(completed)
    assert np.array_equal(results[0].picture.array, results[1].picture.array)
    assert results[0].contextual == results[1].contextual


def test_input_is_left_as_it_was(model: Networks) -> None:
    picture, mask = make_picture(32, 32), make_mask(32, 32)
    array, hidden = picture.array.copy(), mask.copy()
    _complete(model, picture, mask)
    assert np.array_equal(picture.array, array)
    assert np.array_equal(mask, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 2])
def test_what_the_model_can_draw_comes_back(model: Networks, scale: int) -> None:
    """At the model's size, and at twice that, where the fill is scaled back up."""
    codes = model.generator.sample_codes(1, torch.Generator().manual_seed(1))
    drawn = (model.generator(codes)[0, 0].numpy() + 1) * 127.5
    picture = Picture(np.rint(drawn).astype(np.uint8).repeat(scale, 0).repeat(scale, 1))
    mask = make_mask(*picture.array.shape)
    options = SearchOptions(iterations=200, candidates=4, starts=64, lr=0.1, prior=0, precision="float32")
    (completed,) = Completer(model, make_blend("none"), options)([picture], [mask])
    expected = resample(drawn[..., None].astype(np.float32), *picture.array.shape)[..., 0].clip(0, 255)
    assert np.abs(completed.picture.array[~mask] - expected[~mask]).mean() < 2
    assert expected[~mask].std() > 20


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (40, 61)], ids=str)
def test_constant_fill_blends_to_the_membrane_of_the_picture(
    model: Networks, channels: int, size: tuple[int, int]
) -> None:
    """Classical interpolation is Poisson blending of nothing."""
    picture, mask = make_picture(*size, channels=channels), make_mask(*size)
    completed = _complete(model, picture, mask, control="constant")
    expected = membrane(picture.as_float(), mask).reshape(picture.array.shape) * 255
    assert np.abs(completed.picture.array[~mask] - expected[~mask]).max() <= 1
    assert (completed.contextual, completed.prior, completed.iterations) == (0, 0, 0)


def test_constant_fill_is_mid_gray(model: Networks) -> None:
    picture, mask = make_picture(40, 50, channels=3), make_mask(40, 50)
    (completed,) = Completer(model, make_blend("none"), OPTIONS, "constant")([picture], [mask])
    assert set(completed.picture.array[~mask].ravel()) <= {127, 128}


@each_device
def test_untrained_networks_fill_otherwise(model: Networks) -> None:
    picture, mask = make_picture(32, 32), make_mask(32, 32)
    trained, untrained = (
        _complete(model, picture, mask, control=control) for control in ("model", "untrained")
    )
    assert (trained.picture.array[~mask] != untrained.picture.array[~mask]).mean() > 0.5
    assert untrained.iterations == OPTIONS.iterations
    assert not np.isclose(trained.contextual, untrained.contextual, rtol=1e-3)


def test_untrained_networks_are_the_same_each_time(model: Networks) -> None:
    picture, mask = make_picture(32, 32), make_mask(32, 32)
    first, again = (_complete(model, picture, mask, control="untrained") for _ in range(2))
    assert np.array_equal(first.picture.array, again.picture.array)


@each_device
def test_result_does_not_depend_on_the_rest_of_the_group(model: Networks) -> None:
    pictures = [make_picture(32 + 9 * k, 50 - 4 * k, channels=1 + 2 * (k % 2), seed=k) for k in range(4)]
    masks = [make_mask(p.height, p.width, 0.1 * k, 0.6 - 0.2 * k) for k, p in enumerate(pictures)]
    completer = Completer(model, make_blend(), OPTIONS)
    together = completer(pictures, masks)
    for picture, mask, completed in zip(pictures, masks, together, strict=True):
        (alone,) = completer([picture], [mask])
        assert np.abs(alone.picture.array.astype(int) - completed.picture.array).max() <= 1
        assert alone.contextual == pytest.approx(completed.contextual, rel=1e-3)
        assert completed.mask is mask


def test_losses_iterations_and_time_are_told(model: Networks) -> None:
    pictures, masks = [make_picture(32, 32, seed=k) for k in range(3)], [make_mask(32, 32)] * 3
    group = Completer(model, make_blend(), OPTIONS)(pictures, masks)
    for completed in group:
        assert completed.contextual > 0
        assert completed.prior > 0
        assert completed.iterations == OPTIONS.iterations
        assert completed.seconds > 0
        assert completed.history == []


@pytest.mark.parametrize("batch", [64, 3])
def test_trails_end_at_the_result(model: Networks, batch: int) -> None:
    options = SearchOptions(iterations=25, candidates=2, starts=4, lr=0.1, batch=batch, precision="float32")
    pictures, masks = [make_picture(40, 50, channels=3, seed=k) for k in range(3)], [make_mask(40, 50)] * 3
    for picture, completed in zip(
        pictures, Completer(model, make_blend(), options)(pictures, masks, history=True), strict=True
    ):
        steps = [step for step, _ in completed.history]
        assert steps == sorted(steps)
        assert steps[-1] == completed.iterations == 25
        assert len(steps) >= 3
        for _, stage in completed.history:
            assert np.array_equal(stage.array[masks[0]], picture.array[masks[0]])
        last = completed.history[-1][1].array.astype(int)
        assert np.abs(last - completed.picture.array).max() <= 1
        assert np.abs(completed.history[0][1].array.astype(int) - completed.picture.array).max() > 5


def test_constant_fill_has_no_history(model: Networks) -> None:
    completer = Completer(model, make_blend(), OPTIONS, "constant")
    (completed,) = completer([make_picture(32, 32)], [make_mask(32, 32)], history=True)
    assert completed.history == []


@pytest.mark.parametrize("control", ["model", "constant"])
def test_no_pictures_give_no_results(model: Networks, control: Any) -> None:
    assert Completer(model, make_blend(), OPTIONS, control)([], []) == []


def test_default_options_are_those_of_the_search(model: Networks) -> None:
    (completed,) = Completer(model, make_blend())([make_picture(32, 32)], [make_mask(32, 32)])
    assert completed.iterations == SearchOptions().plan(encoder=False).iterations


@pytest.mark.parametrize("where", ["center", "corner", "edge", "wide"])
def test_holes_anywhere_are_filled(model: Networks, where: str) -> None:
    """Trap 6: also where the hole meets the picture's border, or does not fit into the model's square."""
    mask = np.ones((40, 80), bool)
    mask[
        {
            "center": np.s_[10:25, 30:50],
            "corner": np.s_[:15, 60:],
            "edge": np.s_[10:30, :12],
            "wide": np.s_[15:25, 5:75],
        }[where]
    ] = False
    picture = make_picture(40, 80)
    array = np.where(mask, picture.array, 0).astype(np.uint8)
    completed = _complete(model, Picture(array), mask)
    # Poisson blending meets the known pixels, which are between 0.2 and 0.9: the hole is not left black.
    assert (completed.picture.array[~mask] > 0).mean() > 0.8
    assert completed.picture.array[~mask].mean() > 0.15 * 255


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((32, 32), bool), "hides nothing"),
        (np.zeros((32, 32), bool), "keeps nothing"),
        (make_mask(32, 31), r"is bool \[32, 31\]: it must be bool \[32, 32\]"),
        (make_mask(32, 32).astype(np.uint8), r"is uint8 \[32, 32\]: it must be bool"),
    ],
    ids=["all", "none", "size", "dtype"],
)
@pytest.mark.parametrize("control", ["model", "constant"])
def test_mask_that_does_not_fit_is_told(
    model: Networks, mask: np.ndarray, message: str, control: Any
) -> None:
    with pytest.raises(InpaintxError, match=f"the mask of a picture without a path {message}") as caught:
        _complete(model, make_picture(32, 32), mask, control=control)
    assert "\n" not in str(caught.value)


def test_as_many_masks_as_pictures(model: Networks) -> None:
    with pytest.raises(ValueError, match="zip"):
        Completer(model, make_blend(), OPTIONS)([make_picture(32, 32)], [])


# --- where candidates disagree ---


@pytest.mark.parametrize("size", [(32, 32), (45, 70), (20, 26)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_uncertainty_is_a_map_of_the_hole(
    make_model: MakeModel, size: tuple[int, int], channels: int
) -> None:
    picture, mask = make_picture(*size, channels=channels), make_mask(*size)
    doubt = _complete(make_model(channels=channels), picture, mask).uncertainty
    assert doubt.shape == size
    assert doubt.dtype == np.float32
    assert not doubt[mask].any()
    assert (doubt[~mask] > 0).mean() > 0.9
    assert doubt.max() <= 0.5


def test_uncertainty_is_the_candidates_disagreement(model: Networks) -> None:
    picture, mask = make_picture(32, 32), make_mask(32, 32)
    (candidates,) = CandidateFinder(model, OPTIONS)([(picture.as_float() * mask[..., None], mask)])
    expected = np.where(mask, 0, disagreement(candidates.fills))
    np.testing.assert_allclose(_complete(model, picture, mask).uncertainty, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("blend", ["poisson", "auto"])
def test_nothing_is_uncertain_where_there_is_one_candidate(model: Networks, blend: str) -> None:
    picture, mask = make_picture(40, 50), make_mask(40, 50)
    alone = replace(OPTIONS, candidates=1)
    for control, options in (("model", alone), ("constant", OPTIONS)):
        (completed,) = Completer(model, make_blend(blend), options, control)([picture], [mask])  # type: ignore[arg-type]
        assert not completed.uncertainty.any()


# --- a blend that chooses ---


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float, str, Spline]]:
    """What `auto` was asked, and what it chose: trials, scale, estimate, blend."""
    made: list[tuple[int, float, str, Spline]] = []
    choose = Auto.choose

    def spy(self: Auto, trials: Any, scale: float, estimate: Any) -> Spline:
        made.append((len(trials), scale, estimate, choose(self, trials, scale, estimate)))
        return made[-1][-1]

    monkeypatch.setattr(Auto, "choose", spy)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "fit", "scale"),
    [((32, 32), "crop", 1), ((64, 64), "crop", 2), ((45, 70), "crop", 45 / 32), ((48, 96), "stretch", 3)],
)
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_auto_is_told_the_pictures_scale_and_blends_as_it_chose(
    model: Networks, choices: list, size: tuple[int, int], fit: str, scale: float, estimate: Any
) -> None:
    picture, mask = make_picture(*size), make_mask(*size)
    fitted = replace(model, header=model.header | {"fit": fit})
    options = replace(OPTIONS, candidates=4, estimate=estimate)
    (completed,) = Completer(fitted, make_blend("auto"), options)([picture], [mask])
    ((trials, told, asked, chosen),) = choices
    assert (trials, asked) == (4, estimate)
    assert told == pytest.approx(scale)
    assert chosen.length / scale in (*map(pytest.approx, LENGTHS[:2]), np.inf)
    assert np.array_equal(completed.picture.array[mask], picture.array[mask])
    region = hole_region(mask, fitted.fit)
    square = to_square(picture.as_float(), mask, region, 32, 1)
    (candidates,) = CandidateFinder(fitted, options)([square], folds=4)
    fill = from_square(candidates.fill(estimate), region, *size, 1)
    expected = apply_blend(chosen, picture.as_float(), fill, mask)[..., 0] * 255
    assert np.abs(completed.picture.array - expected).max() <= 1


@pytest.mark.parametrize("scale", [1, 2])
def test_auto_trusts_a_model_that_can_draw_the_picture(model: Networks, choices: list, scale: int) -> None:
    """And completes it better than interpolation alone, also where the fill is scaled up."""
    codes = model.generator.sample_codes(1, torch.Generator().manual_seed(1))
    drawn = ((model.generator(codes)[0, 0].numpy() + 1) / 2)[..., None]
    original = resample(drawn, 32 * scale, 32 * scale).clip(0, 1)
    picture = Picture(np.rint(original[..., 0] * 255).astype(np.uint8))
    mask = make_mask(32 * scale, 32 * scale)
    options = SearchOptions(iterations=250, candidates=4, starts=64, lr=0.1, prior=0, precision="float32")
    (completed,) = Completer(model, make_blend("auto"), options)([picture], [mask])
    ((_, _, _, chosen),) = choices
    assert chosen.trust > 0.7
    alone = biharmonic(picture.as_float(), mask, chosen.length**-2.0).clip(0, 1)
    errors = [np.abs(u - original)[~mask].mean() for u in (completed.picture.as_float(), alone)]
    assert errors[0] < 0.25 * errors[1]


@pytest.mark.parametrize("size", [(32, 32), (45, 70)], ids=str)
def test_auto_with_a_constant_fill_is_interpolation_alone(
    model: Networks, choices: list, size: tuple[int, int]
) -> None:
    picture, mask = make_picture(*size, channels=3), make_mask(*size)
    (completed,) = Completer(model, make_blend("auto"), OPTIONS, "constant")([picture], [mask])
    ((_, _, _, chosen),) = choices
    alone = biharmonic(picture.as_float(), mask, chosen.length**-2.0).clip(0, 1)
    assert np.abs(completed.picture.as_float() - alone).max() < 0.51 / 255 + 1e-5


def test_auto_does_without_trials_where_candidates_can_not_share_them(model: Networks, choices: list) -> None:
    """A single candidate sees everything, and is trusted."""
    picture, mask = make_picture(40, 40), make_mask(40, 40)
    for candidates, trials in ((1, 0), (3, 0), (6, 2), (8, 4)):
        options = replace(OPTIONS, candidates=candidates, iterations=3)
        Completer(model, make_blend("auto"), options)([picture], [mask])
        assert choices[-1][0] == trials
        if not trials:
            assert choices[-1][3] == Spline(2 * 40 / 32, reach=10 * 40 / 32)
