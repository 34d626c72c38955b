"""The page on which people paint holes: its files, and the routes that only it uses.

Plain HTML, CSS and ES modules in ``page/``, as the browser reads them: nothing is built, and nothing comes
from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inpaintx.pictures import Picture
from inpaintx.service.looking import look_at, look_at_result, read_hole, shown
from inpaintx.service.problems import NotOver, problem
from inpaintx.service.results import Result, mask_png
from inpaintx.service.service import Service
from inpaintx.service.upload import read_form

FILES = Path(__file__).parent / "page"
HEADERS = {
    # The page's scripts and styles are its own files; pictures are what a script has in memory.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",  # browsers keep nothing of it on the disk
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def add_page(app: FastAPI, service: Service, pictures: Sequence[Path] = ()) -> None:
    """Adds the page at ``/`` to the app of a service.

    Args:
        app: of :func:`.create_app`.
        service: of the app.
        pictures: files of this machine that the page opens with; no others can be asked for.
    """
    page = _Page(service, pictures)
    add = partial(app.add_api_route, include_in_schema=False)
    add("/", page.show, methods=["GET", "HEAD"])
    add("/v1/page", page.describe)
    add("/v1/page/pictures/{index}", page.picture)
    add("/v1/page/preview", page.preview, methods=["POST"])
    add("/v1/page/mask", page.mask, methods=["POST"])
    add("/v1/page/jobs/{id}/look", page.look)
    add("/v1/page/jobs/{id}/disagreement", page.disagreement)
    app.mount("/page", StaticFiles(directory=FILES))
    app.add_middleware(_Headed)


class _Page:
    """The routes that only the page uses."""

    def __init__(self, service: Service, pictures: Sequence[Path]) -> None:
        self._service, self._pictures = service, tuple(pictures)

    async def show(self) -> Response:
        return FileResponse(FILES / "index.html")

    async def describe(self) -> dict[str, Any]:
        """What the page was started with."""
        return {"pictures": [path.name for path in self._pictures]}

    async def picture(self, index: int) -> Response:
        """One of the pictures that the page was started with: the file as it is."""
        if not 0 <= index < len(self._pictures):
            return problem(404, f"there is no picture {index}; open the page anew")
        path = self._pictures[index]
        try:
            data = await anyio.to_thread.run_sync(path.read_bytes)
        except OSError as error:
            return problem(404, f"can't read {path.name} ({error.strerror}); is it still there?")
        return Response(data, media_type="application/octet-stream")

    async def preview(self, request: Request) -> Response:
        """What a picture looks like, and, in the header, what it is."""
        files, _ = await read_form(request, self._service.limits.bytes, ("image",))
        call = partial(look_at, files["image"], self._service.limits)
        data, facts = await anyio.to_thread.run_sync(call)
        return Response(data, media_type="image/png", headers={"X-Picture": facts})

    async def mask(self, request: Request) -> Response:
        """A mask file's hole, black and white."""
        files, values = await read_form(request, self._service.limits.bytes, ("mask",))
        call = partial(read_hole, files["mask"], values, self._service.limits)
        return Response(mask_png(await anyio.to_thread.run_sync(call)), media_type="image/png")

    async def look(self, id: str, candidate: int | None = None) -> Response:
        """What a result looks like, by the estimate or by one of the candidates."""
        return await self._looked_at(id, partial(look_at_result, candidate=candidate))

    async def disagreement(self, id: str) -> Response:
        """Where the candidates of a result disagree."""
        return await self._looked_at(id, lambda result: shown(Picture(result.disagreement)))

    async def _looked_at(self, id: str, look: Callable[[Result], bytes]) -> Response:
        job = self._service.queue.get(id)
        if job.state != "done":
            raise NotOver("the job isn't done; complete the picture again")
        return Response(await anyio.to_thread.run_sync(look, job.result), media_type="image/png")


class _Headed:
    """Tells browsers what the page may load, and what they may keep; ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)
