"""The blend `spline`: a fill joined to the known pixels by a spline in tension."""

import numpy as np
import pytest
from blend_cases import SIZE, center, each_hole, left, noise

from inpaintx import InpaintxError
from inpaintx.ops import solvers
from inpaintx.plugins import registry
from inpaintx.plugins.blends import apply_blend
from inpaintx.plugins.testing import check_blend_plugin
from inpaintx_plugins.blends.auto import LENGTHS
from inpaintx_plugins.blends.biharmonic import Biharmonic
from inpaintx_plugins.blends.poisson import Poisson
from inpaintx_plugins.blends.spline import Spline, smoothed


@pytest.mark.slow
def test_spline_keeps_the_contract(solver: str) -> None:
    check_blend_plugin(Spline)


@pytest.mark.parametrize(
    "options", [{"trust": 0.3}, {"trust": 0.0}, {"length": float("inf")}, {"detail": 0.3}], ids=str
)
def test_spline_keeps_the_contract_with_any_options(options: dict[str, float]) -> None:
    check_blend_plugin(Spline, **options)


def test_comes_by_entry_point() -> None:
    assert registry.make("blend", "spline", {"length": "inf", "trust": "0.5"}) == Spline(float("inf"), 0.5)


@each_hole
@pytest.mark.parametrize("length", [1.0, 4.0, float("inf")])
def test_spline_without_trust_is_interpolation_alone(solver: str, mask: np.ndarray, length: float) -> None:
    picture = noise(3)
    blended = Spline(length, trust=0.0).blend(picture, noise(3, seed=2), mask)
    alone = solvers.biharmonic(picture, mask, length**-2)
    assert np.array_equal(blended, np.clip(alone, 0, 1))


@each_hole
def test_spline_of_infinite_length_is_biharmonic(solver: str, mask: np.ndarray) -> None:
    picture, fill = noise(3), noise(3, seed=2)
    blended = Spline(length=float("inf")).blend(picture, fill, mask)
    np.testing.assert_allclose(blended, Biharmonic().blend(picture, fill, mask), rtol=0, atol=1e-6)


@each_hole
def test_spline_of_hardly_any_length_is_poisson(solver: str, mask: np.ndarray) -> None:
    picture, fill = noise(3), noise(3, seed=2)
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
    picture, fill = noise(), 0.3 + 0.4 * noise(seed=2)
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
        ({"detail": "-0.1"}, r"'detail' must be in \[0, 1\]"),
        ({"detail": "1.5"}, r"'detail' must be in \[0, 1\]"),
        ({"blur": "0"}, "'blur' must be finite and more than 0"),
        ({"blur": "inf"}, "'blur' must be finite and more than 0"),
    ],
)
def test_spline_refuses_odd_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(InpaintxError, match=message) as caught:
        registry.make("blend", "spline", options)
    assert "\n" not in str(caught.value)


@each_hole
def test_no_colour_bleeds_into_a_fill_that_meets_the_known_side(solver: str, mask: np.ndarray) -> None:
    """Where the fill agrees with what is known beside the hole, it stays as it is, however the rest looks."""
    fill = noise(3)
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
    picture, fill = noise(3), noise(3, seed=2)
    picture = 0.3 + 0.4 * picture  # so that nothing is clipped
    fill = 0.4 + 0.2 * fill
    whole, wide, narrow = (Spline(reach=reach).blend(picture, fill, mask) for reach in (np.inf, 1e6, 0.2))
    np.testing.assert_allclose(wide, whole, rtol=0, atol=1e-5)
    change = (narrow - fill)[~mask]
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), rtol=0, atol=1e-5)


def test_stroke_that_the_fill_misses_casts_no_shadow_across_the_hole() -> None:
    """The known half has a black bar that ends at the rim; the fill is white, as most of the picture."""
    mask = left()
    picture = np.where(mask, 1.0, 0.0)[..., None].astype(np.float32)
    picture[10:24, SIZE // 2 :] = 0.0
    fill = np.ones_like(picture)
    shadow, clean = (Spline(reach=reach).blend(picture, fill, mask)[:, :8] for reach in (np.inf, 5.0))
    assert shadow.mean() < 0.8
    assert clean.min() > 0.99


def test_another_light_is_made_up_for_beyond_the_reach_too() -> None:
    mask, fill = left(), 0.2 + 0.5 * noise(3)
    light = np.array([0.1, -0.05, 0.2], np.float32)
    blended = Spline(reach=3.0).blend((fill + light) * mask[..., None], fill, mask)
    np.testing.assert_allclose(blended, fill + light, rtol=0, atol=1e-5)


@each_hole
def test_spline_is_linear_in_detail(solver: str, mask: np.ndarray) -> None:
    picture, fill = 0.35 + 0.3 * noise(3), 0.4 + 0.2 * noise(3, seed=2, smooth=1)
    none, half, whole = (Spline(detail=detail).blend(picture, fill, mask) for detail in (0.0, 0.5, 1.0))
    inside = ~mask & ((none > 0) & (none < 1) & (whole > 0) & (whole < 1)).all(2)  # clipped nowhere
    assert inside.sum() > 0.9 * (~mask).sum()
    np.testing.assert_allclose(half[inside], (none + whole)[inside] / 2, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(whole, Spline().blend(picture, fill, mask))


@pytest.mark.parametrize("mask", [center(), left()], ids=["center", "left"])
@pytest.mark.parametrize("reach", [float("inf"), 5.0])
def test_without_detail_what_is_coarse_stays(solver: str, mask: np.ndarray, reach: float) -> None:
    """A fill of a wide wave and a chessboard: the board goes, the wave remains."""
    y, x = np.indices((SIZE, SIZE))
    wave = (0.5 + 0.2 * np.sin(x / 5))[..., None].astype(np.float32)
    board = np.where((x + y) % 2, 0.1, -0.1)[..., None].astype(np.float32)
    deep = solvers.distance_to_known(mask) > 5  # beyond what the board makes up for at the rim
    whole, coarse = (
        Spline(detail=detail, reach=reach).blend(wave, wave + board, mask)[deep] - wave[deep]
        for detail in (1.0, 0.0)
    )
    assert np.abs(whole).mean() > 0.09
    assert np.abs(coarse).mean() < 0.01


@pytest.mark.parametrize("deviation", [1.5, 4.0, 12.0])
def test_smoothed_spreads_a_point_as_far_as_a_gaussian(deviation: float) -> None:
    point = np.zeros((121, 121, 2))
    point[60, 60, 1] = 1.0
    spread = smoothed(point, deviation)
    distance = np.arange(121) - 60.0
    assert np.array_equal(spread[..., 0], point[..., 0])
    assert spread[..., 1].sum() == pytest.approx(1)
    for axis in (0, 1):
        assert np.sqrt((spread[..., 1].sum(axis) * distance**2).sum()) == pytest.approx(deviation, rel=0.15)
