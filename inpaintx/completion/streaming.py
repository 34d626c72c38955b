"""Threads that work ahead of a loop, beside it and behind it: in order, and in bounded memory.

What waits is bounded by its size: a thing of any size gets through, but while as much as ``room`` waits, no
more is begun. Loading, the loop and saving overlap where they leave Python's lock alone, as reading and
writing of files, torch and the native solvers do.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Iterates over things that a thread draws from an iterable, ahead of who asks for them.

    In a ``with`` block, whose end stops the thread after the thing that it is drawing. What the iterable
    raises is raised here, after the things that came before it.

    Args:
        things: e.g. ``map(load, paths)``; drawn from in the thread only.
        size: of a thing, above 0.
        room: how much may wait.
    """

    def __init__(self, things: Iterable[T], size: Callable[[T], int], room: int) -> None:
        self._things, self._size_of, self._room = iter(things), size, room
        self._waiting: deque[T] = deque()
        self._size = 0  # of all that waits
        self._ended = False  # no more will be drawn
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        # A daemon: where a file system doesn't answer, a second Ctrl-C still ends the program.
        self._thread = threading.Thread(target=self._draw, name="ahead", daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Ahead[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                thing = self._waiting.popleft()
                self._size -= self._size_of(thing)
                self._changed.notify_all()
                return thing
            if self._error is not None:
                raise self._error
            raise StopIteration

    def _draw(self) -> None:
        try:
            while self._has_room():
                thing = next(self._things)
                size = self._size_of(thing)
                with self._changed:
                    self._waiting.append(thing)
                    self._size += size
                    self._changed.notify_all()
                del thing  # while it waits for room, the thread holds none
        except StopIteration:
            pass
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        """Waits for room; False: there is no need for more."""
        with self._changed:
            self._changed.wait_for(lambda: self._size < self._room or self._ended)
            return not self._ended


class Behind:
    """Makes calls in a thread, one after the other, behind who asks for them.

    In a ``with`` block, whose end waits for all calls; where it ends by an error, only for the one that is
    under way. What a call raises is raised here, by the next method or the end of the block.

    Args:
        room: how much may wait.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._thread = ThreadPoolExecutor(1, "behind")
        self._under_way: deque[tuple[Future, int]] = deque()
        self._size = 0  # of all that is under way

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown(cancel_futures=True)

    def make_room(self) -> None:
        """Waits until less than ``room`` is under way: before something is begun that a call will end."""
        while self._under_way and (self._under_way[0][0].done() or self._size >= self._room):
            self._wait_for_one()

    def call(self, function: Callable[..., object], *arguments: object, size: int = 0) -> None:
        """Has ``function(*arguments)`` called; first waits until less than ``room`` is under way.

        Args:
            function: what to call on the thread.
            *arguments: what to call it with.
            size: of what the call holds in memory; 0: nothing to speak of, so that there is nothing to wait
                for.
        """
        while self._under_way and self._under_way[0][0].done():
            self._wait_for_one()
        if size:
            self.make_room()
        self._under_way.append((self._thread.submit(function, *arguments), size))
        self._size += size

    def wait(self) -> None:
        """Waits until all calls are made."""
        while self._under_way:
            self._wait_for_one()

    def _wait_for_one(self) -> None:
        call, size = self._under_way.popleft()
        self._size -= size
        call.result()


class Beside:
    """Makes calls in as many threads as there are cores, beside the loop that asks for them.

    In a ``with`` block, at whose end no call is begun any more, and those that are under way are waited for;
    where it ends by an error, they are told.

    Attributes:
        stopped: set when the block ends by an error: what takes long looks at it, and may give up.
    """

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._threads = ThreadPoolExecutor(cores(), "beside")

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.stopped.set()
        self._threads.shutdown(cancel_futures=True)

    def call(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Has ``function(*arguments)`` called; what it gives or raises comes from the future."""
        return self._threads.submit(function, *arguments)


def cores() -> int:
    """How many of the machine's cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
