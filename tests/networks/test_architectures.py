"""The kinds of networks: one file and one row each, and nothing else knows them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import plain_architecture
import pytest
import torch

from inpaintx.completion import Completer
from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint, dcgan
from inpaintx.networks.architectures import build, freeze
from inpaintx.options import ARCHITECTURES, Architecture, SearchOptions, TrainOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.search import Search
from inpaintx.training import Trainer, train
from inpaintx.training.collection import Collection

SHAPE = Architecture(size=32, channels=1, width=4, nz=8)
PLAIN = {"size": 32, "channels": 1, "width": 4, "nz": 8, "kind": "plain"}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Architecture:
    """An architecture of a kind that somebody has added."""
    monkeypatch.setitem(ARCHITECTURES, "plain", "plain_architecture")
    return Architecture(**PLAIN)


def _collection() -> Collection:
    rng = np.random.default_rng(0)
    rows = np.arange(32)[:, None] * rng.uniform(2, 7, (10, 1, 1)) + rng.uniform(0, 30, (10, 1, 32))
    images = torch.from_numpy(rows.astype(np.uint8))[:, None]
    return Collection(images, [Path(f"{number}.png") for number in range(10)])


@pytest.mark.slow
def test_a_kind_of_ones_own_is_trained_saved_loaded_and_completes(
    plain: Architecture, tmp_path: Path
) -> None:
    options = TrainOptions(steps=2, batch=4, encoder_steps=2, predictor_steps=2)
    trainer = Trainer(_collection(), plain, options, "crop")
    before = [parameter.clone() for parameter in trainer.generator.parameters()]
    assert train(trainer, tmp_path)
    assert isinstance(trainer.generator, plain_architecture.Generator)
    assert not any(map(torch.equal, before, trainer.generator.parameters()))

    loaded = checkpoint.load_model(tmp_path)
    assert loaded.architecture == plain
    assert isinstance(loaded.generator, plain_architecture.Generator)
    assert isinstance(loaded.discriminator, plain_architecture.Discriminator)
    assert loaded.encoder is not None

    pixels = _collection().images[3, 0].numpy().copy()
    picture, mask = Picture(pixels), np.ones((32, 32), bool)
    mask[10:20, 12:22] = False
    search = SearchOptions(candidates=2, iterations=8, prior=0.01, precision="float32")
    filled = {}
    for control in ("model", "untrained"):
        [done] = Completer(loaded, registry.make("blend", "none", {}), search, control=control)(
            [picture], [mask]
        )
        filled[control] = done.picture.array
        assert np.array_equal(filled[control][mask], pixels[mask])
    assert not np.array_equal(filled["model"], filled["untrained"])

    resumed = Trainer(_collection(), plain, replace(options, steps=3), "crop")
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert train(resumed, tmp_path)
    assert checkpoint.load_model(tmp_path).header["step"] == 3


@pytest.mark.parametrize("changes", [{"depth": 1}, {"adapt": 1}], ids=lambda changes: next(iter(changes)))
def test_kinds_that_cannot_be_searched_deeper_say_so(plain: Architecture, changes: dict[str, int]) -> None:
    generator, _ = build(plain)
    with pytest.raises(InpaintxError, match=f"networks of kind plain .* choose {next(iter(changes))} 0"):
        Search(generator.eval(), None, SearchOptions(**changes))


def test_file_of_a_kind_that_is_not_there_is_told(plain: Architecture, tmp_path: Path) -> None:
    train(
        Trainer(
            _collection(), plain, TrainOptions(steps=1, batch=4, encoder_steps=0, predictor_steps=0), "crop"
        ),
        tmp_path,
    )
    del ARCHITECTURES["plain"]
    with pytest.raises(InpaintxError, match=r"kind is 'plain'; choose one of dcgan") as caught:
        checkpoint.load_model(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_header_that_names_no_kind_is_of_the_first() -> None:
    old = SHAPE.to_dict()
    del old["kind"]
    assert Architecture.from_dict(old) == SHAPE
    assert SHAPE.kind == "dcgan"


def test_every_kind_in_the_table_brings_both_networks_and_freezes_them() -> None:
    for kind in ARCHITECTURES:
        torch.manual_seed(0)
        shape = replace(SHAPE, kind=kind)
        generator, discriminator = (network.eval().requires_grad_(False) for network in build(shape))
        codes = generator.sample_codes(3)
        frozen = freeze(generator)
        images = frozen.forward(codes)
        torch.testing.assert_close(images, generator(codes))
        assert frozen.vjp(torch.ones_like(images)).shape == codes.shape
        prior, grad = freeze(discriminator).prior(images)
        torch.testing.assert_close(prior, torch.nn.functional.softplus(-discriminator(images)))
        assert grad.shape == images.shape


def test_networks_are_drawn_in_the_order_that_old_runs_were() -> None:
    torch.manual_seed(3)
    generator, discriminator = build(SHAPE)
    torch.manual_seed(3)
    first, second = dcgan.Generator(SHAPE), dcgan.Discriminator(SHAPE)
    for ours, theirs in ((generator, first), (discriminator, second)):
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
