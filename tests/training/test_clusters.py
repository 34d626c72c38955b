"""Near-copies are found, chained, and told from what only looks alike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inpaintx import InpaintxError
from inpaintx.training import clusters
from inpaintx.training.clusters import groups_of, near_copies, nearest


def _different(count: int, channels: int = 1, size: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth pictures with nothing in common: uint8 [N,C,H,W]."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 6, 6, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    return (smooth * 255).byte().numpy()


def _copies_of(pictures: np.ndarray) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(1).normal(0, 12, pictures.shape)
    return {
        "the same": pictures,
        "darker": pictures // 2,
        "noisy": np.clip(pictures + noise, 0, 255).astype(np.uint8),
        "a pixel beside": np.roll(pictures, 1, axis=3),
        "smaller": pictures[:, :, ::2, ::2],
        "as floats": (pictures / 255).astype(np.float32),
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "copied", [name for name in _copies_of(_different(1)) if name not in ("smaller", "as floats")]
)
def test_copies_share_a_cluster_and_others_do_not(channels: int, copied: str) -> None:
    pictures = _different(20, channels)
    copies = _copies_of(pictures)[copied][[3, 7]]
    labels = near_copies(np.concatenate([pictures, copies]))
    assert labels.dtype == np.int64
    assert labels.tolist() == [*range(20), 3, 7]


def test_a_negative_is_no_copy() -> None:
    pictures = _different(3)
    assert near_copies(np.concatenate([pictures, 255 - pictures])).tolist() == [*range(6)]


def test_a_chain_is_one_cluster() -> None:
    start, end = _different(2, seed=4).astype(np.float32)
    chain = np.stack([start + (end - start) * step for step in np.linspace(0, 1, 12)])
    assert near_copies(chain[[0, 11]]).tolist() == [0, 1]
    assert near_copies(chain).tolist() == [0] * 12


def test_the_threshold_is_the_correlation_of_16_by_16_without_the_mean() -> None:
    pictures = _different(2, channels=3, seed=5)
    pictures[1] = (pictures[0].astype(int) * 2 + pictures[1]) // 3
    a, b = pictures.reshape(2, 3, 16, 4, 16, 4).mean(axis=(3, 5))
    a, b = (picture - picture.mean(axis=(1, 2), keepdims=True) for picture in (a, b))
    correlation = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
    assert nearest(pictures[:1], pictures[1:])[1][0] == pytest.approx(correlation, abs=1e-5)
    assert near_copies(pictures, correlation - 1e-4).tolist() == [0, 0]
    assert near_copies(pictures, correlation + 1e-4).tolist() == [0, 1]


def test_colour_that_differs_tells_pictures_apart() -> None:
    picture = _different(1)
    red, blue = (np.concatenate([picture * (c == channel) for c in range(3)], axis=1) for channel in (0, 2))
    assert near_copies(np.concatenate([red, blue])).tolist() == [0, 1]


@pytest.mark.parametrize("level", [0, 0.3, 1])
def test_pictures_without_contrast_are_no_copies(level: float) -> None:
    assert near_copies(np.full((3, 1, 40, 40), level, dtype=np.float32)).tolist() == [0, 1, 2]


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = _different(40)
    order = np.random.default_rng(2).integers(40, size=150)
    whole = near_copies(pictures[order])
    assert len(np.unique(whole)) == len(np.unique(order))
    monkeypatch.setattr(clusters, "_ROWS", 7)
    assert (near_copies(pictures[order]) == whole).all()
    # The same cluster is the same picture, and they are numbered as they appear.
    assert all(len(set(order[whole == label])) == 1 for label in whole)
    assert (np.diff(np.unique(whole, return_index=True)[1]) > 0).all()


def test_no_pictures_have_no_clusters() -> None:
    assert near_copies(np.empty((0, 3, 64, 64), dtype=np.uint8)).shape == (0,)


@pytest.mark.parametrize("copied", list(_copies_of(_different(1))))
def test_nearest_finds_the_copy(copied: str) -> None:
    pictures = _different(30, channels=3)
    order = np.random.default_rng(3).permutation(30)
    index, correlation = nearest(_copies_of(pictures)[copied][order[:10]], pictures)
    assert index.tolist() == order[:10].tolist()
    assert index.dtype == np.int64
    assert correlation.dtype == np.float32
    assert (correlation > 0.9).all()
    assert (correlation < 1 + 1e-5).all()


def test_pictures_that_cannot_be_compared() -> None:
    with pytest.raises(InpaintxError, match="no picture"):
        nearest(_different(2), _different(0))
    with pytest.raises(InpaintxError, match="same channels"):
        nearest(_different(2), _different(2, channels=3))
    with pytest.raises(InpaintxError, match="N,C,H,W"):
        near_copies(np.zeros((4, 64, 64), dtype=np.uint8))


def test_folders_are_groups() -> None:
    root = Path("faces")
    paths = [root / "ann" / "1.png", root / "ben" / "left" / "1.png", root / "ann" / "more" / "2.png"]
    assert groups_of(paths, root) == ["ann", "ben", "ann"]


def test_a_picture_outside_any_folder_leaves_no_groups() -> None:
    root = Path("faces")
    assert groups_of([root / "ann" / "1.png", root / "2.png"], root) is None
