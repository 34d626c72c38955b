"""Stains and burnt-out spots, and the shapes of what is found."""

import numpy as np
import pytest

from inpaintx.detection.patches import find_burnt, find_stains
from inpaintx.detection.scales import enlarged, halved, pyramid
from inpaintx.detection.shapes import parts

ROWS, COLUMNS = np.ogrid[:240, :240]
DISC = np.hypot(ROWS - 120, COLUMNS - 110) <= 18


def levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)[..., None]


def test_a_stain_lets_the_picture_show_through() -> None:
    """What is multiplied by one tint is a stain, on a ramp too; a disc of one gray there is a thing."""
    ramp = 0.3 + 0.6 * COLUMNS / 240 + 0 * ROWS
    found = find_stains(levels(np.where(DISC, 0.6 * ramp, ramp)), 1.0)
    assert found[DISC].mean() > 0.9
    assert found[~DISC].mean() < 0.005
    steep = 0.35 + 0.6 * (COLUMNS > 110) + 0 * ROWS
    assert not find_stains(levels(np.where(DISC, 0.3, steep)), 1.0).any()


def test_a_faint_stain_wants_more_sensitivity() -> None:
    paper = np.full((240, 240), 0.7)
    faint = levels(np.where(DISC, 0.92 * paper, paper))
    assert not find_stains(faint, 1.0).any()
    assert find_stains(faint, 2.0)[DISC].mean() > 0.9


def test_many_alike_are_no_stains() -> None:
    values = np.full((240, 240), 0.7)
    for row in range(30, 240, 60):
        for column in range(30, 240, 60):
            values[np.hypot(ROWS - row, COLUMNS - column) <= 12] = 0.4
    assert not find_stains(levels(values), 1.0).any()


def test_burnt_spots_are_white_with_darker_pixels_all_around() -> None:
    spot = np.hypot(ROWS - 60, COLUMNS - 60) <= 8
    values = np.where(spot, 1.0, 0.5)
    assert find_burnt(levels(values), 1.0)[spot].all()
    assert not find_burnt(levels(np.where(spot, 0.95, 0.5)), 1.0).any()
    bright = np.where(spot, 1.0, 0.9)
    assert not find_burnt(levels(bright), 1.0).any()
    assert find_burnt(levels(bright), 4.0)[spot].all()


def test_white_paper_is_not_burnt() -> None:
    values = np.ones((240, 240))
    values[np.hypot(ROWS - 60, COLUMNS - 60) <= 20] = 0.2  # a letter …
    values[np.hypot(ROWS - 60, COLUMNS - 60) <= 8] = 1.0  # … with white inside
    assert not find_burnt(levels(values), 1.0).any()


def test_parts_know_their_shape() -> None:
    mask = np.zeros((60, 90), bool)
    rows, columns = np.ogrid[:60, :90]
    mask |= np.hypot(rows - 20, columns - 20) <= 10
    mask[50, 10:60] = True
    mask[5:9, 60:64] = mask[9:13, 64:68] = True  # joined at a corner
    found = parts(mask)
    assert found.labels.max() == 3
    disc, line, pair = (found.labels[place] for place in ((20, 20), (50, 30), (6, 61)))
    assert found.area[disc] == np.count_nonzero(found.labels == disc)
    assert found.elongation[disc] == pytest.approx(1, abs=0.01)
    assert found.fullness[disc] == pytest.approx(1, abs=0.02)
    assert found.elongation[line] == pytest.approx(50, rel=0.01)
    assert 2 < found.elongation[pair] < 4


def test_halving_averages_and_enlarging_goes_back() -> None:
    samples = np.arange(35, dtype=np.uint16).reshape(5, 7, 1) * 1000
    half = halved(samples)
    assert half.shape == (3, 4, 1)
    assert half.dtype == np.uint16
    assert half[0, 0] == samples[:2, :2].mean()
    assert half[2, 3] == samples[4, 6]
    assert [times for times, _ in pyramid(np.zeros((100, 40, 3), np.uint8), 10)] == [1, 2, 4]
    assert enlarged(np.eye(3, dtype=bool), 2, 5, 6).shape == (5, 6)
