"""The encoder: guesses codes of damaged images, and the search that starts from them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from device_cases import each_device
from torch import Tensor
from training_cases import OPTIONS, make_trainer, of_stage

from inpaintx import InpaintxError
from inpaintx.completion.candidates import CandidateFinder
from inpaintx.networks import checkpoint
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.encoder import Encoder
from inpaintx.options import SearchOptions, TrainOptions
from inpaintx.pictures.arrays import images_to_levels
from inpaintx.search import Found, Search
from inpaintx.training import train
from inpaintx.training.encoder import train_encoder

pytestmark = pytest.mark.slow

STEPS = TrainOptions(batch=16, seed=3)
GUESS = SearchOptions(guess=True, candidates=4, iterations=5, lr=0.05, spread=0.2, precision="float32")


def _images(model: Networks, count: int, seed: int = 7) -> Tensor:
    """What G draws: uint8 ``[count, C, S, S]``."""
    codes = _codes(model, count, seed)
    return torch.from_numpy(images_to_levels(model.generator(codes))).permute(0, 3, 1, 2).contiguous()


def _codes(model: Networks, count: int, seed: int) -> Tensor:
    """Of what G was trained on, where it is."""
    codes = model.generator.sample_codes(count, torch.Generator().manual_seed(seed))
    return codes.to(next(model.generator.parameters()))


def _damaged(model: Networks, count: int = 6) -> tuple[Tensor, Tensor]:
    images = _images(model, count, seed=11).float() / 127.5 - 1
    masks = torch.ones(count, 1, 32, 32)
    masks[:, :, 8:24, 8:24] = 0
    return images, masks


def _encoder(model: Networks, bank: int = 0) -> Encoder:
    """An untrained one, with a bank of that many codes."""
    torch.manual_seed(0)
    encoder = Encoder(model.architecture).eval().requires_grad_(False)
    encoder.bank = model.generator.sample_codes(bank, torch.Generator().manual_seed(1))
    return encoder


def test_guesses_are_codes_in_the_box_and_never_read_under_the_hole(
    make_model: Callable[..., Networks],
) -> None:
    for shape in ({"channels": 3, "kernel": 5}, {"size": 96, "code": "normal"}):
        model = make_model(**shape)
        encoder, a = _encoder(model), model.architecture
        images = torch.randn(3, a.channels, a.size, a.size)
        masks = torch.ones(3, 1, a.size, a.size)
        masks[..., : a.size // 2] = 0
        codes = encoder(images, masks)
        assert codes.shape == (3, a.nz)
        assert codes.abs().max() <= a.bound
        assert torch.equal(encoder(images.masked_fill(masks == 0, torch.nan), masks), codes)
        assert not torch.equal(encoder(images, torch.ones_like(masks)), codes)


@each_device
def test_training_makes_guesses_that_draw_the_image(model: Networks) -> None:
    """On what it was not trained on: nearer to the image, hole included, than the nearest of many codes."""
    losses: list[float] = []

    def told(loss: float) -> bool:
        losses.append(loss)
        return True

    encoder = train_encoder(model.generator, _images(model, 200), STEPS, 250, told)
    assert encoder is not None
    assert len(losses) == 250
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:20])
    assert not encoder.training
    images, masks = (each.to(encoder.bank) for each in _damaged(model, 32))
    guessed = (model.generator(encoder(images, masks)) - images).abs().mean()
    others = model.generator(_codes(model, 32, 5))
    assert guessed < 0.6 * (others - images).abs().mean()
    blind = (model.generator(encoder(images, 1 - masks)) - images).abs().mean()
    assert guessed < blind  # the rim of an image says more of it than its middle here


def test_training_is_a_function_of_the_seed(model: Networks) -> None:
    images = _images(model, 20)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (
        train_encoder(model.generator, images, replace(STEPS, seed=seed), 3) for seed in (3, 3, 4)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first is not None
    assert again is not None
    assert other is not None
    pairs = zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


@each_device
def test_training_that_is_given_up_gives_nothing_and_leaves_g_alone(model: Networks) -> None:
    state = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    seen: list[float] = []
    assert (
        train_encoder(model.generator, _images(model, 20), STEPS, 5, lambda loss: bool(seen.append(loss)))
        is None
    )
    assert len(seen) == 1
    assert all(torch.equal(state[name], tensor) for name, tensor in model.generator.state_dict().items())


def test_run_ends_with_an_encoder_that_loads_and_exports(tmp_path: Path) -> None:
    trainer = make_trainer(replace(OPTIONS, steps=3, encoder_steps=2))
    told: list[float] = []
    assert train(trainer, tmp_path, on_progress=of_stage("encoder", told.append))
    assert len(told) == 2
    loaded = checkpoint.load_model(tmp_path)
    assert loaded.encoder is not None
    assert not loaded.encoder.training
    assert not any(parameter.requires_grad for parameter in loaded.encoder.parameters())
    checkpoint.export(tmp_path, tmp_path / "small.safetensors")
    small = checkpoint.load_model(tmp_path / "small.safetensors").encoder
    assert small is not None
    assert len(loaded.encoder.bank) == len(trainer.collection.images)
    pairs = zip(small.state_dict().values(), loaded.encoder.state_dict().values(), strict=True)
    assert all(torch.equal(half, whole.half().float()) for half, whole in pairs)


def test_bank_holds_the_codes_of_whole_pictures_spread_over_the_collection(
    model: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _images(model, 30)
    encoder = train_encoder(model.generator, images, STEPS, 2)
    assert encoder is not None
    whole = encoder(images.float() / 127.5 - 1, torch.ones(30, 1, 32, 32))
    torch.testing.assert_close(encoder.bank, whole, rtol=0, atol=1e-5)
    monkeypatch.setattr("inpaintx.training.encoder.BANK", 10)
    fewer = train_encoder(model.generator, images, STEPS, 2)
    assert fewer is not None
    torch.testing.assert_close(fewer.bank, whole[::3], rtol=0, atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
def test_encoder_sees_mirror_images_where_g_did(tmp_path: Path, flip: bool) -> None:
    trainer = make_trainer(replace(OPTIONS, steps=2, encoder_steps=2, flip=flip))
    train(trainer, tmp_path)
    loaded = checkpoint.load_model(tmp_path)
    assert loaded.flip == flip
    assert loaded.encoder is not None
    images = trainer.collection.images
    seen = torch.cat([images, images.flip(-1)]) if flip else images
    codes = loaded.encoder(seen.float() / 127.5 - 1, torch.ones(len(seen), 1, 32, 32))
    torch.testing.assert_close(loaded.encoder.bank, codes, rtol=0, atol=1e-5)


def test_checkpoint_whose_encoder_has_no_bank_still_loads(tmp_path: Path) -> None:
    train(make_trainer(replace(OPTIONS, steps=2, encoder_steps=2)), tmp_path)
    header, tensors = checkpoint.load(tmp_path / checkpoint.FILE_NAME)
    del tensors["encoder.bank"]
    checkpoint.save(tmp_path / "old.safetensors", header, tensors)
    encoder = checkpoint.load_model(tmp_path / "old.safetensors").encoder
    assert encoder is not None
    assert encoder.bank.shape == (0, header["architecture"]["nz"])


def test_run_without_one_has_none_and_gets_it_when_it_goes_on(tmp_path: Path) -> None:
    train(make_trainer(replace(OPTIONS, steps=2)), tmp_path)
    assert checkpoint.load_model(tmp_path).encoder is None
    resumed = make_trainer(replace(OPTIONS, steps=2, encoder_steps=2))
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    train(resumed, tmp_path)
    later = checkpoint.load_model(tmp_path)
    assert later.encoder is not None
    assert later.header["step"] == 2


def test_encoder_takes_no_more_steps_than_the_networks_it_serves(tmp_path: Path) -> None:
    """So that a first try of a few steps is not followed by minutes of something else."""
    told: list[float] = []
    train(
        make_trainer(replace(OPTIONS, steps=2, encoder_steps=3000)),
        tmp_path,
        on_progress=of_stage("encoder", told.append),
    )
    assert len(told) == 2


# --- the search ---


def test_search_starts_from_the_guess_and_around_it(model: Networks) -> None:
    images, masks = _damaged(model)
    encoder = _encoder(model)
    found = Search(model.generator, None, replace(GUESS, iterations=1, lr=1e-6), encoder)(images, masks)
    guess = encoder(images, masks)
    codes = _by_candidate(found)
    torch.testing.assert_close(codes[:, 0], guess, rtol=0, atol=1e-4)
    apart = (codes[:, 1:] - guess[:, None]).std().item()
    assert apart == pytest.approx(0.2, rel=0.35)
    same = Search(model.generator, None, replace(GUESS, iterations=1, lr=1e-6, spread=0), encoder)(
        images, masks
    )
    torch.testing.assert_close(same.codes, guess[:, None].expand_as(same.codes), rtol=0, atol=1e-4)


@pytest.mark.parametrize("bank", [0, 20])
def test_guess_is_made_without_the_pixels_that_are_held_out(bank: int, model: Networks) -> None:
    """Whatever stands there, the candidates that are blind to it come out the same."""
    images, masks = _damaged(model, 2)
    folds = torch.zeros(2, 2, 32, 32, dtype=torch.bool)
    folds[:, 0, :4], folds[:, 1, 28:] = True, True
    search = Search(model.generator, None, GUESS, _encoder(model, bank))
    spoilt = images.clone()
    spoilt[:, :, :4] = -spoilt[:, :, :4]
    for image, other in zip(
        *(_by_candidate(search(x, masks, folds=folds)) for x in (images, spoilt)), strict=True
    ):
        torch.testing.assert_close(image[:2], other[:2], rtol=0, atol=1e-6)  # blind to fold 0
        assert not torch.allclose(image[2:], other[2:], rtol=0, atol=1e-3)


def _by_candidate(found: Found) -> Tensor:
    """Codes ``[B, K, nz]`` in the order of the candidates' numbers."""
    return torch.empty_like(found.codes).scatter_(
        1, found.candidates[..., None].expand_as(found.codes), found.codes
    )


@pytest.mark.parametrize("bank", [0, 20])
def test_image_alone_and_in_a_batch_get_the_same_guesses(bank: int, model: Networks) -> None:
    images, masks = _damaged(model, 5)
    search = Search(model.generator, None, replace(GUESS, batch=3), _encoder(model, bank))
    together = search(images, masks)
    alone = search(images[3:4], masks[3:4])
    torch.testing.assert_close(together.codes[3:4], alone.codes, rtol=0, atol=1e-4)


def test_every_other_candidate_starts_from_a_picture_of_the_bank_that_is_near(model: Networks) -> None:
    """Images are the bank's own, damaged, and what lies under the hole is never read."""
    encoder = _encoder(model, bank=20)
    own = [3, 11, 17]
    _, masks = _damaged(model, 3)
    images = model.generator(encoder.bank[own]).masked_fill(masks == 0, torch.nan)
    still = replace(GUESS, iterations=1, lr=1e-6)
    codes = _by_candidate(Search(model.generator, None, still, encoder)(images, masks))
    torch.testing.assert_close(codes[:, 1], encoder.bank[own], rtol=0, atol=1e-4)
    torch.testing.assert_close(codes[:, 0], encoder(images, masks), rtol=0, atol=1e-4)
    distances = (codes[:, 3, None] - encoder.bank).abs().amax(2)
    assert (distances.amin(1) < 1e-4).all()  # also of the bank
    assert (distances.argmin(1) != torch.tensor(own)).all()  # and another one

    plain = _by_candidate(Search(model.generator, None, still, _encoder(model))(images, masks))
    torch.testing.assert_close(codes[:, ::2], plain[:, ::2], rtol=0, atol=1e-4)
    for options, size in ((replace(still, bank=False), 20), (still, 1)):  # not wanted, or too small
        without = Search(model.generator, None, options, _encoder(model, size))(images, masks)
        assert torch.equal(_by_candidate(without), plain)


def test_candidates_that_see_other_pixels_start_from_other_pictures(model: Networks) -> None:
    encoder = _encoder(model, bank=20)
    _, masks = _damaged(model, 1)
    images = model.generator(encoder.bank[5:6])
    folds = torch.zeros(1, 2, 32, 32, dtype=torch.bool)
    folds[:, 0, 0, 0], folds[:, 1, 0, 1] = True, True
    search = Search(model.generator, None, replace(GUESS, iterations=1, lr=1e-6), encoder)
    [codes] = _by_candidate(search(images, masks, folds=folds))
    first, second = ((codes[number] - encoder.bank).abs().amax(1) for number in (1, 3))
    assert first.argmin() == 5
    assert second.argmin() != 5
    assert max(first.min(), second.min()) < 1e-4


def test_search_guesses_where_there_is_an_encoder_and_nothing_says_otherwise(model: Networks) -> None:
    images, masks = _damaged(model)
    encoder = _encoder(model)
    open_ = replace(GUESS, guess=None)

    def codes(options: SearchOptions, encoder: Encoder | None) -> Tensor:
        return Search(model.generator, None, options, encoder)(images, masks).codes

    assert torch.equal(codes(open_, encoder), codes(GUESS, encoder))
    random = codes(replace(GUESS, guess=False), encoder)
    assert torch.equal(codes(open_, None), random)
    assert not torch.equal(random, codes(GUESS, encoder))


def test_untrained_networks_get_no_guesses_of_another_generators_codes(model: Networks) -> None:
    square = (np.full((32, 32, model.architecture.channels), 0.5, np.float32), np.ones((32, 32), bool))
    with_encoder = replace(model, encoder=_encoder(model))
    [mine], [others] = (
        CandidateFinder(each, GUESS, control="untrained")([square]) for each in (model, with_encoder)
    )
    assert np.array_equal(mine.fills, others.fills)


def test_guessing_without_an_encoder_says_how_to_get_one(model: Networks) -> None:
    with pytest.raises(InpaintxError, match=r"no encoder.*--encoder-steps 3000") as caught:
        Search(model.generator, None, GUESS)
    assert "\n" not in str(caught.value)


def test_encoder_in_training_mode_is_refused(model: Networks) -> None:
    with pytest.raises(InpaintxError, match="training mode"):
        Search(model.generator, None, GUESS, Encoder(model.architecture))
