"""Tries plugins in a process of their own, which may crash, exit, or hang where nothing else can stop it."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any

from inpaintx.errors import InpaintxError
from inpaintx.plugins.calls import allow_seconds
from inpaintx.plugins.local import find_plugins
from inpaintx.plugins.registry import Kind
from inpaintx.plugins.trying import broken_off, findings

_GRACE = 5.0  # seconds beyond its own limit, in which a plugin's process could have told of it
_START = 60.0  # seconds for a new interpreter, numpy and the plugin's own imports


def findings_apart(plugin: str, seconds: float) -> list[dict[str, Any]]:
    """What the rules find of plugins: ``kind``, ``name`` and ``rules``, see :func:`.findings`.

    Args:
        plugin: the name of an installed one, or a path; see :func:`.find_plugins`.
        seconds: that a call may take, for each megapixel begun; 0: as many as it likes.

    Raises:
        InpaintxError: there is none, or it can't be imported.
    """
    context = multiprocessing.get_context("spawn")  # a fork would hold locks that nobody gives back
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_find, args=(sender, plugin, seconds), daemon=True)
    process.start()
    sender.close()
    try:
        return _heard(receiver, process, plugin)
    finally:
        process.kill()
        process.join()


def _heard(receiver: Connection, process: Any, plugin: str) -> list[dict[str, Any]]:
    """Listens until all is found, or the process says nothing more."""
    found: list[dict[str, Any]] = []
    kind: Kind | None = None
    name, doing, seconds = plugin, "while it is imported", _START
    while True:
        try:
            if not receiver.poll(seconds + _GRACE if seconds else None):
                rule, problem = (
                    "ends",
                    f"{doing}: it has not ended after {seconds:g} s, and lets nothing else run",
                )
            else:
                what, *told = receiver.recv()
                if what == "case":
                    doing, seconds = f"on {told[0]}", told[1]
                elif what == "plugin":
                    kind, name = told
                elif what == "found":
                    found.append({"kind": kind, "name": name, "rules": told[0]})
                elif what == "refused":
                    raise InpaintxError(told[0])
                else:
                    return found
                continue
        except EOFError:
            process.join()
            rule, problem = "runs", f"{doing}: it ended the whole process, with code {process.exitcode}"
        if kind is None:
            raise InpaintxError(f"{plugin} can't be checked: {problem}; tell the plugin's author")
        rules = broken_off(kind, rule, f"{kind} plugin {name!r} {problem}")
        found.append({"kind": kind, "name": name, "rules": rules})
        return found


def _find(sender: Connection, plugin: str, seconds: float) -> None:
    os.dup2(2, 1)  # what a plugin prints is none of the findings
    allow_seconds(seconds)
    try:
        for kind, one in find_plugins(plugin):
            sender.send(("plugin", kind, getattr(one, "name", plugin)))
            tried = findings(kind, one, lambda case, most: sender.send(("case", case, most)))
            sender.send(("found", tried))
        sender.send(("end",))
    except InpaintxError as error:
        sender.send(("refused", str(error)))
