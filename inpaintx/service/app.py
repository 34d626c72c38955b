"""The service over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from inpaintx.errors import InpaintxError
from inpaintx.service.access import Guard
from inpaintx.service.form import one_line
from inpaintx.service.job import InsideError
from inpaintx.service.metrics import Counted
from inpaintx.service.problems import code_of, problem
from inpaintx.service.routes import router
from inpaintx.service.service import Service
from inpaintx.service.upload import TooMuch


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI app, which starts nothing: its queue is the caller's to start and to stop.

    Routes may be added, e.g. of a page at ``/``: they are guarded and counted, too.

    Args:
        service: found by the routes as ``request.app.state.service``.
    """
    from inpaintx import __version__

    app = FastAPI(
        title="inpaintx",
        summary="Completes pictures with models that were trained on a collection.",
        version=__version__,
        docs_url=None,  # pages that load their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name.strip("_"),
    )
    app.state.service = service
    app.include_router(router(service))
    app.add_middleware(Guard, access=service.access)
    app.add_middleware(Counted, metrics=service.metrics)
    app.add_exception_handler(InpaintxError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _other)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _inside)
    return app


async def _refused(_: Request, error: Any) -> Response:
    closing = {"Connection": "close"} if isinstance(error, TooMuch) else {}
    return problem(code_of(error), str(error), closing)


async def _invalid(_: Request, error: Any) -> Response:
    return problem(422, one_line(error.errors()))


async def _other(request: Request, error: Any) -> Response:
    said = {404: "there is nothing at this address", 405: "this address takes other methods"}
    why = f"{said.get(error.status_code, error.detail)}; /openapi.json lists all that there are"
    headers = dict(error.headers or {})
    if error.status_code == 405:  # Starlette names the methods of the first route at this address only
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem(error.status_code, why, headers)


def _methods(request: Request) -> set[str]:
    path = request.scope["route"].path
    return {method.upper() for method in request.app.openapi()["paths"].get(path, {})}


async def _inside(_: Request, error: Any) -> Response:
    # The server logs it, and closes the connection: the client must not send the next request over that.
    return problem(500, str(InsideError(error)), {"Connection": "close"})


async def _left(_: Request, error: Any) -> Response:
    return problem(400, "the request ended too early; send it anew")  # nobody reads it
