"""A person at the page: opens pictures, paints, completes, downloads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from inpaintx.pictures import read_picture

#: What makes a completion quick: what is tested is the page, not the fill.
QUICK = {"#candidates": "2", "#iterations": "4"}
PATIENCE = 60_000  # milliseconds after which something is taken for stuck
Open = Callable[..., "Painter"]


@contextmanager
def started(
    *arguments: str, environment: Mapping[str, str] | None = None, errors: Path | None = None
) -> Iterator[str]:
    """``inpaintx ui`` in a process of its own: gives its address, and ends it as Ctrl-C does.

    Args:
        arguments: of the command.
        environment: that it has besides this process's.
        errors: a file for its stderr; None: this process's.
    """
    with ExitStack() as files:
        process = subprocess.Popen(
            [sys.executable, "-m", "inpaintx", "ui", "--no-browser", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=None if errors is None else files.enter_context(errors.open("w")),
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
    assert process.stdout is not None
    said = process.stdout.readline()
    address = re.search(r"http://\S+", said)
    assert address, said
    yield address[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


@dataclass
class Painter:
    """Drives a page as a person does; asks it only for what a person sees, and for its mask."""

    page: Page
    address: str

    def open(self, *pictures: Path | dict[str, Any]) -> None:
        """Opens the page with pictures, and waits until the first is seen."""
        self.page.goto(self.address)
        self.choose(*pictures)
        self.page.wait_for_selector("#foot:not([hidden])")

    def choose(self, *pictures: Path | dict[str, Any]) -> None:
        """Chooses files, as in the browser's own dialog."""
        self.page.set_input_files("#files", list(pictures))  # type: ignore[arg-type]

    def tool(self, name: str, size: int | None = None) -> None:
        """Takes a tool, and a brush of so many pixels."""
        self.page.click(f"[data-tool={name}]")
        if size is not None:
            module = "import('/page/js/tools.js')"
            self.page.evaluate(f"size => {module}.then(tools => tools.resizeBrush(size))", size)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture is in the window."""
        where = """([x, y]) => import('/page/js/stage.js').then(({ view }) => {
            const box = document.getElementById('stage').getBoundingClientRect();
            const [left, top] = view.toStage(x, y);
            return [left + box.left, top + box.top];
        })"""
        left, top = self.page.evaluate(where, [x, y])
        return left, top

    def drag(self, *points: tuple[float, float]) -> None:
        """Drags the mouse along points of the picture."""
        first, *rest = [self.at(*point) for point in points]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point, steps=4)
        self.page.mouse.up()

    def hole(self) -> np.ndarray:
        """The hole as the page has it, bool [H, W]."""
        module = "import('/page/js/state.js')"
        found = self.page.evaluate(
            f"{module}.then(({{ state: {{ current: {{ mask }} }} }}) => "
            "({ width: mask.width, height: mask.height, count: mask.count, hole: [...mask.hole] }))"
        )
        hole = np.array(found["hole"], bool).reshape(found["height"], found["width"])
        assert hole.sum() == found["count"]
        return hole

    def set(self, settings: dict[str, str]) -> None:
        """Fills in settings on the tab of the fill."""
        self.page.click("#tab-fill")
        self.page.evaluate("document.querySelector('#panel-fill details').open = true")
        for field, value in settings.items():
            self.page.fill(field, value)

    def complete(self) -> None:
        """Completes with quick settings, and waits for the result."""
        self.set(QUICK)
        self.page.click("#complete")
        self.wait_for_result()

    def wait_for_result(self) -> None:
        """Waits until all results are there to see."""
        self.page.wait_for_selector("#with-result #candidates-list[aria-busy=false]", state="attached")

    def wait_for_text(self, selector: str, text: str) -> None:
        """Waits until an element says something."""
        self.page.locator(selector, has_text=text).wait_for()

    def download(self, folder: Path, button: str = "#download") -> Path:
        """Downloads, and gives the file."""
        with self.page.expect_download() as waiting:
            self.page.click(button)
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def alert(self) -> str:
        """The problem that is told, once one is."""
        self.page.wait_for_selector("#alert:not([hidden])")
        return self.page.inner_text("#alert-text")


def levels(path: Path) -> np.ndarray:
    """The pixels of a file, upright."""
    return read_picture(path).array


def inside(shape: tuple[int, int], polygon: Sequence[tuple[float, float]]) -> np.ndarray:
    """The pixels whose centres a polygon encloses, by its winding; bool [H, W]."""
    y, x = (axis + 0.5 for axis in np.indices(shape))
    crossings = np.zeros(shape, int)
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if ay == by:
            continue
        between = (np.minimum(ay, by) <= y) & (y < np.maximum(ay, by))
        crossings += between & (x > ax + (y - ay) / (by - ay) * (bx - ax))
    return crossings % 2 == 1


def near(shape: tuple[int, int], points: Sequence[tuple[float, float]], radius: float) -> np.ndarray:
    """The pixels whose centres are within a radius of a path; bool [H, W]."""
    y, x = (axis + 0.5 for axis in np.indices(shape))
    covered = np.zeros(shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] or points, strict=False):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length if length else 0 * x
        along = along.clip(0, 1)
        covered |= np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) <= radius + 1e-9
    return covered
