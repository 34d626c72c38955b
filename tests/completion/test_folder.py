"""Folders of pictures by the library: isolation, order, overlap, bounds, interrupts. Events, never times."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_mask, make_picture
from PIL import Image

from inpaintx.completion import Completer, FolderRequest, FolderResult, complete_folder, folder, streaming
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import read_picture, write_picture
from inpaintx.plugins import registry

SECONDS = 60  # until a test that waits for what does not come fails
GROUP, COUNT = 4, 18
NAMES = [f"{number:02d}.png" for number in range(COUNT)]


@pytest.fixture(autouse=True)
def _small_groups_on_four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(folder, "GROUP_PICTURES", GROUP)
    monkeypatch.setattr(streaming, "cores", lambda: 4)
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of pictures, each known by its first pixel: its number."""
    place = tmp_path / "photos"
    place.mkdir()
    for number, name in enumerate(NAMES):
        picture = make_picture(24, 24, seed=number)
        picture.array[0, 0] = number
        write_picture(picture, place / name)
    return place


@pytest.fixture
def request_for(photos: Path, tmp_path: Path) -> Callable[..., FolderRequest]:
    def make(**more: Any) -> FolderRequest:
        return FolderRequest([photos], tmp_path / "out", registry.make("mask", "center"), **more)

    return make


class Blend:
    """Fills with gray, after what ``before`` does with the picture's number."""

    name = "stub"

    def __init__(self, before: Callable[[int], object] = lambda number: None) -> None:
        self._before = before

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        self._before(round(float(picture[0, 0, 0]) * 255))
        return fill


@pytest.fixture
def completer(model: Networks) -> Callable[..., Completer]:
    def make(before: Callable[[int], object] = lambda number: None) -> Completer:
        return Completer(model, Blend(before), OPTIONS, "constant")

    return make


def until(happened: threading.Event) -> None:
    assert happened.wait(SECONDS)


def whole(out: Path) -> list[str]:
    """The names of the results, each of which can be read."""
    names = sorted(path.name for path in out.iterdir())
    for name in names:
        assert read_picture(out / name).array.shape == (24, 24)
    return names


# --- what comes of it ---


def test_bad_pictures_stop_no_other(completer, request_for, photos: Path, tmp_path: Path) -> None:
    (photos / "05.png").write_bytes(b"no picture")
    (tmp_path / "out" / "11.png").mkdir(parents=True)

    def refuse(number: int) -> None:
        if number == 9:
            raise InpaintxError("not this one: take another")

    results: list[FolderResult] = []
    told: list[tuple[Path, InpaintxError]] = []
    counts: list[int] = []
    report = complete_folder(
        completer(refuse),
        request_for(overwrite=True),
        on_progress=counts.append,
        on_result=results.append,
        on_failure=lambda path, error: told.append((path, error)),
    )
    good = [name for number, name in enumerate(NAMES) if number not in (5, 9, 11)]
    assert report.done == {photos / name: tmp_path / "out" / name for name in good}
    assert list(report.failures) == [photos / name for name in ("05.png", "09.png", "11.png")]
    assert report.failures[photos / "09.png"] == "not this one: take another"
    assert report.failures[photos / "11.png"].startswith("can't write: ")
    assert {path: str(error) for path, error in told} == report.failures
    assert [result.target for result in results] == list(report.done.values())
    assert counts[-1] == COUNT
    assert counts == sorted(counts)
    for result in results:
        assert result.original.path is not None
        original, written = read_picture(result.original.path), read_picture(result.target)
        mask = result.completed.mask
        assert result.synthetic
        assert np.array_equal(written.array, result.completed.picture.array)
        assert np.array_equal(written.array[mask], original.array[mask])
        assert set(written.array[~mask]) <= {127, 128}


def test_a_report_is_enough(completer, request_for, tmp_path: Path) -> None:
    report = complete_folder(completer(), request_for())
    assert (len(report.done), report.failures) == (COUNT, {})
    assert whole(tmp_path / "out") == NAMES


def test_sheet_gif_and_maps(model: Networks, request_for, tmp_path: Path) -> None:
    request = request_for(
        sheet=tmp_path / "more" / "s.png", gif=tmp_path / "f.gif", uncertainty=tmp_path / "maps"
    )
    complete_folder(Completer(model, make_blend(), OPTIONS), request)
    assert whole(tmp_path / "maps") == NAMES
    with Image.open(tmp_path / "more" / "s.png") as sheet, Image.open(tmp_path / "f.gif") as film:
        assert sheet.height > sheet.width / 2  # two bands of four rows
        assert getattr(film, "n_frames", 1) > 2


def test_results_do_not_depend_on_the_number_of_threads(
    model: Networks, request_for, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for threads in (1, 7):
        monkeypatch.setattr(streaming, "cores", lambda threads=threads: threads)
        complete_folder(
            Completer(model, make_blend("auto"), OPTIONS),
            request_for(overwrite=True, uncertainty=tmp_path / "maps"),
        )
        found[threads] = [
            (tmp_path / place / name).read_bytes() for place in ("out", "maps") for name in NAMES
        ]
    assert found[1] == found[7]
    assert len(set(found[1])) > COUNT


# --- what overlaps, and in which order it ends ---


def test_pictures_are_blended_beside_the_next_search(completer, request_for, before_search) -> None:
    """The first group's blends wait for the second search to begin. In turns, it never would."""
    second = threading.Event()
    before_search(lambda group: second.set() if group == 1 else None)
    report = complete_folder(
        completer(lambda number: until(second) if number < GROUP else None), request_for()
    )
    assert len(report.done) == COUNT


def test_pictures_are_blended_beside_each_other_and_come_in_order(completer, request_for) -> None:
    """Of each four, the first is not blended before the last one is."""
    last = [threading.Event() for _ in range(COUNT)]

    def in_reverse(number: int) -> None:
        if number % GROUP == 0 and number + GROUP <= COUNT:
            until(last[number + GROUP - 1])
        last[number].set()

    seen: list[str] = []
    report = complete_folder(
        completer(in_reverse), request_for(), on_result=lambda result: seen.append(result.target.name)
    )
    assert seen == NAMES
    assert [path.name for path in report.done] == NAMES


@pytest.mark.parametrize("slow", ["blend", "write", "search"])
def test_memory_holds_few_pictures_however_many_there_are(
    completer, request_for, before_search, alive: SimpleNamespace, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = folder.write_result

    def write_slowly(*arguments: Any) -> None:
        time.sleep(0.01)
        write(*arguments)

    if slow == "write":
        monkeypatch.setattr(folder, "write_result", write_slowly)
    if slow == "search":
        before_search(lambda group: time.sleep(0.05))
    done = complete_folder(completer(lambda number: time.sleep(0.02 * (slow == "blend"))), request_for()).done
    assert len(done) == len(alive.counts) == COUNT
    # A group read ahead, one searched, one blended or written, and one more on its way to the next.
    assert max(alive.counts) <= 3 * GROUP + 2
    assert not alive.now


# --- how it ends early ---


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_mistake_in_a_blend_fails_its_picture_by_name(
    completer, request_for, tmp_path: Path, error: type[BaseException]
) -> None:
    def stumble(number: int) -> None:
        if number == 6:
            raise error("in the blend")

    report = complete_folder(completer(stumble), request_for())
    assert whole(tmp_path / "out") == [name for name in NAMES if name != NAMES[6]]
    [(path, why)] = report.failures.items()
    assert path.name == NAMES[6]
    assert re.match(rf"blend plugin '[a-z]+' on .*{NAMES[6]}: it raised {error.__name__}: in the blend", why)


def test_a_mistake_in_a_callback_ends_the_run(completer, request_for, tmp_path: Path) -> None:
    def stumble(result: FolderResult) -> None:
        if result.target.name == "06.png":
            raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback"):
        complete_folder(completer(), request_for(), on_result=stumble)
    assert NAMES[:7] == whole(tmp_path / "out")[:7]


def test_an_interrupt_ends_at_once_and_leaves_whole_files(
    completer, request_for, before_search, tmp_path: Path
) -> None:
    """Only blends that are under way are waited for. Then the rest is done, and nothing twice."""
    begun: list[int] = []
    four, interrupted = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        begun.append(number)
        if len(begun) == 4:
            four.set()
        until(interrupted)

    def interrupt(group: int) -> None:
        if group == 1:
            until(four)
            threading.Timer(0.2, interrupted.set).start()
            raise KeyboardInterrupt

    before_search(interrupt)
    with pytest.raises(KeyboardInterrupt):
        complete_folder(completer(wait), request_for())
    assert sorted(begun) == [0, 1, 2, 3]
    done = whole(tmp_path / "out")
    assert 1 <= len(done) <= 4
    assert done == NAMES[: len(done)]
    rest = complete_folder(completer(), request_for(skip_done=True))
    assert [path.name for path in rest.done] == NAMES[len(done) :]
    assert whole(tmp_path / "out") == NAMES


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_while_the_last_pictures_are_blended(completer, request_for, tmp_path: Path) -> None:
    """A real signal: the calling thread has nothing left to search, and waits."""
    stopped = threading.Event()

    def interrupt(number: int) -> None:
        if number == COUNT - 2:
            os.kill(os.getpid(), signal.SIGINT)
            stopped.wait(0.2)

    with pytest.raises(KeyboardInterrupt):
        complete_folder(completer(interrupt), request_for())
    assert len(whole(tmp_path / "out")) >= COUNT - 2 - GROUP


def test_a_picture_that_nobody_waits_for_is_given_up(model: Networks) -> None:
    """Between two blends: one whose forming is to be shown has many."""
    blends: list[int] = []
    stopped = threading.Event()

    def stop(number: int) -> None:
        blends.append(number)
        if len(blends) == 2:
            stopped.set()

    completer = Completer(model, Blend(stop), OPTIONS)
    [searched] = completer.search([make_picture(24, 24)], [make_mask(24, 24)], history=True)
    [candidates] = searched.candidates
    assert len(candidates.history) == 2
    with pytest.raises(CancelledError):
        completer.finish(searched, stopped)
    assert len(blends) == 2


# --- what is refused before anything is done ---


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"format": "gif"}, "no format 'gif' to write; there are: keep, same, png, tiff, webp, bmp, jpeg"),
        ({"overwrite": True, "skip_done": True}, "skip_done and overwrite exclude each other"),
    ],
    ids=["format", "skip and overwrite"],
)
def test_a_request_that_can_not_be(request_for, more: dict, message: str) -> None:
    with pytest.raises(InpaintxError, match=message):
        request_for(**more)


def test_files_of_the_users_are_safe(completer, request_for, photos: Path, tmp_path: Path) -> None:
    """Whatever is read: the pictures, the model, and what the mask plugin's options name."""
    hole = tmp_path / "hole.png"
    Image.fromarray(np.eye(24, dtype=np.uint8) * 255).save(hole)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    mask = registry.make("mask", "file", {"path": hole})
    for request, message in (
        (FolderRequest([photos], photos / "out", mask), "the output folder"),
        (FolderRequest([photos], tmp_path / "out", mask, sheet=hole, overwrite=True), "hole.png is read"),
        (FolderRequest([photos], tmp_path / "out", mask, besides=[hole]), "hole.png is read"),
        (request_for(besides=[Path("made")]), "made is read"),  # the model's file
        (request_for(besides=[tmp_path / "out" / "03.png"]), "two things would be written"),
    ):
        with pytest.raises(InpaintxError, match=message):
            complete_folder(completer(), request)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before
    assert not (tmp_path / "out").exists()
    complete_folder(completer(), FolderRequest([photos], tmp_path / "out", mask))
    with pytest.raises(InpaintxError, match=r"file exists already: .*00\.png"):
        complete_folder(completer(), request_for())
