"""From a picture to the model's square and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintx.pictures.arrays import fit_channels
from inpaintx.pictures.regions import (
    KNOWN_SHARE,
    Region,
    fit_region,
    from_square,
    hole_region,
    resample,
    to_square,
)


def _mask(height: int, width: int, *holes: tuple[int, int, int, int]) -> np.ndarray:
    """Known but for the given rectangles (top, left, height, width)."""
    mask = np.ones((height, width), bool)
    for top, left, rows, columns in holes:
        mask[top : top + rows, left : left + columns] = False
    return mask


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape, np.float32)


# --- which part of the picture ---


def test_crop_is_the_largest_centred_square() -> None:
    assert fit_region(40, 60, "crop") == Region(0, 10, 40, 40)
    assert fit_region(61, 40, "crop") == Region(10, 0, 40, 40)


def test_stretch_is_the_whole_picture() -> None:
    assert fit_region(40, 60, "stretch") == Region(0, 0, 40, 60)


@pytest.mark.parametrize(
    ("hole", "region"),
    [
        ((10, 25, 8, 8), Region(0, 10, 40, 40)),  # in the middle: as trained on
        ((0, 0, 5, 5), Region(0, 0, 40, 40)),  # in a corner: moved by as little as holds it
        ((35, 55, 5, 5), Region(0, 20, 40, 40)),
        ((5, 5, 10, 10), Region(0, 5, 40, 40)),
        ((5, 48, 10, 6), Region(0, 14, 40, 40)),
        ((10, 5, 8, 50), Region(0, 0, 40, 60)),  # wider than the square
        ((0, 10, 40, 40), Region(0, 0, 40, 60)),  # the whole square, where nothing would be known
        ((0, 10, 39, 40), Region(0, 10, 40, 40)),  # all but a row of it
        ((0, 0, 40, 60), Region(0, 0, 40, 60)),  # everything
    ],
    ids=str,
)
def test_region_holds_the_hole(hole: tuple[int, int, int, int], region: Region) -> None:
    assert hole_region(_mask(40, 60, hole), "crop") == region
    turned = Region(region.left, region.top, region.width, region.height)
    assert hole_region(_mask(40, 60, hole).T, "crop") == turned


def test_region_holds_several_holes() -> None:
    assert hole_region(_mask(40, 60, (0, 3, 2, 2), (30, 30, 5, 5)), "crop") == Region(0, 3, 40, 40)
    assert hole_region(_mask(40, 60, (0, 0, 2, 2), (30, 55, 5, 5)), "crop") == Region(0, 0, 40, 60)


def test_stretched_model_gets_the_whole_picture() -> None:
    assert hole_region(_mask(40, 60, (0, 0, 5, 5)), "stretch") == Region(0, 0, 40, 60)


@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_region_is_inside_the_picture_and_holds_every_hidden_pixel(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    mask = _mask(height, width, (top, left, rows, columns))
    region = hole_region(mask, "crop")
    assert region.top >= 0
    assert region.left >= 0
    assert region.of(mask).shape == (region.height, region.width)
    assert np.count_nonzero(~region.of(mask)) == np.count_nonzero(~mask)
    assert region.of(mask).any() == mask.any()


# --- there ---


def test_square_is_the_picture_itself_where_it_has_the_models_size() -> None:
    picture, mask = _noise(32, 32, 3), _mask(32, 32, (4, 6, 10, 12))
    image, known = to_square(picture, mask, Region(0, 0, 32, 32), 32, 3)
    assert np.array_equal(known, mask)
    assert np.array_equal(image[mask], picture[mask])
    assert not image[~mask].any()
    assert image.dtype == np.float32


@pytest.mark.parametrize("shape", [(32, 32), (20, 20), (90, 50), (20, 90)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_trap_4_what_lies_under_the_hole_is_never_read(shape: tuple[int, int], channels: int) -> None:
    """Not even through the resampling: NaN, infinity and huge values leave no trace."""
    picture, mask = _noise(*shape, 3), _mask(*shape, (3, 2, shape[0] // 3, shape[1] // 2))
    region = Region(0, 0, *shape)
    image, known = to_square(picture, mask, region, 32, channels)
    assert known.any()
    assert not known.all()
    assert np.isfinite(image).all()
    for garbage in (np.nan, np.inf, -1e30, 0.7):
        soiled = picture.copy()
        soiled[~mask] = garbage
        again, known_again = to_square(soiled, mask, region, 32, channels)
        assert np.array_equal(image, again)
        assert np.array_equal(known, known_again)


def test_pixel_of_the_square_averages_the_known_pixels_that_it_covers() -> None:
    picture, mask = _noise(64, 64, 1), np.random.default_rng(2).random((64, 64)) < 0.6
    image, known = to_square(picture, mask, Region(0, 0, 64, 64), 32, 1)
    blocks = picture[..., 0].reshape(32, 2, 32, 2)
    kept = mask.reshape(32, 2, 32, 2)
    count = kept.sum((1, 3))
    assert np.array_equal(known, count > 0)  # a quarter of a pixel is more than the share asked for
    mean = (blocks * kept).sum((1, 3))[known] / count[known]
    assert np.allclose(image[..., 0][known], mean, atol=1e-6)
    assert not image[~known].any()


@pytest.mark.parametrize(("kept", "known"), [(9, False), (11, True)])
def test_pixel_is_known_from_a_tenth_of_its_area_on(kept: int, known: bool) -> None:
    """320 pixels become 32: each covers 100."""
    mask = np.ones((320, 320), bool)
    block = np.zeros(100, bool)
    block[:kept] = True
    mask[:10, :10] = block.reshape(10, 10)
    _, square_mask = to_square(_noise(320, 320, 1), mask, Region(0, 0, 320, 320), 32, 1)
    assert square_mask[0, 0] == known == (kept / 100 > KNOWN_SHARE)
    assert square_mask.sum() == 32 * 32 - (not known)


def test_square_is_cut_out_of_its_region() -> None:
    picture = _noise(50, 70, 1)
    image, _ = to_square(picture, _mask(50, 70, (12, 25, 4, 4)), Region(10, 20, 32, 32), 32, 1)
    known = _mask(32, 32, (2, 5, 4, 4))
    assert np.array_equal(image[known], picture[10:42, 20:52][known])


def test_growing_stays_in_range() -> None:
    """Bicubic weights are negative in places, for the values as for the mask."""
    checks = (np.indices((8, 8)).sum(0) % 2).astype(np.float32)[..., None]
    image, known = to_square(checks, _mask(8, 8, (3, 3, 2, 2)), Region(0, 0, 8, 8), 32, 1)
    assert (image.min(), image.max()) == (0, 1)
    assert not known[14:18, 14:18].any()
    assert known[:12].all()


# --- resampling ---


def test_shrinking_averages_areas() -> None:
    array = _noise(64, 96, 2)
    expected = array.reshape(16, 4, 32, 3, 2).mean((1, 3))
    assert np.allclose(resample(array, 16, 32), expected, atol=1e-6)


def test_one_axis_can_shrink_while_the_other_grows() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 8, dtype=np.float32)[None, :, None], (64, 8, 1))
    result = resample(ramp, 16, 32)
    assert result.shape == (16, 32, 1)
    assert np.allclose(result, result[:1], atol=1e-6)  # constant down the columns, as before
    assert np.all(np.diff(result[0, :, 0]) >= -1e-6)


def test_constant_stays_constant_at_any_size() -> None:
    constant = np.full((13, 29, 3), 0.3, np.float32)
    for size in ((5, 7), (64, 64), (5, 64), (13, 29)):
        assert np.allclose(resample(constant, *size), 0.3, atol=1e-6)


def test_channels_become_luma_or_are_repeated() -> None:
    rgb = _noise(4, 5, 3)
    gray = fit_channels(rgb, 1)
    assert gray.dtype == np.float32
    assert np.allclose(gray[..., 0], 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2])
    assert np.array_equal(fit_channels(gray, 3), np.repeat(gray, 3, axis=2))
    assert fit_channels(rgb, 3) is rgb


# --- and back ---


def test_fill_comes_back_to_its_place() -> None:
    fill = _noise(32, 32, 3)
    whole = from_square(fill, Region(5, 7, 32, 32), 40, 50, 3)
    assert whole.shape == (40, 50, 3)
    assert whole.dtype == np.float32
    assert np.array_equal(whole[5:37, 7:39], fill)
    whole[5:37, 7:39] = 0
    assert not whole.any()


@pytest.mark.parametrize("shape", [(20, 20), (64, 64), (90, 45), (20, 90)], ids=str)
def test_there_and_back_gives_a_smooth_picture_again(shape: tuple[int, int]) -> None:
    rows, columns = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None, :]
    picture = (0.2 + 0.6 * rows * columns).astype(np.float32)[..., None]
    region = Region(0, 0, *shape)
    image, _ = to_square(picture, _mask(*shape, (0, 0, 0, 0)), region, 32, 3)
    assert np.abs(from_square(image, region, *shape, 1) - picture).max() < 0.03


def test_fill_is_kept_in_range() -> None:
    checks = np.repeat((np.indices((32, 32)).sum(0) % 2).astype(np.float32)[..., None], 3, axis=2)
    whole = from_square(checks, Region(0, 0, 90, 90), 90, 90, 1)
    assert (whole.min(), whole.max()) == (0, 1)
