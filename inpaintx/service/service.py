"""A service: models, the queue that completes with them, who may use it, and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request

from inpaintx.completion.streaming import cores
from inpaintx.pictures.held import HeldFile
from inpaintx.plugins.masks import make_mask
from inpaintx.service.access import Access
from inpaintx.service.form import FILES, form_of, mask_form, read_values
from inpaintx.service.job import Job
from inpaintx.service.jobs import Queue
from inpaintx.service.limits import Limits
from inpaintx.service.metrics import Metrics
from inpaintx.service.models import Models
from inpaintx.service.results import mask_png
from inpaintx.service.tasks import Task, TooSlow, make_plugin, read_task, read_upload
from inpaintx.service.upload import read_form
from inpaintx.service.work import Completing, too_long

T = TypeVar("T")


class Service:
    """What an app of a service works with.

    Args:
        models: that it completes with.
        limits: of what it takes.
        access: who may use it.

    Attributes:
        models, limits, access: as above.
        queue: of the jobs; :meth:`.Queue.start` begins to load.
        metrics: what is counted.
        form: the fields of a request to complete a picture, the files apart.
    """

    def __init__(self, models: Models, limits: Limits | None = None, access: Access | None = None) -> None:
        self.models, self.limits, self.access = models, limits or Limits(), access or Access()
        self.queue = Queue(Completing(models, self.limits), self.limits)
        self.metrics = Metrics(self.queue)
        self.form = form_of(self.limits, models.names)
        self._at_once = CapacityLimiter(cores())  # pictures that are decoded at a time

    async def submit(self, request: Request) -> Job:
        """Puts what a request's form asks for into the queue, which has room for it before it is read.

        Raises:
            InpaintxError: see :func:`.read_form`, :func:`.read_values`, :func:`.read_task` and the queue's.
        """
        with self.queue.promise() as place:
            files, values = await self._read(request, FILES)
            task = await self._aside(partial(self._task, files, values))
            return place.submit(task)

    async def mask(self, request: Request) -> bytes:
        """A mask, as PNG, that a request asks a plugin for. Raises InpaintxError as :meth:`submit`."""
        files, values = await self._read(request, ("image",))
        return await self._aside(partial(self._mask, files["image"], values))

    async def _read(
        self, request: Request, files: Collection[str]
    ) -> tuple[dict[str, HeldFile], dict[str, str]]:
        """The form of a request, for which a place is kept only so long."""
        try:
            with anyio.fail_after(self.limits.seconds):
                return await read_form(request, self.limits.bytes, files)
        except TimeoutError:
            raise TooSlow(
                f"the request took longer than {self.limits.seconds:g} seconds to come; send less"
            ) from None

    def _task(self, files: Mapping[str, HeldFile], texts: Mapping[str, str]) -> Task:
        values = read_values(self.form, texts)
        model = self.models.check(values.get("model", self.models.first))
        return read_task(files, values, model, self.limits)

    def _mask(self, image: HeldFile, texts: Mapping[str, str]) -> bytes:
        values: dict[str, Any] = read_values(mask_form(), texts)
        plugin = make_plugin("mask", values["plugin"], values.get("options", {}))
        return mask_png(make_mask(plugin, read_upload(image, self.limits), values.get("seed", 0)))

    async def _aside(self, call: Callable[[], T]) -> T:
        """What a call gives that takes long, in a thread; one that takes too long is not waited for."""
        try:
            with anyio.fail_after(self.limits.seconds):
                return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._at_once)
        except TimeoutError:
            raise too_long(self.limits.seconds) from None
