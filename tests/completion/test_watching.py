"""Folders that are watched: what arrives slowly, under other names, before its mask, twice, or not at all."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_picture
from PIL import Image

from inpaintx.completion import Completer, FolderReport, FolderRequest, watching
from inpaintx.completion.report import Listeners
from inpaintx.completion.showcase import Showcase
from inpaintx.completion.watching import watch_folder
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import read_picture, write_picture
from inpaintx.plugins import registry

SECONDS = 60.0  # until a test that waits for what does not come fails
QUICK = 0.3  # seconds without a change, after which a file is taken for whole

pytestmark = pytest.mark.slow


class Watched:
    """A watch under way, in a thread."""

    def __init__(self, completer: Completer, request: FolderRequest) -> None:
        self.report = FolderReport()
        self.results: list[str] = []
        self.failures: list[str] = []
        self.searched: list[Path | None] = []
        self._stop = threading.Event()
        self._error: BaseException | None = None
        search = completer.search

        def note(pictures: Any, *more: Any) -> Any:
            self.searched += [picture.path for picture in pictures]
            return search(pictures, *more)

        completer.search = note  # type: ignore[method-assign]
        listeners = Listeners(
            on_result=lambda result: self.results.append(result.target.name),
            on_failure=lambda path, error: self.failures.append(str(error)),
        )
        showcase = Showcase(None, None)
        self._thread = threading.Thread(target=self._run, args=(completer, request, showcase, listeners))
        self._thread.start()

    def _run(self, completer: Completer, request: FolderRequest, *told: Any) -> None:
        try:
            watch_folder(completer, request, *told, self.report, self._stop)
        except BaseException as error:
            self._error = error

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < deadline
            assert self._thread.is_alive(), self._error
            time.sleep(0.02)

    def end(self) -> FolderReport:
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self._error is None, self._error
        return self.report


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watching, "SETTLED", QUICK)
    monkeypatch.setattr(watching, "LOOK", 0.05)
    (tmp_path / "in").mkdir()
    return tmp_path


Watch = Callable[..., Watched]


@pytest.fixture
def watch(model: Networks, place: Path) -> Iterator[Watch]:
    under_way: list[Watched] = []

    def start(mask: str = "center", out: str = "out", options: Any = None, **more: Any) -> Watched:
        asked = {"manifest": place / out / "manifest.jsonl", "skip_done": True} | more
        request = FolderRequest([place / "in"], place / out, registry.make("mask", mask, options), **asked)
        under_way.append(Watched(Completer(model, make_blend(), OPTIONS, "constant"), request))
        return under_way[-1]

    yield start
    for each in under_way:
        each.end()


def save(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(make_picture(24, 24, seed=seed), path)
    return path


def test_what_is_there_and_what_arrives_is_completed_once(watch: Watch, place: Path) -> None:
    save(place / "in" / "first.png")
    watched = watch()
    watched.until(lambda: watched.results == ["first.png"])
    save(place / "in" / "deep" / "er" / "second.png", 1)
    save(place / "moved.png", 2).rename(place / "in" / "third.png")
    (place / "elsewhere").mkdir()
    save(place / "elsewhere" / "fourth.png", 3)
    (place / "elsewhere").rename(place / "in" / "folder")
    watched.until(lambda: len(watched.results) == 4)
    os.utime(place / "in" / "first.png")  # touched, not changed
    time.sleep(4 * QUICK)
    report = watched.end()
    names = ["deep/er/second.png", "first.png", "folder/fourth.png", "third.png"]
    assert sorted(path.relative_to(place / "out").as_posix() for path in report.done.values()) == names
    assert len(watched.searched) == len(set(watched.searched)) == 4
    assert (report.failures, report.waiting, report.kept) == ({}, {}, [])
    for name in names:
        assert read_picture(place / "out" / name).array.shape == (24, 24)


def test_a_file_that_grows_is_waited_for(watch: Watch, place: Path) -> None:
    """In pieces, for longer than a whole one would have to be left alone."""
    whole = save(place / "whole.png", 5).read_bytes()
    watched = watch()
    with open(place / "in" / "slow.png", "wb", buffering=0) as file:
        for start in range(0, len(whole), len(whole) // 8):
            file.write(whole[start : start + len(whole) // 8])
            time.sleep(QUICK / 2)
            assert not watched.searched
    watched.until(lambda: watched.results == ["slow.png"])
    report = watched.end()
    assert (watched.failures, report.waiting) == ([], {})
    assert len(watched.searched) == 1


def test_a_half_file_is_no_failure_and_is_completed_when_it_is_whole(watch: Watch, place: Path) -> None:
    whole = save(place / "whole.png", 5).read_bytes()
    slow = place / "in" / "slow.png"
    slow.write_bytes(whole[:200])
    save(place / "in" / "other.png")
    watched = watch()
    watched.until(lambda: watched.results == ["other.png"])
    assert "can't read the picture" in watched.report.waiting[slow]
    with open(slow, "ab") as file:
        file.write(whole[200:])
    watched.until(lambda: watched.results == ["other.png", "slow.png"])
    report = watched.end()
    assert (watched.failures, report.failures, report.waiting) == ([], {}, {})


def test_names_of_unfinished_files_are_left_alone(watch: Watch, place: Path) -> None:
    """Those of programs that write aside, until they get their name."""
    watched = watch()
    for number, name in enumerate(("a.png.part", ".a.png.swp", ".b.png", "c.tmp", "d.png.crdownload")):
        save(place / "x.png", number).rename(place / "in" / name)
    (place / "in" / "never.png").write_bytes(b"half")
    time.sleep(3 * QUICK)
    (place / "in" / "a.png.part").rename(place / "in" / "a.png")
    watched.until(lambda: watched.results == ["a.png"])
    report = watched.end()
    assert watched.failures == []
    assert list(report.waiting) == [place / "in" / "never.png"]
    request = FolderRequest([place / "in"], Path("out"), registry.make("mask", "center"))
    assert report.summary(request) == (
        "1 pictures in out; 3 files left out: 2 no pictures by their suffix (c.tmp, …), 1 hidden (.b.png); "
        "1 not done yet: 1 not a picture, or of an unknown format (never.png)"
    )


@pytest.mark.parametrize("beside", [True, False])
def test_a_picture_waits_for_its_mask(watch: Watch, place: Path, beside: bool) -> None:
    """In either order: what is named like a mask is never completed itself."""
    hole = np.zeros((24, 24), np.uint8)
    hole[8:14, 8:14] = 255
    (place / "masks").mkdir()
    watched = watch("file", options={} if beside else {"path": place / "masks"})

    def mask(name: str) -> None:
        path = place / "in" / f"{name}_mask.png" if beside else place / "masks" / f"{name}.png"
        Image.fromarray(hole).save(path)

    save(place / "in" / "a.png")
    mask("b")
    watched.until(lambda: place / "in" / "a.png" in watched.report.waiting)
    save(place / "in" / "b.png", 1)
    watched.until(lambda: watched.results == ["b.png"])
    mask("a")
    watched.until(lambda: watched.results == ["b.png", "a.png"])
    report = watched.end()
    assert (watched.failures, report.waiting) == ([], {})
    for name in ("a.png", "b.png"):
        before, after = (read_picture(place / where / name).array for where in ("in", "out"))
        assert not (before != after)[hole == 0].any()
        assert (before != after)[hole > 0].all()


def test_a_picture_that_changes_is_done_again_and_a_retouched_result_is_not_written_over(
    watch: Watch, place: Path
) -> None:
    for name in ("a.png", "b.png"):
        save(place / "in" / name)
    watched = watch()
    watched.until(lambda: len(watched.results) == 2)
    first = (place / "out" / "a.png").read_bytes()
    save(place / "in" / "a.png", 9)
    watched.until(lambda: len(watched.results) == 3)
    assert (place / "out" / "a.png").read_bytes() != first
    (place / "out" / "b.png").write_bytes(b"retouched")
    save(place / "in" / "b.png", 9)
    watched.until(lambda: place / "in" / "b.png" in watched.report.waiting)
    assert "changed since it was written" in watched.report.waiting[place / "in" / "b.png"]
    assert (place / "out" / "b.png").read_bytes() == b"retouched"
    assert len(watched.end().done) == 2


def test_a_second_watch_goes_on_and_names_stay(watch: Watch, place: Path) -> None:
    """A twin that comes later gets a longer name; what was done is told by the manifest."""
    Image.fromarray(make_picture(24, 24).array).save(place / "in" / "a.jpg")
    watched = watch()
    watched.until(lambda: watched.results == ["a.png"])
    save(place / "in" / "a.png", 4)
    watched.until(lambda: watched.results == ["a.png", "a.png.png"])
    watched.end()
    files = {path: path.read_bytes() for path in (place / "out").glob("*.png")}
    assert len(files) == 2
    again = watch()
    again.until(lambda: len(again.report.kept) == 2)
    save(place / "in" / "b.png", 5)
    again.until(lambda: again.results == ["b.png"])
    assert again.end().summary(FolderRequest([], Path("o"), registry.make("mask", "center"))) == (
        "1 pictures in o; 2 done before"
    )
    assert {path: path.read_bytes() for path in files} == files


def test_without_a_manifest_what_has_a_result_is_done(watch: Watch, place: Path) -> None:
    for number, name in enumerate(("a.png", "b.png")):
        save(place / "in" / name, number)
    (place / "out").mkdir()
    (place / "out" / "a.png").write_bytes(b"by hand")
    watched = watch(manifest=None, record=False)
    watched.until(lambda: watched.results == ["b.png"])
    report = watched.end()
    assert (report.kept, watched.failures) == ([place / "in" / "a.png"], [])
    assert (place / "out" / "a.png").read_bytes() == b"by hand"


def test_what_can_not_be_written_fails_and_the_watch_goes_on(watch: Watch, place: Path) -> None:
    (place / "out" / "a.png").mkdir(parents=True)
    save(place / "in" / "a.png")
    watched = watch()
    watched.until(lambda: watched.failures)
    assert watched.failures[0].startswith("can't write: ")
    save(place / "in" / "b.png", 1)
    watched.until(lambda: watched.results == ["b.png"])
    (place / "out" / "a.png").rmdir()
    save(place / "in" / "a.png", 2)
    watched.until(lambda: watched.results == ["b.png", "a.png"])
    assert watched.end().failures == {}


def test_only_folders_are_watched(model: Networks, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = FolderRequest([save(place / "in" / "a.png")], place / "out", registry.make("mask", "center"))
    completer = Completer(model, make_blend(), OPTIONS, "constant")
    told = Showcase(None, None), Listeners(), FolderReport()
    with pytest.raises(InpaintxError, match=r"only a folder can be watched: .*a\.png"):
        watch_folder(completer, request, *told)
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    with pytest.raises(InpaintxError, match=r"extra 'watch'; pip install 'inpaintx\[watch\]'"):
        watch_folder(completer, request, *told)
