"""Biharmonic interpolation, native and reference, against direct solves, exact solutions, scikit-image."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.restoration import inpaint_biharmonic
from solver_cases import HOLES, TOLERANCE, blob, each_hole, grid, needs_native

from inpaintx import InpaintxError
from inpaintx.ops import solvers


def _direct(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return solvers.biharmonic_reference(values.astype(np.float64), known)


def _laplacian(u: np.ndarray) -> np.ndarray:
    """[H,W,...]; repeating the border's pixels makes the flux over the border zero."""
    p = np.pad(u, ((1, 1), (1, 1)) + ((0, 0),) * (u.ndim - 2), mode="edge")
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u


def _noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def _cubic(shape: tuple[int, int]) -> np.ndarray:
    y, x = grid(shape)
    y, x = y / shape[0] - 0.4, x / shape[1] - 0.6
    return x**3 - 2 * x * y**2 + y**3 + x * y - 0.5 * x


# --- against direct solves ---------------------------------------------------------------------------------


@each_hole
def test_reference_leaves_the_laplacian_of_the_laplacian_0_in_the_hole(hole: str) -> None:
    known = HOLES[hole]((37, 50))
    u = _direct(_noise((37, 50, 2)), known)
    assert abs(_laplacian(_laplacian(u))[~known]).max(initial=0) < 1e-9


@needs_native
@each_hole
@pytest.mark.parametrize("shape", [(64, 64), (37, 50), (8, 100)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_native_is_the_direct_solution(hole: str, shape: tuple[int, int], dtype: type[np.floating]) -> None:
    known = HOLES[hole](shape)
    values = _noise((*shape, 3), seed=1).astype(dtype)
    u = solvers.biharmonic(values, known)
    assert u.dtype == dtype
    assert abs(u - _direct(values, known)).max() < TOLERANCE


@pytest.mark.slow
@needs_native
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    known=arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))).filter(lambda known: known.any()),
    seed=st.integers(0, 1000),
)
def test_native_is_the_direct_solution_for_any_mask(known: np.ndarray, seed: int) -> None:
    values: np.ndarray = np.random.default_rng(seed).normal(size=known.shape)
    u = solvers.biharmonic(values, known)
    exact = _direct(values[..., None], known)[..., 0]
    assert abs(u - exact).max() <= TOLERANCE * np.ptp(values[known]) + 1e-9
    assert u[known].tobytes() == values[known].tobytes()


def _sparse(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(5).random(shape) < 0.001


def _ends(shape: tuple[int, int]) -> np.ndarray:
    known = np.zeros(shape, dtype=bool)
    known[0, [0, -1]] = True
    return known


def _posts(shape: tuple[int, int]) -> np.ndarray:
    y, x = grid(shape)
    return (y % 50 == 7) & (x % 50 == 31)


@pytest.mark.slow
@needs_native
@pytest.mark.parametrize(
    ("hole", "shape"), [(_sparse, (200, 180)), (_ends, (2, 600)), (_ends, (150, 140)), (_posts, (200, 200))]
)
def test_hardly_anything_known(hole: Callable[[tuple[int, int]], np.ndarray], shape: tuple[int, int]) -> None:
    """Long waves, hardly held: they need a multigrid that is right for smooth functions."""
    known = hole(shape)
    values = _noise((*shape, 1), seed=2)
    assert abs(solvers.biharmonic(values, known) - _direct(values, known)).max() < TOLERANCE


# --- against exact solutions -------------------------------------------------------------------------------


def test_cubics_are_their_own_interpolation(solver: str) -> None:
    known = blob((48, 52))
    assert known[:2].all()
    assert known[-2:].all()
    assert known[:, :2].all()
    assert known[:, -2:].all()
    cubic = _cubic(known.shape)
    u = solvers.biharmonic(np.where(known, cubic, np.nan), known)
    assert np.allclose(u, cubic, rtol=0, atol=TOLERANCE * np.ptp(cubic[known]))


@pytest.mark.slow
@needs_native
def test_large_blob_that_no_direct_solver_would_like() -> None:
    known = blob((900, 1100))
    cubic = _cubic(known.shape)
    u = solvers.biharmonic(np.where(known, cubic, np.nan), known)
    assert abs(u - cubic).max() < TOLERANCE * np.ptp(cubic[known])


@pytest.mark.parametrize("height", [1, 2, 9])
def test_beam_between_two_sides(solver: str, height: int) -> None:
    """Between two known columns on each side, with the picture's border above and below: a cubic of x."""
    x = np.linspace(-1, 1, 25)
    known = np.zeros((height, 25), dtype=bool)
    known[:, [0, 1, -2, -1]] = True
    u = solvers.biharmonic(np.where(known, x**3 - x**2, np.nan), known)
    assert np.allclose(u, x**3 - x**2, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("axis", [0, 1])
@each_hole
def test_the_border_is_a_mirror(solver: str, hole: str, axis: int) -> None:
    """Zero flux: beside its mirror image, the picture is filled alike."""
    known = HOLES[hole]((20, 26))
    values = _noise((20, 26), seed=3)
    doubled = [np.concatenate([a, np.flip(a, axis)], axis) for a in (values, known)]
    half = np.split(solvers.biharmonic(*doubled), 2, axis)[0]
    assert np.allclose(half, solvers.biharmonic(values, known), rtol=0, atol=TOLERANCE)


@each_hole
def test_is_the_least_bent(solver: str, hole: str) -> None:
    """No other filling has a smaller sum of squared Laplacians: not the membrane, and none close by."""
    known = HOLES[hole]((24, 31))
    values = _noise((24, 31), seed=4)
    u = solvers.biharmonic(values, known)

    def bending(filled: np.ndarray) -> float:
        return float((_laplacian(filled) ** 2).sum())

    assert bending(u) <= bending(solvers.membrane(values, known)) + 1e-9
    rng = np.random.default_rng(5)
    for _ in range(5):
        other = u + np.where(known, 0, rng.normal(scale=1e-3, size=u.shape))
        assert known.all() or bending(other) > bending(u)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 40), (300, 200)])
def test_one_known_pixel_makes_a_constant(solver: str, shape: tuple[int, int]) -> None:
    known = np.zeros(shape, dtype=bool)
    known[shape[0] // 3, shape[1] // 2] = True
    u = solvers.biharmonic(np.where(known, 0.7, np.nan), known)
    assert np.allclose(u, 0.7, rtol=0, atol=1e-6)


def test_continues_a_slope_beyond_the_range_of_the_known(solver: str) -> None:
    """A clamped beam rises between two ramps that point upwards."""
    known = np.ones((1, 21), dtype=bool)
    known[:, 5:16] = False
    roof = 10 - abs(np.arange(21.0) - 10)[None]
    assert solvers.biharmonic(roof, known).max() > roof[known].max() + 1


@each_hole
def test_is_scikit_images(solver: str, hole: str) -> None:
    """At the picture's border, too; scikit-image clips to the range of the known pixels."""
    known = HOLES[hole]((24, 31))
    values = _noise((24, 31), seed=6)
    theirs = inpaint_biharmonic(np.where(known, values, 0), ~known)
    ours = np.clip(solvers.biharmonic(values, known), values[known].min(), values[known].max())
    assert np.allclose(ours, theirs, rtol=0, atol=TOLERANCE)


# --- invariances -------------------------------------------------------------------------------------------


@each_hole
def test_known_pixels_stay_and_what_is_under_the_hole_is_never_read(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = _noise((24, 31, 3), seed=7).astype(np.float32)
    u = solvers.biharmonic(values, known)
    assert u[known].tobytes() == values[known].tobytes()
    for garbage in (0, np.nan, -np.inf, 1e30):
        spoilt = np.where(known[..., None], values, np.float32(garbage))
        assert solvers.biharmonic(spoilt, known).tobytes() == u.tobytes()


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (-1.0, 0.3), (1.0, 1e6)])
def test_precision_follows_the_range_of_the_values(solver: str, scale: float, offset: float) -> None:
    known = blob((30, 30))
    values = _noise((30, 30), seed=8)
    u = solvers.biharmonic(values * scale + offset, known)
    assert np.allclose((u - offset) / scale, solvers.biharmonic(values, known), rtol=0, atol=TOLERANCE)


@each_hole
def test_constant_picture_stays_constant(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = np.where(known, np.float32(0.3), np.float32(np.nan))
    assert np.allclose(solvers.biharmonic(values, known), np.float32(0.3), rtol=0, atol=1e-7)


def test_turned_and_mirrored_pictures_are_filled_alike(solver: str) -> None:
    known = blob((31, 22)) & HOLES["strokes"]((31, 22))
    values = _noise((31, 22, 2), seed=9)
    u = solvers.biharmonic(values, known)
    for move in (np.flipud, np.fliplr, np.rot90, lambda a: a.swapaxes(0, 1)):
        assert np.allclose(solvers.biharmonic(move(values), move(known)), move(u), rtol=0, atol=TOLERANCE)


def test_channels_and_far_holes_are_problems_of_their_own(solver: str) -> None:
    values = _noise((60, 80, 3), seed=10)
    known = np.ones((60, 80), dtype=bool)
    known[5:12, 3:9] = False
    one = solvers.biharmonic(values, known)
    for channel in range(3):
        alone = solvers.biharmonic(values[..., channel], known)
        assert np.allclose(one[..., channel], alone, rtol=0, atol=1e-12)
    known[40:55, 60:78] = False
    both = solvers.biharmonic(values, known)
    assert np.allclose(both[:30], one[:30], rtol=0, atol=1e-12)


@pytest.mark.parametrize("between", [1, 2, 3])
def test_holes_matter_to_each_other_across_one_known_line_only(solver: str, between: int) -> None:
    values = _noise((20, 30, 1), seed=11)
    left, both = np.ones((2, 20, 30), dtype=bool)
    left[4:15, 5:12] = both[4:15, 5:12] = False
    both[6:16, 12 + between : 20 + between] = False
    alone, together = (solvers.biharmonic(values, known) for known in (left, both))
    apart = abs(together - alone)[~left].max()
    assert apart > 0.01 if between == 1 else apart < TOLERANCE
    assert abs(together - _direct(values, both)).max() < TOLERANCE


@needs_native
def test_same_bits_each_time() -> None:
    known = HOLES["random 80 %"]((50, 50))
    values = _noise((50, 50), seed=12)
    assert solvers.biharmonic(values, known).tobytes() == solvers.biharmonic(values, known).tobytes()


# --- in tension --------------------------------------------------------------------------------------------

each_tension = pytest.mark.parametrize("tension", [1e-4, 0.25, 3.0, 1e4])


@each_hole
@each_tension
def test_in_tension_the_equation_is_that_of_a_plate_and_a_membrane(hole: str, tension: float) -> None:
    """L (L + tension) u = 0 in the hole, with L the negated Laplacian."""
    known = HOLES[hole]((37, 50))
    u = solvers.biharmonic_reference(_noise((37, 50, 2)), known, tension)
    residual = _laplacian(_laplacian(u) - tension * u)
    assert abs(residual[~known]).max(initial=0) < 1e-9 * (1 + tension)


@needs_native
@each_hole
@each_tension
def test_native_in_tension_is_the_direct_solution(hole: str, tension: float) -> None:
    known = HOLES[hole]((37, 50))
    for dtype in (np.float32, np.float64):
        values = _noise((37, 50, 2), seed=1).astype(dtype)
        u = solvers.biharmonic(values, known, tension)
        exact = solvers.biharmonic_reference(values.astype(np.float64), known, tension)
        assert u.dtype == dtype
        assert u[known].tobytes() == values[known].tobytes()
        assert abs(u - exact).max() < TOLERANCE


@pytest.mark.slow
@needs_native
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    known=arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))).filter(lambda known: known.any()),
    tension=st.floats(0, 1e6),
    seed=st.integers(0, 1000),
)
def test_native_in_tension_is_the_direct_solution_for_any_mask(
    known: np.ndarray, tension: float, seed: int
) -> None:
    values: np.ndarray = np.random.default_rng(seed).normal(size=known.shape)
    u = solvers.biharmonic(values, known, tension)
    exact = solvers.biharmonic_reference(values[..., None], known, tension)[..., 0]
    assert abs(u - exact).max() <= TOLERANCE * np.ptp(values[known]) + 1e-9


@each_hole
def test_tension_goes_from_the_plate_to_the_membrane(solver: str, hole: str) -> None:
    known = HOLES[hole]((24, 31))
    values = _noise((24, 31), seed=4)
    plate, membrane = solvers.biharmonic(values, known), solvers.membrane(values, known)
    slack, tight = (solvers.biharmonic(values, known, tension) for tension in (1e-9, 1e6))
    assert np.allclose(slack, plate, rtol=0, atol=1e-4)
    assert np.allclose(tight, membrane, rtol=0, atol=1e-4)
    apart = [abs(solvers.biharmonic(values, known, t) - membrane).max() for t in (0, 0.1, 1, 10, 100)]
    assert apart[0] < 1e-6 or (np.diff(apart) < 0).all()  # nothing bends where one pixel or all are known


def test_beam_in_tension_is_a_plate_near_its_ends_and_a_membrane_further_in(solver: str) -> None:
    """In one dimension u is a + b x plus what decays, or grows, by the same factor at each pixel."""
    tension, count = 0.25, 60
    decay = 1 + tension / 2 - np.sqrt(tension + tension**2 / 4)  # the root of r + 1/r = 2 + tension
    assert 1 / -np.log(decay) == pytest.approx(tension**-0.5, rel=0.02)  # the length it is named for
    x = np.arange(count)
    beam = (0.2 + 0.01 * x + 0.5 * decay**x - 0.3 * decay ** (count - 1 - x))[None]
    known = np.zeros((1, count), dtype=bool)
    known[:, [0, 1, -2, -1]] = True
    u = solvers.biharmonic(np.where(known, beam, np.nan), known, tension)
    assert np.allclose(u, beam, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("tension", [-1e-9, -1.0, np.inf, -np.inf, np.nan])
def test_tension_is_a_number_from_0_on(solver: str, tension: float) -> None:
    with pytest.raises(InpaintxError, match=f"a plate can't have the tension {tension}: use 0 or more"):
        solvers.biharmonic(_noise((6, 6)), HOLES["blob"]((6, 6)), tension)


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "known", "message"),
    [
        (np.zeros((4, 4)), np.zeros((4, 4), dtype=bool), "keeps no pixel"),
        (np.full((4, 4), np.nan), np.ones((4, 4), dtype=bool), "known pixel is NaN or infinite"),
        (np.zeros((4, 4), dtype=np.uint8), np.ones((4, 4), dtype=bool), "uint8"),
        (np.zeros((4, 5)), np.ones((4, 4), dtype=bool), "don't fit"),
        (np.zeros((4, 4)), np.ones((4, 4)), "must be bool"),
    ],
)
def test_wrong_arrays(solver: str, values: np.ndarray, known: np.ndarray, message: str) -> None:
    with pytest.raises(InpaintxError, match=message):
        solvers.biharmonic(values, known)


def test_a_solver_that_does_not_converge_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: np.ndarray) -> np.ndarray:
        raise RuntimeError("the interpolation did not converge")

    monkeypatch.setattr(solvers, "native", lambda: SimpleNamespace(biharmonic=fail))
    with pytest.raises(InpaintxError, match="did not converge: keep more pixels") as raised:
        solvers.biharmonic(np.zeros((4, 4)), np.ones((4, 4), dtype=bool))
    assert "\n" not in str(raised.value)


@needs_native
def test_native_module_does_not_read_out_of_bounds() -> None:
    module = solvers.native()
    assert module is not None
    known = np.ones((4, 4), dtype=bool)
    for values in (np.zeros((4, 5, 1)), np.zeros((5, 4, 1)), np.zeros((4, 4))):
        with pytest.raises(ValueError, match="shape"):
            module.biharmonic(values, known)
    with pytest.raises(ValueError, match="known"):
        module.biharmonic(np.zeros((4, 4, 1)), ~known)
