"""What does the jobs of a queue: it owns the models, and completes together what is alike in its settings."""

from __future__ import annotations

import base64
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError
from threading import Event

from inpaintx.completion import Completer
from inpaintx.completion.searched import PictureForming, Searched
from inpaintx.completion.streaming import Beside
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.plugins import registry
from inpaintx.service.job import InsideError, Job
from inpaintx.service.limits import Limits
from inpaintx.service.models import Models
from inpaintx.service.results import Result, png
from inpaintx.service.tasks import DEFAULTS, Settings

#: Completers that are kept: to freeze networks takes as long as a search.
COMPLETERS = 2
#: Longer side of a preview, in pixels, and seconds between two.
PREVIEW, PREVIEW_EVERY = 192, 0.3

_log = logging.getLogger(__name__)


class TooLong(InpaintxError):
    """A job took longer than it may."""


class _Until(Event):
    """Is set when nobody waits for a job any more, or its time is over."""

    def __init__(self, job: Job, end: float) -> None:
        super().__init__()
        self._job, self._end = job, end

    def is_set(self) -> bool:
        return self._job.gone.is_set() or time.monotonic() > self._end


class Completing:
    """Completes the pictures of jobs; in one thread, which alone uses the models.

    Args:
        models: that there are.
        limits: how long a job may take.
    """

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self._limits = models, limits
        self._completers: OrderedDict[Settings, Completer] = OrderedDict()

    def prepare(self) -> None:
        """Loads the first model, and what completes with it. Raises InpaintxError where it can't."""
        self.models.load(self.models.first)
        self._completer(
            Settings(self.models.first, DEFAULTS["region"], DEFAULTS["blend"], (), SearchOptions())
        )

    def do(self, jobs: Sequence[Job]) -> None:
        """Completes the pictures of jobs of the same settings.

        Each comes out as it would alone, and is over when this returns.

        Raises:
            InpaintxError: the settings can't be, or it takes too long; then of those that aren't over.
        """
        jobs = [job for job in jobs if not job.is_over]
        if not jobs:
            return
        end = time.monotonic() + self._limits.seconds * len(jobs)
        completer = self._completer(jobs[0].task.settings)
        watch = _Watch(jobs, end, self._limits.seconds)
        tasks = [job.task for job in jobs]
        try:
            found = completer.search(
                [task.picture for task in tasks], [task.mask for task in tasks], watch=watch
            )
        except CancelledError:
            return  # nobody waits for any of them
        with Beside() as threads:
            ended = [
                threads.call(self._finish, completer, job, each, end)
                for job, each in zip(jobs, found, strict=True)
            ]
            for future in ended:
                future.result()

    def _finish(self, completer: Completer, job: Job, searched: Searched, end: float) -> None:
        """Blends a picture, and ends its job; none of the others of its group is concerned."""
        try:
            completed = completer.finish(searched, _Until(job, end))
            result = Result.of(job.task, completer, searched, completed)
            job.tell(state="done", result=result, preview=None)
        except CancelledError:
            job.tell(state="failed", error=too_long(self._limits.seconds))
        except InpaintxError as error:
            job.tell(state="failed", error=error)
        except Exception as error:
            _log.exception("a picture could not be blended")
            job.tell(state="failed", error=InsideError(error))

    def _completer(self, settings: Settings) -> Completer:
        if settings not in self._completers:
            while len(self._completers) >= COMPLETERS:
                self._completers.popitem(last=False)
            self._completers[settings] = Completer(
                self._networks(settings.model),
                registry.make("blend", settings.blend, dict(settings.blend_options)),
                settings.search,
                region=settings.region,
            )
        self._completers.move_to_end(settings)
        return self._completers[settings]

    def _networks(self, name: str) -> Networks:
        """The model of this name. Raises InsideError where it can't be loaded: why may name its place."""
        try:
            return self.models.load(name)
        except InpaintxError as error:
            _log.error("the model %s can't be loaded: %s", name, error)
            raise InsideError(error) from error


class _Watch:
    """Tells jobs how their search stands; ends it where it takes too long or nobody waits."""

    def __init__(self, jobs: Sequence[Job], end: float, seconds: float) -> None:
        self._jobs, self._end, self._seconds = jobs, end, seconds
        self._shown = time.monotonic()

    def __call__(self, forming: Sequence[PictureForming]) -> None:
        now = time.monotonic()
        if now > self._end:
            raise too_long(self._seconds)
        if all(job.gone.is_set() for job in self._jobs):
            raise CancelledError
        show = now - self._shown >= PREVIEW_EVERY
        self._shown = now if show else self._shown
        for job, picture in zip(self._jobs, forming, strict=True):
            changes = {"iteration": picture.iteration, "iterations": picture.iterations}
            if show and job.watchers:
                job.tell(**changes, preview=png(picture.preview(PREVIEW)))
            else:
                job.tell(**changes)


def too_long(seconds: float) -> TooLong:
    """What is said of a job that took longer."""
    return TooLong(
        f"it took longer than {seconds:g} seconds; ask for fewer iterations or candidates, or send a smaller "
        "picture"
    )


def as_data_url(preview: bytes) -> str:
    """A PNG in a URL of its own, as a page shows it."""
    return f"data:image/png;base64,{base64.b64encode(preview).decode()}"
