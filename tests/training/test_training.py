"""What a step of training does, to which networks, from which random numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_cases import CPU, OPTIONS, make_trainer

from inpaintx.networks import checkpoint
from inpaintx.pictures.arrays import images_to_levels, levels_to_images
from inpaintx.training import Trainer
from inpaintx.training.collection import Collection
from inpaintx.training.determinism import generator_for

pytestmark = pytest.mark.slow


def _spy_on_discriminator(trainer: Trainer) -> list[Tensor]:
    """What D is given from now on: real, generated and, for G's step, generated images of each step."""
    seen: list[Tensor] = []
    trainer.discriminator.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].detach().to(CPU, copy=True))
    )
    trainer._descend_on = trainer._descent  # a recording calls no hook
    return seen


def _indices(images: Tensor, collection: Collection) -> list[int]:
    """Which image of the collection each of ``images`` is; -1: none."""
    own = levels_to_images(collection.images)
    same = (images[:, None] == own[None]).flatten(2).all(2)
    return [int(row.nonzero()[0]) if row.any() else -1 for row in same]


# --- a step ---


def _losses(frozen: str, device: torch.device, steps: int = 30) -> tuple[list[float], list[float]]:
    """D's and G's losses where one of the two does not learn."""
    trainer = make_trainer(replace(OPTIONS, lr=2e-3, translate=0), device=device)
    trainer.optimizers[frozen].param_groups[0]["lr"] = 0.0
    losses = [trainer.advance() for _ in range(steps)]
    return [loss for loss, _ in losses], [loss for _, loss in losses]


def test_discriminator_learns_to_tell_real_from_generated(device: torch.device) -> None:
    losses, others = _losses("generator", device)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert np.mean(others[-5:]) > np.mean(others[:5])


def test_generator_learns_to_please_the_discriminator(device: torch.device) -> None:
    losses_d, losses = _losses("discriminator", device)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.01
    assert np.mean(losses_d[-5:]) > np.mean(losses_d[:5])


def test_first_losses_are_those_of_networks_that_know_nothing(device: torch.device) -> None:
    """Logits near 0: D loses ln 2 on either side, G once (Goodfellow et al., 2014)."""
    loss_d, loss_g = make_trainer(device=device).advance()
    assert loss_d == pytest.approx(2 * np.log(2), abs=0.3)
    assert loss_g == pytest.approx(np.log(2), abs=0.3)


def test_step_of_one_network_leaves_the_other_alone() -> None:
    trainer = make_trainer()
    before = {name: p.clone() for name, p in trainer.discriminator.named_parameters()}
    trainer.optimizers["discriminator"].param_groups[0]["lr"] = 0.0
    trainer.advance()
    for name, parameter in trainer.discriminator.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert parameter.requires_grad


def test_each_epoch_sees_each_image_once_in_an_order_of_its_own(device: torch.device) -> None:
    trainer = make_trainer(replace(OPTIONS, translate=0, batch=4), count=10, device=device)
    seen = _spy_on_discriminator(trainer)
    for _ in range(5):
        trainer.advance()
    order = [index for batch in seen[::3] for index in _indices(batch, trainer.collection)]
    first, second = order[:10], order[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_collection_smaller_than_a_batch_is_gone_through_several_times() -> None:
    trainer = make_trainer(replace(OPTIONS, translate=0, batch=9), count=3)
    seen = _spy_on_discriminator(trainer)
    trainer.advance()
    assert sorted(_indices(seen[0], trainer.collection)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_images_are_not_mirrored_unless_asked() -> None:
    plain, flipped = (
        make_trainer(replace(OPTIONS, translate=0)),
        make_trainer(replace(OPTIONS, translate=0, flip=True)),
    )
    kinds: dict[bool, set[str]] = {}
    for trainer in (plain, flipped):
        seen = _spy_on_discriminator(trainer)
        for _ in range(4):
            trainer.advance()
        real = torch.cat(seen[::3])
        found = zip(
            _indices(real, trainer.collection), _indices(real.flip(-1), trainer.collection), strict=True
        )
        kinds[trainer.options.flip] = {
            "as it is" if own >= 0 else f"mirror of {mirror >= 0}" for own, mirror in found
        }
    assert kinds[False] == {"as it is"}
    assert kinds[True] == {"as it is", "mirror of True"}


def _shift_of(moved: Tensor, image: Tensor, reach: int) -> tuple[int, int] | None:
    """By how much ``image`` was moved, its edge repeated, to give ``moved``; None: it was not."""
    rows, columns = torch.arange(image.shape[1]), torch.arange(image.shape[2])
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            shifted = image[:, (rows + dy).clamp(0, 31)][:, :, (columns + dx).clamp(0, 31)]
            if torch.equal(moved, shifted):
                return dy, dx
    return None


def test_translation_moves_real_and_generated_images_with_their_edges_repeated(device: torch.device) -> None:
    trainer = make_trainer(replace(OPTIONS, translate=0.125, batch=24), device=device)
    seen = _spy_on_discriminator(trainer)
    drawn: list[Tensor] = []
    trainer.generator.register_forward_hook(lambda *args: drawn.append(args[2].detach().to(CPU, copy=True)))
    trainer.advance()
    real, fake, fake_again = seen
    own = levels_to_images(trainer.collection.images)
    real_shifts = [next(filter(None, (_shift_of(image, mine, 4) for mine in own)), None) for image in real]
    fake_shifts = [_shift_of(image, mine, 4) for image, mine in zip(fake, drawn[0], strict=True)]
    again_shifts = [_shift_of(image, mine, 4) for image, mine in zip(fake_again, drawn[0], strict=True)]
    for shifts in (real_shifts, fake_shifts, again_shifts):
        assert None not in shifts
        assert len(set(shifts)) > 12
        assert max(abs(d) for shift in shifts if shift for d in shift) == 4
    assert fake_shifts != again_shifts


def test_bfloat16_goes_the_same_way(device: torch.device) -> None:
    exact, quick = (
        make_trainer(replace(OPTIONS, precision=kind), device=device) for kind in ("float32", "bfloat16")
    )
    losses = np.array([[t.advance() for _ in range(3)] for t in (exact, quick)])
    assert not np.array_equal(losses[0], losses[1])
    np.testing.assert_allclose(losses[1], losses[0], atol=0.05)
    assert {p.dtype for p in quick.generator.parameters()} == {torch.float32}


# --- the average ---


def test_average_follows_the_weights_by_its_decay_after_a_warm_up(device: torch.device) -> None:
    trainer = make_trainer(replace(OPTIONS, ema=0.3, lr=1e-2), device=device)
    expected = [p.detach().clone() for p in trainer.generator.parameters()]
    for step in range(6):
        trainer.advance()
        decay = min(0.3, (1 + step) / (10 + step))
        expected = [
            decay * old + (1 - decay) * new.detach()
            for old, new in zip(expected, trainer.generator.parameters(), strict=True)
        ]
    for average, wanted in zip(trainer.average.parameters(), expected, strict=True):
        torch.testing.assert_close(average, wanted)


def test_no_average_where_its_decay_is_0() -> None:
    trainer = make_trainer(replace(OPTIONS, ema=0))
    trainer.advance()
    for average, current in zip(trainer.average.parameters(), trainer.generator.parameters(), strict=True):
        assert torch.equal(average, current)


def test_batch_statistics_fit_the_averaged_weights(tmp_path: Path) -> None:
    """Those that training gathered belong to other weights; the checkpoint's are measured anew."""
    trainer = make_trainer(replace(OPTIONS, lr=0.02, ema=0.9))
    for _ in range(20):
        trainer.advance()
    trainer.save(tmp_path)
    saved = checkpoint.load_model(tmp_path).generator
    for ours, average in zip(saved.parameters(), trainer.average.parameters(), strict=True):
        assert torch.equal(ours, average)
    codes = saved.sample_codes(1024, generator_for(9))[:, :, None, None]
    features = saved.layers[0](codes)
    norm, gathered = saved.layers[1], trainer.generator.layers[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(gathered, nn.BatchNorm2d)
    true = features.var((0, 2, 3))
    assert norm.running_var is not None
    assert gathered.running_var is not None
    assert ((norm.running_var - true) / true).abs().max() < 0.15
    assert ((gathered.running_var - true) / true).abs().max() > 0.5


def test_samples_are_the_same_codes_each_time(device: torch.device) -> None:
    trainer = make_trainer(device=device)
    first, again = trainer.samples(4), trainer.samples(4)
    assert first.shape == (4, 32, 32, 1)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    trainer.advance()
    assert not np.array_equal(trainer.samples(4), first)


def test_to_pixels_maps_the_range_of_tanh_to_all_levels() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert np.array_equal(images_to_levels(levels_to_images(levels))[0, :, :, 0], levels[0, 0].numpy())
    assert images_to_levels(torch.tensor([[[[-1.5, 1.5]]]])).tolist() == [[[[0], [255]]]]


# --- random numbers ---


def test_seed_decides_a_run(tmp_path: Path) -> None:
    same, again, other = (make_trainer(replace(OPTIONS, seed=seed)) for seed in (3, 3, 4))
    assert [same.advance() for _ in range(3)] == [again.advance() for _ in range(3)]
    assert same.advance() != other.advance()


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    make_trainer().advance()
    assert torch.equal(torch.rand(3), expected)


def test_streams_depend_on_every_key() -> None:
    draws = {
        tuple(torch.rand(2, generator=generator_for(*keys)).tolist())
        for keys in [(0, 1, 0), (0, 2, 0), (0, 1, 1), (1, 1, 0), (1, 2, 0)]
    }
    assert len(draws) == 5
    assert torch.equal(
        torch.rand(3, generator=generator_for(5, 6)), torch.rand(3, generator=generator_for(5, 6))
    )
