"""`inpaintx complete` over folders: what it would do, its last line, and folders that are watched."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_tools import TINY_SEARCH, Stream, blob, files_in
from PIL import Image

SECONDS = 600  # until what should end is taken for hanging

pytestmark = pytest.mark.slow


# --- a dry run ---


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    stream: Stream, many: Path, tmp_path: Path
) -> None:
    (many / "05.png").write_bytes(b"no picture")
    (many / "notes.txt").touch()
    before = files_in(tmp_path)
    ended = stream("--dry-run", "-o", "mask.size=0.5")
    assert files_in(tmp_path) == before
    assert not (tmp_path / "out").exists()
    assert (ended.exit_code, ended.stderr) == (3, "")
    *lines, last = ended.stdout.splitlines()
    assert len(lines) == 30
    assert lines[0] == (
        f"{many}/00.png: {tmp_path}/out/00.png, 144 pixels (25.0%) by the mask center, seen in 0,0,24,24"
    )
    assert lines[5].startswith(f"{many}/05.png: fail: not a picture, or of an unknown format")
    assert last == (
        f"nothing is written; it would be: 29 pictures in {tmp_path}/out; "
        "1 file left out: 1 no pictures by their suffix (notes.txt); "
        "1 failed: 1 not a picture, or of an unknown format (05.png)"
    )
    assert stream("-o", "mask.size=0.5").stdout == last.partition("would be: ")[2] + "\n"


def test_a_dry_run_knows_what_is_done_undamaged_and_by_which_mask(
    stream: Stream, many: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(30):
        Image.new("L", (24, 24)).save(tmp_path / "masks" / f"{number:02d}.png")
    hole = Image.new("L", (24, 24))
    hole.paste(255, (4, 6, 10, 12))
    for name in ("00", "07"):
        hole.save(tmp_path / "masks" / f"{name}.png")
    masks = ("--mask", tmp_path / "masks")
    (tmp_path / "one").mkdir()
    told = json.loads(stream("--dry-run", "--json", *masks, plugin=None).stdout)
    by_name = {Path(each["picture"]).name: each for each in told["pictures"]}
    assert by_name["07.png"] == {
        "picture": str(many / "07.png"),
        "result": str(tmp_path / "out" / "07.png"),
        "fate": "complete",
        "why": "",
        "mask": str(tmp_path / "masks" / "07.png"),
        "hole": 36,
        "regions": [[0, 0, 24, 24]],
    }
    assert (by_name["08.png"]["fate"], by_name["08.png"]["why"]) == (
        "undamaged",
        f"copied to {tmp_path / 'out' / '08.png'}",
    )
    assert stream(*masks, plugin=None).exit_code == 0
    (tmp_path / "out" / "07.png").unlink()
    ended = stream("--dry-run", "--skip-done", *masks, plugin=None)
    assert ended.stdout.splitlines()[-1].endswith(f"1 pictures in {tmp_path}/out; 29 done before")
    assert not (tmp_path / "out" / "07.png").exists()


# --- the summary ---


def test_an_interrupted_run_says_all_of_it_in_one_line(
    stream: Stream, before_search: Callable, many: Path, tmp_path: Path
) -> None:
    (many / "01.png").write_bytes(b"no picture")
    (many / "notes.txt").touch()
    assert stream("--shard", "1/15").exit_code == 0  # 00 and 15
    for shard in (tmp_path / "out").glob("manifest*"):
        shard.rename(tmp_path / "out" / "manifest.jsonl")

    def interrupt(group: int) -> None:
        if group == 3:
            raise KeyboardInterrupt

    before_search(interrupt)
    ended = stream("--skip-done")
    assert ended.exit_code == 130
    first, summary, last = ended.stderr.splitlines()
    assert first.startswith("Error: not a picture")
    assert last == "Interrupted."
    done = len(list((tmp_path / "out").glob("*.png"))) - 2
    assert 0 < done < 28
    head, _, rest = summary.partition(f" of 30 pictures in {tmp_path}/out; ")
    assert int(head) == done
    assert rest.endswith(
        " done before; 1 file left out: 1 no pictures by their suffix (notes.txt); "
        "1 failed: 1 not a picture, or of an unknown format (01.png); go on with --skip-done"
    )


# --- a folder that is watched ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_completes_what_arrives_until_a_signal(model: Path, tmp_path: Path, number: int) -> None:
    """The real command: one picture is there, one comes in pieces, one stays half."""
    (tmp_path / "in").mkdir()
    blob(1).save(tmp_path / "in" / "first.png")
    blob(2).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    words = ["--watch", "in", "--out", "out", "--model", str(model), "--mask-plugin", "center"]
    extras = ["--metrics", "m.jsonl", "--sheet", "sheet.png", *TINY_SEARCH]
    command = subprocess.Popen(
        [sys.executable, "-m", "inpaintx", "complete", *words, *extras],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def until(name: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not (tmp_path / "out" / name).exists():
            assert command.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with command:
        until("first.png")
        (tmp_path / "in" / "half.png").write_bytes(whole[:300])
        with open(tmp_path / "in" / "second.png", "wb", buffering=0) as file:
            for start in range(0, len(whole), 200):
                file.write(whole[start : start + 200])
                time.sleep(0.1)
                assert not (tmp_path / "out" / "second.png").exists()
        until("second.png")
        time.sleep(0.5)  # its line is written after it
        command.send_signal(number)
        out, err = command.communicate(timeout=SECONDS)
    assert (command.returncode, err) == (0, "")
    assert out.splitlines() == [
        "2 pictures in out; 1 not done yet: 1 can't read the picture (half.png)",
        "sheet: sheet.png",
        "metrics: m.jsonl",
    ]
    assert sorted(files_in(tmp_path / "out")) == ["first.png", "second.png"]
    for name in ("m.jsonl", "out/manifest.jsonl"):
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert [Path(line["picture"]).name for line in lines] == ["first.png", "second.png"]


def test_what_a_watch_does_not_go_with(stream: Stream) -> None:
    for flags in (("--dry-run",), ("--shard", "1/2"), ("--gallery", "g.html")):
        ended = stream("--watch", *flags)
        assert ended.exit_code == 2
        assert "--watch goes with none of --dry-run, --shard and --gallery" in ended.stderr
