"""Calls of plugins: what one raises, and how long it takes, is an error of its own and of nothing else."""

from __future__ import annotations

import contextvars
import ctypes
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from inpaintx.errors import InpaintxError

#: How long a plugin may take for each megapixel begun: so generous that only what never ends takes longer.
SECONDS = 60.0
_MEGAPIXEL = 1_000_000
_LAST_WORD = 0.5  # seconds that a plugin gets to end when it is told to

_seconds = SECONDS
_of_plugins = threading.local()  # .seconds: processor time that a thread's plugins have taken in theirs


class Overdue(Exception):
    """A plugin that has not ended in time."""


class _Stop(SystemExit):
    """Told to a plugin's thread; threads end by a SystemExit without a word."""


def allow_seconds(seconds: float) -> None:
    """How long plugins may take in this process from now on, for each megapixel begun; 0: as they like.

    Raises InpaintxError for less than 0.
    """
    global _seconds
    if not seconds >= 0:
        raise InpaintxError(f"plugins can't have {seconds:g} seconds; give 0 (no limit) or more")
    _seconds = seconds


def allowed_seconds(pixels: int) -> float:
    """How long a plugin may take for so many pixels; 0: as it likes."""
    return _seconds * max(1, math.ceil(pixels / _MEGAPIXEL))


def call_plugin(where: str, pixels: int, call: Callable[..., Any], *inputs: Any) -> Any:
    """What a plugin's method gives, in the time that it has for so many pixels.

    Raises InpaintxError, which begins with ``where``, for whatever else it does; its own passes as it is.
    """
    with plugin_errors(where):
        return in_time(allowed_seconds(pixels), call, *inputs)


def in_time(seconds: float, call: Callable[..., Any], *inputs: Any) -> Any:
    """What a call gives, or raises.

    It runs in a thread of its own. One that takes too long is told to end, which a loop in Python does; what
    is stuck in C is left behind, and ends with the process. Code that holds the interpreter's lock all the
    time holds up this one, too: only another process could stop it, see :mod:`inpaintx.plugins.apart`.

    Raises:
        Overdue: it has not ended after so many seconds; 0: it may take as long as it likes.
    """
    if not seconds:
        return call(*inputs)
    given: list[Any] = []
    raised: list[BaseException] = []
    took: list[float] = []
    context = contextvars.copy_context()

    def run() -> None:
        start = time.thread_time()
        try:
            given.append(context.run(call, *inputs))
        except BaseException as error:  # whatever it is, it is the caller's
            raised.append(error)
        took.append(time.thread_time() - start)

    thread = threading.Thread(target=run, name="plugin", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except BaseException:  # Ctrl-C
        _stop(thread)
        raise
    if thread.is_alive():
        _stop(thread)
        raise Overdue(f"it has not ended after {seconds:g} s")
    _of_plugins.seconds = getattr(_of_plugins, "seconds", 0.0) + sum(took)
    if raised:
        raise raised.pop()
    return given.pop()


def thread_time() -> float:
    """Seconds of processor time that this thread has taken, and the plugins that it called."""
    seconds: float = time.thread_time() + getattr(_of_plugins, "seconds", 0.0)
    return seconds


def _stop(thread: threading.Thread) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop))
    thread.join(_LAST_WORD)


def one_line(error: BaseException) -> str:
    """The error's type and text, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def plugin_errors(where: str) -> Iterator[None]:
    """Makes an InpaintxError of whatever a plugin raises in the block, its own InpaintxError apart.

    Also of SystemExit, since no plugin decides when a run is over; KeyboardInterrupt is the user's.
    """
    try:
        yield
    except InpaintxError:
        raise
    except Overdue as error:
        raise InpaintxError(
            f"{where}: {error}; give it more by --plugin-seconds, or tell the plugin's author"
        ) from error
    except (
        Exception,
        SystemExit,
    ) as error:  # a stranger's plugin can raise anything; the other pictures go on
        raise InpaintxError(f"{where}: it raised {one_line(error)}; tell the plugin's author") from error
