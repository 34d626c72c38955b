"""``inpaintx ui``: a page on which holes are painted and filled."""

from __future__ import annotations

import os
import secrets
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click

from inpaintx.service.limits import Limits
from inpaintx_cli.options import device_option, flags
from inpaintx_cli.serve import host_option, models_option, started, token_file_option


@click.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@models_option
@host_option
@click.option("--port", type=click.IntRange(0, 65535), default=8766, show_default=True, help="0: a free one.")
@click.option(
    "--token",
    envvar="INPAINTX_TOKEN",
    show_envvar=True,
    help="What the printed address ends with. Where others reach it, one is made if none is given.",
)
@token_file_option
@click.option(
    "--browser/--no-browser", default=True, show_default=True, help="Open the page in the default browser."
)
@flags(Limits)
@device_option
def command(
    pictures: tuple[Path, ...], models: tuple[str, ...], host: str, port: int, browser: bool, **values: Any
) -> None:
    """Open a page on which holes are painted and filled.

    PICTURES, files or folders, are there when it opens; others can be chosen or dropped. Only this machine
    reaches it, unless --host says otherwise. Ctrl-C ends it. Pictures and results are kept in memory only.
    """
    from inpaintx.pictures import find_pictures

    found = find_pictures(pictures) if pictures else []
    service, address, run = started(models, host, port, _with_token(host, values))
    from inpaintx.service.app import create_app
    from inpaintx.service.home import add_page

    app = create_app(service)
    add_page(app, service, found)
    token = service.access.token
    page = address if token is None else f"{address}?token={token}"

    def ready() -> None:
        click.echo(f"The page is at {page} (Ctrl-C ends it)")
        if browser:
            _open(page)

    run(app, ready)


def _with_token(host: str, values: dict[str, Any]) -> dict[str, Any]:
    """The flags, with a token where others reach the address and none is given."""
    from inpaintx.service.access import is_loopback

    if is_loopback(host) or values["token"] or values["token_file"]:
        return values
    return {**values, "token": secrets.token_urlsafe()}


def _open(page: str) -> None:
    """Opens the page in the default browser, or says that there is none."""
    # Without a display, what the system has for the web may be a browser in this very terminal.
    display = (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    try:
        opened = bool(display) and webbrowser.open(page)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        click.echo("No browser could be opened here; open the address in one", err=True)
