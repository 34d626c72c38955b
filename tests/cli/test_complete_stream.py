"""`inpaintx complete` over many pictures: reading and writing overlap the search, in bounded memory."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_tools import GROUP, Stream, blob, files_in
from PIL import Image, ImageSequence

from inpaintx.completion import Completer, folder
from inpaintx.pictures import Picture, read_picture

SECONDS = 60  # until a test that waits for what does not come fails


def until(happened: threading.Event) -> None:
    assert happened.wait(SECONDS)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- what overlaps, and how much is in memory ---


def test_pictures_are_read_while_a_search_is_under_way(
    stream: Stream, before_search: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first search does not begin before pictures of the second group are read. In turns, none would."""
    second_group = threading.Event()

    def read(path: Path, *root: Any) -> Picture:
        if path.name == f"{GROUP + 1:02d}.png":
            second_group.set()
        return read_picture(path, *root)

    monkeypatch.setattr(folder, "read_picture", read)
    before_search(lambda group: until(second_group))
    ended = stream()
    assert (ended.exit_code, ended.stderr) == (0, "")


def test_results_are_written_while_a_search_is_under_way(
    stream: Stream, before_search: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first group is not written before the second search has begun, and that waits until it is."""
    begun, written = threading.Event(), threading.Event()
    write = folder.write_result

    def write_late(*arguments: Any) -> None:
        until(begun)
        write(*arguments)
        written.set()

    def search(group: int) -> None:
        if group == 1:
            begun.set()
            until(written)

    monkeypatch.setattr(folder, "write_result", write_late)
    before_search(search)
    ended = stream()
    assert (ended.exit_code, ended.stderr, ended.stdout.split()[0]) == (0, "", "30")


@pytest.mark.parametrize("slow", ["search", "write"])
def test_memory_holds_few_pictures_however_many_there_are(
    stream: Stream,
    before_search: Callable,
    alive: SimpleNamespace,
    slow: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = folder.write_result

    def write_slowly(*arguments: Any) -> None:
        time.sleep(0.01)
        write(*arguments)

    if slow == "write":
        monkeypatch.setattr(folder, "write_result", write_slowly)
    else:
        before_search(lambda group: time.sleep(0.05))
    assert stream().exit_code == 0
    assert len(alive.counts) == 30
    # A group read ahead, one completed, one written, and one more on its way from either to the next.
    assert max(alive.counts) <= 3 * GROUP + 2
    assert not alive.now


def test_large_pictures_wait_in_smaller_numbers(
    stream: Stream, before_search: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups have two pictures by their pixels; while the first is searched, two are read and no more."""
    monkeypatch.setattr(folder, "GROUP_PIXELS", 2 * 24 * 24)
    read: list[str] = []
    waiting = threading.Event()

    def note(path: Path, *root: Any) -> Picture:
        read.append(path.name)
        if len(read) == 4:
            waiting.set()
        return read_picture(path, *root)

    def search(group: int) -> None:
        until(waiting)
        assert len(read) <= 2 * (group + 1) + 2

    monkeypatch.setattr(folder, "read_picture", note)
    before_search(search)
    assert stream().exit_code == 0
    assert len(read) == 30


# --- order ---


def test_everything_comes_in_the_order_of_the_inputs(stream: Stream, many: Path, tmp_path: Path) -> None:
    (many / "05.png").write_bytes(b"no picture")
    (many / "17.png").write_bytes(b"none either")
    ended = stream("--metrics", tmp_path / "m.jsonl", "--sheet", tmp_path / "s.png", "--json")
    assert ended.exit_code == 3
    names = [f"{number:02d}.png" for number in range(30) if number not in (5, 17)]
    assert [Path(line["picture"]).name for line in lines_of(tmp_path / "m.jsonl")] == names
    assert list(files_in(tmp_path / "out")) == names
    assert [line.split("/")[-1][:6] for line in ended.stderr.splitlines()] == ["05.png", "17.png"]
    summary = json.loads(ended.stdout)
    assert [Path(path).name for path in summary["failed"]] == ["05.png", "17.png"]
    assert summary["completed"] == 28


def test_groups_do_not_change_the_results(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first 12 leave trails, in groups of their own; sheet and film are those of one big group."""
    extras = ("--metrics", "m.jsonl", "--sheet", "s.png", "--gif", "f.gif")
    shown = {}
    monkeypatch.chdir(tmp_path)
    for size in (GROUP, 64):
        monkeypatch.setattr(folder, "GROUP_PICTURES", size)
        assert stream(*extras, "--overwrite").exit_code == 0
        lines = [{**line, "seconds": 0} for line in lines_of(tmp_path / "m.jsonl")]
        shown[size] = (lines, (tmp_path / "s.png").read_bytes(), (tmp_path / "f.gif").read_bytes())
    assert shown[GROUP] == shown[64]


def test_a_gif_is_made_of_the_first_group_alone(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late its pictures are written: only then is known whether the film is full."""
    groups, search, write = [], Completer.search, folder.write_result

    def note(self: Completer, group: tuple, masks: tuple, history: bool) -> list[Any]:
        groups.append((len(group), history))
        return search(self, group, masks, history)

    def write_slowly(*arguments: Any) -> None:
        time.sleep(0.01)
        write(*arguments)

    monkeypatch.setattr(Completer, "search", note)
    monkeypatch.setattr(folder, "write_result", write_slowly)
    assert stream("--gif", tmp_path / "f.gif").exit_code == 0
    assert groups == [(12, True), *[(GROUP, False)] * 4, (2, False)]


def test_a_gif_shows_others_where_the_first_pictures_fail(stream: Stream, many: Path, tmp_path: Path) -> None:
    """Nothing but writing tells that they fail: BMP holds no alpha."""
    for number in range(14):
        image = blob(number, 24, 24)
        image.putalpha(200)
        image.save(many / f"{number:02d}.png")
    ended = stream("--format", "bmp", "--gif", tmp_path / "f.gif", fill="model")
    assert ended.exit_code == 3
    assert len(ended.stderr.splitlines()) == 14
    for number in range(14):
        (many / f"{number:02d}.png").unlink()
    assert stream("--gif", tmp_path / "g.gif", fill="model").exit_code == 0
    with Image.open(tmp_path / "f.gif") as film, Image.open(tmp_path / "g.gif") as other:
        assert film.size == other.size  # as many tiles
        assert len(list(ImageSequence.Iterator(film))) == len(list(ImageSequence.Iterator(other))) > 2


# --- going on ---


def test_skip_done_makes_what_is_missing_and_leaves_the_rest_alone(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = ("--uncertainty", tmp_path / "maps")
    assert stream(*maps).exit_code == 0
    whole, whole_maps = files_in(tmp_path / "out"), files_in(tmp_path / "maps")
    for name in ("03.png", "17.png", "29.png"):
        (tmp_path / "out" / name).unlink()
    (tmp_path / "maps" / "17.png").unlink()
    (tmp_path / "out" / "05.png").write_bytes(b"mine now")
    ended = stream("--skip-done", *maps)
    assert ended.exit_code == 3
    assert ended.stderr.startswith(f"Error: changed since it was written: {tmp_path / 'out' / '05.png'}; ")
    assert ended.stdout.startswith(f"3 pictures in {tmp_path / 'out'}; 26 done before; 1 failed: ")
    assert files_in(tmp_path / "out") == whole | {"05.png": b"mine now"}
    assert files_in(tmp_path / "maps") == whole_maps
    (tmp_path / "out" / "05.png").unlink()
    assert stream("--skip-done", *maps).exit_code == 0
    assert files_in(tmp_path / "out") == whole
    again = stream("--skip-done", "--json")
    assert (again.exit_code, json.loads(again.stdout)["completed"]) == (0, 0)


def test_skip_done_without_a_manifest_reads_only_what_has_no_result(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stream("--no-record").exit_code == 0
    for name in ("03.png", "17.png", "29.png"):
        (tmp_path / "out" / name).unlink()
    read: list[str] = []
    original = folder.read_picture
    monkeypatch.setattr(
        folder, "read_picture", lambda path, root: (read.append(path.name), original(path, root))[1]
    )
    said = f"3 pictures in {tmp_path / 'out'}; 27 done before\n"
    assert stream("--skip-done", "--no-record").stdout == said
    assert read == ["03.png", "17.png", "29.png"]


def test_skip_done_goes_on_with_the_metrics(stream: Stream, tmp_path: Path) -> None:
    metrics = tmp_path / "m.jsonl"
    stream("--metrics", metrics)
    before = {line["result"]: {**line, "seconds": 0} for line in lines_of(metrics)}
    (tmp_path / "out" / "03.png").unlink()
    assert stream("--skip-done", "--metrics", metrics).exit_code == 0
    assert {line["result"]: {**line, "seconds": 0} for line in lines_of(metrics)} == before
    assert len(lines_of(metrics)) == len(before) == 30


def test_interrupted_metrics_are_kept(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inpaintx_cli import results

    measured: list[Any] = []
    original = results.metrics

    def interrupt(result: Any) -> dict:
        if len(measured) == 5:
            raise KeyboardInterrupt
        measured.append(result.target.name)
        return original(result)

    monkeypatch.setattr(results, "metrics", interrupt)
    assert stream("--metrics", tmp_path / "m.jsonl").exit_code == 130
    assert [Path(line["result"]).name for line in lines_of(tmp_path / "m.jsonl")] == measured


def test_skip_done_and_overwrite_exclude_each_other(stream: Stream) -> None:
    ended = stream("--skip-done", "--overwrite")
    assert ended.exit_code == 2
    assert "--skip-done and --overwrite exclude each other" in ended.stderr


# --- errors ---


def test_a_picture_that_can_not_be_written(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out" / "07.png").mkdir(parents=True)
    ended = stream("--overwrite", "--metrics", tmp_path / "m.jsonl")
    assert ended.exit_code == 3
    assert ended.stderr.startswith("Error: can't write: ")
    assert "07.png" in ended.stderr
    assert len(lines_of(tmp_path / "m.jsonl")) == len(files_in(tmp_path / "out")) == 29


def test_debug_shows_where_a_failure_came_from(stream: Stream, many: Path) -> None:
    (many / "05.png").write_bytes(b"no picture")
    ended = stream(debug=True)
    assert ended.exit_code == 3
    assert "Traceback (most recent call last)" in ended.stderr
    assert "in read_picture" in ended.stderr


def test_full_disk_under_the_metrics_ends_the_run(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not one picture's error is the whole run's, also from the thread that writes."""
    written = []

    def fail(result: Any) -> dict:
        written.append(result.target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inpaintx_cli.results.metrics", fail)
    ended = stream("--metrics", tmp_path / "m.jsonl")
    assert ended.exit_code == 1
    assert "No space left on device" in ended.stderr
    assert not (tmp_path / "m.jsonl").exists()
    assert set(files_in(tmp_path / "out")) <= {f"{number:02d}.png" for number in range(30)}


def test_a_mistake_in_the_reader_ends_the_run(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Picture:
        raise MemoryError("too much")

    monkeypatch.setattr(folder, "read_picture", fail)
    ended = stream()
    assert (ended.exit_code, ended.stderr) == (
        1,
        "Error: MemoryError: too much; run with --debug for the traceback\n",
    )
