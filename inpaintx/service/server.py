"""The service on a socket, until it is stopped."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from inpaintx.errors import InpaintxError
from inpaintx.service.service import Service

#: Seconds in which answers must be sent once all is done.
ANSWERED = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        InpaintxError: the port is in use, or there is no such address on this machine.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except (OSError, OverflowError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise InpaintxError(
                f"port {port} of {host} is in use; choose another --port, or 0 for a free one"
            ) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise InpaintxError(f"can't listen on port {port} of {host} ({reason}); choose others") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Where a browser finds what listens, on this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(
    service: Service, app: FastAPI, listening: socket.socket, on_ready: Callable[[], object] = lambda: None
) -> None:
    """Runs a service until Ctrl-C or SIGTERM: what is being done is finished, what waits is refused.

    Args:
        service: started and stopped here.
        app: of it.
        listening: from :func:`listen`; closed at the end.
        on_ready: called, in another thread, when the first model is loaded.

    Raises:
        InpaintxError: the first model can't be loaded.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=service.limits.connections,
        timeout_graceful_shutdown=ANSWERED,
    )
    server = _Server(config, service)

    def loaded() -> None:
        if service.queue.failure is None:
            on_ready()
        else:
            server.should_exit = True

    service.queue.start(loaded)
    try:
        server.run([listening])
    except KeyboardInterrupt:
        pass  # uvicorn raises it anew when all is done
    finally:
        listening.close()
        service.queue.stop()
    if service.queue.failure is not None:
        raise service.queue.failure


class _Server(uvicorn.Server):
    """Refuses what waits, and ends when what is being done is done, or by a second signal."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        queue = self._service.queue
        queue.stop()
        while not self.force_exit and not queue.join(0):
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)
