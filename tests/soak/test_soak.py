"""The suites of faults, a few hundred cases of each; `make soak` runs the long versions."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import by_pillow
import damage
import drawing
import folders
import layouts
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture, read_picture

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=300)
@given(random=st.randoms(use_true_random=False))
def test_files_of_every_layout_are_what_was_stored(
    tmp_path_factory: pytest.TempPathFactory, random: Random
) -> None:
    made = layouts.make(random, tmp_path_factory.mktemp("layout") / "a.x")
    try:
        picture = read_picture(made.path)
    except InpaintxError:
        assert made.refusable
        return
    samples = picture.array if picture.alpha is None else np.dstack([picture.array, picture.alpha])
    np.testing.assert_array_equal(drawing.rgba(samples), made.seen)


@pytest.mark.slow
def test_a_short_soak_finds_nothing(tmp_path: Path) -> None:
    """Through the script that runs the long one, whose figures the pages state."""
    counts = ("--pictures", "100", "--damaged", "75", "--kills", "6", "--seed", "7")
    ended = subprocess.run(
        [sys.executable, SOAK, *counts, "--keep", tmp_path / "kept"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.match(r"75 damaged files: \d+ read, \d+ refused, \d+ MiB at most, .*; failures: 0; ", said[0])
    assert re.match(r"100 pictures and masks: \d+ completed \(.*\), \d+ refused; failures: 0; ", said[1])
    assert re.match(r"[6-9] kills of \d+ runs, folders and savings; failures: 0; ", said[2])


# --- that the checks see what they are to see ---


def _checked(tmp_path: Path) -> folders.Tally:
    tally = folders.Tally()
    folder = folders.Folder(tmp_path / "folder", flags=["--iterations", "1", "--model", "chars"])
    (folder.place / "in").mkdir(parents=True)
    made = by_pillow.pillow_png(Random(3), folder.place / "in" / "a.x")
    folder.made["a.png"] = made, "Pillow's PNG"
    folder.flags += ["--mask-plugin", "center", "--blend", "poisson"]
    folders.check(folder, tally)
    return tally


def test_a_whole_folder_passes(tmp_path: Path) -> None:
    tally = _checked(tmp_path)
    assert (tally.completed, tally.refused, tally.wrong) == (1, 0, [])


def _changes_a_known_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    with_fill = Picture.with_fill

    def changed(self: Picture, filled: np.ndarray, mask: np.ndarray, *rest: Any) -> Picture:
        result = with_fill(self, filled, mask, *rest)
        result.array.reshape(-1)[0] ^= 1
        return result

    monkeypatch.setattr(Picture, "with_fill", changed)


def _leaves_something(monkeypatch: pytest.MonkeyPatch) -> None:
    run = folders.run

    def littering(words: Any, place: Path, in_process: bool) -> folders.Ended:
        ended = run(words, place, in_process)
        (place / "out" / ".half.tmp").write_bytes(b"half")
        return ended

    monkeypatch.setattr(folders, "run", littering)


def _changes_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    run = folders.run

    def careless(words: Any, place: Path, in_process: bool) -> folders.Ended:
        ended = run(words, place, in_process)
        (place / "in" / "a.png").write_bytes(b"mine")
        return ended

    monkeypatch.setattr(folders, "run", careless)


def _says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    run = folders.run
    monkeypatch.setattr(
        folders, "run", lambda *given: replace(run(*given), err="Traceback (most recent call last):\n")
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_changes_a_known_pixel, "known pixels changed"),
        (_leaves_something, r"left \{'\.half\.tmp'\}"),
        (_changes_the_input, "changed, or left, in/a.png"),
        (_says_more, "Traceback"),
    ],
)
def test_a_fault_of_a_folder_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None], said: str
) -> None:
    fault(monkeypatch)
    assert re.search(said, "\n".join(_checked(tmp_path).wrong))


def test_a_crash_a_hang_and_a_bomb_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> damage.Outcome:
        os.kill(os.getpid(), signal.SIGSEGV)
        return damage.Outcome()

    def hang() -> damage.Outcome:
        while True:
            pass

    def bomb() -> damage.Outcome:
        return damage.Outcome(memory=len(bytearray(2 * damage.MOST_MEMORY)))

    monkeypatch.setattr(damage, "SECONDS", 1)
    for work, said in ((crash, "SIGSEGV"), (hang, "SIGXCPU"), (bomb, "exit 1")):
        [wrong] = damage.in_child(tmp_path / "answer", work).wrong
        assert said in wrong


def test_another_exception_than_ours_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> Picture:
        raise ValueError("no InpaintxError")

    (tmp_path / "in").mkdir()
    path = by_pillow.pillow_png(Random(3), tmp_path / "in" / "a.x").path
    monkeypatch.setattr(damage, "read_picture", fail)
    assert damage._read_and_complete(tmp_path, [path]).wrong == [f"{path}: ValueError: no InpaintxError"]
