"""The routes of the service."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, TypeAlias

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from inpaintx.completion.plan import FORMATS
from inpaintx.pictures.encoding import FORMATS as WRITTEN
from inpaintx.service.following import Following, events
from inpaintx.service.form import FILES, body_schema, mask_form
from inpaintx.service.job import Job
from inpaintx.service.listing import list_plugins
from inpaintx.service.problems import NotOver, problem
from inpaintx.service.results import Encoded, Result, mask_png, png
from inpaintx.service.service import Service
from inpaintx.service.views import JobView, ModelView, PluginView, Problem, Submitted, view

#: Seconds between two looks at whether a client is still there.
LOOK = 0.5


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _job(service: Annotated[Service, Depends(_service)], id: Annotated[str, Path()]) -> Job:
    return service.queue.get(id)


def _result(job: Annotated[Job, Depends(_job)]) -> Result:
    if job.state != "done":
        why = (
            f"the job failed: {job.error}"
            if job.error
            else f"the job is {job.state}; ask again when it is done"
        )
        raise NotOver(why)
    result: Result = job.result
    return result


OfService = Annotated[Service, Depends(_service)]
OfJob = Annotated[Job, Depends(_job)]
Answers: TypeAlias = dict[int | str, dict[str, Any]]
OfResult = Annotated[Result, Depends(_result)]


def router(service: Service) -> APIRouter:
    """All routes, as they are described for a service."""
    routes = APIRouter(responses=_problems(401, 403, 421))
    complete = body_schema(service.form, tuple(FILES))
    refused = _problems(400, 408, 413, 415, 422, 429, 500, 503)
    picture: Answers = {200: {"content": {f"image/{name}": _BINARY for name in WRITTEN}, "headers": _RECORD}}
    one_picture: Answers = {200: {"content": {"image/png": _BINARY}}}
    stream: Answers = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}
    add = routes.add_api_route
    add(
        "/v1/complete",
        _complete,
        methods=["POST"],
        response_class=Response,
        responses={**picture, **refused},
        openapi_extra=complete,
        summary="Complete a picture, and wait for it",
    )
    add(
        "/v1/jobs",
        _submit,
        methods=["POST"],
        status_code=202,
        response_model=Submitted,
        responses={202: {"links": _LINKS}, **refused},
        openapi_extra=complete,
        summary="Put a picture into the queue",
    )
    add("/v1/jobs/{id}", _show, response_model=JobView, responses=_problems(404, 422))
    add("/v1/jobs/{id}", _drop, methods=["DELETE"], status_code=204, responses=_problems(404, 422))
    add(
        "/v1/jobs/{id}/events",
        _events,
        response_class=StreamingResponse,
        responses={**stream, **_problems(404, 422)},
        summary="Follow a job until it is over",
    )
    kept = _problems(404, 409, 422)
    add("/v1/jobs/{id}/result", _fetch, response_class=Response, responses={**picture, **kept})
    add(
        "/v1/jobs/{id}/disagreement",
        _disagreement,
        response_class=Response,
        responses={**one_picture, **kept},
    )
    add(
        "/v1/jobs/{id}/mask",
        _mask_of,
        response_class=Response,
        responses={**one_picture, **_problems(404, 422)},
    )
    add(
        "/v1/mask",
        _mask,
        methods=["POST"],
        response_class=Response,
        responses={**one_picture, **_problems(400, 408, 413, 415, 422)},
        openapi_extra=body_schema(mask_form()),
        summary="Have a plugin make a mask",
    )
    add("/v1/models", _models, response_model=list[ModelView])
    add("/v1/plugins", _plugins, response_model=list[PluginView])
    add("/healthz", _health, response_class=PlainTextResponse)
    add("/readyz", _readiness, response_class=PlainTextResponse, responses=_problems(503))
    add("/metrics", _metrics, response_class=PlainTextResponse)
    return routes


_FORMAT = f"^({'|'.join(FORMATS)})$"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
#: Of each event of a stream.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["progress", "done", "failed"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobView"},
        },
    },
}
#: What can be asked of a job that was submitted, by the names of the routes.
_LINKS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("show", "events", "fetch", "disagreement", "mask_of", "drop")
}
_RECORD = {
    "Inpaintx-Record": {
        "description": "What was filled, and by what: JSON in ASCII.",
        "required": True,
        "schema": {"type": "string"},
    }
}


def _problems(*codes: int) -> Answers:
    return {code: {"model": Problem} for code in codes}


async def _complete(request: Request, service: OfService) -> Response:
    """Answers the completed picture; its known pixels are the sent ones, bit for bit, but in a JPEG."""
    job = await service.submit(request)
    try:
        with Following(job) as changes:
            while not job.is_over and not await request.is_disconnected():
                await changes.wait(LOOK)
    finally:
        service.queue.drop(job)
    if job.error is not None:
        raise job.error
    return await _answer(job.result)


async def _submit(request: Request, service: OfService) -> Submitted:
    """Takes the same form as /v1/complete; the answer says where to ask for what comes of it."""
    job = await service.submit(request)
    return Submitted(id=job.id, position=service.queue.position(job))


async def _show(job: OfJob, service: OfService) -> dict[str, Any]:
    """Where a job stands."""
    return view(job, service.queue)


async def _drop(job: OfJob, service: OfService) -> None:
    """Cancels a job, and forgets its result."""
    service.queue.drop(job)


async def _events(job: OfJob, service: OfService) -> StreamingResponse:
    """Server-sent events: `progress`, now and then with a `preview`; then `done` or `failed`."""
    following = events(job, partial(view, queue=service.queue))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(following, media_type="text/event-stream", headers=headers)


async def _fetch(
    result: OfResult,
    candidate: Annotated[int | None, Query(ge=0, description="Fill by this one, 0 for the best.")] = None,
    format: Annotated[str | None, Query(pattern=_FORMAT, description="Else that of the form.")] = None,
) -> Response:
    """The completed picture of a job that is done."""
    return await _answer(result, format, candidate)


async def _disagreement(result: OfResult) -> Response:
    """Where the candidates disagree: black nowhere, white most."""
    return Response(await anyio.to_thread.run_sync(png, result.disagreement), media_type="image/png")


async def _mask_of(job: OfJob) -> Response:
    """The mask of a job: white is the hole."""
    return Response(await anyio.to_thread.run_sync(mask_png, job.task.mask), media_type="image/png")


async def _mask(request: Request, service: OfService) -> Response:
    """A mask for a picture, white where the hole is, as a plugin makes it: `detect` finds damage."""
    return Response(await service.mask(request), media_type="image/png")


async def _models(service: OfService) -> list[dict[str, Any]]:
    """The models: those given and those shipped."""
    return await anyio.to_thread.run_sync(service.models.list)


async def _plugins() -> list[dict[str, Any]]:
    """The masks and blends, and their options."""
    return await anyio.to_thread.run_sync(list_plugins)


async def _health() -> str:
    """That the service runs."""
    return "ok"


async def _readiness(service: OfService) -> Response:
    """Whether the model is loaded, and jobs are begun."""
    ready = service.queue.ready
    if ready:
        return PlainTextResponse("ok")
    return problem(503, "the model is being loaded, or the service stopped; ask again")


async def _metrics(service: OfService) -> Response:
    """What was counted, for Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _answer(result: Result, format: str | None = None, candidate: int | None = None) -> Response:
    encoded: Encoded = await anyio.to_thread.run_sync(result.encoded, format, candidate)
    return Response(encoded.data, media_type=encoded.media_type, headers={"Inpaintx-Record": encoded.header})
