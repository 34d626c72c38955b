"""What the tests of the service share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.service.job import Job
from inpaintx.service.tasks import Settings, Task

#: Fields of a form whose search takes no time.
QUICK = {"iterations": "3", "candidates": "2", "starts": "4"}
SIDE = 64
TOKEN = "a-token-of-the-tests"
HOLE = np.s_[20:36, 24:44]


def shape(number: int = 0, side: int = SIDE) -> np.ndarray:
    """A gray picture, uint8 ``[side, side]``, a little different for each number."""
    image = Image.new("L", (side, side), 230)
    box = (side // 6 + number % 5, side // 6, side - side // 5, side - side // 6 - number % 7)
    ImageDraw.Draw(image).ellipse(box, 20 + 9 * (number % 7))
    noise = np.random.default_rng(number).integers(0, 20, (side, side))
    return (np.asarray(image) + noise).astype(np.uint8)


def hole(side: int = SIDE, where: Any = HOLE) -> np.ndarray:
    """A mask as people send it, uint8 ``[side, side]``: white is the hole."""
    mask = np.zeros((side, side), np.uint8)
    mask[where] = 255
    return mask


def png(array: np.ndarray) -> bytes:
    """An array as a PNG."""
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """The pixels of a file."""
    return np.asarray(Image.open(BytesIO(data)))


def form(number: int = 0, **fields: str) -> dict[str, Any]:
    """A picture and its mask, as httpx sends them, with quick settings."""
    files = {"image": (f"{number}.png", png(shape(number))), "mask": ("mask.png", png(hole()))}
    return {"files": files, "data": {**QUICK, **fields}}


def sent_events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The names and the data of server-sent events."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def task(seed: int = 0, side: int = 8) -> Task:
    """A task whose settings are those of others with the same seed."""
    settings = Settings("chars", "auto", "auto", (), SearchOptions(seed=seed))
    mask = np.ones((side, side), bool)
    mask[0, 0] = False
    return Task(Picture(np.zeros((side, side), np.uint8)), mask, settings, "png", {}, True, {}, {})


class Hand:
    """A worker that a test leads: it does each group of jobs when it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[Job]] = []
        self.begun, self._go = threading.Semaphore(0), threading.Semaphore(0)
        self.what: Callable[[Sequence[Job]], object] = finish

    def prepare(self) -> None:
        pass

    def do(self, jobs: Sequence[Job]) -> None:
        self.groups.append(list(jobs))
        self.begun.release()
        assert self._go.acquire(timeout=10)
        self.what(jobs)

    def wait(self) -> list[Job]:
        """Waits until a group is begun."""
        assert self.begun.acquire(timeout=10)
        return self.groups[-1]

    def go_on(self) -> None:
        """Lets it do the group that it has begun."""
        self._go.release()


def finish(jobs: Sequence[Job]) -> None:
    """Does jobs as they should be."""
    for job in jobs:
        job.tell(state="done", result=object())
