"""apply_blend: what it hands to a plugin, what it takes back, and what it says of a bad one."""

import subprocess
import sys
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.blends import apply_blend
from inpaintx_plugins.blends.poisson import Poisson


@dataclass
class Recorder:
    """Gives what it was told to, and keeps what it got."""

    result: object
    got: dict[str, np.ndarray] = field(default_factory=dict)
    name: ClassVar[str] = "recorder"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Whatever `result` is."""
        self.got = {"picture": picture.copy(), "fill": fill.copy(), "mask": mask.copy()}
        return self.result  # type: ignore[return-value]


@dataclass
class Vandal:
    """Writes into everything that it gets."""

    name: ClassVar[str] = "vandal"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The picture that it was given, overwritten."""
        picture[:] = 0.5
        return picture


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).random((12, 15, 3), dtype=np.float32)


@pytest.fixture
def mask() -> np.ndarray:
    return np.random.default_rng(1).random((12, 15)) < 0.5


@pytest.fixture
def fill() -> np.ndarray:
    return np.random.default_rng(2).random((12, 15, 3), dtype=np.float32)


@pytest.mark.parametrize("name", registry.names("blend"))
def test_known_pixels_are_bit_identical(
    name: str, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray
) -> None:
    filled = apply_blend(registry.make("blend", name), picture, fill, mask)
    assert filled.dtype == np.float32
    assert filled[mask].tobytes() == picture[mask].tobytes()
    assert not np.array_equal(filled[~mask], picture[~mask])
    assert filled.min() >= 0
    assert filled.max() <= 1


@pytest.mark.parametrize("name", registry.names("blend"))
def test_result_is_the_same_whatever_the_hole_holds(
    name: str, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray
) -> None:
    plugin = registry.make("blend", name)
    clean = apply_blend(plugin, picture, fill, mask)
    for garbage in (np.nan, np.inf, -1e30):
        spoilt = np.where(mask[..., None], picture, np.float32(garbage))
        assert apply_blend(plugin, spoilt, fill, mask).tobytes() == clean.tobytes()


def test_plugin_sees_zeros_under_the_hole(picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> None:
    plugin = Recorder(fill)
    apply_blend(plugin, np.where(mask[..., None], picture, np.float32(np.nan)), fill, mask)
    assert np.array_equal(plugin.got["picture"], picture * mask[..., None])
    assert np.array_equal(plugin.got["fill"], fill)
    assert np.array_equal(plugin.got["mask"], mask)


def test_what_a_plugin_changes_on_known_pixels_is_undone(
    picture: np.ndarray, fill: np.ndarray, mask: np.ndarray
) -> None:
    before = picture.copy()
    spoilt = fill.copy()
    spoilt[mask] = np.nan
    filled = apply_blend(Recorder(spoilt), picture, fill, mask)
    assert np.array_equal(filled, np.where(mask[..., None], before, fill))
    with pytest.raises(InpaintxError, match=r"blend plugin 'vandal' on cat\.png: it raised .*read-only"):
        apply_blend(Vandal(), picture, fill, mask, "cat.png")
    assert np.array_equal(picture, before)


def test_clips_in_the_hole(picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> None:
    filled = apply_blend(Recorder(fill * 4 - 2), picture, fill, mask)
    assert filled[~mask].min() == 0
    assert filled[~mask].max() == 1


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (None, "NoneType"),
        ([0.5], "list"),
        (np.zeros((12, 15, 3)), r"float64 \[12, 15, 3\]"),
        (np.zeros((12, 15), dtype=np.float32), r"float32 \[12, 15\]"),
        (np.zeros((15, 12, 3), dtype=np.float32), r"float32 \[15, 12, 3\]"),
        (np.full((12, 15, 3), np.nan, dtype=np.float32), "NaN"),
        (np.full((12, 15, 3), np.inf, dtype=np.float32), "infinity"),
    ],
)
def test_bad_result_names_the_plugin(
    result: object, found: str, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray
) -> None:
    with pytest.raises(InpaintxError, match=f"blend plugin 'recorder': it gave .*{found}") as raised:
        apply_blend(Recorder(result), picture, fill, mask)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"picture": np.zeros((12, 15, 3))}, "the picture to blend is float64"),
        ({"picture": np.zeros((12, 15), dtype=np.float32)}, r"float32 \[12, 15\]"),
        ({"fill": np.zeros((12, 15, 1), dtype=np.float32)}, "the fill is"),
        ({"fill": np.zeros((12, 15, 3), dtype=np.uint8)}, "the fill is uint8"),
        ({"mask": np.ones((15, 12), dtype=bool)}, "the mask is bool"),
        ({"mask": np.ones((12, 15), dtype=np.uint8)}, "the mask is uint8"),
    ],
)
def test_inputs_that_do_not_fit(
    wrong: dict[str, np.ndarray], message: str, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray
) -> None:
    with pytest.raises(InpaintxError, match=message) as raised:
        apply_blend(Poisson(), **({"picture": picture, "fill": fill, "mask": mask} | wrong))
    assert "\n" not in str(raised.value)


def test_blend_that_needs_a_known_pixel_says_so(picture: np.ndarray, fill: np.ndarray) -> None:
    with pytest.raises(InpaintxError, match="keeps no pixel"):
        apply_blend(Poisson(), picture, fill, np.zeros((12, 15), dtype=bool))


def test_importing_loads_neither_torch_nor_scipy() -> None:
    code = (
        "import sys, inpaintx.plugins.blends; "
        "import inpaintx_plugins.blends.alpha, inpaintx_plugins.blends.poisson; "
        "print({'torch', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
