"""A job: a picture to complete, where it stands, and what came of it. Loads no torch."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.service.tasks import Task

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OVER: tuple[State, ...] = ("done", "failed", "cancelled")


class QueueFull(InpaintxError):
    """More jobs wait than may."""


class Stopping(InpaintxError):
    """The service is being stopped, and begins nothing more."""


class NoSuchJob(InpaintxError):
    """There is no job of this id, or none any more."""


class InsideError(InpaintxError):
    """Something went wrong that the client has no part in, and is told no more of than its kind.

    Args:
        error: what it was.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"it failed inside ({type(error).__name__}); the service's log says where")


@dataclass(eq=False)
class Job:
    """A picture to complete, and what came of it. Changed by the queue and its worker only.

    Attributes:
        task: what is asked for.
        id: what only its client knows.
        state: where it stands.
        iteration, iterations: gradient steps that were taken, and that are at most; 0 where none are.
        preview: how the fill stands, PNG; None: nothing was found yet, or nobody watches.
        error: why it failed; None: it didn't.
        result: of what did it; None: there is none.
        watchers: how many want previews.
        ended: when it was over, by ``time.monotonic()``; 0: it isn't.
        gone: set when nobody waits for the result any more.
        on_over: called with the job when it is over.
    """

    task: Task
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "waiting"
    iteration: int = 0
    iterations: int = 0
    preview: bytes | None = None
    error: InpaintxError | None = None
    result: Any = None
    watchers: int = 0
    ended: float = 0.0
    gone: threading.Event = field(default_factory=threading.Event)
    on_over: Callable[[Job], object] = lambda job: None
    _listeners: list[Callable[[], object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER

    def listen(self, listener: Callable[[], object]) -> None:
        """Has a function called after each change, in the thread that makes it."""
        with self._lock:
            self._listeners.append(listener)

    def leave(self, listener: Callable[[], object]) -> None:
        """The function isn't called any more."""
        with self._lock:
            self._listeners.remove(listener)

    def tell(self, **changes: Any) -> None:
        """Changes it, and tells who listens; what is over stays as it is."""
        with self._lock:
            if self.is_over:
                return
            for name, value in changes.items():
                setattr(self, name, value)
            if self.is_over:
                self.ended = time.monotonic()
            listeners = tuple(self._listeners)
        if self.is_over:
            self.on_over(self)
        for listener in listeners:
            listener()
