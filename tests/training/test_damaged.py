"""Damaged collections: what is under a hole reaches nobody, and what is around it is learned from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from training_cases import OPTIONS, SHAPE, drawn, same_run

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.predictor import interpolation
from inpaintx.options import TrainOptions
from inpaintx.pictures.arrays import images_to_levels, images_to_values, values_to_images
from inpaintx.training import Trainer, TrainRequest, begin, train
from inpaintx.training.collection import Collection
from inpaintx.training.damaged import Damaged, load_damaged
from inpaintx.training.encoder import train_encoder
from inpaintx.training.predictor import train_predictor

STEPS = TrainOptions(batch=16, seed=3)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Five pictures in folders, with masks that lie likewise; one mask is empty, one hides nearly all."""
    for number, image in enumerate(drawn(5).images[:, 0].numpy()):
        hole = np.zeros((32, 32), np.uint8)
        hole[4:12, 6 * number : 6 * number + 5] = 255
        if number == 3:
            hole[:] = 0
        if number == 4:
            hole[:28] = 255
        for root, pixels in (("pictures", image), ("masks", hole)):
            path = tmp_path / root / f"box{number % 2}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path


def _hurt(folder: Path) -> None:
    """Writes nonsense under every hole."""
    for path in (folder / "pictures").rglob("*.png"):
        hole = np.asarray(Image.open(folder / "masks" / path.relative_to(folder / "pictures"))) > 0
        pixels = np.asarray(Image.open(path)).copy()
        pixels[hole] = np.random.default_rng(0).integers(0, 256, hole.sum())
        Image.fromarray(pixels).save(path)


def _read(folder: Path) -> Collection:
    return load_damaged(Damaged(folder / "pictures", folder / "masks"), 32)


def test_holes_are_told_by_masks_that_lie_as_the_pictures_do_and_never_read(archive: Path) -> None:
    first = _read(archive)
    assert [path.stem for path in first.paths] == ["0", "2", "1", "3"]
    [skipped] = first.skipped.items()
    assert skipped[0].name == "4.png"
    assert "less than a quarter of its square is known" in skipped[1]
    assert first.known is not None
    assert first.known[3].all()  # a mask that hides nothing
    hole = ~first.known[0, 0]
    assert hole.sum() == 8 * 5
    assert hole[4:12, 0:5].all()
    intact = np.asarray(Image.open(archive / "pictures" / "box0" / "0.png"))
    assert np.array_equal(first.images[0, 0].numpy()[~hole.numpy()], intact[~hole.numpy()])
    _hurt(archive)
    again = _read(archive)
    assert torch.equal(again.images, first.images)
    assert again.fingerprint == first.fingerprint


def test_a_picture_without_a_mask_is_left_out_and_named(archive: Path) -> None:
    (archive / "masks" / "box1" / "1.png").unlink()
    read = _read(archive)
    assert "1.png" not in [path.name for path in read.paths]
    assert any("1.png" in str(path) for path in read.skipped)


def test_holes_by_alpha(tmp_path: Path) -> None:
    pixels = drawn(2).images[:, 0].numpy()
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:, 20:] = 0
    Image.fromarray(pixels[0]).save(tmp_path / "whole.png")
    Image.merge("LA", [Image.fromarray(pixels[1]), Image.fromarray(alpha)]).save(tmp_path / "cut.png")
    read = load_damaged(Damaged(tmp_path, "alpha"), 32)
    assert [path.stem for path in read.paths] == ["cut", "whole"]
    assert read.known is not None
    assert np.array_equal(read.known[0, 0].numpy(), alpha > 0)
    assert read.known[1].all()


def test_what_can_not_be_is_refused(archive: Path) -> None:
    with pytest.raises(InpaintxError, match=r"no such mask: .*nowhere"):
        Damaged(archive / "pictures", archive / "nowhere")
    with pytest.raises(InpaintxError, match="not with patches"):
        load_damaged(Damaged(archive / "pictures", archive / "masks"), 32, fit="patches")


def test_d_sees_holes_in_fakes_as_in_real_images() -> None:
    known = torch.ones(12, 1, 32, 32, dtype=torch.bool)
    known[:, :, 10:20, 12:25] = False
    options = replace(OPTIONS, translate=0.0)
    trainer = Trainer(replace(drawn(12), known=known), SHAPE, options, "crop")
    seen: list[Tensor] = []
    trainer.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    trainer.advance()
    assert len(seen) == 3  # real ones, fakes for D's step, fakes for G's
    for images in seen:
        assert (images[:, :, 10:20, 12:25] == 0).all()
        assert (images[:, :, :10] != 0).float().mean() > 0.9


@pytest.mark.slow
def test_nothing_of_what_is_under_a_hole_reaches_the_model(archive: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        options = {
            "steps": 3,
            "batch": 4,
            "encoder_steps": 2,
            "predictor_steps": 2,
            "flip": True,
            "hold_out": 1,
        }
        shape = {"size": 32, "width": 4, "nz": 8}
        request = TrainRequest(
            archive / "pictures", tmp_path / name, mask=archive / "masks", architecture=shape, options=options
        )
        assert train(begin(request), tmp_path / name)
        _hurt(archive)
    assert same_run(tmp_path / "first", tmp_path / "second")
    resumed = replace(request, resume=True, options={"steps": 4})
    assert begin(resumed).step == 3
    with pytest.raises(InpaintxError, match="its collection is"):
        begin(replace(resumed, mask=None))


@pytest.mark.slow
def test_encoder_and_predictor_learn_from_what_is_known(model: Networks) -> None:
    """A third of each image hides noise, of most the middle: told so, both are nearer to intact images."""
    noise = torch.Generator().manual_seed(7)
    drawings = model.generator(model.generator.sample_codes(232, noise))
    levels = torch.from_numpy(images_to_levels(drawings)).permute(0, 3, 1, 2).contiguous()
    images, others = levels[:200].clone(), drawings[200:]
    known = torch.ones(200, 1, 32, 32, dtype=torch.bool)
    for number, row in enumerate(torch.randint(22, (200,), generator=noise).tolist()):
        row = row if number % 4 == 0 else 11
        known[number, :, row : row + 10] = False
    images[~known.expand_as(images)] = torch.randint(
        256, (int((~known).sum()) * images.shape[1],), generator=noise
    ).to(torch.uint8)
    masks = torch.ones(32, 1, 32, 32)
    masks[..., 8:24, 8:24] = 0
    hole = (masks == 0).expand_as(others)
    plates = values_to_images(
        [interpolation(value, masks[0, 0].numpy() > 0) for value in images_to_values(others)]
    )

    def off(lessons: Tensor | tuple[Tensor, Tensor]) -> tuple[float, float]:
        encoder = train_encoder(model.generator, lessons, STEPS, 120)
        predictor = train_predictor(replace(SHAPE, width=8), lessons, STEPS, 240)
        assert encoder is not None
        assert predictor is not None
        guessed = model.generator(encoder(others, masks))
        expected, _ = predictor(others, masks, plates)
        return tuple(float((x - others).abs()[hole].mean()) for x in (guessed, expected))

    told, blind = off((images, known)), off(images)
    assert told[0] < 0.9 * blind[0]
    assert told[1] < 0.95 * blind[1]
