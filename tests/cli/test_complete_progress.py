"""`inpaintx complete` over many pictures: Ctrl-C, and the progress bar."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tqdm
from cli_tools import GROUP, Stream, blob, files_in

from inpaintx.completion import folder
from inpaintx.pictures import read_picture

SECONDS = 60  # until a test that waits for what does not come fails


# --- Ctrl-C ---


def whole(folder: Path) -> list[str]:
    """The names of the files in a folder, each a picture that can be read."""
    names = list(files_in(folder))
    for name in names:
        assert read_picture(folder / name).array.shape == (24, 24)
    return names


@pytest.mark.parametrize("group", [0, 1, 5])
def test_an_interrupted_search_leaves_whole_files_and_tells_how_many(
    stream: Stream, before_search: Callable, tmp_path: Path, group: int
) -> None:
    def interrupt(number: int) -> None:
        if number == group:
            raise KeyboardInterrupt

    before_search(interrupt)
    ended = stream("--metrics", tmp_path / "m.jsonl")
    done = whole(tmp_path / "out")
    assert len(done) <= group * GROUP
    assert ended.exit_code == 130
    assert (
        ended.stderr
        == f"{len(done)} of 30 pictures in {tmp_path / 'out'}; go on with --skip-done\nInterrupted.\n"
    )
    metrics = tmp_path / "m.jsonl"
    assert len(metrics.read_text().splitlines() if metrics.exists() else []) == len(done)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_while_the_last_pictures_are_written(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real signal: the main thread has nothing left to do but to wait for the one that writes."""
    write = folder.write_result

    def write_and_interrupt(path: Path, *more: Any) -> None:
        if path.name == "28.png":
            os.kill(os.getpid(), signal.SIGINT)
        write(path, *more)

    monkeypatch.setattr(folder, "write_result", write_and_interrupt)
    ended = stream()
    done = whole(tmp_path / "out")
    assert ended.exit_code == 130
    assert 28 <= len(done) <= 30
    assert (
        ended.stderr
        == f"{len(done)} of 30 pictures in {tmp_path / 'out'}; go on with --skip-done\nInterrupted.\n"
    )


@pytest.mark.usefixtures("ctrl_c")
def test_a_real_interrupt(model: Path, many: Path, tmp_path: Path) -> None:
    """SIGINT to a real `inpaintx complete`, in a search that would take minutes."""
    for number in range(30, 90):
        blob(number, 24, 24).save(many / f"{number:02d}.png")
    out = tmp_path / "out"
    words: list[str | Path] = [
        *("--model", model, "--out", out, "--mask-plugin", "center"),
        "--iterations",
        "4",
    ]
    command = subprocess.Popen(
        [sys.executable, "-c", SLOW_SECOND_GROUP, "complete", many, *words, "--iterations", "4"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    with command:
        deadline = time.monotonic() + SECONDS
        while len(list(out.glob("*.png"))) < 64:
            assert time.monotonic() < deadline
            assert command.poll() is None
            time.sleep(0.02)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=SECONDS)
    assert (command.returncode, err) == (
        130,
        f"64 of 90 pictures in {out}; go on with --skip-done\nInterrupted.\n",
    )
    assert len(whole(out)) == 64


SLOW_SECOND_GROUP = """
import time
from inpaintx.completion import Completer
from inpaintx_cli.main import main

search, groups = Completer.search, iter(range(999))

def slow(*arguments):
    while next(groups):
        time.sleep(0.1)
    return search(*arguments)

Completer.search = slow
main()
"""


# --- progress ---


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The progress bars of a run, each with its counts and pictures a second as it went on."""
    made: list[Any] = []

    class Bar(tqdm.tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": False, "file": open(os.devnull, "w")})  # noqa: SIM115
            self.counts: list[int] = []
            self.rates: list[float] = []
            made.append(self)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            self.counts.append(int(self.n))
            self.rates.append(self.format_dict["rate"] or self.n / self.format_dict["elapsed"])
            return shown

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    return made


def test_progress_counts_every_picture_failed_ones_too(
    stream: Stream, many: Path, tmp_path: Path, bars: list[Any]
) -> None:
    (many / "01.png").write_bytes(b"no picture")
    (many / "29.png").write_bytes(b"none either")
    (tmp_path / "out" / "07.png").mkdir(parents=True)
    assert stream("--overwrite").exit_code == 3
    (bar,) = bars
    assert bar.total == 30
    # Group by group: five pictures with the failed one, then four each; the failed last one at the end.
    assert bar.counts == [5, 9, 13, 17, 21, 25, 29, 30]


def test_time_left_forgets_a_slow_start(
    stream: Stream, before_search: Callable, bars: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that only the searches move: 100 s for the first picture, 4 s for each other."""
    now = 1000.0

    def search(group: int) -> None:
        nonlocal now
        deadline = time.monotonic() + SECONDS
        while len(bars[0].counts) < group:  # what the search before this one gave is not counted yet
            assert time.monotonic() < deadline
            time.sleep(0.001)
        now += 4 if group else 100

    monkeypatch.setattr(folder, "GROUP_PICTURES", 1)
    monkeypatch.setattr(tqdm.std, "time", lambda: now)
    before_search(search)
    assert stream().exit_code == 0
    seconds_a_picture = [1 / rate for rate in bars[0].rates]
    assert seconds_a_picture[0] == pytest.approx(100)
    assert seconds_a_picture[11] < 1.25 * 4
    assert seconds_a_picture[29] == pytest.approx(4, rel=0.01)
