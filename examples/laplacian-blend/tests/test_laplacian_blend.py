"""The blend keeps to the contract, and more levels join over a wider seam."""

import numpy as np
from inpaintx_laplacian_blend import Laplacian

from inpaintx.testing import check_blend_plugin


def test_it_keeps_to_the_contract() -> None:
    check_blend_plugin(Laplacian)
    check_blend_plugin(Laplacian, levels=1)


def test_a_step_at_the_seam_becomes_a_ramp_and_a_wider_one_with_more_levels() -> None:
    picture, fill = np.full((64, 64, 1), 0.8, np.float32), np.full((64, 64, 1), 0.2, np.float32)
    mask = np.ones((64, 64), bool)
    mask[:, 32:] = False
    widths = []
    for levels in (1, 2, 3):  # of four, the seam reaches the picture's ends
        row = Laplacian(levels=levels).blend(picture, fill, mask)[32, :, 0]
        assert np.allclose(row[[0, -1]], [0.8, 0.2], atol=1e-3)
        assert np.abs(np.diff(row)).max() < 0.6  # the step's height
        widths.append(np.count_nonzero((row > 0.21) & (row < 0.79)))
    assert widths == sorted(set(widths))
