"""What a run keeps: its encoder, its losses, its state; and a state that is not one it could go on from."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from training_cases import OPTIONS, make_trainer, of_stage, same_run, steps_in_log

from inpaintx.completion import Completer
from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.options import SearchOptions, TrainOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.training import LOG_NAME, Report, Trainer, is_log, run, train
from inpaintx.training.losses import TOGETHER, Losses

pytestmark = pytest.mark.slow

WITH_ENCODER = replace(OPTIONS, steps=3, encoder_steps=2)


def _resumed(folder: Path, options: TrainOptions) -> Trainer:
    trainer = make_trainer(options)
    trainer.restore(folder / checkpoint.FILE_NAME)
    return trainer


def _encoder_in(folder: Path) -> dict[str, Tensor]:
    return checkpoint.load(folder / checkpoint.FILE_NAME, ("encoder.",))[1]


def _same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- the encoder ---


def test_encoder_stays_while_a_run_goes_on_and_says_of_which_step_it_is(tmp_path: Path) -> None:
    train(make_trainer(WITH_ENCODER), tmp_path)
    first = _encoder_in(tmp_path)
    seen: list[int] = []

    def check(_: object) -> None:
        loaded = checkpoint.load_model(tmp_path)
        assert loaded.encoder is not None
        assert loaded.header["encoder_step"] == 3
        assert _same(_encoder_in(tmp_path), first)
        seen.append(loaded.header["step"])

    train(_resumed(tmp_path, replace(WITH_ENCODER, steps=6, save_every=2)), tmp_path, on_save=check)
    assert seen == [4, 6]
    assert checkpoint.load_model(tmp_path).header["encoder_step"] == 6
    assert not _same(_encoder_in(tmp_path), first)


def test_encoder_of_a_run_of_an_earlier_version_is_of_the_step_of_its_checkpoint(tmp_path: Path) -> None:
    train(make_trainer(WITH_ENCODER), tmp_path)
    header, tensors = checkpoint.load(tmp_path / checkpoint.FILE_NAME)
    del header["encoder_step"], header["architecture"]["kind"]
    checkpoint.save(tmp_path / checkpoint.FILE_NAME, header, tensors)
    trainer = _resumed(tmp_path, replace(WITH_ENCODER, steps=4))
    assert trainer.encoder_step == 3
    trainer.advance()
    trainer.save(tmp_path)
    assert checkpoint.load_model(tmp_path).header["encoder_step"] == 3


def test_run_that_is_to_have_no_encoder_drops_it(tmp_path: Path) -> None:
    train(make_trainer(WITH_ENCODER), tmp_path)
    train(_resumed(tmp_path, replace(WITH_ENCODER, steps=4, encoder_steps=0)), tmp_path)
    loaded = checkpoint.load_model(tmp_path)
    assert loaded.encoder is None
    assert "encoder_step" not in loaded.header


def test_resuming_with_the_encoder_that_stayed_changes_nothing_else(tmp_path: Path) -> None:
    for name, stops in (("parts", (3, 6)), ("whole", (6,))):
        (tmp_path / name).mkdir()
        for number, steps in enumerate(stops):
            options = replace(WITH_ENCODER, steps=steps)
            trainer = _resumed(tmp_path / name, options) if number else make_trainer(options)
            train(trainer, tmp_path / name)
    assert same_run(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.parametrize("earlier", [False, True], ids=["first", "resumed"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_encoder_is_trained_leaves_a_model_that_completes(
    tmp_path: Path, ctrl_c: None, sent: signal.Signals, earlier: bool
) -> None:
    trainer = make_trainer(WITH_ENCODER)
    if earlier:
        train(trainer, tmp_path)
        trainer = _resumed(tmp_path, replace(WITH_ENCODER, steps=5))
    told: list[float] = []

    def interrupt(loss: float) -> None:
        told.append(loss)
        signal.raise_signal(sent)

    assert not train(trainer, tmp_path, on_progress=of_stage("encoder", interrupt))
    assert len(told) == 1
    loaded = checkpoint.load_model(tmp_path)
    assert loaded.header["step"] == trainer.step
    assert (loaded.encoder is not None) == earlier
    mask = np.ones((32, 32), bool)
    mask[8:20, 8:20] = False
    pixels = trainer.collection.images[0, 0].numpy().copy()
    options = SearchOptions(iterations=3, candidates=2, starts=4, precision="float32")
    completer = Completer(loaded, registry.make("blend", "none", {}), options)
    [done] = completer([Picture(pixels)], [mask])
    assert np.array_equal(done.picture.array[mask], pixels[mask])

    assert train(_resumed(tmp_path, trainer.options), tmp_path)
    assert checkpoint.load_model(tmp_path).header["encoder_step"] == trainer.step


# --- signals ---


def test_sigterm_finishes_the_step_and_saves(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def send(report: Report) -> None:
        if report.step == 3:
            signal.raise_signal(signal.SIGTERM)

    assert not train(make_trainer(), tmp_path, send)
    assert checkpoint.load_model(tmp_path).header["step"] == 3
    assert signal.getsignal(signal.SIGTERM) is before


# --- losses that are read together ---


@pytest.fixture
def read_late(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Losses are read as on a device where that makes the host wait; how many each time."""
    reads: list[int] = []

    class Counted(Losses):
        def __init__(self, device: torch.device) -> None:
            super().__init__(torch.device("cuda"))

        def read(self) -> list[list[float]]:
            read = super().read()
            reads.append(len(read))
            return read

    monkeypatch.setattr(run, "Losses", Counted)
    monkeypatch.setattr("inpaintx.training.fitting.Losses", Counted)
    return reads


def _told(log: Path) -> list[tuple[int, float, float]]:
    lines = map(json.loads, log.read_text().splitlines())
    return [(line["step"], line["loss_d"], line["loss_g"]) for line in lines]


def test_losses_read_together_are_those_read_one_by_one(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options = replace(OPTIONS, steps=2 * TOGETHER + 5, save_every=TOGETHER + 3, encoder_steps=20)
    losses, encoder_losses = [], []
    for name in ("one by one", "together"):
        if name == "together":
            reads = request.getfixturevalue("read_late")
        folder = tmp_path / name
        folder.mkdir()
        told: list[tuple[int, float, float]] = []
        encoder_told: list[float] = []
        assert train(
            make_trainer(options),
            folder,
            lambda report, told=told: told.append((report.step, report.loss_d, report.loss_g)),
            on_progress=of_stage("encoder", encoder_told.append),
        )
        assert _told(folder / LOG_NAME) == told
        losses.append(told)
        encoder_losses.append(encoder_told)
    assert same_run(tmp_path / "one by one", tmp_path / "together")
    assert losses[0] == losses[1]
    assert encoder_losses[0] == encoder_losses[1]
    assert len(encoder_losses[0]) == 20
    assert reads == [TOGETHER, 3, TOGETHER, 2, TOGETHER, 4]  # before each save, too


def test_loss_that_is_not_finite_is_told_of_its_step_and_never_saved(
    tmp_path: Path, read_late: list[int]
) -> None:
    trainer = make_trainer(replace(OPTIONS, steps=40, save_every=10, lr=1e-3))
    saved: list[int] = []

    def poison(_: object) -> None:
        saved.append(trainer.step)
        if len(saved) == 1:
            with torch.no_grad():
                next(trainer.generator.parameters())[0, 0, 0, 0] = float("nan")

    with pytest.raises(InpaintxError, match=r"not finite at step 11 .*last good checkpoint is kept"):
        train(trainer, tmp_path, on_save=poison)
    assert saved == [10]
    assert checkpoint.load_model(tmp_path).header["step"] == 10
    assert steps_in_log(tmp_path) == list(range(1, 11))


@pytest.mark.parametrize("change", [{"lr": 1e20}], ids=str)
def test_run_that_fails_before_its_first_checkpoint_is_not_told_to_resume(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(InpaintxError, match="nothing is saved yet; train anew with a lower learning rate"):
        train(make_trainer(replace(OPTIONS, **change)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOG_NAME]
    assert is_log(tmp_path / LOG_NAME)


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("", True),
        ('{"step": 1, "loss_d": 1.3, "loss_g": 0.7, "seconds": 0.1}\n', True),
        ('{"step": 1, "loss_d": 1.3, "lo', True),
        ('{"step": 2, "loss_d": 1.3, "loss_g": 0.7, "seconds": 0.1}\n', False),
        ("2026-01-01 started\n", False),
        ("\n", False),
    ],
)
def test_log_of_a_run_is_known_from_any_other(tmp_path: Path, text: str, ours: bool) -> None:
    (tmp_path / LOG_NAME).write_text(text)
    assert is_log(tmp_path / LOG_NAME) == ours


# --- a state that can't be gone on from ---


def _without(prefix: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}


def _with(name: str, tensor: Tensor) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: tensors | {name: tensor}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without("training.average."), "without a training.average"),
        (_without("training.average.layers.0."), "its training.average does not fit"),
        (_without("training.generator_adam."), "without a training.generator_adam.0"),
        (_without("training.discriminator_adam.1.exp_avg_sq"), "its training.discriminator_adam.1 does not"),
        (
            _with("training.generator_adam.0.exp_avg", torch.zeros(3)),
            "its training.generator_adam.0 does not",
        ),
        (_with("training.generator_adam.0.step", torch.tensor(3)), "is of the type I64"),
        (_with("training.generator_adam.0.step", torch.tensor(torch.nan)), "holds NaN"),
        (_with("encoder.layers.0.bias", torch.zeros(1)), "its encoder does not fit"),
    ],
)
def test_state_that_is_not_whole_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], told: str
) -> None:
    train(make_trainer(WITH_ENCODER), tmp_path)
    file = tmp_path / checkpoint.FILE_NAME
    header, tensors = checkpoint.load(file)
    checkpoint.save(file, header, change(tensors))
    with pytest.raises(InpaintxError) as caught:
        _resumed(tmp_path, WITH_ENCODER)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"step": "3"}, "its step is '3'"),
        ({"step": -1}, "its step is -1"),
        ({"options": {"lr": "fast"}}, "holds no training run: training: lr is 'fast'"),
        ({"options": [1]}, "its options can't be read"),
        ({"options": {"batch": 5, "seed": 3, "depth": 1}}, "holds no training run: .*unknown: depth"),
    ],
    ids=str,
)
def test_header_of_no_run_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    train(make_trainer(replace(OPTIONS, steps=1)), tmp_path)
    file = tmp_path / checkpoint.FILE_NAME
    header, tensors = checkpoint.load(file)
    checkpoint.save(file, {**header, **change}, tensors)
    with pytest.raises(InpaintxError, match=told):
        _resumed(tmp_path, OPTIONS)
