"""A service with the shipped model, on a socket, started once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

if find_spec("fastapi") is None:  # `make test-here` fetches nothing
    collect_ignore_glob = ["test_*.py"]
else:
    import httpx
    import torch
    from service_cases import TOKEN, Hand
    from service_server import client_of

    from inpaintx.service.access import Access
    from inpaintx.service.jobs import Queue
    from inpaintx.service.limits import Limits
    from inpaintx.service.models import Models
    from inpaintx.service.service import Service

    LIMITS = Limits(megabytes=1, megapixels=0.3, most_iterations=400, waiting=6, seconds=60)

    @pytest.fixture(scope="session")
    def models() -> Models:
        return Models(["chars"], torch.device("cpu"))

    @pytest.fixture(scope="session")
    def service(models: Models) -> Iterator[Service]:
        made = Service(models, LIMITS)
        made.queue.start()
        yield made
        made.queue.stop()
        assert made.queue.join(30)

    @pytest.fixture(scope="session")
    def client(service: Service) -> Iterator[httpx.Client]:
        """A client of the service."""
        yield from client_of(service)

    @pytest.fixture(scope="session")
    def _closed(models: Models) -> Iterator[httpx.Client]:
        yield from client_of(Service(models, LIMITS, Access(token=TOKEN)))

    @pytest.fixture
    def closed(_closed: httpx.Client) -> httpx.Client:
        """A client of another service, which wants a token; its queue is not started."""
        _closed.cookies.clear()
        return _closed

    @pytest.fixture
    def hand() -> Hand:
        return Hand()

    @pytest.fixture
    def queue(hand: Hand) -> Iterator[Queue]:
        """A queue whose worker is led by hand."""
        made = Queue(hand, Limits(waiting=4, together=3, results=3, kept=60))
        made.start()
        yield made
        made.stop()
        for _ in range(8):
            hand.go_on()
        assert made.join(10)
