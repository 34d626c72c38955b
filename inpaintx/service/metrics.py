"""What a service counts, as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inpaintx.service.job import Job
from inpaintx.service.jobs import Queue

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_PICTURES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts requests, and what becomes of the jobs of a queue."""

    def __init__(self, queue: Queue) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "inpaintx_requests", "Requests by route and code.", ["route", "code"], registry=self._registry
        )
        self.seconds = Histogram(
            "inpaintx_request_seconds",
            "Seconds from a request to the end of its answer, by route.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "inpaintx_batch_pictures",
            "Pictures that were searched together.",
            buckets=_PICTURES,
            registry=self._registry,
        )
        self._pictures = Counter(
            "inpaintx_pictures", "Pictures by what became of them.", ["state"], registry=self._registry
        )
        waiting = Gauge("inpaintx_jobs_waiting", "Jobs that wait in the queue.", registry=self._registry)
        waiting.set_function(lambda: queue.waiting)
        for state in ("done", "failed", "cancelled"):
            self._pictures.labels(state)
        queue.on_batch, queue.on_over = self._begun, self._over

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _begun(self, jobs: Sequence[Job]) -> None:
        self._batches.observe(len(jobs))

    def _over(self, job: Job) -> None:
        self._pictures.labels(job.state).inc()


class Counted:
    """Counts the requests that come through; ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, and counts it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, code = time.monotonic(), 500

        async def told(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "none")  # not the path: clients make up any number
            self._metrics.requests.labels(route, code).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - start)
