"""Known pixels hidden on purpose: known ones, near the hole, in discs about as deep as it is."""

import numpy as np
import pytest

from inpaintx.completion.folds import SHARE, draw_folds
from inpaintx.ops.solvers import distance_to_known


def _square(size: int = 64, side: int = 32) -> np.ndarray:
    mask = np.ones((size, size), bool)
    start = (size - side) // 2
    mask[start : start + side, start : start + side] = False
    return mask


def _stroke() -> np.ndarray:
    mask = np.ones((64, 64), bool)
    mask[20:23, 8:56] = False
    return mask


def _left() -> np.ndarray:
    mask = np.ones((64, 64), bool)
    mask[:, :32] = False
    return mask


def _scattered() -> np.ndarray:
    return np.random.default_rng(0).random((64, 64)) < 0.2


def _wide() -> np.ndarray:
    mask = np.ones((24, 70), bool)
    mask[5:15, 30:60] = False
    return mask


HOLES = {
    "square": _square(),
    "stroke": _stroke(),
    "left": _left(),
    "scattered": _scattered(),
    "wide": _wide(),
}
each_hole = pytest.mark.parametrize("mask", HOLES.values(), ids=HOLES)


def _radius(mask: np.ndarray) -> float:
    """As deep as the hole is, for half of its pixels; a pixel at least."""
    return max(1.0, float(np.median(distance_to_known(mask)[~mask])))


@each_hole
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_known_pixels_near_the_hole(mask: np.ndarray, seed: int) -> None:
    folds = draw_folds(mask, 5, seed)
    assert folds.shape == (5, *mask.shape)
    assert folds.dtype == bool
    assert not (folds & ~mask).any()
    assert folds.any((1, 2)).all()
    # A disc's centre is two radii from the hole at most, and its rim one more.
    distance_to_hole = distance_to_known(~mask)
    assert distance_to_hole[folds.any(0)].max() <= 3 * _radius(mask)


@each_hole
@pytest.mark.parametrize("seed", range(20))
def test_folds_hide_at_most_half_of_what_is_known(mask: np.ndarray, seed: int) -> None:
    assert (2 * draw_folds(mask, 4, seed).sum((1, 2)) <= mask.sum()).all()


@each_hole
def test_folds_are_a_function_of_the_seed(mask: np.ndarray) -> None:
    first, again, other = (draw_folds(mask, 4, seed) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    everything = [fold.tobytes() for fold in (*first, *other)]
    assert len(set(everything)) == len(everything)  # nor are two folds of one seed alike


def test_first_folds_do_not_depend_on_how_many_follow() -> None:
    assert np.array_equal(draw_folds(_square(), 6, 3)[:2], draw_folds(_square(), 2, 3))


def test_mask_is_left_as_it_was() -> None:
    mask = _square()
    draw_folds(mask, 3, 0)
    assert np.array_equal(mask, _square())


@pytest.mark.parametrize("side", [2, 8, 16, 32])
def test_discs_are_about_as_deep_as_the_hole(side: int) -> None:
    """The deepest held-out pixels are about as far from what is still seen as half of the hole's are."""
    mask = _square(side=side)
    depth = np.median(distance_to_known(mask)[~mask])
    deepest = [distance_to_known(mask & ~fold)[fold].max() for fold in draw_folds(mask, 8, 1)]
    assert depth <= np.median(deepest) <= 2 * depth


def test_lone_disc_is_round() -> None:
    """Away from the borders, and with one disc only, a fold is every known pixel within the radius."""
    mask = np.ones((101, 101), bool)
    mask[48:53, 48:53] = False
    radius = _radius(mask)
    centre_like = 0
    for fold in draw_folds(mask, 8, 2):
        centre_like += any(
            np.array_equal(fold, mask & (np.hypot(y - np.arange(101)[:, None], x - np.arange(101)) <= radius))
            for y, x in np.argwhere(fold)
        )
    near = mask & (distance_to_known(~mask) <= 2 * radius)
    expected_discs = round(SHARE * near.sum() / (np.pi * radius**2))
    assert centre_like == (8 if expected_discs <= 1 else 0)


def test_larger_surroundings_get_more_discs() -> None:
    """About as many pixels are hidden as a fifth of those near a long stroke."""
    mask = _stroke()
    near = mask & (distance_to_known(~mask) <= 2 * _radius(mask))
    share = draw_folds(mask, 20, 0).sum((1, 2)).mean() / near.sum()
    assert 0.7 * SHARE < share < 1.5 * SHARE


def _one_pixel(known: bool) -> np.ndarray:
    mask = np.full((16, 16), not known)
    mask[3, 4] = known
    return mask


@pytest.mark.parametrize(
    "mask",
    [np.ones((16, 16), bool), np.zeros((16, 16), bool), _one_pixel(known=True), np.ones((1, 1), bool)],
    ids=["nothing hidden", "nothing known", "one pixel known", "one pixel in all"],
)
def test_nothing_is_held_out_where_nothing_can_be(mask: np.ndarray) -> None:
    folds = draw_folds(mask, 3, 0)
    assert folds.shape == (3, *mask.shape)
    assert not folds.any()


def test_no_sets() -> None:
    assert draw_folds(_square(), 0, 0).shape == (0, 64, 64)


def test_one_pixel_hidden() -> None:
    """The smallest hole: discs of one pixel's radius, beside it."""
    mask = _one_pixel(known=False)
    folds = draw_folds(mask, 10, 0)
    assert folds.any((1, 2)).all()
    assert folds.sum((1, 2)).max() <= 5
    assert not folds[:, 3, 4].any()


def test_fold_that_would_hide_most_of_what_is_known_is_empty() -> None:
    """A hole so deep, around a known patch so small, that a disc covers it."""
    mask = np.zeros((64, 64), bool)
    mask[30:34, 30:34] = True
    assert _radius(mask) > 4 * 2**0.5
    assert not draw_folds(mask, 4, 0).any()
