"""Jobs as the event loop of a server sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import anyio

from inpaintx.service.job import Job
from inpaintx.service.work import as_data_url

#: Seconds after which who watches gets a sign of life, so that nothing between takes the connection for dead.
ALIVE = 15.0


class Following:
    """Wakes who waits for changes of a job, which are made in another thread; in a ``with`` block."""

    def __init__(self, job: Job) -> None:
        self._job, self._loop, self._changed = job, asyncio.get_running_loop(), asyncio.Event()

    def __enter__(self) -> Following:
        self._job.listen(self._tell)
        return self

    def __exit__(self, *_: object) -> None:
        self._job.leave(self._tell)

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._changed.set)

    async def wait(self, seconds: float) -> bool:
        """Waits for a change; False: there was none in that time."""
        with anyio.move_on_after(seconds):
            await self._changed.wait()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed


async def events(job: Job, view: Callable[[Job], dict[str, Any]]) -> AsyncIterator[str]:
    """A job's server-sent events: ``progress`` at each change, and at its end ``done`` or ``failed``.

    Args:
        job: what is watched.
        view: it in plain values.
    """
    job.watchers += 1
    shown = None
    try:
        with Following(job) as changes:
            while not job.is_over:
                preview, told = job.preview, view(job)
                if preview is not None and preview is not shown:
                    shown, told["preview"] = preview, as_data_url(preview)
                yield _event("progress", told)
                while not job.is_over and not await changes.wait(ALIVE):
                    yield ": waiting\n\n"
        yield _event("done" if job.state == "done" else "failed", view(job))
    finally:
        job.watchers -= 1


def _event(name: str, told: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n"
