"""What is kept back from training, and what it is worth there."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from training_cases import OPTIONS, SHAPE, drawn, same_run

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.pictures.arrays import levels_to_images
from inpaintx.training import Trainer, train
from inpaintx.training.clusters import near_copies
from inpaintx.training.collection import Collection
from inpaintx.training.holdout import HeldOut, held_out_pictures, keep_back
from inpaintx.training.logs import Scored
from inpaintx.training.score import Best, Score


def test_held_out_pictures_are_whole_clusters_and_enough() -> None:
    rng = np.random.default_rng(2)
    originals = rng.integers(0, 256, (100, 1, 32, 32)).astype(np.uint8)
    images = np.concatenate([originals, np.roll(originals[:40], 0)])  # forty of them twice
    collection = Collection(torch.from_numpy(images), [Path(f"{number}.png") for number in range(140)])
    chosen = held_out_pictures(collection, 30, seed=3)
    assert 30 <= len(chosen) <= 32
    numbers = np.array([int(path.stem) for path in chosen])
    clusters = near_copies(images, 0.9)
    assert not set(clusters[numbers]) & set(np.delete(clusters, numbers))
    assert chosen == held_out_pictures(collection, 30, seed=3)
    assert chosen != held_out_pictures(collection, 30, seed=4)


def test_a_large_cluster_stays_in_training() -> None:
    rng = np.random.default_rng(4)
    same = np.repeat(rng.integers(0, 256, (1, 1, 32, 32)), 50, 0)
    images = np.concatenate([same, rng.integers(0, 256, (100, 1, 32, 32))]).astype(np.uint8)
    collection = Collection(torch.from_numpy(images), [Path(f"{number:03}.png") for number in range(150)])
    for seed in range(5):
        assert all(int(path.stem) >= 50 for path in held_out_pictures(collection, 20, seed))


def test_patches_are_kept_back_with_their_picture(tmp_path: Path) -> None:
    images = torch.arange(30 * 32 * 32).reshape(30, 1, 32, 32).to(torch.uint8)
    paths = [tmp_path / "deep" / f"{number // 3}.png" for number in range(30)]  # three of each picture
    collection = Collection(images, paths, scales=(1,))
    learned, held_out = keep_back(collection, 2, 0, tmp_path)
    assert len(held_out.names) == 2
    assert len(held_out.collection.images) == 6
    assert {path.relative_to(tmp_path).as_posix() for path in held_out.collection.paths} == {*held_out.names}
    assert not {*held_out.collection.paths} & {*learned.paths}
    assert len(learned.images) == 24
    with pytest.raises(InpaintxError, match="can't hold out 10 pictures"):
        keep_back(collection, 10, 0, tmp_path)


# --- what it is worth there ---


def test_score_is_the_psnr_of_the_hole_alone() -> None:
    """What is drawn is 0.1 off in the hole, and nonsense where the picture is known or unknown to all."""
    kept = drawn(5)
    known = torch.ones(5, 1, 32, 32, dtype=torch.bool)
    known[:, :, :4] = False
    kept = replace(kept, known=known)
    truth = levels_to_images(kept.images)

    class Draws(torch.nn.Module):
        def forward(self, y: Tensor, mask: Tensor, plate: Tensor) -> tuple[Tensor, Tensor]:
            assert not mask[:, :, :4].any()
            whole = truth.repeat(4, 1, 1, 1)
            off = whole + torch.where(whole > 0, -0.2, 0.2)  # in [−1, 1]
            off[:, :, :4] = 1.0
            return torch.where(mask > 0, 0.9, off), mask

    assert Score(kept, torch.device("cpu")).of_predictor(Draws()) == pytest.approx(20, abs=0.01)


def test_score_of_a_generator_is_that_of_its_nearest_drawing() -> None:
    class Draws(torch.nn.Module):
        """One picture for each code."""

        def __init__(self, images: Tensor) -> None:
            super().__init__()
            self.images = images

        def sample_codes(self, count: int, noise: torch.Generator) -> Tensor:
            return torch.arange(count)

        def forward(self, codes: Tensor) -> Tensor:
            return self.images[codes % len(self.images)]

    kept, others = drawn(6), drawn(12).images[6:]
    score = Score(kept, torch.device("cpu"))
    with_them = score.of_generator(Draws(levels_to_images(torch.cat([others, kept.images]))))
    without = score.of_generator(Draws(levels_to_images(others)))
    assert with_them > without + 10


def test_best_state_is_the_one_that_scored_best() -> None:
    network = torch.nn.Linear(1, 1)
    scores = iter([1.0, 3.0, 2.0])
    best = Best(network, lambda network, step: next(scores))
    for step in (1, 2, 3, 3):
        with torch.no_grad():
            network.weight.fill_(step)
        best.look(step)
        assert network.training
    best.restore()
    assert network.weight.item() == 2


@pytest.mark.slow
def test_a_run_with_pictures_kept_back_scores_and_lists_them(tmp_path: Path) -> None:
    collection = drawn(30)
    paths = [tmp_path / "pictures" / path for path in collection.paths]
    learned, held_out = keep_back(replace(collection, paths=paths), 4, 3, tmp_path / "pictures")
    options = replace(OPTIONS, steps=6, save_every=4, encoder_steps=5, predictor_steps=6)
    told: list[Scored] = []
    (tmp_path / "run").mkdir()
    trainer = Trainer(learned, SHAPE, options, "crop", held_out=held_out)
    assert train(trainer, tmp_path / "run", on_score=told.append)
    names = (tmp_path / "run" / "held-out.txt").read_text().splitlines()
    assert names == held_out.names
    assert not {*names} & {path.name for path in learned.paths}
    lines = [json.loads(line) for line in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()]
    assert lines == [vars(score) for score in told]
    steps = {stage: [s.step for s in told if s.stage == stage] for stage in ("gan", "encoder", "predictor")}
    assert steps == {"gan": [4, 6], "encoder": [1, 2, 3, 4, 5], "predictor": [1, 2, 3, 4, 5, 6]}
    # What is in the file is what scored best.
    loaded = checkpoint.load_model(tmp_path / "run")
    assert loaded.predictor is not None
    assert loaded.encoder is not None
    score = Score(held_out.collection, torch.device("cpu"))
    best = {stage: max(s.psnr for s in told if s.stage == stage) for stage in ("encoder", "predictor")}
    assert score.of_predictor(loaded.predictor) == pytest.approx(best["predictor"], abs=1e-4)
    assert score.of_encoder(loaded.encoder, loaded.generator) == pytest.approx(best["encoder"], abs=1e-4)


@pytest.mark.slow
def test_scoring_changes_no_bit_of_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = drawn(16)
    options = replace(OPTIONS, steps=4, encoder_steps=3, predictor_steps=3)
    monkeypatch.setattr(Best, "restore", lambda self: None)
    for name, held_out in (("with", HeldOut(drawn(3), ["a.png"])), ("without", None)):
        (tmp_path / name).mkdir()
        assert train(Trainer(collection, SHAPE, options, "crop", held_out=held_out), tmp_path / name)
    assert same_run(tmp_path / "with", tmp_path / "without")
