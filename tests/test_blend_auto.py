"""The blends `spline` and `auto`: interpolation alone, or with the fill, by what known pixels say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from solver_cases import SOLVERS, use_solver

from inpaintx import InpaintxError, registry, solvers
from inpaintx.blending import ChoosingBlend, Trial, apply_blend
from inpaintx.holdout import hold_out
from inpaintx.testing import check_blend_plugin
from inpaintx_plugins.blends.auto import LENGTHS, REACH, Auto
from inpaintx_plugins.blends.biharmonic import Biharmonic
from inpaintx_plugins.blends.poisson import Poisson
from inpaintx_plugins.blends.spline import Spline

SIZE = 40


@pytest.fixture(params=SOLVERS)
def solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test on each of the two solvers."""
    use_solver(request.param, monkeypatch)
    return request.param


def _center() -> np.ndarray:
    known = np.ones((SIZE, SIZE), dtype=bool)
    known[12:28, 12:28] = False
    return known


def _left() -> np.ndarray:
    known = np.ones((SIZE, SIZE), dtype=bool)
    known[:, : SIZE // 2] = False
    return known


def _scattered() -> np.ndarray:
    return np.random.default_rng(0).random((SIZE, SIZE)) < 0.2


HOLES = {"center": _center(), "left": _left(), "scattered": _scattered()}
each_hole = pytest.mark.parametrize("mask", HOLES.values(), ids=HOLES)


def _noise(channels: int = 1, seed: int = 1, smooth: int = 5) -> np.ndarray:
    """Blotches about as wide as `smooth` pixels, which no interpolation foresees: float32 in [0.1, 0.9]."""
    from scipy.ndimage import uniform_filter

    rough = np.random.default_rng(seed).random((SIZE, SIZE, channels))
    blurred = uniform_filter(rough, (smooth, smooth, 0), mode="wrap")
    low, high = blurred.min(), blurred.max()
    return (0.1 + 0.8 * (blurred - low) / (high - low)).astype(np.float32)


def _trials(
    picture: np.ndarray, mask: np.ndarray, fills: np.ndarray, blind: int | None = None, seed: int = 0
) -> list[Trial]:
    """As of a model that fills every trial like this, [K, H, W, C]; the first so many fills are blind."""
    seen = picture * mask[..., None]
    unaware = np.arange(len(fills)) < (len(fills) if blind is None else blind)
    return [Trial(seen, mask, hidden, fills, unaware) for hidden in hold_out(mask, Auto.trials, seed)]


def _chosen(picture: np.ndarray, mask: np.ndarray, *fills: np.ndarray, **more: Any) -> Spline:
    blend = Auto().choose(
        _trials(picture, mask, np.stack(fills)), **{"scale": 1.0, "estimate": "mean"} | more
    )
    assert isinstance(blend, Spline)
    return blend


# --- spline ------------------------------------------------------------------------------------------------


def test_spline_keeps_the_contract(solver: str) -> None:
    check_blend_plugin(Spline)


@pytest.mark.parametrize("options", [{"trust": 0.3}, {"trust": 0.0}, {"length": float("inf")}], ids=str)
def test_spline_keeps_the_contract_with_any_options(options: dict[str, float]) -> None:
    check_blend_plugin(Spline, **options)


def test_come_by_entry_point() -> None:
    assert registry.make("blend", "spline", {"length": "inf", "trust": "0.5"}) == Spline(float("inf"), 0.5)
    assert isinstance(registry.make("blend", "auto", {}), Auto)


@each_hole
@pytest.mark.parametrize("length", [1.0, 4.0, float("inf")])
def test_spline_without_trust_is_interpolation_alone(solver: str, mask: np.ndarray, length: float) -> None:
    picture = _noise(3)
    blended = Spline(length, trust=0.0).blend(picture, _noise(3, seed=2), mask)
    alone = solvers.biharmonic(picture, mask, length**-2)
    assert np.array_equal(blended, np.clip(alone, 0, 1))


@each_hole
def test_spline_of_infinite_length_is_biharmonic(solver: str, mask: np.ndarray) -> None:
    picture, fill = _noise(3), _noise(3, seed=2)
    blended = Spline(length=float("inf")).blend(picture, fill, mask)
    np.testing.assert_allclose(blended, Biharmonic().blend(picture, fill, mask), rtol=0, atol=1e-6)


@each_hole
def test_spline_of_hardly_any_length_is_poisson(solver: str, mask: np.ndarray) -> None:
    picture, fill = _noise(3), _noise(3, seed=2)
    poisson = Poisson().blend(picture, fill, mask)
    apart = [
        np.abs(Spline(length=length).blend(picture, fill, mask) - poisson)[~mask].max()
        for length in (1.0, 0.1, 0.01)
    ]
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 1e-3


@each_hole
def test_spline_is_linear_in_trust(solver: str, mask: np.ndarray) -> None:
    """A half of the trust is halfway from the interpolation to the fill joined to the known pixels."""
    picture, fill = _noise(), 0.3 + 0.4 * _noise(seed=2)
    none, half, whole = (Spline(trust=trust).blend(picture, fill, mask) for trust in (0.0, 0.5, 1.0))
    inside = ~mask & ((whole > 0) & (whole < 1) & (none > 0) & (none < 1))[..., 0]  # clipped nowhere
    assert inside.sum() > 0.5 * (~mask).sum()
    np.testing.assert_allclose(half[inside], (none + whole)[inside] / 2, rtol=0, atol=1e-5)
    assert np.abs(whole - none)[inside].max() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": "0"}, "'length' must be more than 0"),
        ({"length": "-2"}, "'length' must be more than 0"),
        ({"length": "nan"}, "'length' must be more than 0"),
        ({"trust": "-0.1"}, r"'trust' must be in \[0, 1\]"),
        ({"trust": "1.5"}, r"'trust' must be in \[0, 1\]"),
        ({"trust": "nan"}, r"'trust' must be in \[0, 1\]"),
        ({"length": "far"}, "length"),
    ],
)
def test_spline_refuses_odd_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(InpaintxError, match=message) as caught:
        registry.make("blend", "spline", options)
    assert "\n" not in str(caught.value)


# --- what the issue asks of both ---------------------------------------------------------------------------


@each_hole
@pytest.mark.parametrize("channels", [1, 3])
def test_constant_fill_gives_the_classical_one_to_rounding(
    solver: str, mask: np.ndarray, channels: int
) -> None:
    """Whatever trust is put in it, and whatever `auto` makes of it."""
    picture, constant = _noise(channels), np.full((SIZE, SIZE, channels), 0.37, np.float32)
    for blend in (Spline(), Spline(trust=0.4), Spline(length=float("inf")), _chosen(picture, mask, constant)):
        classical = np.clip(solvers.biharmonic(picture, mask, blend.length**-2.0), 0, 1)
        blended = apply_blend(blend, picture, constant, mask)
        np.testing.assert_allclose(blended, classical, rtol=0, atol=2e-6)


@each_hole
def test_no_colour_bleeds_into_a_fill_that_meets_the_known_side(solver: str, mask: np.ndarray) -> None:
    """Where the fill agrees with what is known beside the hole, it stays as it is, however the rest looks."""
    fill = _noise(3)
    beside = solvers.distance_to_known(~mask) <= 3  # two steps, also diagonally
    red = np.array([1.0, 0.0, 0.0], np.float32)
    picture = np.where((mask & ~beside)[..., None], red, fill)
    for length in LENGTHS:
        blended = apply_blend(Spline(length), picture, fill, mask)
        np.testing.assert_allclose(blended[~mask], fill[~mask], rtol=0, atol=2e-6)


@each_hole
def test_within_reach_all_is_as_without_one_and_beyond_it_the_fill_stays(
    solver: str, mask: np.ndarray
) -> None:
    picture, fill = _noise(3), _noise(3, seed=2)
    picture = 0.3 + 0.4 * picture  # so that nothing is clipped
    fill = 0.4 + 0.2 * fill
    whole, wide, narrow = (Spline(reach=reach).blend(picture, fill, mask) for reach in (np.inf, 1e6, 0.2))
    np.testing.assert_allclose(wide, whole, rtol=0, atol=1e-5)
    change = (narrow - fill)[~mask]
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), rtol=0, atol=1e-5)


def test_stroke_that_the_fill_misses_casts_no_shadow_across_the_hole() -> None:
    """The known half has a black bar that ends at the rim; the fill is white, as most of the picture."""
    mask = _left()
    picture = np.where(mask, 1.0, 0.0)[..., None].astype(np.float32)
    picture[10:24, SIZE // 2 :] = 0.0
    fill = np.ones_like(picture)
    shadow, clean = (Spline(reach=reach).blend(picture, fill, mask)[:, :8] for reach in (np.inf, 5.0))
    assert shadow.mean() < 0.8
    assert clean.min() > 0.99


def test_another_light_is_made_up_for_beyond_the_reach_too() -> None:
    mask, fill = _left(), 0.2 + 0.5 * _noise(3)
    light = np.array([0.1, -0.05, 0.2], np.float32)
    blended = Spline(reach=3.0).blend((fill + light) * mask[..., None], fill, mask)
    np.testing.assert_allclose(blended, fill + light, rtol=0, atol=1e-5)


@each_hole
def test_what_one_colour_misses_stays_in_that_colour(solver: str, mask: np.ndarray) -> None:
    """A fill that is wrong in red only is changed in red only."""
    picture = _noise(3)
    fill = picture.copy()
    fill[..., 0] = _noise(seed=3)[..., 0]
    for blend in (Spline(), _chosen(picture, mask, picture)):
        blended = apply_blend(blend, picture, fill, mask)
        np.testing.assert_allclose(blended[..., 1:], picture[..., 1:], rtol=0, atol=2e-3)


@each_hole
def test_auto_leaves_known_pixels_and_never_reads_under_the_hole(mask: np.ndarray) -> None:
    picture, fill = _noise(3), _noise(3, seed=2)
    spoilt = np.where(mask[..., None], picture, np.float32(np.nan))
    results = []
    for image in (picture, spoilt):
        trials = [replace(trial, picture=image) for trial in _trials(image, mask, fill[None])]
        blend = Auto().choose(trials, 1.0, "mean")
        results.append(apply_blend(blend, image, fill, mask))
        assert np.array_equal(results[-1][mask], picture[mask])
    assert np.array_equal(*results)


# --- auto --------------------------------------------------------------------------------------------------


def test_auto_keeps_the_contract(solver: str) -> None:
    check_blend_plugin(Auto)


def test_auto_chooses() -> None:
    assert isinstance(Auto(), ChoosingBlend)
    assert not isinstance(Spline(), ChoosingBlend)


@each_hole
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_fill_that_is_the_truth_is_trusted(solver: str, mask: np.ndarray, estimate: str) -> None:
    picture = _noise(3)
    blend = _chosen(picture, mask, picture, estimate=estimate)
    assert blend.trust == pytest.approx(1, abs=1e-3)


@each_hole
def test_shade_of_the_truth_is_trusted_too(mask: np.ndarray) -> None:
    """Only what the fill adds to the interpolation counts: a constant goes away."""
    picture = 0.6 * _noise(3)
    assert _chosen(picture, mask, picture + np.float32(0.3)).trust == pytest.approx(1, abs=1e-3)


@each_hole
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_fill_that_has_nothing_to_do_with_the_picture_is_hardly_trusted(mask: np.ndarray, seed: int) -> None:
    picture, unrelated = _noise(seed=1, smooth=3), _noise(seed=seed, smooth=3)
    assert _chosen(picture, mask, unrelated).trust < 0.25
    assert _chosen(picture, mask, 1 - picture).trust == 0  # worse than nothing


@each_hole
@pytest.mark.parametrize(("contrast", "trust"), [(2.0, 0.5), (1.25, 0.8), (0.9, 1.0)])
def test_trust_makes_up_for_too_much_contrast(mask: np.ndarray, contrast: float, trust: float) -> None:
    """A fill of twice the truth's contrast is half trusted, which brings the truth back; of less, wholly."""
    picture = 0.35 + 0.3 * _noise()
    fill = 0.5 + contrast * (picture - 0.5)
    blend = _chosen(picture, mask, fill.astype(np.float32))
    assert blend.trust == pytest.approx(trust, abs=0.01)
    if contrast > 1:
        np.testing.assert_allclose(apply_blend(blend, picture, fill, mask), picture, rtol=0, atol=0.01)


@each_hole
def test_auto_makes_the_best_of_fills_that_are_more_or_less_wrong(mask: np.ndarray) -> None:
    """Over many pictures it fills the hole better than interpolation alone, and than the fill, trusted."""
    rng = np.random.default_rng(5)
    errors = {"auto": 0.0, "interpolation": 0.0, "fill": 0.0}
    for number in range(12):
        picture = _noise(seed=number)
        wrong = rng.uniform(0, 1.5) * (_noise(seed=100 + number) - 0.5)
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
    picture = _noise()
    fill = picture + np.float32(wrong) * (_noise(seed=9) - np.float32(0.5))
    narrow = np.ones((SIZE, SIZE), bool)
    narrow[:, ::8] = False
    for mask, expected in ((_center(), 0.5 + 1 / 12), (narrow, 0.25)):
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
    picture, nothing = _noise(), _noise(seed=2)

    def trust(*fills: np.ndarray, blind: int) -> float:
        return Auto().choose(_trials(picture, mask, np.stack(fills), blind), 1.0, "mean").trust

    pessimistic, flattered = trust(nothing, blind=1), trust(picture, blind=1)
    assert pessimistic + 0.1 < trust(nothing, picture, blind=1) < flattered - 0.1


@each_hole
def test_sample_is_trusted_wholly(mask: np.ndarray) -> None:
    picture = 0.35 + 0.3 * _noise()
    double = (0.5 + 2 * (picture - 0.5)).astype(np.float32)
    assert _chosen(picture, mask, double, estimate="sample").trust == 1
    assert _chosen(picture, mask, 1 - picture, estimate="sample").trust == 1


@each_hole
def test_what_a_sample_misses_is_not_spread_unless_it_is_worth_nothing(mask: np.ndarray) -> None:
    picture = 0.35 + 0.3 * _noise()
    constant = np.full_like(picture, 0.37)
    assert _chosen(picture, mask, picture, estimate="sample", scale=2.0).reach == 2 * REACH
    assert _chosen(picture, mask, constant, estimate="sample").reach == np.inf
    assert _chosen(picture, mask, picture, estimate="mean").reach == np.inf


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.7])
def test_scale_makes_the_length_that_of_the_picture(scale: float) -> None:
    picture, mask = _noise(), _center()
    usual = _chosen(picture, mask, picture)
    scaled = _chosen(picture, mask, picture, scale=scale)
    assert usual.length == LENGTHS[0]
    assert (scaled.length, scaled.trust) == (scale * usual.length, usual.trust)


def test_length_is_infinite_where_that_predicts_clearly_better() -> None:
    """A bent surface around a hole wide enough that a membrane would sag in it."""
    mask = np.ones((SIZE, SIZE), bool)
    mask[8:32, 8:32] = False
    y, x = np.indices((SIZE, SIZE)) / SIZE - 0.5
    picture = (0.5 + 0.8 * (x**2 - y**2 + x**3) + x * y)[..., None].clip(0, 1).astype(np.float32)
    constant = np.full_like(picture, 0.5)
    assert _chosen(picture, mask, constant).length == np.inf
    assert _chosen(picture, mask, constant, scale=2.0).length == np.inf
    assert _chosen(_noise(), mask, constant).length < np.inf


def test_length_is_finite_in_a_deep_hole_whatever_the_trials_say() -> None:
    """A surface that a plate follows exactly where trials can look, at the rim of half the picture."""
    y, x = np.indices((SIZE, SIZE)) / SIZE - 0.5
    picture = (0.5 + 0.8 * (x**2 - y**2 + x**3) + x * y)[..., None].clip(0, 1).astype(np.float32)
    constant = np.full_like(picture, 0.5)
    assert _chosen(picture, _left(), constant).length < np.inf


@each_hole
def test_disagreement_of_few_candidates_is_not_held_against_the_mean_of_all(mask: np.ndarray) -> None:
    """Candidates are the truth and noise of their own: the mean of two is noisier than that of eight.

    Trust is near what least squares would give for the mean of eight, and above that for the mean of two.
    """
    picture = _noise()

    def candidate(seed: int) -> np.ndarray:
        return picture + np.float32(0.5) * (_noise(seed=seed) - np.float32(0.5))

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
    picture, fill = _noise(3), _noise(3, seed=2)
    blend = Auto().choose([], scale, "mean")
    assert blend == Spline(LENGTHS[0] * scale, 1.0)
    assert np.array_equal(Auto().blend(picture, fill, _center()), Spline().blend(picture, fill, _center()))


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_without_held_out_pixels_the_fill_is_trusted(estimate: Any) -> None:
    """Too little is known to hide some of it: nothing speaks against the fill."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[18:22, 18:22] = True
    picture, fill = _noise(), _noise(seed=2)
    trials = _trials(picture, mask, fill[None])
    assert not any(trial.hidden.any() for trial in trials)
    reach = {"mean": float("inf"), "sample": 2 * REACH}[estimate]
    assert Auto().choose(trials, 2.0, estimate) == Spline(2 * LENGTHS[0], 1.0, reach)


def test_sets_that_are_empty_say_nothing() -> None:
    picture, mask = _noise(), _center()
    fill = 0.35 + 0.3 * _noise(seed=2)
    trials = _trials(picture, mask, fill[None])
    empty = replace(trials[0], hidden=np.zeros_like(mask))
    assert Auto().choose([*trials, empty], 1.0, "mean") == Auto().choose(trials, 1.0, "mean")
