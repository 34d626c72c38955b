"""The queue: jobs that wait, the one thread that does them, and their results for a while. Loads no torch."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from inpaintx.errors import InpaintxError
from inpaintx.service.job import InsideError, Job, NoSuchJob, QueueFull, Stopping

if TYPE_CHECKING:
    from inpaintx.service.limits import Limits
    from inpaintx.service.tasks import Task

#: What is searched together has so many pixels in all at most, or is one picture.
TOGETHER_PIXELS = 4_000_000

_log = logging.getLogger(__name__)


class Worker(Protocol):
    """Does jobs; all its methods are called in one thread."""

    def prepare(self) -> None:
        """Makes ready: loads what takes long."""

    def do(self, jobs: Sequence[Job]) -> None:
        """Does jobs of the same settings: each is over when it returns, or fails with what it raises."""


class Queue:
    """Jobs in the order in which they came, done by one thread.

    Those that wait with the same settings as the first are done with it. Results are in memory only, and go
    after a time, or when there are too many.

    Args:
        worker: does the jobs.
        limits: how many may wait, and how long results are kept.

    Attributes:
        failure: why the worker could not be made ready; None: it could, or isn't yet.
        on_batch: called with each group of jobs before it is done.
        on_over: called with each job when it is over.
    """

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self.limits = limits
        self.failure: BaseException | None = None
        self.on_batch: Callable[[Sequence[Job]], object] = lambda jobs: None
        self.on_over: Callable[[Job], object] = lambda job: None
        self._worker = worker
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: list[Job] = []
        self._promised = 0  # places for who is still sending
        self._ready = self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, on_ready: Callable[[], object] = lambda: None) -> None:
        """Starts the thread, which first makes the worker ready, and calls that when it is, or can't be."""
        self._thread = threading.Thread(target=self._run, args=(on_ready,), name="worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuses what waits, and what comes; what is being done is finished, by its own thread."""
        with self._changed:
            self._stopping = True
            refused, self._waiting = self._waiting, []
            self._changed.notify_all()
        for job in refused:
            job.tell(state="failed", error=_stopping())

    def join(self, seconds: float | None = None) -> bool:
        """Waits, after :meth:`stop`, for the end of what is being done; whether it came in that time."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def ready(self) -> bool:
        """Whether it takes jobs: the worker is ready, and it isn't being stopped."""
        return self._ready and not self._stopping

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def promise(self) -> Place:
        """A place for a job that is yet to be read.

        Raises:
            QueueFull: too many wait.
            Stopping: nothing more is begun.
        """
        with self._changed:
            if self._stopping:
                raise _stopping()
            if len(self._waiting) + self._promised >= self.limits.waiting:
                raise QueueFull(f"{self.limits.waiting} jobs wait already; send it again in a while")
            self._promised += 1
        return Place(self)

    def submit(self, task: Task) -> Job:
        """Puts a job at the end of the queue. Raises as :meth:`promise`."""
        with self.promise() as place:
            return place.submit(task)

    def get(self, id: str) -> Job:
        """The job of this id.

        Raises:
            NoSuchJob: there is none, or none any more.
        """
        with self._changed:
            self._sweep()
            if id not in self._jobs:
                raise NoSuchJob("there is no such job, or its result was dropped; send the picture again")
            return self._jobs[id]

    def position(self, job: Job) -> int:
        """Its place among those that wait, 1 for the next; 0: it doesn't wait."""
        with self._changed:
            return self._waiting.index(job) + 1 if job in self._waiting else 0

    def drop(self, job: Job) -> None:
        """Forgets a job and its result; one that waits is not begun, one that is being done given up."""
        with self._changed:
            self._jobs.pop(job.id, None)
            if job in self._waiting:
                self._waiting.remove(job)
        job.gone.set()
        job.tell(state="cancelled", error=InpaintxError("the job was cancelled; send the picture again"))

    def _add(self, task: Task) -> Job:
        with self._changed:
            if self._stopping:
                raise _stopping()
            pixels = task.pixels + sum(job.task.pixels for job in self._waiting)
            if self._waiting and pixels > self.limits.held_pixels:
                raise QueueFull("as many pixels wait already as may; send it again in a while")
            job = Job(task, on_over=self.on_over)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._sweep()
            self._changed.notify_all()
        return job

    def _forget_promise(self) -> None:
        with self._changed:
            self._promised -= 1

    def _run(self, on_ready: Callable[[], object]) -> None:
        try:
            self._worker.prepare()
        except BaseException as error:  # told by who started the queue
            self.failure = error
            self.stop()
        else:
            self._ready = True
        on_ready()
        while jobs := self._next():
            self.on_batch(jobs)
            self._do(jobs)

    def _next(self) -> list[Job]:
        """The jobs to do next; none: it is being stopped. Waits for some, and drops old results meanwhile."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait(self._sweep())
            if self._stopping:
                return []
            first, *others = self._waiting
            jobs, room = [first], TOGETHER_PIXELS - first.task.pixels
            for job in others:
                fits = job.task.pixels <= room and len(jobs) < self.limits.together
                if fits and job.task.settings == first.task.settings:
                    jobs.append(job)
                    room -= job.task.pixels
            self._waiting = [job for job in self._waiting if job not in jobs]
        for job in jobs:
            job.tell(state="running")
        return jobs

    def _do(self, jobs: Sequence[Job]) -> None:
        """Does jobs; whatever happens to them, the queue goes on.

        Where some fail together and nobody knows why, each is done again alone: one may be to blame.
        """
        error: InpaintxError
        try:
            self._worker.do(jobs)
        except InpaintxError as raised:
            error = raised
        except Exception as raised:
            _log.exception("%d jobs failed inside", len(jobs))
            if len(jobs) > 1:
                for job in jobs:
                    self._do([job])
                return
            error = InsideError(raised)
        else:
            error = InsideError(RuntimeError())  # the worker left some undone
        for job in jobs:
            job.tell(state="failed", error=error)

    def _sweep(self) -> float | None:
        """Drops old results; the seconds until the next one is old, None: there is none."""
        now = time.monotonic()
        over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: -job.ended)
        pixels, oldest = 0, None
        for number, job in enumerate(over):
            pixels += job.task.pixels
            full = number >= self.limits.results or (number and pixels > self.limits.held_pixels)
            if full or now - job.ended >= self.limits.kept:
                del self._jobs[job.id]
            else:
                oldest = job
        return None if oldest is None else max(0.01, oldest.ended + self.limits.kept - now)


class Place:
    """A place in the queue that was promised; in a ``with`` block, whose end gives it back unused."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue._forget_promise()

    def submit(self, task: Task) -> Job:
        """Puts a job into it. Raises Stopping where nothing more is begun, QueueFull for too many pixels."""
        return self._queue._add(task)


def _stopping() -> Stopping:
    return Stopping("the service is being stopped, and begins nothing more; send it again later")
