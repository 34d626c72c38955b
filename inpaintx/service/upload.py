"""Forms with files, read into memory and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from inpaintx.pictures.held import HeldFile
from inpaintx.service.form import BadForm
from inpaintx.service.tasks import TooLarge, Unreadable

#: Of a form: more than it has.
_MOST_FILES, _MOST_FIELDS, _LONGEST_FIELD = 8, 100, 100_000


class TooMuch(TooLarge):
    """A body without an end in sight: its connection is closed."""


class _InMemory(MultiPartParser):
    """Files of any size stay in memory: the body is counted while it is read."""

    spool_max_size = 0  # no size from which on they go to the disk


async def read_form(
    request: Request, most: int, files: Collection[str]
) -> tuple[dict[str, HeldFile], dict[str, str]]:
    """The files and the other fields of a request's form.

    Args:
        request: its body is not read yet.
        most: bytes that it may have.
        files: the fields that are files; the first is required.

    Raises:
        TooLarge: it has more bytes; no more of them are read.
        Unreadable: it is no form.
        BadForm: a field comes twice, a file is no file or missing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Unreadable(f"the body is {kind or 'of no type'}; send multipart/form-data with the field image")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise TooLarge(_too_large(most))
    parser = _InMemory(
        request.headers,
        _counted(request, most),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=_LONGEST_FIELD,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadForm(f"the form can't be read: {error.message.rstrip('.')}; send it anew") from error
    held: dict[str, HeldFile] = {}
    values: dict[str, str] = {}
    for name, value in form.multi_items():
        if name in held or name in values:
            raise BadForm(f"the field {name!r} comes twice; send it once")
        if isinstance(value, UploadFile):
            if name not in files:
                raise BadForm(f"the field {name!r} is a file, which may be: {', '.join(files)}; send text")
            held[name] = HeldFile.of(value.filename or name, await value.read())
        elif name in files:
            raise BadForm(f"the field {name!r} is text; send a file, which has a file name")
        else:
            values[name] = value
    first = next(iter(files))
    if first not in held:
        raise BadForm(f"there is no {first}; send the picture as the file {first}")
    return held, values


async def _counted(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        if read > most:
            raise TooMuch(_too_large(most))
        yield chunk


def _too_large(most: int) -> str:
    return f"the request has more than the {most / 1e6:g} MB that are taken; send a smaller picture"
