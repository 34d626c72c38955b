"""Two processes that train together, by torchrun and gloo, against one that trains alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import load, load_model
from inpaintx.options import TrainOptions
from inpaintx.training.team import Team

FLAGS = ("--size", "32", "--width", "4", "--nz", "8", "--batch", "8", "--gray", "--save-every", "4")
LATER = ("--encoder-steps", "3", "--predictor-steps", "3")
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(24):
        coarse = Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8))
        coarse.resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def start(pictures: Path, run: Path, *more: str, together: Sequence[str] = TWO) -> subprocess.Popen[str]:
    command = [sys.executable, *together, "-m", "inpaintx", "train", str(pictures), "--out", str(run)]
    return subprocess.Popen(
        [*command, *FLAGS, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def trained(pictures: Path, run: Path, *more: str, together: Sequence[str] = TWO) -> str:
    process = start(pictures, run, *more, together=together)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def losses(run: Path) -> np.ndarray:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return np.array([[line["loss_d"], line["loss_g"]] for line in lines])


@pytest.mark.slow
def test_two_processes_make_the_run_that_one_makes_and_resume_to_the_bit(
    pictures: Path, tmp_path: Path
) -> None:
    out = trained(pictures, tmp_path / "two", "--steps", "8", "--flip", *LATER)
    assert out.count("24 pictures") == 1
    trained(pictures, tmp_path / "one", "--steps", "8", "--flip", *LATER, together=())
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=2e-3)
    first = losses(tmp_path / "two")[0]
    assert first == pytest.approx(losses(tmp_path / "one")[0], abs=1e-5)  # before rounding has grown
    networks = load_model(tmp_path / "two")
    assert networks.encoder is not None
    assert networks.predictor is not None

    trained(pictures, tmp_path / "parts", "--steps", "4", "--flip", *LATER)
    trained(pictures, tmp_path / "parts", "--steps", "8", "--resume")
    (_, whole), (_, parts) = (load(tmp_path / name / "checkpoint.safetensors") for name in ("two", "parts"))
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name


@pytest.mark.slow
def test_where_one_is_killed_the_others_end_with_a_word_and_a_good_checkpoint(
    pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(pictures, run, "--steps", "1000000")
    try:
        deadline = time.monotonic() + 200
        while not (run / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(rank_one(process.pid), signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert "Error: training: process 0 of 2 can't go on, since another one ended; the last good" in err
    assert load_model(run).header["step"] % 4 == 0


def rank_one(launcher: int) -> int:
    """The process of rank 1 that torchrun started."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == launcher and b"\0RANK=1\0" in b"\0" + (process / "environ").read_bytes():
                return int(process.name)
        except OSError:
            continue
    raise AssertionError("there is no process of rank 1")


def test_what_processes_cannot_share_is_refused() -> None:
    pair = Team(1, 2)
    with pytest.raises(InpaintxError, match=r"can't share a batch of 9; choose a multiple for --batch"):
        pair.check(TrainOptions(batch=9))
    with pytest.raises(InpaintxError, match="no clock in common; give --steps, not --minutes"):
        pair.check(TrainOptions(minutes=3.0))
    pair.check(TrainOptions(batch=10))
    Team().check(replace(TrainOptions(batch=9), minutes=1.0))


def test_each_has_its_part_of_the_joint_batch() -> None:
    joint = torch.arange(6)
    assert [Team(rank, 3).share(joint).tolist() for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert Team().share(joint) is joint


def test_alone_nothing_is_wrapped_and_an_error_is_what_it_was() -> None:
    network = nn.BatchNorm2d(2)
    assert Team().joined(network) is network
    assert type(network) is nn.BatchNorm2d
    with pytest.raises(RuntimeError, match="mine"), Team().errors():
        raise RuntimeError("mine")
