"""A full disk, few file handles, and nobody who reads what is said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from folders import QUICK, read
from PIL import Image

from inpaintx.networks import checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs the limits of a Linux process"),
]
COMPLETE = [
    "complete",
    "in",
    "--model",
    "chars",
    "--mask-plugin",
    "center",
    "--blend",
    "poisson",
    "--iterations",
    "1",
]
TINY = ["--size", "32", "--gray", "--width", "4", "--nz", "8", "--batch", "4", "--encoder-steps", "0"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (60, 60, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def inpaintx(place: Path, *words: object, limit: str = "") -> subprocess.CompletedProcess[str]:
    """The command line from a folder, in a shell that sets a limit first."""
    line = f'{limit and f"ulimit {limit}; "}exec "$0" -m inpaintx "$@"'
    return subprocess.run(
        ["bash", "-c", line, sys.executable, *map(str, words)],
        cwd=place,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_only_whole_results(out: Path, failed: int) -> None:
    left = [path for path in out.iterdir() if path.name != "manifest.jsonl"]
    assert len(left) == 6 - failed
    assert all(read(path) is not None for path in left)


def errors(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines that were said; each is an error's."""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("Warning: ")]
    assert all(line.startswith("Error: ") for line in lines), ended.stderr
    return lines


def test_a_full_disk_fails_the_pictures_that_find_no_place(pictures: Path, small_disk: Path) -> None:
    ended = inpaintx(pictures.parent, *COMPLETE, *QUICK, "--out", small_disk / "out")
    said = errors(ended)
    assert ended.returncode == 3
    assert said
    assert all("No space left on device" in line for line in said)
    assert_only_whole_results(small_disk / "out", len(said))


def test_a_full_disk_leaves_the_last_checkpoint_whole(pictures: Path, small_disk: Path) -> None:
    """One fits, and its successor, which is written before the old one goes, does not."""
    run = inpaintx(
        pictures.parent, "train", "in", "--out", "run", *TINY, "--steps", "1", "--predictor-steps", "0"
    )
    assert run.returncode == 0, run.stderr
    size = (pictures.parent / "run" / checkpoint.FILE_NAME).stat().st_size
    subprocess.run(["mount", "-o", f"remount,size={size * 3 // 2}", small_disk], check=True)
    more = ["--steps", "4", "--save-every", "1", "--predictor-steps", "0"]
    ended = inpaintx(pictures.parent, "train", "in", "--out", small_disk / "run", *TINY, *more)
    assert ended.returncode == 1
    [error] = errors(ended)
    assert "No space left on device" in error
    assert checkpoint.load_model(small_disk / "run").header["step"] == 1
    assert not list((small_disk / "run").glob(".inpaintx-*"))


def test_few_file_handles_give_results_or_errors_of_one_line(pictures: Path) -> None:
    ended = inpaintx(pictures.parent, *COMPLETE, *QUICK, "--out", "out", limit="-n 5")
    said = errors(ended)
    assert ended.returncode in (0, 1, 3), ended.stderr
    assert bool(said) == bool(ended.returncode)
    if (pictures.parent / "out").is_dir() and ended.returncode != 1:
        assert_only_whole_results(pictures.parent / "out", len(said))


def test_a_reader_that_has_gone_away_costs_no_result(pictures: Path) -> None:
    words = " ".join([*COMPLETE, *QUICK, "--out", "out", "--json"])
    ended = subprocess.run(
        ["bash", "-c", f'"$0" -m inpaintx {words} | true; exit "${{PIPESTATUS[0]}}"', sys.executable],
        cwd=pictures.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert_only_whole_results(pictures.parent / "out", 0)
