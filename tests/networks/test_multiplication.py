"""Which float32 products a GPU takes. The settings are torch's and can be read without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from search_cases import QUICK, images_of, masks_of, run_search

from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.dcgan import FrozenGenerator
from inpaintx.networks.multiplication import multiplying
from inpaintx.options import Architecture, TrainOptions
from inpaintx.search import Search, descent
from inpaintx.search.precision import FrozenPair
from inpaintx.training import Trainer, train
from inpaintx.training.collection import Collection


def settings() -> tuple[str, str]:
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision


def test_what_holds_inside_is_said_and_what_held_before_comes_back() -> None:
    before = settings()
    with multiplying(tf32=True):
        assert settings() == ("tf32", "tf32")
        with multiplying(tf32=False):
            assert settings() == ("ieee", "ieee")
        assert settings() == ("tf32", "tf32")
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert settings() == ("tf32", "tf32")
    assert settings() == before


@pytest.mark.parametrize(("precision", "wanted"), [("float32", "ieee"), ("tf32", "tf32")])
def test_training_multiplies_as_asked(tmp_path: Path, precision: str, wanted: str) -> None:
    images = torch.randint(256, (8, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    options = TrainOptions(
        steps=1,
        batch=4,
        precision=precision,
        encoder_steps=0,
        predictor_steps=0,  # type: ignore[arg-type]
    )
    trainer = Trainer(
        Collection(images, []), Architecture(size=32, channels=1, width=4, nz=8), options, "crop"
    )
    seen = []
    train(trainer, tmp_path, on_step=lambda report: seen.append(settings()))
    assert seen == [(wanted, wanted)]


@multiplying(tf32=False)
def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_a_search_iterates_as_asked_and_draws_what_it_found_in_full(
    model: Networks, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    iterated, drawn = set(), set()
    iterate, draw = descent.Descent._iterate, FrozenPair.draw

    def noted_iterate(self: descent.Descent, *arguments: Any) -> None:
        iterated.add(settings())
        iterate(self, *arguments)

    def noted_draw(self: FrozenPair, codes: torch.Tensor) -> torch.Tensor:
        drawn.add(settings())
        return draw(self, codes)

    monkeypatch.setattr(descent.Descent, "_iterate", noted_iterate)
    monkeypatch.setattr(FrozenPair, "draw", noted_draw)
    run_search(model, replace(QUICK, precision=precision), images_of(model, 1), masks_of(1))
    wanted = "tf32" if precision == "tf32" else "ieee"
    assert iterated == {(wanted, wanted)}
    assert drawn == {("ieee", "ieee")}


@pytest.mark.parametrize("timing", [False, True])
def test_a_search_and_its_guess_repeat_cudnns_bits_and_leave_what_was_set(
    model: Networks, monkeypatch: pytest.MonkeyPatch, timing: bool
) -> None:
    seen = set()
    forward = FrozenGenerator.forward

    def noted(self: FrozenGenerator, z: torch.Tensor) -> torch.Tensor:
        seen.add((torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark))
        return forward(self, z)

    monkeypatch.setattr(FrozenGenerator, "forward", noted)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", timing)
    search = Search(model.generator, model.discriminator, QUICK)
    search(images_of(model, 1), masks_of(1))
    search.guess(images_of(model, 1), masks_of(1))
    assert seen == {(True, False)}
    assert torch.backends.cudnn.benchmark == timing
    assert not torch.backends.cudnn.deterministic
