"""The membrane and the distances, native and reference, against direct solves and exact solutions."""

import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from solver_cases import (
    HOLES,
    TOLERANCE,
    blob,
    each_hole,
    grid,
    needs_native,
    random_pixels,
)

from inpaintx import InpaintxError
from inpaintx.ops import solvers

STEP = 1 / 255


@pytest.fixture
def fresh_native() -> Iterator[None]:
    """Lets the test decide anew whether the native module is there."""
    solvers.native.cache_clear()
    yield
    solvers.native.cache_clear()


def _module() -> ModuleType:
    module = solvers.native()
    assert module is not None, "inpaintx.ops._native isn't built"
    return module


def _direct(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return solvers.membrane_reference(values.astype(np.float64), known)


def _flux(u: np.ndarray) -> np.ndarray:
    """What flows into each pixel; repeating the border's pixels makes the flux over the border zero."""
    p = np.pad(u, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u


# --- membrane ----------------------------------------------------------------------------------------------


@each_hole
def test_reference_leaves_no_flux_in_the_hole(hole: str) -> None:
    known = HOLES[hole]((37, 50))
    u = _direct(np.random.default_rng(0).random((37, 50, 2)), known)
    assert abs(_flux(u)[~known]).max(initial=0) < 1e-12


@needs_native
@each_hole
@pytest.mark.parametrize("shape", [(64, 64), (37, 50), (8, 100)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_native_membrane_is_the_direct_solution(
    hole: str, shape: tuple[int, int], dtype: type[np.floating]
) -> None:
    known = HOLES[hole](shape)
    values = np.random.default_rng(1).random((*shape, 3)).astype(dtype)
    u = solvers.membrane(values, known)
    assert u.dtype == dtype
    assert abs(u - _direct(values, known)).max() < TOLERANCE < 0.1 * STEP


@pytest.mark.slow
@needs_native
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    known=arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))).filter(lambda known: known.any()),
    seed=st.integers(0, 1000),
)
def test_native_membrane_is_the_direct_solution_for_any_mask(known: np.ndarray, seed: int) -> None:
    values: np.ndarray = np.random.default_rng(seed).normal(size=known.shape)
    u = solvers.membrane(values, known)
    exact = _direct(values[..., None], known)[..., 0]
    assert abs(u - exact).max() <= TOLERANCE * np.ptp(values[known]) + 1e-12
    assert u[known].tobytes() == values[known].tobytes()


@pytest.mark.parametrize("height", [1, 2, 9])
def test_flat_between_two_sides(solver: str, height: int) -> None:
    """Between two known columns, with the picture's border above and below, it's a straight ramp."""
    known = np.zeros((height, 21), dtype=bool)
    known[:, [0, -1]] = True
    u = solvers.membrane(np.where(known, np.linspace(0, 1, 21), np.nan), known)
    assert np.allclose(u, np.linspace(0, 1, 21), atol=TOLERANCE)


def test_saddle_is_its_own_membrane(solver: str) -> None:
    """x² − y² is harmonic on the grid, too."""
    y, x = grid((40, 40))
    saddle = ((x - 20) ** 2 - (y - 15) ** 2) / 400
    known = blob((40, 40))
    assert np.allclose(solvers.membrane(saddle, known), saddle, atol=TOLERANCE * np.ptp(saddle))


@pytest.mark.slow
@needs_native
def test_large_blob_that_no_direct_solver_would_like() -> None:
    y, x = grid((900, 1100))
    saddle = ((x - 500) ** 2 - (y - 450) ** 2) / 500**2
    known = blob((900, 1100))
    u = solvers.membrane(np.where(known, saddle, np.nan), known)
    assert abs(u - saddle).max() < TOLERANCE * np.ptp(saddle)


@each_hole
def test_known_pixels_stay_and_what_is_under_the_hole_is_never_read(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = np.random.default_rng(2).random((24, 31, 3), dtype=np.float32)
    u = solvers.membrane(values, known)
    assert u[known].tobytes() == values[known].tobytes()
    for garbage in (0, np.nan, -np.inf, 1e30):
        spoilt = np.where(known[..., None], values, np.float32(garbage))
        assert solvers.membrane(spoilt, known).tobytes() == u.tobytes()


@each_hole
def test_stays_between_the_lowest_and_the_highest_known_value(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = np.random.default_rng(3).integers(0, 2, (24, 31)).astype(np.float64)
    u = solvers.membrane(values, known)
    slack = 0 if solver == "native" else 1e-12
    assert values[known].min() - slack <= u.min() <= u.max() <= values[known].max() + slack


@each_hole
def test_constant_picture_stays_constant(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = np.where(known, np.float32(0.3), np.float32(np.nan))
    assert np.allclose(solvers.membrane(values, known), np.float32(0.3), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6)])
def test_precision_follows_the_range_of_the_values(solver: str, scale: float, offset: float) -> None:
    known = blob((30, 30))
    values = np.random.default_rng(4).random((30, 30))
    u = solvers.membrane(values * scale + offset, known)
    assert np.allclose((u - offset) / scale, solvers.membrane(values, known), rtol=0, atol=TOLERANCE)


def test_channels_and_far_holes_are_problems_of_their_own(solver: str) -> None:
    rng = np.random.default_rng(6)
    values = rng.random((60, 80, 3))
    known = np.ones((60, 80), dtype=bool)
    known[5:12, 3:9] = False
    one = solvers.membrane(values, known)
    for channel in range(3):
        alone = solvers.membrane(values[..., channel], known)
        assert np.allclose(one[..., channel], alone, rtol=0, atol=1e-12)
    known[40:55, 60:78] = False
    both = solvers.membrane(values, known)
    assert np.allclose(both[:30], one[:30], rtol=0, atol=1e-12)


def test_any_layout_in_memory(solver: str) -> None:
    known = blob((30, 22)).T
    values = np.random.default_rng(7).random((30, 22, 3)).transpose(1, 0, 2)[..., ::-1]
    u = solvers.membrane(values, known)
    assert np.array_equal(u, solvers.membrane(np.ascontiguousarray(values), np.ascontiguousarray(known)))


def test_gives_a_new_array_of_the_same_shape(solver: str) -> None:
    values = np.random.default_rng(8).random((6, 5), dtype=np.float32)
    before = values.copy()
    u = solvers.membrane(values, np.ones((6, 5), dtype=bool))
    u[:] = 7
    assert u.shape == (6, 5)
    assert np.array_equal(values, before)


@needs_native
def test_same_bits_each_time() -> None:
    known = random_pixels(0.2)((50, 50))
    values = np.random.default_rng(9).random((50, 50))
    assert solvers.membrane(values, known).tobytes() == solvers.membrane(values, known).tobytes()


@pytest.mark.slow
@needs_native
def test_other_threads_run_meanwhile() -> None:
    values = np.random.default_rng(10).random((1000, 1000))
    known = blob((1000, 1000))
    ticks = 0
    worker = threading.Thread(target=_module().membrane, args=(values[..., None], known))
    worker.start()
    while worker.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 5  # one that held the interpreter's lock would let this thread run before and after only


def test_nothing_known(solver: str) -> None:
    nothing = np.zeros((4, 4), dtype=bool)
    with pytest.raises(InpaintxError, match="keeps no pixel"):
        solvers.membrane(np.zeros((4, 4)), nothing)
    with pytest.raises(InpaintxError, match="keeps no pixel"):
        solvers.distance_to_known(nothing)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_known_pixel_that_is_not_finite(solver: str, bad: float) -> None:
    values = np.zeros((4, 4, 3))
    values[1, 2, 1] = bad
    known = np.ones((4, 4), dtype=bool)
    with pytest.raises(InpaintxError, match="known pixel is NaN or infinite"):
        solvers.membrane(values, known)
    known[1, 2] = False
    assert np.array_equal(solvers.membrane(values, known), np.zeros((4, 4, 3)))


@pytest.mark.parametrize(
    ("values", "known", "message"),
    [
        (np.zeros((4, 4), dtype=np.uint8), np.ones((4, 4), dtype=bool), "uint8"),
        (np.zeros((4, 5)), np.ones((4, 4), dtype=bool), "don't fit"),
        (np.zeros(4), np.ones((4, 4), dtype=bool), "don't fit"),
        (np.zeros((4, 4)), np.ones((4, 4)), "must be bool"),
        (np.zeros((4, 4)), np.ones(4, dtype=bool), "must be bool"),
    ],
)
def test_wrong_arrays(solver: str, values: np.ndarray, known: np.ndarray, message: str) -> None:
    with pytest.raises(InpaintxError, match=message) as raised:
        solvers.membrane(values, known)
    assert "\n" not in str(raised.value)


@needs_native
def test_native_module_does_not_read_out_of_bounds() -> None:
    module = _module()
    known = np.ones((4, 4), dtype=bool)
    for values in (np.zeros((4, 5, 1)), np.zeros((5, 4, 1)), np.zeros((4, 4))):
        with pytest.raises(ValueError, match="shape"):
            module.membrane(values, known)
    with pytest.raises(ValueError, match="known"):
        module.membrane(np.zeros((4, 4, 1)), ~known)
    with pytest.raises(ValueError, match="shape"):
        module.distance_to_known(known[0])


# --- distances ---------------------------------------------------------------------------------------------


@each_hole
def test_distance_is_that_of_the_nearest_known_pixel(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    pixels = np.moveaxis(np.indices(known.shape), 0, -1)
    steps = pixels[:, :, None, :] - pixels[known]
    nearest = np.sqrt((steps**2).sum(axis=-1).min(axis=-1)).astype(np.float32)
    distance = solvers.distance_to_known(known)
    assert distance.dtype == np.float32
    assert np.array_equal(distance, nearest)


@pytest.mark.slow
@needs_native
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    known=arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))).filter(lambda known: known.any())
)
def test_native_distance_is_scipys(known: np.ndarray) -> None:
    assert np.array_equal(solvers.distance_to_known(known), solvers.distance_reference(known))


# --- where the native module comes from --------------------------------------------------------------------


def test_warns_once_where_the_native_module_is_missing(
    fresh_native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTX_NATIVE", raising=False)
    monkeypatch.setitem(sys.modules, "inpaintx.ops._native", None)
    known = blob((12, 12))
    with pytest.warns(UserWarning, match="native solvers can't be loaded"):
        u = solvers.membrane(np.ones((12, 12)), known)
    assert np.allclose(u, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solvers.distance_to_known(known)


def test_environment_asks_for_the_reference(fresh_native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPAINTX_NATIVE", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solvers.native() is None


@needs_native
def test_native_module_says_what_it_was_built_with() -> None:
    info = _module().build_info()
    assert info["compiler"].split()[0] in ("gcc", "clang", "msvc")
    assert info["standard"] >= 201703
    assert isinstance(info["flags"], str)


def test_importing_loads_neither_torch_nor_scipy() -> None:
    code = "import sys, inpaintx.ops.solvers; print({'torch', 'scipy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
