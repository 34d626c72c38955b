"""Files that are written whole or not at all, and the litter of processes that were killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inpaintx import atomic
from inpaintx.atomic import LEFTOVER, atomic_file, clear_leftovers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs locks that end with their process")

WRITER = """
import sys, time
from pathlib import Path
from inpaintx.atomic import atomic_file
with atomic_file(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""
Start = Callable[[Path], subprocess.Popen]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that is in the middle of writing a file, until its stdin is closed."""
    started: list[subprocess.Popen] = []

    def run(path: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def _left_over(folder: Path) -> list[str]:
    return [name for name in _names(folder) if LEFTOVER.fullmatch(name)]


def test_leftover_of_a_killed_process_is_cleared_by_the_next_that_writes_there(
    tmp_path: Path, start: Start
) -> None:
    killed = start(tmp_path / "a.png")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(_left_over(tmp_path)) == len(_names(tmp_path)) == 1
    other = start(tmp_path / "b.png")
    other.communicate()
    assert _names(tmp_path) == ["b.png"]
    assert (tmp_path / "b.png").read_bytes() == b"half of it"


def test_file_of_a_process_that_lives_is_left_alone(tmp_path: Path, start: Start) -> None:
    living = start(tmp_path / "a.png")
    [name] = _left_over(tmp_path)
    clear_leftovers(tmp_path)
    assert _names(tmp_path) == [name]
    os.utime(tmp_path / name, (0, 0))  # however old it is
    clear_leftovers(tmp_path)
    with atomic_file(tmp_path / "b.png") as file:
        clear_leftovers(tmp_path)  # nor one's own
        file.write(b"other")
    living.communicate()
    assert living.returncode == 0
    assert _names(tmp_path) == ["a.png", "b.png"]


def test_only_our_own_files_are_ever_removed(tmp_path: Path) -> None:
    own = f".inpaintx-{atomic._boot()}-0123456789abcdef.tmp"
    others = [
        *(".0123456789abcdef.tmp", "notes.tmp", ".inpaintx.tmp", own.upper(), own[1:], f"{own}.png"),
        *(f".inpaintx-{atomic._boot()}-0123.tmp", f".inpaintx-{atomic._boot()}-0123456789abcdeg.tmp"),
    ]
    for name in (own, *others):
        (tmp_path / name).write_text("mine")
    folder, link = (own.replace("0123", digits) for digits in ("4567", "89ab"))
    (tmp_path / folder).mkdir()
    (tmp_path / link).symlink_to(tmp_path / "notes.tmp")
    clear_leftovers(tmp_path)
    assert _names(tmp_path) == sorted([*others, folder, link])


@pytest.mark.parametrize(("hours", "stays"), [(1, True), (25, False)])
def test_file_of_another_machine_or_boot_is_left_for_a_day(tmp_path: Path, hours: int, stays: bool) -> None:
    """On a shared folder a lock may not reach from one machine to the other."""
    boot = "0" * 8 if atomic._boot() != "0" * 8 else "1" * 8
    file = tmp_path / f".inpaintx-{boot}-0123456789abcdef.tmp"
    file.write_text("half")
    changed = time.time() - hours * 3600
    os.utime(file, (changed, changed))
    clear_leftovers(tmp_path)
    assert file.exists() == stays


def test_file_taken_away_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process looks in the moment between making a file and locking it."""
    lock, seen = atomic.fcntl.flock, []

    def slow(file: object, operation: int) -> None:
        if not seen:
            seen.extend(_left_over(tmp_path))
            clear = subprocess.run(
                [
                    *(sys.executable, "-c"),
                    "import sys; from pathlib import Path; from inpaintx.atomic import clear_leftovers; "
                    "clear_leftovers(Path(sys.argv[1]))",
                    str(tmp_path),
                ],
                check=False,
            )
            assert clear.returncode == 0
            assert _names(tmp_path) == []
        lock(file, operation)

    monkeypatch.setattr(atomic.fcntl, "flock", slow)
    with atomic_file(tmp_path / "a.png") as file:
        file.write(b"whole")
    assert len(seen) == 1
    assert _names(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"whole"


def test_where_nothing_can_be_locked_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(atomic.fcntl, "flock", unsupported)
    own = tmp_path / f".inpaintx-{atomic._boot()}-0123456789abcdef.tmp"
    own.write_text("perhaps of a process that lives")
    clear_leftovers(tmp_path)
    with atomic_file(tmp_path / "a.png") as file:
        file.write(b"whole")
    assert _names(tmp_path) == [own.name, "a.png"]


def test_a_folder_that_is_missing_is_told_by_the_file_that_can_not_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(atomic.InpaintxError, match=r"can't write: .*nowhere.a\.png"),
        atomic_file(tmp_path / "nowhere" / "a.png"),
    ):
        pass
