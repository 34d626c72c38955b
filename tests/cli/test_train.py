"""`inpaintx train`, as users meet it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_RUN, Cli, blob, files_in
from click.testing import CliRunner
from PIL import Image
from safetensors import safe_open

from inpaintx_cli import stages
from inpaintx_cli.main import cli as in_process


def header_of(run: Path) -> dict:
    with safe_open(run / "checkpoint.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["inpaintx"])


def tensors_of(run: Path) -> dict[str, bytes]:
    with safe_open(run / "checkpoint.safetensors", framework="np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def test_a_run_leaves_a_model_a_log_and_samples(model: Path) -> None:
    assert set(files_in(model)) == {
        "checkpoint.safetensors",
        "log.jsonl",
        "samples.png",
        "samples/step-000010.png",
        "samples/step-000020.png",
    }
    header = header_of(model)
    assert header["step"] == 20
    assert header["collection"]["count"] == 24
    assert header["architecture"] == {
        "size": 32,
        "channels": 1,
        "width": 4,
        "kernel": 4,
        "nz": 8,
        "code": "uniform",
        "kind": "dcgan",
    }
    log = [json.loads(line) for line in (model / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(1, 21))
    newest = np.asarray(Image.open(model / "samples.png"))
    assert (newest == np.asarray(Image.open(model / "samples" / "step-000020.png"))).all()
    assert (newest != np.asarray(Image.open(model / "samples" / "step-000010.png"))).any()


def test_a_resumed_run_is_the_one_that_never_stopped(
    cli: Cli, model: Path, collection: Path, tmp_path: Path
) -> None:
    assert cli("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 7).code == 0
    # Flags that are left out stay as they were.
    ended = cli("train", collection, "--out", tmp_path, "--resume", "--steps", 20)
    assert ended.code == 0
    assert "resumed at step 7\n" in ended.out
    assert (tmp_path / "samples.png").read_bytes() == (model / "samples.png").read_bytes()
    resumed, whole = (header_of(run) for run in (tmp_path, model))
    for how_long in ("seconds", "clock"):
        assert resumed.pop(how_long).keys() == whole.pop(how_long).keys() == {"gan", "encoder", "predictor"}
    assert resumed == whole
    assert tensors_of(tmp_path) == tensors_of(model)
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 21))


def test_unreadable_pictures_are_named_once_and_skipped(cli: Cli, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        blob(number).save(pictures / f"{number}.png")
    (pictures / "broken.png").write_bytes((pictures / "0.png").read_bytes()[:300])
    ended = cli("train", pictures, "--out", tmp_path / "run", *TINY_RUN, "--steps", 1)
    assert ended.code == 0
    assert ended.out.startswith("4 pictures, gray, 32×32\n")
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith(f"Skipped: can't read the picture: {pictures / 'broken.png'} (")


def test_colours_that_nobody_sees_are_said(cli: Cli, tmp_path: Path) -> None:
    """Training and checking say the same of a picture that is half transparent."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(8):
        blob(number).convert("RGB").save(pictures / f"{number}.png")
    hidden = np.zeros((64, 64, 4), np.uint8)
    hidden[..., 0] = 255
    hidden[:, :32] = (0, 128, 0, 255)
    Image.fromarray(hidden).save(pictures / "hidden-red.png")
    said = (
        "1 picture has transparent parts: 1 left out, more than 5% transparent (hidden-red.png); "
        "give them a background to have them\n"
    )
    trained = cli("train", pictures, "--out", tmp_path / "run", *TINY_RUN, "--rgb", "--steps", 1)
    assert (trained.code, trained.err) == (0, said)
    assert trained.out.startswith("8 pictures, RGB, 32×32\n")
    checked = cli("check", pictures, "--size", 32)
    assert (checked.code, checked.err) == (0, said)
    assert "There are 8 pictures to learn from." in checked.out


def test_colour_and_what_is_left_out(cli: Cli, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for person in ("s1", "s2", "s30"):
        (pictures / person).mkdir(parents=True)
        blob(1, 50, 30).save(pictures / person / "a.png")
    blob(2).convert("RGB").quantize(64).save(pictures / "s1" / "palette.gif")
    colour = Image.merge("RGB", [blob(3), blob(4), blob(5)])
    colour.save(pictures / "s2" / "b.jpg")
    flags = [flag for flag in TINY_RUN if flag != "--gray"]

    ended = cli("train", pictures, "--out", tmp_path / "colour", *flags, "--steps", 1, "--fit", "stretch")
    assert ended.out.startswith("5 pictures, RGB, 32×32\n")
    assert header_of(tmp_path / "colour")["fit"] == "stretch"
    ended = cli(
        "train",
        pictures,
        "--out",
        tmp_path / "gray",
        *flags,
        "--steps",
        1,
        "--exclude",
        "s[23]*",
        "--kernel",
        5,
    )
    assert ended.out.startswith("2 pictures, gray, 32×32\n")  # none that is left has colour
    assert header_of(tmp_path / "gray")["architecture"]["kernel"] == 5
    cli("generate", "--model", tmp_path / "colour", "--count", 1, "--out", tmp_path / "new")
    assert Image.open(tmp_path / "new" / "00000.png").mode == "RGB"


def test_tensorboard_gets_scalars_and_samples(cli: Cli, collection: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert cli("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 3, "--tensorboard").code == 0
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/G")] == [1, 2, 3]
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    logged = [event.value for event in events.Scalars("loss/D")]
    assert logged == pytest.approx([line["loss_d"] for line in log])
    assert [event.step for event in events.Images("samples")] == [3]


@pytest.mark.slow
def test_tensorboard_that_is_not_installed(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    flags = map(str, ("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 1, "--tensorboard"))
    ended = CliRunner().invoke(in_process, list(flags))
    assert ended.exit_code == 1
    assert "Error: TensorBoard is not installed; pip install 'inpaintx[tensorboard]'" in ended.output


@pytest.mark.slow
def test_a_pipe_gets_a_line_now_and_then_in_all_three_stages(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "LINE_EVERY", 0.0)
    flags = map(str, ("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 21, "--hold-out", 0))
    ended = CliRunner().invoke(in_process, [*flags, "--device", "cpu"])
    assert ended.exit_code == 0
    lines = [line for line in ended.output.splitlines() if ": 100%, step 21, " in line]
    told = [
        r"G and D: 100%, step 21, D \d\.\d{3} G \d\.\d{3}, \d+ images/s, .+ left",
        r"encoder: 100%, step 21, loss \d\.\d{3}, .+ left",
        r"predictor: 100%, step 21, loss -?\d\.\d{3}, 0 s left",
    ]
    assert len(lines) == 3
    assert all(re.fullmatch(*pair) for pair in zip(told, lines, strict=True)), lines


def test_minutes_end_a_run(cli: Cli, collection: Path, tmp_path: Path) -> None:
    ended = cli("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 10**6, "--minutes", 0.001)
    assert ended.code == 0
    assert 1 <= header_of(tmp_path)["step"] < 10**6


def test_minutes_are_those_of_the_whole_model_and_go_on_where_they_stopped(
    cli: Cli, collection: Path, tmp_path: Path
) -> None:
    flags = ("--size", "32", "--gray", "--nz", "8", "--batch", "8", "--width", "4")
    ended = cli("train", collection, "--out", tmp_path, *flags, "--minutes", 0.2)
    assert ended.code == 0, ended
    assert "none is kept back for a score" in ended.out
    assert "12 s at most: G and D 6 s, encoder 1 s, predictor 5 s" in ended.out
    header = header_of(tmp_path)
    assert header["options"]["steps"] is None
    assert header["options"]["minutes"] == 0.2
    assert header["step"] > 0
    clock = header["clock"]
    assert clock["gan"] >= 6  # half of the time
    assert sum(clock.values()) < 30  # 12, and what the last step of each stage takes on a busy machine

    again = cli("train", collection, "--out", tmp_path, "--resume")
    assert again.code == 0, again
    resumed = header_of(tmp_path)
    assert resumed["step"] == header["step"]
    assert resumed["options"] == header["options"]
    more = cli("train", collection, "--out", tmp_path, "--resume", "--minutes", 0.22)
    assert more.code == 0, more
    assert header_of(tmp_path)["step"] > header["step"]
    assert header_of(tmp_path)["clock"]["gan"] > clock["gan"]


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return wait


def test_ctrl_c_saves_and_the_run_goes_on_from_there(
    cli: Cli, collection: Path, tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    arguments = [
        "train",
        collection,
        "--out",
        tmp_path,
        *TINY_RUN,
        "--steps",
        "1000000",
        "--save-every",
        "500000",
    ]
    command = _started(*arguments)
    log = tmp_path / "log.jsonl"
    wait_until(lambda: log.is_file() and log.stat().st_size > 0)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=120)
    *_, advice, last = err.splitlines()
    assert (command.returncode, last) == (130, "Interrupted.")
    words = shlex.split(advice.removeprefix("go on with: "))
    assert words == ["inpaintx", *map(str, arguments), "--resume"]
    step = header_of(tmp_path)["step"]
    assert f"at step {step}; samples in" in out
    assert 0 < step == len(log.read_text().splitlines())

    ended = cli(*words[1:], "--steps", step + 1)  # as advised, but soon over
    assert f"resumed at step {step}\n" in ended.out
    assert header_of(tmp_path)["step"] == step + 1


# --- runs that were stopped before their first checkpoint ---


def test_a_log_alone_is_no_run(cli: Cli, collection: Path, tmp_path: Path) -> None:
    """What a run leaves that was killed, or failed, before it could save."""
    failed = cli("train", collection, "--out", tmp_path, *TINY_RUN, "--lr", "1e20")
    assert "not finite" in failed.error
    assert "nothing is saved yet; train anew with a lower learning rate" in failed.error
    assert set(files_in(tmp_path)) == {"log.jsonl"}
    assert "leave out --resume" in cli("train", collection, "--out", tmp_path, "--resume").error
    assert cli("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 2).code == 0
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_sigterm_ends_like_ctrl_c(
    cli: Cli, collection: Path, tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    command = _started("train", collection, "--out", tmp_path, *TINY_RUN, "--steps", 10**6)
    log = tmp_path / "log.jsonl"
    wait_until(lambda: log.is_file() and log.stat().st_size > 0)
    command.send_signal(signal.SIGTERM)
    out, err = command.communicate(timeout=120)
    assert (command.returncode, err.splitlines()[-1]) == (130, "Interrupted.")
    step = header_of(tmp_path)["step"]
    assert f"at step {step}; samples in" in out
    assert 0 < step == len(log.read_text().splitlines())


def test_sigterm_while_completing_keeps_what_is_done_and_leaves_no_litter(
    model: Path, tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    for number in range(300):
        blob(number).save(pictures / f"{number:03d}.png")
    search = ("--iterations", 400, "--candidates", 2, "--mask-plugin", "center", "--device", "cpu")
    command = _started("complete", pictures, "--model", model, "--out", out, *search)
    wait_until(lambda: any(out.glob("*.png")))
    command.send_signal(signal.SIGTERM)
    _, err = command.communicate(timeout=120)
    assert command.returncode == 130, err
    assert err.endswith("Interrupted.\n")
    assert "go on with --skip-done" in err
    done = sorted(path.name for path in out.glob("[!.]*.png"))
    assert 0 < len(done) < 300
    assert {path.name for path in out.iterdir()} == {*done, "manifest.jsonl"}
    for name in done:
        Image.open(out / name).load()


def _started(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "inpaintx", *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_sheet_that_a_kill_left_out_is_written_when_the_run_goes_on(
    cli: Cli, model: Path, collection: Path, tmp_path: Path
) -> None:
    """The checkpoint is written first: a kill may come before its sheet."""
    run = tmp_path / "run"
    shutil.copytree(model, run)
    shutil.rmtree(run / "samples")
    assert cli("train", collection, "--out", run, "--resume", "--steps", "25").code == 0
    for name in ("samples/step-000020.png", "samples/step-000025.png"):
        assert (run / name).is_file()
    assert (run / "samples/step-000020.png").read_bytes() == (model / "samples/step-000020.png").read_bytes()
