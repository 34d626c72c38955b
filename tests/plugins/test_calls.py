"""A plugin that does not end fails by name, and what comes after it goes on."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins import calls
from inpaintx.plugins.blends import apply_blend
from inpaintx.plugins.calls import allow_seconds, allowed_seconds, in_time
from inpaintx.plugins.masks import make_mask

PICTURE = Picture(np.zeros((6, 7), np.uint8), None, Path("cat.png"))


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    before = allowed_seconds(1)
    allow_seconds(0.2)
    yield
    allow_seconds(before)


def forever() -> None:
    while True:
        pass


@dataclass(frozen=True)
class Endless:
    """Never ends."""

    name: ClassVar[str] = "endless"

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        forever()
        raise AssertionError

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        forever()
        raise AssertionError


def test_an_endless_mask_fails_by_name_and_its_loop_is_over() -> None:
    before = threading.active_count()
    want = (
        r"mask plugin 'endless' on cat\.png: it has not ended after 0\.2 s; give it more by --plugin-seconds"
    )
    with pytest.raises(InpaintxError, match=want):
        make_mask(Endless(), PICTURE, 0)
    assert threading.active_count() == before


def test_an_endless_blend_fails_by_name() -> None:
    values, mask = np.zeros((6, 7, 1), np.float32), np.ones((6, 7), bool)
    mask[2, 2] = False
    with pytest.raises(InpaintxError, match=r"blend plugin 'endless' on cat\.png: it has not ended"):
        apply_blend(Endless(), values, values, mask, "cat.png")


def test_what_is_stuck_below_python_is_left_behind() -> None:
    """In a process of its own: where coverage traces it, Python 3.11 waits for the thread that was told."""
    # A lock waits in C, with the interpreter's given back, as numpy and most C code does. The second is for
    # the thread to get there: what is told to it before, it hears.
    code = """
import threading
from inpaintx.plugins.calls import Overdue, in_time
held = threading.Lock()
with held:
    try:
        in_time(1, held.acquire)
    except Overdue:
        [left] = [thread for thread in threading.enumerate() if thread.name == "plugin"]
        print("left behind", left.daemon)
"""
    untraced = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", code], env=untraced, capture_output=True, text=True)
    assert done.stdout == "left behind True\n", done.stderr


def test_what_ends_in_time_gives_and_raises_as_if_it_were_called() -> None:
    assert in_time(60, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        in_time(60, divmod, 7, 0)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        in_time(60, np.divide, np.ones(1), np.zeros(1))
    assert in_time(0, threading.current_thread) is threading.current_thread()  # no limit, no thread


def test_the_limit_grows_with_the_picture() -> None:
    allow_seconds(60)
    assert [allowed_seconds(pixels) for pixels in (1, 1_000_000, 1_000_001, 24_000_000)] == [
        *(60, 60, 120, 1440)
    ]
    allow_seconds(0)
    assert allowed_seconds(5_000_000) == 0
    with pytest.raises(InpaintxError, match="can't have -1 seconds"):
        allow_seconds(-1)
    assert calls.SECONDS == 60
