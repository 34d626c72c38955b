"""A damaged picture at several sizes: about what the picture itself gives."""

import numpy as np
import pytest

from inpaintx.pictures import Picture
from inpaintx.pictures.pyramid import Pyramid
from inpaintx.pictures.regions import Region, to_square


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("region", [Region(0, 0, 331, 400), Region(40, 90, 260, 260), Region(7, 9, 40, 40)])
def test_a_square_of_a_smaller_level_is_about_that_of_the_picture(
    channels: int, dtype: type, region: Region
) -> None:
    rows, columns = np.mgrid[:331, :400] / 400
    values = np.stack([np.sin(9 * rows + n) * np.cos(7 * columns) / 2 + 0.5 for n in range(channels)], -1)
    top = np.iinfo(dtype).max
    array = np.rint(values * top).astype(dtype)
    mask = np.ones((331, 400), bool)
    mask[100:160, 130:200] = False
    array[~mask] = top  # what lies under the hole
    picture = Picture(array[..., 0] if channels == 1 else array)
    image, known = Pyramid(picture, mask).square(region, 16, channels)
    expected, expected_known = to_square(picture.array, mask, region, 16, channels)
    both = known & expected_known
    assert (known == expected_known).mean() > 0.95
    off = np.abs(image - expected)[both]  # it begins and ends at whole pixels of the level
    assert off.mean() < 0.02
    assert off.max() < 0.1
    assert not image[~known].any()
