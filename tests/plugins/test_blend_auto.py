"""The blend `auto`: how far a fill is trusted, by what known pixels say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blend_cases import SIZE, center, each_hole, left, noise, scattered

from inpaintx.completion.folds import draw_folds
from inpaintx.ops import solvers
from inpaintx.plugins import registry
from inpaintx.plugins.blends import ChoosingBlend, Trial, apply_blend
from inpaintx.plugins.testing import check_blend_plugin
from inpaintx_plugins.blends.auto import BLUR, LENGTHS, REACH, Auto
from inpaintx_plugins.blends.spline import Spline


def _trials(
    picture: np.ndarray, mask: np.ndarray, fills: np.ndarray, blind: int | None = None, seed: int = 0
) -> list[Trial]:
    """As of a model that fills every trial like this, [K, H, W, C]; the first so many fills are blind."""
    seen = picture * mask[..., None]
    unaware = np.arange(len(fills)) < (len(fills) if blind is None else blind)
    return [Trial(seen, mask, hidden, fills, unaware) for hidden in draw_folds(mask, Auto.trials, seed)]


def _chosen(picture: np.ndarray, mask: np.ndarray, *fills: np.ndarray, **more: Any) -> Spline:
    blend = Auto().choose(
        _trials(picture, mask, np.stack(fills)), **{"scale": 1.0, "estimate": "mean"} | more
    )
    assert isinstance(blend, Spline)
    return blend


def _wave(stretch: float = 1.0) -> np.ndarray:
    """Coarse shapes only: float32 in [0.1, 0.7]."""
    y, x = np.indices((SIZE, SIZE))
    return (0.4 + 0.3 * np.sin(x / (3 * stretch)) * np.cos(y / (4 * stretch)))[..., None].astype(np.float32)


@each_hole
@pytest.mark.parametrize("channels", [1, 3])
def test_constant_fill_gives_the_classical_one_to_rounding(
    solver: str, mask: np.ndarray, channels: int
) -> None:
    """Whatever trust is put in it, and whatever `auto` makes of it."""
    picture, constant = noise(channels), np.full((SIZE, SIZE, channels), 0.37, np.float32)
    for blend in (Spline(), Spline(trust=0.4), Spline(length=float("inf")), _chosen(picture, mask, constant)):
        classical = np.clip(solvers.biharmonic(picture, mask, blend.length**-2.0), 0, 1)
        blended = apply_blend(blend, picture, constant, mask)
        np.testing.assert_allclose(blended, classical, rtol=0, atol=2e-6)


@each_hole
def test_what_one_colour_misses_stays_in_that_colour(solver: str, mask: np.ndarray) -> None:
    """A fill that is wrong in red only is changed in red only."""
    picture = noise(3)
    fill = picture.copy()
    fill[..., 0] = noise(seed=3)[..., 0]
    for blend in (Spline(), _chosen(picture, mask, picture)):
        blended = apply_blend(blend, picture, fill, mask)
        np.testing.assert_allclose(blended[..., 1:], picture[..., 1:], rtol=0, atol=2e-3)


@each_hole
def test_auto_leaves_known_pixels_and_never_reads_under_the_hole(mask: np.ndarray) -> None:
    picture, fill = noise(3), noise(3, seed=2)
    spoilt = np.where(mask[..., None], picture, np.float32(np.nan))
    results = []
    for image in (picture, spoilt):
        trials = [replace(trial, picture=image) for trial in _trials(image, mask, fill[None])]
        blend = Auto().choose(trials, 1.0, "mean")
        results.append(apply_blend(blend, image, fill, mask))
        assert np.array_equal(results[-1][mask], picture[mask])
    assert np.array_equal(*results)


@pytest.mark.slow
def test_auto_keeps_the_contract(solver: str) -> None:
    check_blend_plugin(Auto)


def test_auto_comes_by_entry_point() -> None:
    assert isinstance(registry.make("blend", "auto", {}), Auto)


def test_auto_chooses() -> None:
    assert isinstance(Auto(), ChoosingBlend)
    assert not isinstance(Spline(), ChoosingBlend)


@each_hole
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_fill_that_is_the_truth_is_trusted(solver: str, mask: np.ndarray, estimate: str) -> None:
    picture = noise(3)
    blend = _chosen(picture, mask, picture, estimate=estimate)
    assert blend.trust == pytest.approx(1, abs=1e-3)


@each_hole
def test_shade_of_the_truth_is_trusted_too(mask: np.ndarray) -> None:
    """Only what the fill adds to the interpolation counts: a constant goes away."""
    picture = 0.6 * noise(3)
    assert _chosen(picture, mask, picture + np.float32(0.3)).trust == pytest.approx(1, abs=1e-3)


@each_hole
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_fill_that_has_nothing_to_do_with_the_picture_is_hardly_trusted(mask: np.ndarray, seed: int) -> None:
    picture, unrelated = noise(seed=1, smooth=3), noise(seed=seed, smooth=3)
    assert _chosen(picture, mask, unrelated).trust < 0.25
    assert _chosen(picture, mask, 1 - picture).trust == 0  # worse than nothing


@each_hole
@pytest.mark.parametrize(("contrast", "trust"), [(2.0, 0.5), (1.25, 0.8), (0.9, 1.0)])
def test_trust_makes_up_for_too_much_contrast(mask: np.ndarray, contrast: float, trust: float) -> None:
    """A fill of twice the truth's contrast is half trusted, which brings the truth back; of less, wholly."""
    picture = 0.35 + 0.3 * noise()
    fill = 0.5 + contrast * (picture - 0.5)
    blend = _chosen(picture, mask, fill.astype(np.float32))
    assert blend.trust == pytest.approx(trust, abs=0.01)
    if contrast > 1:
        np.testing.assert_allclose(apply_blend(blend, picture, fill, mask), picture, rtol=0, atol=0.01)


@pytest.mark.slow
@each_hole
def test_auto_makes_the_best_of_fills_that_are_more_or_less_wrong(mask: np.ndarray) -> None:
    """Over many pictures it fills the hole better than interpolation alone, and than the fill, trusted."""
    rng = np.random.default_rng(5)
    errors = {"auto": 0.0, "interpolation": 0.0, "fill": 0.0}
    for number in range(12):
        picture = noise(seed=number)
        wrong = rng.uniform(0, 1.5) * (noise(seed=100 + number) - 0.5)
        fill = np.clip(picture + wrong, 0, 1).astype(np.float32)
        chosen = Auto().choose(_trials(picture, mask, fill[None], seed=number), 1.0, "mean")
        blends = {
            "auto": chosen,
            "interpolation": replace(chosen, trust=0.0),
            "fill": replace(chosen, trust=1.0),
        }
        for name, blend in blends.items():
            errors[name] += float(((apply_blend(blend, picture, fill, mask) - picture) ** 2).sum())
    assert errors["auto"] < 0.9 * errors["interpolation"]
    assert errors["auto"] < 0.95 * errors["fill"]


@pytest.mark.parametrize("wrong", [0.5, 1.0])
def test_fewer_trials_leave_the_trust_nearer_to_what_the_depth_deserves(wrong: float) -> None:
    """A hole five pixels deep is expected to deserve more than half; one pixel deep, a quarter."""
    picture = noise()
    fill = picture + np.float32(wrong) * (noise(seed=9) - np.float32(0.5))
    narrow = np.ones((SIZE, SIZE), bool)
    narrow[:, ::8] = False
    for mask, expected in ((center(), 0.5 + 1 / 12), (narrow, 0.25)):
        trials = _trials(picture, mask, fill[None])
        few = [
            replace(trial, hidden=trial.hidden & (np.cumsum(trial.hidden).reshape(SIZE, SIZE) <= 4))
            for trial in trials[:1]
        ]
        assert few[0].hidden.sum() == 4
        apart = [abs(Auto().choose(given, 1.0, "mean").trust - expected) for given in (few, trials)]
        assert apart[0] < 0.15
        assert apart[0] < apart[1]


@each_hole
def test_candidates_that_saw_the_hidden_pixels_count_half(mask: np.ndarray) -> None:
    """Blind ones that know nothing and seeing ones that know all: the trust is between theirs alone."""
    picture, nothing = noise(), noise(seed=2)

    def trust(*fills: np.ndarray, blind: int) -> float:
        return Auto().choose(_trials(picture, mask, np.stack(fills), blind), 1.0, "mean").trust

    pessimistic, flattered = trust(nothing, blind=1), trust(picture, blind=1)
    assert pessimistic + 0.1 < trust(nothing, picture, blind=1) < flattered - 0.1


@each_hole
def test_sample_is_trusted_wholly(mask: np.ndarray) -> None:
    picture = 0.35 + 0.3 * noise()
    double = (0.5 + 2 * (picture - 0.5)).astype(np.float32)
    assert _chosen(picture, mask, double, estimate="sample").trust == 1
    assert _chosen(picture, mask, 1 - picture, estimate="sample").trust == 1


@each_hole
def test_what_a_sample_misses_is_not_spread_unless_it_is_worth_nothing(mask: np.ndarray) -> None:
    picture = 0.35 + 0.3 * noise()
    constant = np.full_like(picture, 0.37)
    assert _chosen(picture, mask, picture, estimate="sample", scale=2.0).reach == 2 * REACH
    assert _chosen(picture, mask, constant, estimate="sample").reach == np.inf
    assert _chosen(picture, mask, picture, estimate="mean").reach == np.inf


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_fine_detail_is_left_out_where_it_is_made_up(seed: int) -> None:
    """The fill has the truth's coarse shapes; its fine ones are the truth's, or somebody else's."""
    mask = np.ones((SIZE, SIZE), bool)
    mask[:, :15] = False  # just not so deep that coarser shapes would be detail, too
    picture, fill = (_wave() + np.float32(0.2) * noise(seed=each, smooth=1) for each in (20, seed))
    true, made_up = _chosen(picture, mask, picture), _chosen(picture, mask, fill)
    assert true.detail > 0.9
    assert made_up.detail < 0.4
    assert _chosen(picture, mask, fill, estimate="sample").detail == 1
    errors = [
        float(((apply_blend(blend, picture, fill, mask) - picture) ** 2).sum())
        for blend in (made_up, replace(made_up, detail=1.0))
    ]
    assert errors[0] < errors[1]


def test_made_up_detail_is_left_out_of_deep_holes_too() -> None:
    """Over several fills; the shapes are coarser, since more of them is detail here."""
    mask = left()
    picture, *fills = (_wave(2.5) + np.float32(0.2) * noise(seed=seed, smooth=1) for seed in (20, 2, 3, 4))
    errors = np.zeros(2)
    for fill in fills:
        made_up = _chosen(picture, mask, fill)
        assert made_up.detail < 0.3
        for number, blend in enumerate((made_up, replace(made_up, detail=1.0))):
            errors[number] += ((apply_blend(blend, picture, fill, mask) - picture) ** 2).sum()
    assert errors[0] < 0.97 * errors[1]


@pytest.mark.parametrize("depth", [2, 5, 16])
def test_the_deeper_the_hole_the_coarser_is_detail(depth: int) -> None:
    """Depths, of half a picture that is missing, which are shallow, usual, and twice _DEEP."""
    mask = np.ones((4 * depth, 4 * depth), bool)
    mask[:, : 2 * depth] = False
    picture = np.resize(noise(), (*mask.shape, 1))
    blend = _chosen(picture, mask, picture)
    assert blend.blur == pytest.approx(BLUR * (2 if depth == 16 else 1), rel=0.05)
    assert blend.detail == pytest.approx(1, abs=1e-3)  # a fill that is the truth


def test_in_a_shallow_hole_detail_is_all_there_is() -> None:
    picture, fill = (_wave() + np.float32(0.2) * noise(seed=each, smooth=1) for each in (20, 2))
    assert _chosen(picture, scattered(), fill).detail == 1


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.7])
def test_scale_makes_the_length_that_of_the_picture(scale: float) -> None:
    picture, mask = noise(), center()
    usual = _chosen(picture, mask, picture)
    scaled = _chosen(picture, mask, picture, scale=scale)
    assert usual.length == LENGTHS[0]
    assert (scaled.length, scaled.trust) == (scale * usual.length, usual.trust)
    assert (scaled.blur, scaled.detail) == (scale * BLUR, usual.detail)


def test_length_is_infinite_where_that_predicts_clearly_better() -> None:
    """A bent surface around a hole wide enough that a membrane would sag in it."""
    mask = np.ones((SIZE, SIZE), bool)
    mask[8:32, 8:32] = False
    y, x = np.indices((SIZE, SIZE)) / SIZE - 0.5
    picture = (0.5 + 0.8 * (x**2 - y**2 + x**3) + x * y)[..., None].clip(0, 1).astype(np.float32)
    constant = np.full_like(picture, 0.5)
    assert _chosen(picture, mask, constant).length == np.inf
    assert _chosen(picture, mask, constant, scale=2.0).length == np.inf
    assert _chosen(noise(), mask, constant).length < np.inf


def test_length_is_finite_in_a_deep_hole_whatever_the_trials_say() -> None:
    """A surface that a plate follows exactly where trials can look, at the rim of half the picture."""
    y, x = np.indices((SIZE, SIZE)) / SIZE - 0.5
    picture = (0.5 + 0.8 * (x**2 - y**2 + x**3) + x * y)[..., None].clip(0, 1).astype(np.float32)
    constant = np.full_like(picture, 0.5)
    assert _chosen(picture, left(), constant).length < np.inf


def _expecting(error: float | None, picture: np.ndarray, mask: np.ndarray, fill: np.ndarray) -> Spline:
    told = None if error is None else np.full(mask.shape, error, np.float32)
    trials = [replace(trial, error=told) for trial in _trials(picture, mask, fill[None])]
    return Auto().choose(trials, 1.0, "mean")


def test_fills_are_trusted_as_far_as_the_error_that_was_expected_explains_what_they_miss(solver: str) -> None:
    """Fills that are worth less than all by what is tried; those of a predictor keep their detail."""
    picture, mask = noise(), center()
    fill = picture + np.float32(0.9) * (noise(seed=9) - picture)
    sure, middling, unsure = (_expecting(error, picture, mask, fill) for error in (0.01, 0.05, 0.5))
    assert sure.trust < middling.trust - 0.02 < unsure.trust - 0.04
    assert unsure.trust > 0.9
    assert (sure.detail, unsure.detail) == (1, 1)
    worthless = _expecting(0.01, picture, mask, 1 - picture)
    assert worthless.trust < 0.1


def test_what_a_predictor_draws_is_trusted_wholly_where_it_is_nearer_than_interpolation(solver: str) -> None:
    """However sure it was; half of another picture is nearer, and nine tenths are not."""
    picture, mask = noise(), center()
    nearer, further = (picture + np.float32(share) * (noise(seed=9) - picture) for share in (0.5, 0.9))
    assert _expecting(0.01, picture, mask, nearer).trust == 1
    assert _expecting(None, picture, mask, nearer).trust < 0.95
    assert _expecting(0.01, picture, mask, further).trust < 0.7


def test_fills_that_repeat_what_they_saw_say_nothing_of_what_was_expected(solver: str) -> None:
    picture, mask = noise(), center()
    poor = picture + np.float32(0.9) * (noise(seed=9) - picture)
    found = []
    for other in (picture, 1 - picture):  # whatever the candidate holds that saw the hidden pixels
        trials = _trials(picture, mask, np.stack([poor, other]), blind=1)
        told = np.full(mask.shape, 0.02, np.float32)
        found.append(Auto().choose([replace(trial, error=told) for trial in trials], 1.0, "mean").trust)
    assert found[0] == found[1]


def test_length_is_finite_where_the_trials_expect_an_error() -> None:
    y, x = np.indices((SIZE, SIZE)) / SIZE - 0.5
    picture = (0.5 + 0.8 * (x**2 - y**2 + x**3) + x * y)[..., None].clip(0, 1).astype(np.float32)
    mask = np.ones((SIZE, SIZE), bool)
    mask[8:32, 8:32] = False
    constant = np.full_like(picture, 0.5)
    assert _expecting(None, picture, mask, constant).length == np.inf
    assert _expecting(0.1, picture, mask, constant).length < np.inf


@pytest.mark.slow
@each_hole
def test_disagreement_of_few_candidates_is_not_held_against_the_mean_of_all(mask: np.ndarray) -> None:
    """Candidates are the truth and noise of their own: the mean of two is noisier than that of eight.

    Trust is near what least squares would give for the mean of eight, and above that for the mean of two.
    """
    picture = noise()

    def candidate(seed: int) -> np.ndarray:
        return picture + np.float32(0.5) * (noise(seed=seed) - np.float32(0.5))

    def trust(count: int, blind: int) -> float:
        found = []
        for round_ in range(6):
            fills = np.stack([candidate(1000 + 50 * round_ + number) for number in range(count)])
            trials = _trials(picture, mask, fills, blind, seed=round_)
            found.append(Auto().choose(trials, 1.0, "mean").trust)
        return float(np.mean(found))

    of_two, of_eight, corrected = trust(2, 2), trust(8, 8), trust(8, 2)
    assert of_two < of_eight - 0.05
    assert corrected == pytest.approx(of_eight, abs=0.5 * (of_eight - of_two))


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_without_trials_the_fill_is_trusted(scale: float) -> None:
    picture, fill = noise(3), noise(3, seed=2)
    blend = Auto().choose([], scale, "mean")
    assert blend == Spline(LENGTHS[0] * scale, 1.0)
    assert np.array_equal(Auto().blend(picture, fill, center()), Spline().blend(picture, fill, center()))


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_without_held_out_pixels_the_fill_is_trusted(estimate: Any) -> None:
    """Too little is known to hide some of it: nothing speaks against the fill."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[18:22, 18:22] = True
    picture, fill = noise(), noise(seed=2)
    trials = _trials(picture, mask, fill[None])
    assert not any(trial.hidden.any() for trial in trials)
    reach = {"mean": float("inf"), "sample": 2 * REACH}[estimate]
    assert Auto().choose(trials, 2.0, estimate) == Spline(2 * LENGTHS[0], 1.0, reach)


def test_sets_that_are_empty_say_nothing() -> None:
    picture, mask = noise(), center()
    fill = 0.35 + 0.3 * noise(seed=2)
    trials = _trials(picture, mask, fill[None])
    empty = replace(trials[0], hidden=np.zeros_like(mask))
    assert Auto().choose([*trials, empty], 1.0, "mean") == Auto().choose(trials, 1.0, "mean")
