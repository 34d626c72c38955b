"""The predictor: what it is before training, what training makes of it, and what a run keeps of it."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from training_cases import OPTIONS, SHAPE, drawn, make_trainer, of_stage

from inpaintx.networks import checkpoint
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.predictor import Predictor, interpolation
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import images_to_levels
from inpaintx.plugins.masks import FAMILIES
from inpaintx.training import train
from inpaintx.training.encoder import MASKS, mask_pool
from inpaintx.training.predictor import _Examples, train_predictor

STEPS = TrainOptions(batch=16, seed=3)


def _damaged(shape: Architecture, count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(1)
    images = torch.rand(count, shape.channels, shape.size, shape.size, generator=noise) * 2 - 1
    masks = torch.ones(count, 1, shape.size, shape.size)
    masks[..., : shape.size // 2] = 0
    return images, masks, images.roll(1, 0)


def _plates(images: Tensor, masks: Tensor) -> Tensor:
    values = ((images + 1) / 2).permute(0, 2, 3, 1).numpy()
    plates = [interpolation(v, m > 0) for v, m in zip(values, masks[:, 0].numpy(), strict=True)]
    return torch.from_numpy(np.stack(plates)).permute(0, 3, 1, 2) * 2 - 1


@pytest.mark.parametrize(
    "shape",
    [{"channels": 1, "kernel": 5, "size": 32}, {"size": 64}, {"size": 96, "channels": 1}, {"size": 128}],
)
@pytest.mark.parametrize("gated", [True, False])
def test_predictor_begins_near_the_interpolation_and_never_reads_the_hole(
    shape: dict[str, Any], gated: bool
) -> None:
    architecture = Architecture(width=2, **shape)
    predictor = Predictor(architecture, gated).eval()
    images, masks, plates = _damaged(architecture)
    x, log_error = predictor(images, masks, plates)
    assert (x - plates).abs().max() <= (0.27 * 2.2 if gated else 0)  # a share of what may lie between them
    assert log_error.shape == masks.shape
    torch.nn.init.normal_(predictor.last.weight)
    x, log_error = predictor(images, masks, plates)
    assert x.shape == images.shape
    assert not torch.allclose(x, plates, atol=0.1)
    spoilt = predictor(images.masked_fill(masks == 0, torch.nan), masks, plates)
    assert torch.equal(spoilt[0], x)
    assert torch.equal(spoilt[1], log_error)
    known = predictor(images.masked_fill(masks == 1, 0.3), masks, plates)
    assert not torch.equal(known[0], x)


def test_what_is_drawn_stays_in_the_range_however_far_the_weights_go() -> None:
    """So that a stroke comes out black and not darker than black."""
    predictor = Predictor(SHAPE).eval()
    images, masks, plates = _damaged(SHAPE)
    torch.nn.init.normal_(predictor.last.weight, std=100.0)
    x, _ = predictor(images, masks, plates.clamp(-1, 1))
    assert x.abs().max() <= 1
    assert (x.abs() > 0.999).float().mean() > 0.2


def test_a_predictor_of_an_earlier_version_is_what_it_was(
    tmp_path: Path, make_model: Callable[..., Any]
) -> None:
    """One that draws what is added to the interpolation, or has a narrow middle: its layers' shapes tell."""
    model = make_model()
    for gated, middle in ((False, 128), (True, 128), (True, 512)):
        torch.manual_seed(0)
        predictor = Predictor(model.architecture, gated, middle).eval()
        torch.nn.init.normal_(predictor.last.weight, std=0.1)
        tensors = {
            **checkpoint.state(model.generator, "generator."),
            **checkpoint.state(model.discriminator, "discriminator."),
            **checkpoint.state(predictor, "predictor."),
        }
        header = {"architecture": model.architecture.to_dict(), "fit": "crop", "step": 1}
        checkpoint.save(tmp_path / "model.safetensors", header, tensors)
        loaded = checkpoint.load_model(tmp_path / "model.safetensors").predictor
        assert loaded is not None
        assert loaded.gated == gated
        images, masks, plates = _damaged(model.architecture)
        for given, wanted in zip(
            loaded(images, masks, plates), predictor(images, masks, plates), strict=True
        ):
            assert torch.equal(given, wanted)


def test_interpolation_is_of_known_pixels_alone_and_bounded() -> None:
    values = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32, 1) ** 4
    known = np.ones((32, 32), bool)
    known[20:, 5:25] = False
    plate = interpolation(values, known)
    spoilt = np.where(known[..., None], values, np.float32(np.nan))
    assert np.array_equal(interpolation(spoilt, known), plate)
    assert np.array_equal(plate[known], values[known])
    assert plate.min() >= np.float32(-0.1)
    assert plate.max() <= np.float32(1.1)
    assert (interpolation(values, np.zeros_like(known)) == 0.5).all()


@pytest.mark.slow
def test_training_draws_what_interpolation_can_not(model: Networks, device: torch.device) -> None:
    """Images of a small G that it did not learn from, whose middle is hidden."""
    losses: list[float] = []

    def told(loss: float) -> bool:
        losses.append(loss)
        return True

    codes = model.generator.sample_codes(332, torch.Generator().manual_seed(7))
    learned, others = model.generator(codes.to(device)).split([300, 32])
    levels = torch.from_numpy(images_to_levels(learned)).permute(0, 3, 1, 2).contiguous()
    predictor = train_predictor(replace(SHAPE, width=8), levels, STEPS, 300, device, told)
    assert predictor is not None
    assert not predictor.training
    assert len(losses) == 300
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])
    masks = torch.ones(32, 1, 32, 32)
    masks[..., 8:24, 8:24] = 0
    plates = _plates(others.cpu(), masks).to(device)
    masks = masks.to(device)
    x, log_error = predictor(others, masks, plates)
    hole = (masks == 0).expand_as(others)
    off, plate = (x - others).abs()[hole], (plates - others).abs()[hole]
    assert off.mean() < 0.8 * plate.mean()
    expected = log_error.exp()[hole]
    assert 0.4 < expected.mean() / off.mean() < 2.5
    doubtful = expected > expected.median()
    assert off[doubtful].mean() > 1.2 * off[~doubtful].mean()


@pytest.mark.slow
def test_training_is_a_function_of_the_seed_and_can_be_given_up() -> None:
    images = drawn(20).images
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (train_predictor(SHAPE, images, replace(STEPS, seed=seed), 3) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert first is not None
    assert again is not None
    assert other is not None
    pairs = zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert not torch.equal(first.last.weight, other.last.weight)
    seen: list[float] = []
    assert train_predictor(SHAPE, images, STEPS, 5, on_step=lambda loss: bool(seen.append(loss))) is None
    assert len(seen) == 1


def test_deep_holes_are_drawn_twice_as_often_as_scattered_ones() -> None:
    examples = _Examples(drawn(4).images, STEPS)
    by_family = (mask_pool(SHAPE.size)[:, 0].numpy() > 0).reshape(len(FAMILIES), MASKS, -1)
    pools = dict(zip(FAMILIES, by_family, strict=True))
    masks = [examples._mask().ravel() for _ in range(2600)]
    deep, scattered = (
        sum((pools[family] == mask).all(1).any() for mask in masks) for family in ("center", "lowres")
    )
    assert abs(deep - 400) < 75  # four standard deviations of 2 in 13
    assert abs(scattered - 200) < 60


# --- a run ---


def test_only_a_run_by_steps_holds_later_stages_to_those_of_g_and_d() -> None:
    """A run by the clock gives P more than half of its minutes: held to G's steps, it would end early."""
    by_steps = make_trainer(replace(OPTIONS, steps=3, encoder_steps=9, predictor_steps=9))
    by_clock = make_trainer(replace(OPTIONS, steps=3, encoder_steps=9, predictor_steps=9, minutes=5))
    for trainer in (by_steps, by_clock):
        trainer.step = 3
    assert by_steps.later_steps == {"encoder": 3, "predictor": 3}
    assert by_clock.later_steps == {"encoder": 9, "predictor": 9}


@pytest.mark.slow
def test_run_ends_with_a_predictor_that_loads_and_exports(tmp_path: Path) -> None:
    trainer = make_trainer(replace(OPTIONS, steps=3, predictor_steps=2))
    told: list[float] = []
    assert train(trainer, tmp_path, on_progress=of_stage("predictor", told.append))
    assert len(told) == 2
    loaded = checkpoint.load_model(tmp_path)
    assert loaded.header["predictor_steps"] == 2
    assert loaded.predictor is not None
    assert not loaded.predictor.training
    assert not any(parameter.requires_grad for parameter in loaded.predictor.parameters())
    checkpoint.export(tmp_path, tmp_path / "small.safetensors")
    small = checkpoint.load_model(tmp_path / "small.safetensors").predictor
    assert small is not None
    pairs = zip(small.state_dict().values(), loaded.predictor.state_dict().values(), strict=True)
    assert all(
        torch.equal(half, whole.half().float() if whole.is_floating_point() else whole)
        for half, whole in pairs
    )


@pytest.mark.slow
def test_other_networks_are_the_same_bits_with_a_predictor_and_without(tmp_path: Path) -> None:
    files = []
    for steps in (0, 2):
        run = tmp_path / str(steps)
        run.mkdir()
        train(make_trainer(replace(OPTIONS, steps=3, encoder_steps=2, predictor_steps=steps)), run)
        files.append(checkpoint.load(run / checkpoint.FILE_NAME)[1])
    without, with_one = files
    assert not any(name.startswith("predictor.") for name in without)
    assert any(name.startswith("predictor.") for name in with_one)
    assert all(torch.equal(tensor, with_one[name]) for name, tensor in without.items())


@pytest.mark.slow
def test_resumed_run_keeps_its_predictor_and_trains_it_again(tmp_path: Path) -> None:
    options = replace(OPTIONS, steps=3, predictor_steps=2)
    train(make_trainer(options), tmp_path)
    first = checkpoint.load_model(tmp_path).predictor
    assert first is not None
    seen: list[bool] = []

    def check(_: object) -> None:
        kept = checkpoint.load_model(tmp_path)
        assert kept.predictor is not None
        seen.append(torch.equal(kept.predictor.last.weight, first.last.weight))

    resumed = make_trainer(replace(options, steps=5, predictor_steps=4))
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    train(resumed, tmp_path, on_save=check)
    assert seen == [True]
    later = checkpoint.load_model(tmp_path)
    assert later.header["predictor_steps"] == 4
    assert later.predictor is not None
    assert not torch.equal(later.predictor.last.weight, first.last.weight)
    without = make_trainer(replace(options, steps=6, predictor_steps=0))
    without.restore(tmp_path / checkpoint.FILE_NAME)
    train(without, tmp_path)
    assert checkpoint.load_model(tmp_path).predictor is None


@pytest.mark.slow
def test_interrupted_predictor_leaves_a_model_without_it(tmp_path: Path, ctrl_c: None) -> None:
    options = replace(OPTIONS, steps=6, encoder_steps=2, predictor_steps=6)
    seen: list[float] = []

    def interrupt(loss: float) -> None:
        seen.append(loss)
        signal.raise_signal(signal.SIGINT)

    assert not train(make_trainer(options), tmp_path, on_progress=of_stage("predictor", interrupt))
    assert len(seen) == 1
    left = checkpoint.load_model(tmp_path)
    assert left.encoder is not None
    assert left.predictor is None
    resumed = make_trainer(options)
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert train(resumed, tmp_path)
    assert checkpoint.load_model(tmp_path).predictor is not None


def test_predictor_of_another_architecture_is_refused(tmp_path: Path, make_model: Callable[..., Any]) -> None:
    model = make_model(width=4)
    tensors = {
        **checkpoint.state(model.generator, "generator."),
        **checkpoint.state(model.discriminator, "discriminator."),
        **checkpoint.state(Predictor(replace(model.architecture, width=8)), "predictor."),
    }
    header = {"architecture": model.architecture.to_dict(), "fit": "crop", "step": 1}
    checkpoint.save(tmp_path / "wrong.safetensors", header, tensors)
    with pytest.raises(checkpoint.InpaintxError, match="its predictor does not fit its header"):
        checkpoint.load_model(tmp_path / "wrong.safetensors")
