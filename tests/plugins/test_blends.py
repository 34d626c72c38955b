"""The built-in blends: what each of them promises, on the native solver and on the reference."""

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.ops import solvers
from inpaintx.plugins import registry
from inpaintx.plugins.blends import BlendPlugin
from inpaintx.plugins.testing import check_blend_plugin
from inpaintx_plugins.blends.alpha import Alpha
from inpaintx_plugins.blends.auto import Auto
from inpaintx_plugins.blends.biharmonic import Biharmonic
from inpaintx_plugins.blends.none import NoBlend
from inpaintx_plugins.blends.poisson import Poisson
from inpaintx_plugins.blends.spline import Spline

#: Found by the registry, as all plugins are: a new one is tested without a word here.
BLENDS: list[BlendPlugin] = [
    registry.make("blend", name)
    for name in registry.names("blend")
    if registry.get("blend", name).__module__.startswith("inpaintx_plugins.")
]
each_blend = pytest.mark.parametrize("blend", BLENDS, ids=lambda blend: blend.name)


def _center(size: int = 32) -> np.ndarray:
    known = np.ones((size, size), dtype=bool)
    known[size // 4 : -size // 4, size // 4 : -size // 4] = False
    return known


def _at_borders(size: int = 32) -> np.ndarray:
    known = np.ones((size, size), dtype=bool)
    known[:, : size // 2] = known[-3:] = known[:2, -2:] = False
    return known


def _scattered(size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((size, size)) < 0.2


HOLES = {"center": _center(), "at borders": _at_borders(), "scattered": _scattered()}
each_hole = pytest.mark.parametrize("mask", HOLES.values(), ids=HOLES)


def _waves(channels: int, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    """A smooth picture, float32 [32,32,C] in [low, high]."""
    y, x = np.indices((32, 32)) / 32
    waves = [np.sin(5 * x + channel) * np.cos(4 * y - channel) for channel in range(channels)]
    return (low + (high - low) * (np.stack(waves, axis=-1) + 1) / 2).astype(np.float32)


def _noise(channels: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((32, 32, channels), dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [NoBlend, Alpha, Poisson, Biharmonic])
def test_keeps_the_contract(solver: str, plugin: type) -> None:
    check_blend_plugin(plugin)


@pytest.mark.parametrize("width", [0.5, 1.0, 30.0])
def test_alpha_of_any_width_keeps_the_contract(width: float) -> None:
    check_blend_plugin(Alpha, width=width)


def test_come_by_entry_point() -> None:
    assert registry.get("blend", "none") is NoBlend
    assert registry.get("blend", "poisson") is Poisson
    assert registry.get("blend", "biharmonic") is Biharmonic
    assert registry.make("blend", "alpha", {"width": "2.5"}) == Alpha(width=2.5)


def test_none_is_the_fill() -> None:
    fill = _noise(3)
    result = NoBlend().blend(_waves(3), fill, _center())
    assert np.array_equal(result, fill)
    assert result is not fill


# --- poisson -----------------------------------------------------------------------------------------------


@each_hole
@pytest.mark.parametrize("channels", [1, 3])
def test_poisson_with_a_constant_fill_is_the_membrane(solver: str, mask: np.ndarray, channels: int) -> None:
    picture = _waves(channels)
    fill = np.full_like(picture, 0.4)
    blended = Poisson().blend(picture, fill, mask)
    assert np.allclose(blended, solvers.membrane(picture, mask), rtol=0, atol=1e-5)


@each_hole
@pytest.mark.parametrize("plugin", [Poisson, Biharmonic, Spline, Auto])
def test_truth_shifted_becomes_the_truth(solver: str, plugin: type, mask: np.ndarray) -> None:
    """Only the fill's gradients count: a constant that is added to each channel of it goes away."""
    picture = _waves(3)
    fill = picture + np.array([0.15, -0.1, 0.05], dtype=np.float32)
    assert np.allclose(plugin().blend(picture, fill, mask), picture, rtol=0, atol=1e-5)


@each_hole
def test_poisson_has_the_gradients_of_the_fill(solver: str, mask: np.ndarray) -> None:
    """Its Laplacian in the hole is the fill's, at the picture's borders, too."""
    picture, fill = _waves(2), _waves(2)[::-1, ::-1] * np.float32(0.5) + np.float32(0.2)
    blended = Poisson().blend(picture, fill, mask)
    assert blended[~mask].min() > 0, "what was clipped has other gradients"
    assert blended[~mask].max() < 1, "what was clipped has other gradients"

    def laplacian(u: np.ndarray) -> np.ndarray:
        p = np.pad(u.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="edge")
        return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u

    joined = np.where(mask[..., None], picture, blended)
    assert abs(laplacian(joined) - laplacian(fill))[~mask].max() < 5e-6


@pytest.mark.parametrize("plugin", [Poisson, Biharmonic, Spline])
def test_clips(plugin: type) -> None:
    picture = np.zeros((32, 32, 1), dtype=np.float32)
    y, x = np.indices((32, 32))
    fill = np.where((y + x) % 2 == 0, 1, 0)[..., None].astype(np.float32)
    blended = plugin().blend(picture, fill, _center())
    assert blended.min() == 0
    assert 0.5 < blended.max() <= 1


# --- biharmonic --------------------------------------------------------------------------------------------


@each_hole
@pytest.mark.parametrize("channels", [1, 3])
def test_biharmonic_with_a_constant_fill_is_the_plate(solver: str, mask: np.ndarray, channels: int) -> None:
    picture = _waves(channels)
    blended = Biharmonic().blend(picture, np.full_like(picture, 0.4), mask)
    plate = np.clip(solvers.biharmonic(picture, mask), 0, 1)
    assert np.allclose(blended, plate, rtol=0, atol=1e-5)


def test_biharmonic_of_the_truth_shaded_is_the_truth(solver: str) -> None:
    """A slanted and bent error of the fill, which the membrane follows in part only, goes away."""
    picture, mask = _waves(1), _center()
    y, x = np.indices((32, 32)) / 32
    fill = (picture + (0.3 * (x - 0.5) ** 2 - 0.2 * y * x)[..., None]).astype(np.float32)
    assert np.allclose(Biharmonic().blend(picture, fill, mask), picture, rtol=0, atol=1e-5)
    assert abs(Poisson().blend(picture, fill, mask) - picture).max() > 0.005


# --- alpha -------------------------------------------------------------------------------------------------


@each_hole
def test_alpha_is_the_fill_from_its_width_on_and_nearly_the_membrane_at_the_rim(
    solver: str, mask: np.ndarray
) -> None:
    picture, fill = _waves(3), _noise(3)
    blended = Alpha(width=5).blend(picture, fill, mask)
    membrane = solvers.membrane(picture, mask)
    distance = solvers.distance_to_known(mask)
    assert np.array_equal(blended[distance >= 5], fill[distance >= 5])
    assert np.array_equal(blended[mask], picture[mask])
    for steps in (1, 2, 3, 4):  # between them, one mixes with the other step by step
        ring = distance == steps
        expected = steps / 5 * fill[ring] + (1 - steps / 5) * membrane[ring]
        assert np.allclose(blended[ring], expected, rtol=0, atol=1e-6)


def test_alpha_in_a_hole_narrower_than_twice_its_width() -> None:
    known = np.ones((32, 32), dtype=bool)
    known[:, 15:18] = False
    picture, fill = np.zeros((32, 32, 1), np.float32), np.ones((32, 32, 1), np.float32)
    blended = Alpha(width=8).blend(picture, fill, known)
    assert np.allclose(blended[:, 15:18, 0], [1 / 8, 2 / 8, 1 / 8], rtol=0, atol=1e-6)


@pytest.mark.parametrize("width", ["0", "-3", "nan"])
def test_alpha_needs_a_width(width: str) -> None:
    with pytest.raises(InpaintxError, match="'width' must be more than 0"):
        registry.make("blend", "alpha", {"width": width})


# --- all of them -------------------------------------------------------------------------------------------


@each_blend
@each_hole
def test_what_is_under_the_hole_is_never_read(solver: str, blend: BlendPlugin, mask: np.ndarray) -> None:
    picture, fill = _waves(3), _noise(3)
    clean = blend.blend(np.where(mask[..., None], picture, np.float32(0)), fill, mask)
    for garbage in (np.nan, np.inf, 1e30):
        spoilt = np.where(mask[..., None], picture, np.float32(garbage))
        assert blend.blend(spoilt, fill, mask).tobytes() == clean.tobytes()


@pytest.mark.parametrize("blend", [Alpha(), Poisson(), Biharmonic(), Spline()], ids=lambda blend: blend.name)
def test_joins_the_known_pixels_without_a_seam(blend: BlendPlugin) -> None:
    """With a fill of the wrong brightness, the step at the rim is much smaller than without a blend."""
    mask = _center()
    picture = _waves(1)
    blended = np.where(mask[..., None], picture, blend.blend(picture, picture * np.float32(0.5), mask))
    pasted = np.where(mask[..., None], picture, picture * np.float32(0.5))

    def seam(u: np.ndarray) -> float:
        return float(abs(u[8, 8:24] - u[7, 8:24]).mean())

    assert seam(blended) < 0.4 * seam(pasted)
