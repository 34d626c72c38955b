"""The U-Net that is trained for as long as the model: what it learns, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inpaintx.judge.rival import Match, Rival, UNet, minutes_of
from inpaintx.networks.checkpoint import Networks
from inpaintx.training.collection import Collection

MakeModel = Callable[..., Networks]
SHORT = 0.03  # minutes


def _collection(channels: int = 1, count: int = 64) -> Collection:
    """Pictures of one level each, so that any known pixel tells what is hidden."""
    levels = np.linspace(10, 245, count).astype(np.uint8)[:, None, None, None]
    images = np.broadcast_to(levels, (count, channels, 32, 32)).copy()
    return Collection(torch.from_numpy(images), [Path(f"{number}.png") for number in range(count)])


def _model(made: Networks, folder: Path, **options: object) -> Networks:
    usual = {"batch": 16, "translate": 0.125, "seed": 0}
    return replace(made, source=folder / "checkpoint.safetensors", header={"options": usual | options})


def _squares(count: int = 5, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    images = np.full((count, 32, 32, channels), 0.5, np.float32)
    images += np.linspace(-0.3, 0.3, count, dtype=np.float32)[:, None, None, None]
    masks = np.ones((count, 32, 32), bool)
    masks[:, 8:24, 8:24] = False
    return images, masks


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_it_learns_what_the_collection_tells_of_holes(
    make_model: MakeModel, tmp_path: Path, channels: int
) -> None:
    model = _model(make_model(channels=channels), tmp_path)
    shares: list[float] = []
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    found = Match(model, _collection(channels), 5 * SHORT).train(shares.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert shares == sorted(shares)
    assert shares[-1] < 1
    assert (found.minutes, found.steps) == (5 * SHORT, len(shares))
    images, masks = _squares(channels=channels)
    filled = found(images, masks)
    assert filled.shape == images.shape
    assert filled.dtype == np.float32
    off = np.abs(filled - images)[~masks].mean()
    assert off < 0.75 * np.abs(images - images.mean())[~masks].mean()
    spoilt = np.where(masks[..., None], images, np.float32(np.nan))
    assert np.array_equal(found(spoilt, masks), filled)


@pytest.mark.slow
def test_it_is_kept_beside_the_model_until_anything_it_depends_on_changes(
    model: Networks, tmp_path: Path
) -> None:
    mine = _model(model, tmp_path)
    match = Match(mine, _collection(), SHORT)
    assert match.kept() is None
    trained = match.train()
    assert match.file.parent == tmp_path
    kept = match.kept()
    assert kept is not None
    assert (kept.minutes, kept.steps) == (trained.minutes, trained.steps)
    assert np.array_equal(kept(*_squares()), trained(*_squares()))
    for other in (
        Match(mine, _collection(count=63), SHORT),
        Match(mine, _collection(), 2 * SHORT),
        Match(_model(model, tmp_path, translate=0.25), _collection(), SHORT),
        Match(_model(model, tmp_path, flip=True), _collection(), SHORT),
    ):
        assert other.file != match.file
        assert other.kept() is None
    match.file.write_bytes(match.file.read_bytes()[:5000])
    assert match.kept() is None


def test_that_of_a_shipped_model_is_kept_with_the_results(
    model: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = _model(model, tmp_path / "package")
    monkeypatch.setattr("inpaintx.judge.rival.shipped_models", lambda: {"made": shipped.source})
    assert Match(shipped, _collection(), 1.0, tmp_path / "out").file.parent == tmp_path / "out"
    other = _model(model, tmp_path / "runs")
    assert Match(other, _collection(), 1.0, tmp_path / "out").file.parent == tmp_path / "runs"


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        ({"gan": 60.0, "encoder": 30, "predictor": 30.0}, 2.0),
        ({}, None),
        (None, None),
        ({"gan": "long"}, None),
        ({"gan": -1.0}, None),
        ([60.0], None),
    ],
)
def test_minutes_are_those_of_all_stages(model: Networks, seconds: object, minutes: float | None) -> None:
    assert minutes_of(replace(model, header=model.header | {"seconds": seconds})) == minutes


def test_it_is_of_the_generators_widths(make_model: MakeModel) -> None:
    for size, kernel in ((32, 4), (64, 5), (96, 4)):
        architecture = make_model(size=size, kernel=kernel).architecture
        network = UNet(architecture).eval()
        y, mask = torch.zeros(2, 1, size, size), torch.ones(2, 1, size, size)
        assert network(y, mask).shape == y.shape
        assert [layer[0].out_channels for layer in network.down] == architecture.widths[::-1]
        made = Rival(network, 1.0, 1)(
            np.zeros((2, size, size, 1), np.float32), np.ones((2, size, size), bool)
        )
        assert made.min() >= 0
        assert made.max() <= 1
