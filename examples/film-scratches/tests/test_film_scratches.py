"""The mask keeps to the contract, and its scratches run along the film."""

import numpy as np
import pytest
from inpaintx_film_scratches import FilmScratches

from inpaintx.pictures import Picture
from inpaintx.testing import check_mask_plugin


def test_it_keeps_to_the_contract() -> None:
    check_mask_plugin(FilmScratches)
    check_mask_plugin(FilmScratches, count=1, width=0.1, sway=0.0, run="across")


@pytest.mark.parametrize("run", ["down", "across"])
def test_a_scratch_runs_from_end_to_end(run: str) -> None:
    picture = Picture(np.zeros((48, 80), np.uint8))
    keep = FilmScratches(count=1, run=run).mask(picture, np.random.default_rng(1))
    lines = keep if run == "down" else keep.T
    assert not lines.all(axis=1).any()  # each line across the film is hit
    assert lines.mean() > 0.9
