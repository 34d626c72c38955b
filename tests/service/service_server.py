"""A service on a socket of its own, in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from inpaintx.service.app import create_app
from inpaintx.service.server import address_of, listen
from inpaintx.service.service import Service


def client_of(service: Service) -> Iterator[httpx.Client]:
    """A client of a service, which is stopped when the client is no more needed."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(create_app(service), log_level="warning", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with httpx.Client(base_url=address_of(listening), timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join(30)  # seen once not to return, why is not known: the suite must not hang for it
    listening.close()
