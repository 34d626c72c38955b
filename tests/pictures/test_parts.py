"""Parts of large pictures: the same numbers as of the whole, in less memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inpaintx import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.pictures.regions import Region, from_square, hole_box, part_from_square, to_square


def picture_of(height: int, width: int, channels: int, dtype: type = np.uint8) -> Picture:
    shape = (height, width) if channels == 1 else (height, width, channels)
    top = np.iinfo(dtype).max
    return Picture(np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True))


def mask_of(height: int, width: int, top: int, left: int, side: int) -> np.ndarray:
    mask = np.ones((height, width), bool)
    mask[top : top + side, left : left + side] = False
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("channels", "wanted"), [(1, 1), (3, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("shape", [(300, 700), (20, 9)])
def test_levels_make_the_same_square_as_values(
    dtype: type, channels: int, wanted: int, shape: tuple[int, int]
) -> None:
    picture = picture_of(*shape, channels, dtype)
    mask = mask_of(*shape, 3, 2, 6)
    for region in (Region(0, 0, *shape), Region(1, 2, 15, 7)):
        of_levels = to_square(picture.array, mask, region, 32, wanted)
        of_values = to_square(picture.as_float(), mask, region, 32, wanted)
        for one, other in zip(of_levels, of_values, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_region_as_float_is_cut_from_the_whole() -> None:
    region = Region(2, 3, 5, 4)
    for channels in (1, 3):
        picture = picture_of(11, 13, channels)
        np.testing.assert_array_equal(picture.as_float(region), region.of(picture.as_float()))


def test_with_fill_takes_a_part_that_holds_the_hole() -> None:
    mask = mask_of(30, 40, 10, 12, 6)
    for channels in (1, 3):
        picture = picture_of(30, 40, channels)
        filled = 1 - picture.as_float()
        box = hole_box(mask, 2)
        part = picture.with_fill(box.of(filled), mask, box)
        np.testing.assert_array_equal(part.array, picture.with_fill(filled, mask).array)
        small = Region(10, 12, 6, 5)
        with pytest.raises(InpaintxError, match="the hole reaches out of the part"):
            picture.with_fill(small.of(filled), mask, small)


@given(top=st.integers(0, 29), left=st.integers(0, 39), side=st.integers(1, 12), margin=st.integers(0, 60))
def test_a_hole_box_holds_the_hole_and_its_margin(top: int, left: int, side: int, margin: int) -> None:
    mask = mask_of(30, 40, top, left, side)
    box = hole_box(mask, margin)
    near = np.zeros((30, 40), bool)
    near[max(0, top - margin) : top + side + margin, max(0, left - margin) : left + side + margin] = True
    want = np.zeros((30, 40), bool)
    box.of(want)[...] = True
    assert np.array_equal(want, near)


@given(
    side=st.sampled_from([7, 16, 32]),
    region=st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 60), st.integers(1, 60)),
    part=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60), st.integers(1, 60)),
    channels=st.sampled_from([(1, 1), (3, 3), (1, 3), (3, 1)]),
)
def test_a_part_of_what_a_square_becomes_is_cut_from_the_whole(
    side: int,
    region: tuple[int, int, int, int],
    part: tuple[int, int, int, int],
    channels: tuple[int, int],
) -> None:
    fill = np.random.default_rng(1).random((side, side, channels[0]), np.float32)
    whole = from_square(fill, Region(*region), 120, 120, channels[1])
    found = part_from_square(fill, Region(*region), Region(*part), channels[1])
    np.testing.assert_allclose(found, Region(*part).of(whole), atol=2e-6)


def test_a_square_of_a_large_picture_takes_no_more_than_a_channel_of_it() -> None:
    picture = picture_of(2000, 3000, 3)
    mask = mask_of(2000, 3000, 900, 900, 300)
    channel = 2000 * 2000 * 4
    tracemalloc.start()
    to_square(picture.array, mask, Region(0, 500, 2000, 2000), 64, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.6 * channel  # in float32, and its share that is known; all three would be 6 times
