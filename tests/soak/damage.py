"""Damaged files of every layout: a picture comes, or an error of one line, in bounded memory and time."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import layouts
from folders import QUICK, hashes, read, run

from inpaintx.errors import InpaintxError
from inpaintx.pictures import read_picture

SECONDS = 60  # of processor time, for a folder of damaged files
PATIENCE = 1200  # seconds that it may take where other work shares the cores
MOST_MEMORY = 1 << 30  # bytes that they may take beside what the program takes itself


@dataclass
class Outcome:
    """What came of damaged files.

    Attributes:
        read, refused: files.
        memory: bytes of memory that the process with the most of it took at its most.
        seconds: of processor time that the slowest file took to be read.
        wrong: what should not have been, a line each.
    """

    read: int = 0
    refused: int = 0
    memory: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Takes in what came of more."""
        self.read, self.refused = self.read + other.read, self.refused + other.refused
        self.memory, self.seconds = max(self.memory, other.memory), max(self.seconds, other.seconds)
        self.wrong += other.wrong


def damaged(random: Random, whole: bytes, other: bytes) -> bytes:
    """A file with bits flipped, cut short, with a block of it blank, joined to another one, and so on."""
    data = bytearray(whole)
    kind = random.choice(
        ["flips", "flips", "cut", "blank", "splice", "insert", "leave out", "number", "flip early"]
    )
    at = random.randrange(len(data))
    length = min(random.choice([1, 4, 16, 64, 512]), len(data) - at)
    if kind == "flips":
        for _ in range(random.choice([1, 1, 3, 20])):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == "flip early":
        data[random.randrange(min(len(data), 96))] ^= 1 << random.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "blank":
        data[at : at + length] = bytes([random.choice([0, 255])]) * length
    elif kind == "splice":
        data = data[:at] + other[random.randrange(len(other)) :]
    elif kind == "insert":
        data[at:at] = random.randbytes(length)
    elif kind == "leave out":
        del data[at : at + length]
    else:  # a size, an offset or a count that is huge, or nothing
        at = random.randrange(min(len(data), 200))
        data[at : at + 4] = random.choice(
            [b"\xff\xff\xff\xff", b"\0\0\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\1\0\0"]
        )
    return bytes(data)


def files(random: Random, folder: Path, count: int) -> Iterator[Path]:
    """Damaged files, each in a folder of its own number."""
    before = b"\0"
    for number in range(count):
        made = layouts.make(random, folder / f"{number:03d}.x").path
        whole = made.read_bytes()
        made.write_bytes(damaged(random, whole, before))
        before = whole
        yield made


def attack(random: Random, place: Path, count: int) -> Outcome:
    """Reads and completes so many damaged files, in a process of its own with little memory and time."""
    (place / "in").mkdir(parents=True)
    paths = list(files(random, place / "in", count))
    return in_child(place / "outcome.json", lambda: _read_and_complete(place, paths))


def _read_and_complete(place: Path, paths: list[Path]) -> Outcome:
    outcome = Outcome()
    before = hashes(place / "in")
    for path in paths:
        start = time.process_time()
        try:
            read_picture(path)
            outcome.read += 1
        except InpaintxError as error:
            outcome.refused += 1
            if "\n" in str(error) or path.name not in str(error):
                outcome.wrong.append(f"{path}: said {str(error)!r}")
        except BaseException as error:
            outcome.wrong.append(f"{path}: {type(error).__name__}: {error}")
        outcome.seconds = max(outcome.seconds, time.process_time() - start)
    words = [
        "complete",
        "in",
        "--model",
        "chars",
        "--out",
        "out",
        "--mask-plugin",
        "center",
        "--json",
        *QUICK,
    ]
    ended = run([*words, "--iterations", "1", "--blend", "poisson"], place, in_process=True)
    said = [line for line in ended.err.splitlines() if line and not line.startswith(("Error: ", "Warning: "))]
    if ended.code not in (0, 1, 3) or said or not ended.out.startswith("{"):
        outcome.wrong.append(f"{place}: exit {ended.code}, said {ended.out[-200:]!r} {ended.err[-300:]!r}")
    else:
        told = json.loads(ended.out)
        if told["completed"] + len(told["failed"]) + len(told.get("undamaged", [])) != len(paths):
            outcome.wrong.append(f"{place}: {len(paths)} files, but {told}")
    if hashes(place / "in") != before:
        outcome.wrong.append(f"{place}: changed an input")
    for result in sorted((place / "out").rglob("*")) if (place / "out").is_dir() else ():
        if result.is_file() and result.name != "manifest.jsonl" and read(result) is None:
            outcome.wrong.append(f"{place}: {result.name} is not whole")
    outcome.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return outcome


def in_child(answer: Path, work: Callable[[], Outcome]) -> Outcome:
    """What a function gives in a process of its own, which a crash, a hang or a bomb ends alone."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PATIENCE)
            resource.setrlimit(
                resource.RLIMIT_CPU, (int(time.process_time()) + SECONDS, resource.RLIM_INFINITY)
            )
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, resource.RLIM_INFINITY))
            outcome = work()
            answer.write_text(json.dumps(vars(outcome)))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        ended = os.waitstatus_to_exitcode(status)
        said = f"ended by {signal.Signals(-ended).name}" if ended < 0 else f"exit {ended}"
        return Outcome(wrong=[f"{answer.parent}: {said}"])
    told: dict[str, Any] = json.loads(answer.read_text())
    return Outcome(**told)
