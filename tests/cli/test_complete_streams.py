"""`inpaintx complete` between other programs: stdin and stdout, closed, full, and pipes that nobody reads."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_SEARCH, blob, files_in
from click.testing import CliRunner, Result
from PIL import Image

from inpaintx_cli.main import cli as in_process

pytestmark = pytest.mark.slow

SECONDS = 600  # until what should end is taken for hanging
FULL = Path("/dev/full")
Call = Callable[..., Result]


@pytest.fixture
def hole(tmp_path: Path) -> Path:
    array = np.zeros((40, 40), np.uint8)
    array[10:20, 10:20] = 255
    Image.fromarray(array).save(tmp_path / "hole.png")
    return tmp_path / "hole.png"


@pytest.fixture
def call(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs `inpaintx complete` in this process, from `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object, stdin: bytes = b"") -> Result:
        asked = ["complete", *words, "--model", model, "--device", "cpu", *TINY_SEARCH]
        return CliRunner().invoke(in_process, [str(word) for word in asked], input=stdin)

    return run


def shell(command: str, folder: Path, model: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line in which `COMPLETE` stands for a quick `inpaintx complete`, in a process of its own."""
    words = f"{sys.executable} -m inpaintx complete --model {model} --device cpu {' '.join(TINY_SEARCH)}"
    return subprocess.run(
        ["bash", "-c", command.replace("COMPLETE", words)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=SECONDS,
    )


# --- a picture from stdin, its result to stdout ---


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp"])
def test_a_picture_goes_through_in_its_own_format(
    call: Call, hole: Path, tmp_path: Path, suffix: str
) -> None:
    picture = tmp_path / f"photo.{suffix}"
    blob(1).save(picture, **({"lossless": True} if suffix == "webp" else {}))
    assert call(picture, "--mask", hole, "--out", "files").exit_code == 0
    piped = call("-", "--mask", hole, "--out", "-", stdin=picture.read_bytes())
    assert piped.exit_code == 0
    assert piped.stdout_bytes == (tmp_path / "files" / picture.name).read_bytes()
    assert piped.stderr.splitlines()[0] == "1 pictures in stdout"


def test_either_stream_alone_and_another_format(call: Call, hole: Path, photos: Path, tmp_path: Path) -> None:
    call(photos / "0.png", "--mask", hole, "--out", "files")
    expected = (tmp_path / "files" / "0.png").read_bytes()
    assert call("-", "--mask", hole, "--out", "o", stdin=(photos / "0.png").read_bytes()).exit_code == 0
    assert files_in(tmp_path / "o") == {"stdin.png": expected}
    assert not (tmp_path / "o" / "manifest.jsonl").exists()  # which would name the picture
    assert call(photos / "0.png", "--mask", hole, "--out", "-").stdout_bytes == expected
    jpeg = call("-", "--mask", hole, "--out", "-", "--format", "jpeg", stdin=(photos / "0.png").read_bytes())
    assert jpeg.stdout_bytes[:3] == b"\xff\xd8\xff"
    assert "known pixels changed" in jpeg.stderr
    assert "stdin" in jpeg.stderr
    empty = Image.new("L", (40, 40))
    empty.save(tmp_path / "empty.png")
    data = (photos / "0.png").read_bytes()
    assert call("-", "--mask", "empty.png", "--out", "-", stdin=data).stdout_bytes == data


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-", "-", "--out", "o"), "- is one picture, from stdin; give no other input beside it"),
        (("-", "photos", "--out", "o"), "- is one picture, from stdin; give no other input beside it"),
        (("-", "--out", "o", "--mask", "-"), "--mask can't be -: stdin is for the picture"),
        (("photos", "--out", "-"), "--out - takes the result of one picture"),
        (("photos/0.png", "photos/1.png", "--out", "-"), "--out - takes the result of one picture"),
        (("-", "--out", "-", "--json"), "stdout is for the picture: leave out --json"),
        (("-", "--out", "-", "--dry-run"), "stdout is for the picture: leave out --json"),
        (("-", "--out", "o", "--watch"), "--watch goes with files, not with -"),
        (("-", "--out", "o", "--skip-done"), "--skip-done goes with files, not with -"),
        (("photos/0.png", "--out", "-", "--manifest", "m"), "--manifest goes with files, not with -"),
        (("photos/0.png", "--out", "-", "--metrics", "m"), "--metrics goes with files, not with -"),
    ],
)
def test_streams_that_can_not_be_meant_so(
    call: Call, photos: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    before = files_in(tmp_path)
    ended = call(*words, stdin=b"something")
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert ended.stdout == ""
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "stdin is empty; send a picture to it"),
        (b"no picture", "not a picture, or of an unknown format: stdin; convert it to PNG"),
    ],
)
def test_stdin_without_a_picture(call: Call, hole: Path, stdin: bytes, said: str) -> None:
    ended = call("-", "--mask", hole, "--out", "-", stdin=stdin)
    assert (ended.exit_code, ended.stdout_bytes) == (1, b"")
    assert ended.stderr.startswith(f"Error: {said}")
    assert "/" not in ended.stderr.replace("0/", "")  # no file of ours is named


def test_terminals_are_neither_read_nor_written(model: Path, photos: Path, tmp_path: Path) -> None:
    for words, said in (
        (["-", "--out", "o"], "stdin is a terminal; send a picture to it"),
        ([str(photos / "0.png"), "--out", "-"], "stdout is a terminal; send the picture to a file"),
    ):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "inpaintx", "complete", *words, "--mask-plugin", "center"]
        ended = subprocess.run(
            [*command, "--model", str(model)],
            cwd=tmp_path,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
        )
        os.close(ours)
        os.close(theirs)
        assert ended.returncode == 2
        assert said in ended.stderr


# --- streams that are closed, full, or read by nobody ---


@pytest.mark.parametrize(
    ("streams", "code", "out", "err"),
    [
        ("2>&-", 3, "3 pictures", ""),
        ("<&- >&- 2>&-", 3, "", ""),
        ("2>/dev/full", 3, "3 pictures", ""),
        (">/dev/full", 1, "", "Error: can't write to stdout: No space left on device; send it elsewhere"),
        ("2>&1 | true", 3, "", ""),
    ],
)
def test_results_are_whole_whatever_the_streams_are(
    model: Path, photos: Path, tmp_path: Path, streams: str, code: int, out: str, err: str
) -> None:
    """A broken picture among three has something to say on both; none of it is in a picture."""
    if "full" in streams and not FULL.exists():
        pytest.skip("there is no /dev/full here")
    (photos / "broken.png").write_bytes(b"no picture")
    command = f"COMPLETE photos --out out --mask-plugin center --json {streams}"
    ended = shell(f"{command}; exit ${{PIPESTATUS[0]}}", tmp_path, model)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert (err in ended.stderr) if err else ended.stderr == ""
    if out:
        assert json.loads(ended.stdout)["completed"] == 3
    else:
        assert ended.stdout == ""
    for number in range(3):
        with Image.open(tmp_path / "out" / f"{number}.png") as result:
            result.load()
            assert result.size == (40, 40)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"{number}.png" for number in range(3)),
        "manifest.jsonl",
    ]


def test_a_picture_that_nobody_takes_is_an_error(
    model: Path, photos: Path, hole: Path, tmp_path: Path
) -> None:
    command = "COMPLETE - --out - --mask hole.png < photos/0.png"
    ended = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}", tmp_path, model)
    assert ended.returncode == 1
    assert "Error: can't write the picture to stdout: Broken pipe; send it to a file" in ended.stderr


# --- Ctrl-C ---


def test_ctrl_c_at_any_moment_ends_in_one_line(model: Path, photos: Path, tmp_path: Path) -> None:
    """From when the program listens, which is the first thing that it does, through the loading of torch."""
    words = ["complete", str(photos), "--model", str(model), "--out", "out", "--mask-plugin", "center"]
    ends = set()
    for delay in (0.05, 0.7):
        command = subprocess.Popen(
            [sys.executable, "-c", TOLD_WHEN_IT_LISTENS, *words, "--iterations", "100000", "--overwrite"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with command:
            assert command.stdout is not None
            assert command.stdout.read(1) == b"x"
            time.sleep(delay)
            command.send_signal(signal.SIGINT)
            _, err = command.communicate(timeout=SECONDS)
        ends.add((command.returncode, err.decode().splitlines()[-1]))
        assert b"Traceback" not in err
    assert ends == {(130, "Interrupted.")}


TOLD_WHEN_IT_LISTENS = """
import os, signal

listen = signal.signal

def told(number, handler):
    listen(number, handler)
    if number == signal.SIGTERM:
        os.write(1, b"x")

signal.signal = told
from inpaintx_cli.start import main

main()
"""
