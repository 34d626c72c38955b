"""``inpaintx serve``: complete pictures that come over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from inpaintx.errors import InpaintxError
from inpaintx.service.limits import Limits
from inpaintx_cli.options import device_option, flags, given

models_option = click.option(
    "--model",
    "models",
    multiple=True,
    default=("chars",),
    show_default=True,
    help="A run folder, a checkpoint file, or the name of a shipped model. Repeatable: the first completes "
    "where nobody says which; the shipped ones can be asked for, too.",
)

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
token_file_option = click.option("--token-file", type=click.Path(path_type=Path), help="File that holds it.")


@click.command()
@models_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: a free one.")
@click.option(
    "--token",
    envvar="INPAINTX_TOKEN",
    show_envvar=True,
    help="What clients must know. Needed where others reach the address.",
)
@token_file_option
@flags(Limits)
@device_option
def command(models: tuple[str, ...], host: str, port: int, **values: Any) -> None:
    """Complete pictures that come over HTTP; docs/service.md describes the requests.

    Only this machine reaches it, unless --host says otherwise. Ctrl-C or SIGTERM ends it: what is being done
    is finished, what waits is refused. Pictures and results are kept in memory only.
    """
    service, address, run = started(models, host, port, values)
    from inpaintx.service.app import create_app

    run(create_app(service), lambda: click.echo(f"Serving {', '.join(models)} at {address}"))


def started(models: tuple[str, ...], host: str, port: int, values: Mapping[str, Any]) -> Any:
    """A service that the flags ask for, its address, and what runs an app of it until it is stopped."""
    limits = Limits(**given(Limits, values))
    try:
        from inpaintx.service import access, server, service
        from inpaintx.service.models import Models
    except ImportError as error:
        raise InpaintxError(
            f"the service needs {error.name}; install it with `pip install 'inpaintx[serve]'`"
        ) from error
    from inpaintx.networks.devices import pick_device

    allowed = access.Access(host, _token(values))
    listening = server.listen(host, port)
    made = service.Service(Models(models, pick_device(values["device"])), limits, allowed)

    def run(app: Any, on_ready: Callable[[], object]) -> None:
        server.serve(made, app, listening, on_ready)

    return made, server.address_of(listening), run


def _token(values: Mapping[str, Any]) -> str | None:
    """The token, from its file where one is given."""
    path: Path | None = values["token_file"]
    if path is None:
        return values["token"] or None
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InpaintxError(f"can't read the token file {path}: {error}; give a text file") from error
    if not token:
        raise InpaintxError(f"the token file {path} is empty; write a token into it")
    return token
