"""Training: what a step does, runs that stop and go on, and what stops a run."""

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

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from inpaintx import checkpoint
from inpaintx.data import Collection, to_unit
from inpaintx.errors import InpaintxError
from inpaintx.options import Architecture, TrainOptions
from inpaintx.training import LOG_NAME, Report, Trainer, stream, to_pixels, train

SHAPE = Architecture(size=32, channels=1, width=4, nz=8)
OPTIONS = TrainOptions(steps=7, batch=5, save_every=100, seed=3)


def _drawn(count: int) -> Collection:
    """Discs of several places and sizes, no two alike and none its own mirror image."""
    rows, columns = np.mgrid[:32, :32]
    discs = [(rows - 10 - i % 5) ** 2 + (columns - 7 - i % 7) ** 2 < (4 + i % 4) ** 2 for i in range(count)]
    images = np.where(np.stack(discs), 230 - np.arange(count)[:, None, None], 20).astype(np.uint8)
    return Collection(torch.from_numpy(images)[:, None], [Path(f"{i}.png") for i in range(count)])


def _trainer(options: TrainOptions = OPTIONS, count: int = 12, fit: str = "crop") -> Trainer:
    return Trainer(_drawn(count), SHAPE, options, fit)


def _spy_on_discriminator(trainer: Trainer) -> list[Tensor]:
    """What D is given from now on: real, generated and, for G's step, generated images of each step."""
    seen: list[Tensor] = []
    trainer.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    return seen


def _indices(images: Tensor, collection: Collection) -> list[int]:
    """Which image of the collection each of ``images`` is; -1: none."""
    own = to_unit(collection.images)
    same = (images[:, None] == own[None]).flatten(2).all(2)
    return [int(row.nonzero()[0]) if row.any() else -1 for row in same]


def _steps_in_log(run: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (run / LOG_NAME).read_text().splitlines()]


# --- a step ---


def _losses(frozen: str, steps: int = 30) -> tuple[list[float], list[float]]:
    """D's and G's losses where one of the two does not learn."""
    trainer = _trainer(replace(OPTIONS, lr=2e-3, translate=0))
    trainer.optimizers[frozen].param_groups[0]["lr"] = 0.0
    losses = [trainer.advance() for _ in range(steps)]
    return [loss for loss, _ in losses], [loss for _, loss in losses]


def test_discriminator_learns_to_tell_real_from_generated() -> None:
    losses, others = _losses(frozen="generator")
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    assert np.mean(others[-5:]) > np.mean(others[:5])


def test_generator_learns_to_please_the_discriminator() -> None:
    losses_d, losses = _losses(frozen="discriminator")
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.01
    assert np.mean(losses_d[-5:]) > np.mean(losses_d[:5])


def test_first_losses_are_those_of_networks_that_know_nothing() -> None:
    """Logits near 0: D loses ln 2 on either side, G once (Goodfellow et al., 2014)."""
    loss_d, loss_g = _trainer().advance()
    assert loss_d == pytest.approx(2 * np.log(2), abs=0.3)
    assert loss_g == pytest.approx(np.log(2), abs=0.3)


def test_step_of_one_network_leaves_the_other_alone() -> None:
    trainer = _trainer()
    before = {name: p.clone() for name, p in trainer.discriminator.named_parameters()}
    trainer.optimizers["discriminator"].param_groups[0]["lr"] = 0.0
    trainer.advance()
    for name, parameter in trainer.discriminator.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert parameter.requires_grad


def test_each_epoch_sees_each_image_once_in_an_order_of_its_own() -> None:
    trainer = _trainer(replace(OPTIONS, translate=0, batch=4), count=10)
    seen = _spy_on_discriminator(trainer)
    for _ in range(5):
        trainer.advance()
    order = [index for batch in seen[::3] for index in _indices(batch, trainer.collection)]
    first, second = order[:10], order[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_collection_smaller_than_a_batch_is_gone_through_several_times() -> None:
    trainer = _trainer(replace(OPTIONS, translate=0, batch=9), count=3)
    seen = _spy_on_discriminator(trainer)
    trainer.advance()
    assert sorted(_indices(seen[0], trainer.collection)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_images_are_not_mirrored_unless_asked() -> None:
    plain, flipped = (
        _trainer(replace(OPTIONS, translate=0)),
        _trainer(replace(OPTIONS, translate=0, flip=True)),
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


def test_translation_moves_real_and_generated_images_with_their_edges_repeated() -> None:
    trainer = _trainer(replace(OPTIONS, translate=0.125, batch=24))
    seen = _spy_on_discriminator(trainer)
    drawn: list[Tensor] = []
    trainer.generator.register_forward_hook(lambda *args: drawn.append(args[2].detach().clone()))
    trainer.advance()
    real, fake, fake_again = seen
    own = to_unit(trainer.collection.images)
    real_shifts = [next(filter(None, (_shift_of(image, mine, 4) for mine in own)), None) for image in real]
    fake_shifts = [_shift_of(image, mine, 4) for image, mine in zip(fake, drawn[0], strict=True)]
    again_shifts = [_shift_of(image, mine, 4) for image, mine in zip(fake_again, drawn[0], strict=True)]
    for shifts in (real_shifts, fake_shifts, again_shifts):
        assert None not in shifts
        assert len(set(shifts)) > 12
        assert max(abs(d) for shift in shifts if shift for d in shift) == 4
    assert fake_shifts != again_shifts


def test_bfloat16_goes_the_same_way() -> None:
    exact, quick = _trainer(), _trainer(replace(OPTIONS, precision="bfloat16"))
    losses = np.array([[t.advance() for _ in range(3)] for t in (exact, quick)])
    assert not np.array_equal(losses[0], losses[1])
    np.testing.assert_allclose(losses[1], losses[0], atol=0.05)
    assert {p.dtype for p in quick.generator.parameters()} == {torch.float32}


# --- the average ---


def test_average_follows_the_weights_by_its_decay_after_a_warm_up() -> None:
    trainer = _trainer(replace(OPTIONS, ema=0.3, lr=1e-2))
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
    trainer = _trainer(replace(OPTIONS, ema=0))
    trainer.advance()
    for average, current in zip(trainer.average.parameters(), trainer.generator.parameters(), strict=True):
        assert torch.equal(average, current)


def test_batch_statistics_fit_the_averaged_weights(tmp_path: Path) -> None:
    """Those that training gathered belong to other weights; the checkpoint's are measured anew."""
    trainer = _trainer(replace(OPTIONS, lr=0.02, ema=0.9))
    for _ in range(20):
        trainer.advance()
    trainer.save(tmp_path)
    saved = checkpoint.load_model(tmp_path).generator
    for ours, average in zip(saved.parameters(), trainer.average.parameters(), strict=True):
        assert torch.equal(ours, average)
    codes = saved.sample_codes(1024, stream(9))[:, :, None, None]
    features = saved.layers[0](codes)
    norm, gathered = saved.layers[1], trainer.generator.layers[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(gathered, nn.BatchNorm2d)
    true = features.var((0, 2, 3))
    assert norm.running_var is not None
    assert gathered.running_var is not None
    assert ((norm.running_var - true) / true).abs().max() < 0.15
    assert ((gathered.running_var - true) / true).abs().max() > 0.5


def test_samples_are_the_same_codes_each_time() -> None:
    trainer = _trainer()
    first, again = trainer.samples(4), trainer.samples(4)
    assert first.shape == (4, 32, 32, 1)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    trainer.advance()
    assert not np.array_equal(trainer.samples(4), first)


def test_to_pixels_maps_the_range_of_tanh_to_all_levels() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert np.array_equal(to_pixels(to_unit(levels))[0, :, :, 0], levels[0, 0].numpy())
    assert to_pixels(torch.tensor([[[[-1.5, 1.5]]]])).tolist() == [[[[0], [255]]]]


# --- stopping and going on ---


def _run(folder: Path, options: TrainOptions, resume: bool = False, **callbacks: Any) -> Trainer:
    folder.mkdir(exist_ok=True)
    trainer = _trainer(options)
    if resume:
        trainer.restore(folder / checkpoint.FILE_NAME)
    train(trainer, folder, **callbacks)
    return trainer


@pytest.mark.parametrize("stops", [[4], [6], [2, 3, 6]], ids=str)
@pytest.mark.parametrize("extra", [{}, {"precision": "bfloat16", "ema": 0.0}], ids=["float32", "bfloat16"])
def test_trap_9_a_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, stops: list[int], extra: dict[str, Any]
) -> None:
    """Stopped in mid-epoch (12 images, batches of 5), on a save (6) and off one (4); all augmentation on."""
    options = replace(OPTIONS, steps=9, save_every=3, flip=True, translate=0.2, **extra)
    _run(tmp_path / "whole", options)
    for number, stop in enumerate([*stops, 9]):
        _run(tmp_path / "parts", replace(options, steps=stop), resume=number > 0)
    whole, parts = (checkpoint.load(tmp_path / name / checkpoint.FILE_NAME) for name in ("whole", "parts"))
    assert whole[0] == parts[0]
    assert whole[1].keys() == parts[1].keys()
    assert {name.split(".")[1] for name in whole[1] if name.startswith("training.")} == {
        "generator",
        "average",
        "generator_adam",
        "discriminator_adam",
    }
    for name, tensor in whole[1].items():
        assert torch.equal(tensor, parts[1][name]), name
    assert _steps_in_log(tmp_path / "parts") == list(range(1, 10))


def test_seed_decides_a_run(tmp_path: Path) -> None:
    same, again, other = (_trainer(replace(OPTIONS, seed=seed)) for seed in (3, 3, 4))
    assert [same.advance() for _ in range(3)] == [again.advance() for _ in range(3)]
    assert same.advance() != other.advance()


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    _trainer().advance()
    assert torch.equal(torch.rand(3), expected)


def test_log_has_a_line_a_step_after_going_on_from_an_older_checkpoint(tmp_path: Path) -> None:
    _run(tmp_path, replace(OPTIONS, steps=4))
    older = (tmp_path / checkpoint.FILE_NAME).read_bytes()
    _run(tmp_path, replace(OPTIONS, steps=7), resume=True)
    with (tmp_path / LOG_NAME).open("a") as log:
        log.write('{"step": 8, "loss_d": 1.')  # a machine that went down
    (tmp_path / checkpoint.FILE_NAME).write_bytes(older)
    _run(tmp_path, replace(OPTIONS, steps=6), resume=True)
    assert _steps_in_log(tmp_path) == [1, 2, 3, 4, 5, 6]
    _run(tmp_path, replace(OPTIONS, steps=2))
    assert _steps_in_log(tmp_path) == [1, 2]


def test_log_is_complete_at_every_step(tmp_path: Path) -> None:
    """A killed run must not lack the lines before its last checkpoint."""

    def check(report: Report) -> None:
        last = json.loads((tmp_path / LOG_NAME).read_text().splitlines()[-1])
        assert (last["step"], last["loss_d"], last["loss_g"]) == (report.step, report.loss_d, report.loss_g)

    assert _run(tmp_path, OPTIONS, on_step=check).step == OPTIONS.steps


def test_run_saves_as_often_as_told_and_at_its_end(tmp_path: Path) -> None:
    saved: list[int] = []
    trainer = _trainer(replace(OPTIONS, save_every=3))
    assert train(trainer, tmp_path, on_save=lambda network: saved.append(trainer.step))
    assert saved == [3, 6, 7]
    assert checkpoint.load(tmp_path / checkpoint.FILE_NAME)[0]["step"] == 7
    saved.clear()
    on_the_dot = _trainer(replace(OPTIONS, steps=6, save_every=3))
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
    assert _steps_in_log(tmp_path)[-1] == trainer.step


def _when(step: int, action: Callable[[], None]) -> Callable[[Report], None]:
    def on_step(report: Report) -> None:
        if report.step == step:
            action()

    return on_step


def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path) -> None:
    trainer, before = _trainer(), signal.getsignal(signal.SIGINT)
    assert not train(trainer, tmp_path, _when(3, lambda: signal.raise_signal(signal.SIGINT)))
    assert trainer.step == 3
    assert checkpoint.load(tmp_path / checkpoint.FILE_NAME)[0]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(_trainer(), tmp_path, _when(2, twice))
    assert not (tmp_path / checkpoint.FILE_NAME).exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_trains_in_a_thread_where_no_signal_arrives(tmp_path: Path) -> None:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(train(_trainer(), tmp_path)))
    thread.start()
    thread.join()
    assert results == [True]


def test_interrupted_program_saves_exits_with_130_and_goes_on(tmp_path: Path) -> None:
    """A real Ctrl-C: SIGINT to a real `inpaintx train`."""
    pictures, run = tmp_path / "pictures", tmp_path / "run"
    pictures.mkdir()
    for index, image in enumerate(_drawn(6).images):
        Image.fromarray(image[0].numpy()).save(pictures / f"{index}.png")
    command = [sys.executable, "-m", "inpaintx", "train", str(pictures), "--out", str(run), "--device", "cpu"]
    command += ["--size", "32", "--width", "4", "--nz", "8", "--batch", "4"]
    with subprocess.Popen([*command, "--steps", "1000000"], stderr=subprocess.PIPE, text=True) as started:
        try:
            _wait_for_lines(run / LOG_NAME, started)
            started.send_signal(signal.SIGINT)
            _, errors = started.communicate(timeout=60)
        finally:
            started.kill()
    assert started.returncode == 130, errors
    assert "Traceback" not in errors
    step = checkpoint.load(run / checkpoint.FILE_NAME)[0]["step"]
    assert _steps_in_log(run) == list(range(1, step + 1))

    more = [*command, "--steps", str(step + 2), "--resume"]
    done = subprocess.run(more, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"resumed at step {step}" in done.stdout
    assert _steps_in_log(run) == list(range(1, step + 3))


def _wait_for_lines(log: Path, program: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not log.is_file() or log.read_text().count("\n") < 3:
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- what stops a run ---


def _poison(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] = float("nan")


def test_nan_stops_with_one_line_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    trainer = _trainer(replace(OPTIONS, steps=100, save_every=2))
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
    trainer = _trainer()
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
        train(_trainer(), tmp_path / "nowhere")


def test_checkpoint_before_the_first_step_can_be_resumed(tmp_path: Path) -> None:
    _trainer().save(tmp_path)
    resumed, fresh = _trainer(), _trainer()
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert [resumed.advance() for _ in range(2)] == [fresh.advance() for _ in range(2)]


def test_lower_learning_rate_holds_after_resuming(tmp_path: Path) -> None:
    _run(tmp_path, replace(OPTIONS, steps=2))
    resumed = _trainer(replace(OPTIONS, lr=1e-6))
    resumed.restore(tmp_path / checkpoint.FILE_NAME)
    assert {o.param_groups[0]["lr"] for o in resumed.optimizers.values()} == {1e-6}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: _trainer(fit="stretch"), "its fit is crop, this run's is stretch"),
        (lambda: _trainer(count=11), "its collection is"),
        (lambda: Trainer(_drawn(12), replace(SHAPE, nz=9), OPTIONS, "crop"), "its architecture is"),
        (lambda: _trainer(replace(OPTIONS, batch=6)), "its batch is 5, not 6"),
        (lambda: _trainer(replace(OPTIONS, seed=4)), "its seed is 3, not 4"),
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
        _trainer().restore(tmp_path / "small.safetensors")


def test_streams_depend_on_every_key() -> None:
    draws = {
        tuple(torch.rand(2, generator=stream(*keys)).tolist())
        for keys in [(0, 1, 0), (0, 2, 0), (0, 1, 1), (1, 1, 0), (1, 2, 0)]
    }
    assert len(draws) == 5
    assert torch.equal(torch.rand(3, generator=stream(5, 6)), torch.rand(3, generator=stream(5, 6)))
