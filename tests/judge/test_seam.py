"""The seam against a slow reading of its definition, and on fills whose seam is known."""

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.judge.seam import seam


def _pictures(channels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    original, completed = rng.random((2, 5, 12, 14, channels), dtype=np.float32)
    mask = rng.random((5, 12, 14)) < 0.6
    return original, np.where(mask[..., None], original, completed), mask


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_mean_over_the_pairs_across_the_rim(channels: int) -> None:
    original, completed, mask = _pictures(channels)
    for a, b, known, result in zip(original, completed, mask, seam(original, completed, mask), strict=True):
        mismatches = []
        for y, x in np.ndindex(12, 14):
            for there in ((y + 1, x), (y, x + 1)):
                if there[0] < 12 and there[1] < 14 and known[y, x] != known[there]:
                    mismatches.extend(np.abs((b[there] - b[y, x]) - (a[there] - a[y, x])))
        assert result == pytest.approx(np.mean(mismatches), rel=1e-6)


def test_the_original_has_none() -> None:
    original, _, mask = _pictures(3)
    result = seam(original, original, mask)
    assert result.dtype == np.float64
    assert (result == 0).all()


def test_only_the_rim_counts() -> None:
    original = np.full((1, 20, 20, 1), 0.5, dtype=np.float32)
    mask = np.ones((1, 20, 20), dtype=bool)
    mask[:, 5:15, 5:15] = False
    inside = original.copy()
    inside[:, 6:14, 6:14] = 1
    assert seam(original, inside, mask)[0] == 0
    off = np.where(mask[..., None], original, 0.8)
    assert seam(original, off.astype(np.float32), mask)[0] == pytest.approx(0.3)


def test_without_a_rim_there_is_no_seam() -> None:
    original, completed, _ = _pictures(1)
    for mask in (np.ones((5, 12, 14), dtype=bool), np.zeros((5, 12, 14), dtype=bool)):
        assert np.isnan(seam(original, completed, mask)).all()


def test_pictures_that_do_not_fit() -> None:
    original, completed, mask = _pictures(1)
    with pytest.raises(InpaintxError, match="masks of"):
        seam(original, completed, mask[:, :-1])
    with pytest.raises(InpaintxError, match="pictures of"):
        seam(original, completed[:-1], mask)
