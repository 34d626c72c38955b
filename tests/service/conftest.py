"""A service with the shipped model, on a socket, started once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

if find_spec("fastapi") is None:  # `make test-here` fetches nothing
    collect_ignore_glob = ["test_*.py"]
else:
    import httpx
    import torch
    import uvicorn
    from service_cases import TOKEN, Hand

    from inpaintx.service.access import Access
    from inpaintx.service.app import create_app
    from inpaintx.service.jobs import Queue
    from inpaintx.service.limits import Limits
    from inpaintx.service.models import Models
    from inpaintx.service.server import address_of, listen
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
        yield from _client(service)

    @pytest.fixture(scope="session")
    def _closed(models: Models) -> Iterator[httpx.Client]:
        yield from _client(Service(models, LIMITS, Access(token=TOKEN)))

    @pytest.fixture
    def closed(_closed: httpx.Client) -> httpx.Client:
        """A client of another service, which wants a token; its queue is not started."""
        _closed.cookies.clear()
        return _closed

    def _client(service: Service) -> Iterator[httpx.Client]:
        listening = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(service), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with httpx.Client(base_url=address_of(listening), timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join()
        listening.close()

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
