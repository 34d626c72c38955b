"""Runs of training: stopped, gone on with, interrupted, and ended by what must not be saved."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn
from training_cases import CPU, OPTIONS, SHAPE, drawn, make_trainer, same_run, steps_in_log

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.options import TrainOptions
from inpaintx.training import LOG_NAME, Report, Trainer, train

pytestmark = pytest.mark.slow

PATIENCE = 300  # seconds: for a machine with other things to do


def _run(
    folder: Path, options: TrainOptions, resume: bool = False, device: torch.device = CPU, **callbacks: Any
) -> Trainer:
    folder.mkdir(exist_ok=True)
    trainer = make_trainer(options, device=device)
    if resume:
        trainer.restore(folder / checkpoint.FILE_NAME)
    train(trainer, folder, **callbacks)
    return trainer


@pytest.mark.parametrize(
    ("stops", "extra"),
    [([4], {}), ([6], {}), ([2, 3, 6], {}), ([4], {"precision": "bfloat16", "ema": 0.0})],
    ids=["off-a-save", "on-a-save", "often", "bfloat16-without-average"],
)
def test_trap_9_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, stops: list[int], extra: dict[str, Any], device: torch.device
) -> None:
    """Stopped in mid-epoch (12 images, batches of 5), on a save (6) and off one (4); all augmentation on."""
    options = replace(OPTIONS, steps=9, save_every=3, flip=True, translate=0.2, deterministic=True, **extra)
    _run(tmp_path / "whole", options, device=device)
    for number, stop in enumerate([*stops, 9]):
        _run(tmp_path / "parts", replace(options, steps=stop), resume=number > 0, device=device)
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    _, tensors = checkpoint.load(tmp_path / "whole" / checkpoint.FILE_NAME)
    assert {name.split(".")[1] for name in tensors if name.startswith("training.")} == {
        "generator",
        "average",
        "generator_adam",
        "discriminator_adam",
    }
    assert steps_in_log(tmp_path / "parts") == list(range(1, 10))


def test_log_has_a_line_a_step_after_going_on_from_an_older_checkpoint(tmp_path: Path) -> None:
    _run(tmp_path, replace(OPTIONS, steps=4))
    older = (tmp_path / checkpoint.FILE_NAME).read_bytes()
    _run(tmp_path, replace(OPTIONS, steps=7), resume=True)
    with (tmp_path / LOG_NAME).open("a") as log:
        log.write('{"step": 8, "loss_d": 1.')  # a machine that went down
    (tmp_path / checkpoint.FILE_NAME).write_bytes(older)
    _run(tmp_path, replace(OPTIONS, steps=6), resume=True)
    assert steps_in_log(tmp_path) == [1, 2, 3, 4, 5, 6]
    _run(tmp_path, replace(OPTIONS, steps=2))
    assert steps_in_log(tmp_path) == [1, 2]


def test_log_is_complete_at_every_step(tmp_path: Path) -> None:
    """A killed run must not lack the lines before its last checkpoint."""

    def check(report: Report) -> None:
        last = json.loads((tmp_path / LOG_NAME).read_text().splitlines()[-1])
        assert (last["step"], last["loss_d"], last["loss_g"]) == (report.step, report.loss_d, report.loss_g)

    assert _run(tmp_path, OPTIONS, on_step=check).step == OPTIONS.steps


def test_run_saves_as_often_as_told_and_at_its_end(tmp_path: Path) -> None:
    saved: list[int] = []
    trainer = make_trainer(replace(OPTIONS, save_every=3))
    assert train(trainer, tmp_path, on_save=lambda network: saved.append(trainer.step))
    assert saved == [3, 6, 7]
    assert checkpoint.load(tmp_path / checkpoint.FILE_NAME)[0]["step"] == 7
    saved.clear()
    on_the_dot = make_trainer(replace(OPTIONS, steps=6, save_every=3))
    train(on_the_dot, tmp_path, on_save=lambda network: saved.append(on_the_dot.step))
    assert saved == [3, 6]


def test_on_save_is_given_the_network_of_the_checkpoint(tmp_path: Path) -> None:
    given: list[Any] = []
    _run(tmp_path, replace(OPTIONS, steps=2), on_save=given.append)
    saved = checkpoint.load_model(tmp_path).generator.state_dict()
    for name, tensor in given[0].state_dict().items():
        assert torch.equal(tensor, saved[name]), name


def test_minutes_stop_and_save_a_run(tmp_path: Path) -> None:
    trainer = _run(tmp_path, replace(OPTIONS, steps=100_000, minutes=0.3 / 60))
    assert 1 <= trainer.step < 100_000
    assert checkpoint.load(tmp_path / checkpoint.FILE_NAME)[0]["step"] == trainer.step
    assert steps_in_log(tmp_path)[-1] == trainer.step


def _when(step: int, action: Callable[[], None]) -> Callable[[Report], None]:
    def on_step(report: Report) -> None:
        if report.step == step:
            action()

    return on_step


def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path, ctrl_c: None) -> None:
    trainer, before = make_trainer(), signal.getsignal(signal.SIGINT)
    assert not train(trainer, tmp_path, _when(3, lambda: signal.raise_signal(signal.SIGINT)))
    assert trainer.step == 3
    assert checkpoint.load(tmp_path / checkpoint.FILE_NAME)[0]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_second_ctrl_c_does_not_wait(tmp_path: Path, ctrl_c: None) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(make_trainer(), tmp_path, _when(2, twice))
    assert not (tmp_path / checkpoint.FILE_NAME).exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_trains_in_a_thread_where_no_signal_arrives(tmp_path: Path) -> None:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(train(make_trainer(), tmp_path)))
    thread.start()
    thread.join()
    assert results == [True]


def test_interrupted_program_saves_exits_with_130_and_goes_on(tmp_path: Path) -> None:
    """A real Ctrl-C: SIGINT to a real `inpaintx train`."""
    pictures, run = tmp_path / "pictures", tmp_path / "run"
    pictures.mkdir()
    for index, image in enumerate(drawn(6).images):
        Image.fromarray(image[0].numpy()).save(pictures / f"{index}.png")
    command = [sys.executable, "-m", "inpaintx", "train", str(pictures), "--out", str(run), "--device", "cpu"]
    command += ["--size", "32", "--width", "4", "--nz", "8", "--batch", "4"]
    with subprocess.Popen([*command, "--steps", "1000000"], stderr=subprocess.PIPE, text=True) as started:
        try:
            _wait_for_lines(run / LOG_NAME, started)
            started.send_signal(signal.SIGINT)
            _, errors = started.communicate(timeout=PATIENCE)
        finally:
            started.kill()
    assert started.returncode == 130, errors
    assert "Traceback" not in errors
    step = checkpoint.load(run / checkpoint.FILE_NAME)[0]["step"]
    assert steps_in_log(run) == list(range(1, step + 1))

    more = [*command, "--steps", str(step + 2), "--resume"]
    done = subprocess.run(more, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert f"resumed at step {step}" in done.stdout
    assert steps_in_log(run) == list(range(1, step + 3))


def _wait_for_lines(log: Path, program: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while not log.is_file() or log.read_text().count("\n") < 3:
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- what stops a run ---


def _poison(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] = float("nan")


def test_nan_stops_with_one_line_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    trainer = make_trainer(replace(OPTIONS, steps=100, save_every=2))
    good: list[bytes] = []

    def poison() -> None:
        good.append((tmp_path / checkpoint.FILE_NAME).read_bytes())
        _poison(trainer.generator)

    with pytest.raises(
        InpaintxError, match=r"^training: the loss is not finite at step 4 .*resume"
    ) as caught:
        train(trainer, tmp_path, _when(3, poison))
    assert "\n" not in str(caught.value)
    assert (tmp_path / checkpoint.FILE_NAME).read_bytes() == good[0]
    resumed = _run(tmp_path, replace(OPTIONS, steps=3, lr=1e-5), resume=True)
    assert resumed.step == 3


@pytest.mark.parametrize("part", ["generator", "discriminator", "average"])
def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, part: str) -> None:
    """They may be so while the loss that they came from still was finite."""
    trainer = make_trainer()
    trainer.advance()
    trainer.save(tmp_path)
    good = (tmp_path / checkpoint.FILE_NAME).read_bytes()
    _poison(getattr(trainer, part))
    with pytest.raises(InpaintxError, match=r"^training: weights are not finite at step 1 \(.*kept"):
        trainer.save(tmp_path)
    assert (tmp_path / checkpoint.FILE_NAME).read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE_NAME]


def test_run_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"can't write: .*nowhere.*--out"):
        train(make_trainer(), tmp_path / "nowhere")


def test_checkpoint_before_the_first_step_can_be_resumed(tmp_path: Path) -> None:
    make_trainer().save(tmp_path)
    resumed, fresh = make_trainer(), make_trainer()
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert [resumed.advance() for _ in range(2)] == [fresh.advance() for _ in range(2)]


def test_lower_learning_rate_holds_after_resuming(tmp_path: Path) -> None:
    _run(tmp_path, replace(OPTIONS, steps=2))
    resumed = make_trainer(replace(OPTIONS, lr=1e-6))
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert {o.param_groups[0]["lr"] for o in resumed.optimizers.values()} == {1e-6}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: make_trainer(fit="stretch"), "its fit is crop, this run's is stretch"),
        (lambda: make_trainer(count=11), "its collection is"),
        (lambda: Trainer(drawn(12), replace(SHAPE, nz=9), OPTIONS, "crop"), "its architecture is"),
        (lambda: make_trainer(replace(OPTIONS, batch=6)), "its batch is 5, not 6"),
        (lambda: make_trainer(replace(OPTIONS, seed=4)), "its seed is 3, not 4"),
    ],
    ids=["fit", "collection", "architecture", "batch", "seed"],
)
def test_resuming_another_run_is_refused(tmp_path: Path, other: Callable[[], Trainer], what: str) -> None:
    _run(tmp_path, replace(OPTIONS, steps=1))
    with pytest.raises(InpaintxError, match="cannot resume: ") as caught:
        other().restore(tmp_path / checkpoint.FILE_NAME)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_resuming_an_exported_model_is_refused(tmp_path: Path) -> None:
    _run(tmp_path, replace(OPTIONS, steps=1))
    checkpoint.export(tmp_path, tmp_path / "small.safetensors")
    with pytest.raises(InpaintxError, match="no training state"):
        make_trainer().restore(tmp_path / "small.safetensors")
