"""Errors of the service as HTTP tells them."""

from __future__ import annotations

from fastapi.responses import JSONResponse

from inpaintx.errors import InpaintxError
from inpaintx.service.job import InsideError, NoSuchJob, QueueFull, Stopping
from inpaintx.service.results import NoSuchCandidate
from inpaintx.service.tasks import TooLarge, TooSlow, Unreadable


class NotOver(InpaintxError):
    """A job that has no result: it isn't over, or failed."""


#: Codes of errors; any other of a client's is 422.
CODES: dict[type[InpaintxError], int] = {
    NoSuchJob: 404,
    NoSuchCandidate: 404,
    TooSlow: 408,
    NotOver: 409,
    TooLarge: 413,
    Unreadable: 415,
    QueueFull: 429,
    InsideError: 500,
    Stopping: 503,
}
#: Seconds after which who was told to come again may.
AGAIN = {429: "5", 503: "30"}


def code_of(error: InpaintxError) -> int:
    """The code of an error."""
    return next((code for kind, code in CODES.items() if isinstance(error, kind)), 422)


def problem(code: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as the service tells it: one line."""
    again = {"Retry-After": AGAIN[code]} if code in AGAIN else {}
    return JSONResponse({"detail": why}, code, {**again, **(headers or {})})
