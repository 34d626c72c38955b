"""The plugins of a service, as its clients see them. Loads no torch."""

from __future__ import annotations

import enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from inpaintx.plugins import registry
from inpaintx.plugins.options import options_of
from inpaintx.service.tasks import is_place, option_types

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def list_plugins() -> list[dict[str, Any]]:
    """Each mask and blend with its description and those of its options that a client may set."""
    return [
        {
            "kind": kind,
            "name": name,
            "description": registry.description(plugin),
            "package": registry.source(kind, name)[0],
            "options": _options(plugin),
        }
        for kind in registry.GROUPS
        for name in registry.names(kind)
        for plugin in [registry.get(kind, name)]
    ]


def _options(plugin: type) -> list[dict[str, Any]]:
    hints = option_types(plugin)
    return [
        {
            "name": option.name,
            "help": option.help,
            "takes": option.takes,
            "default": option.default.value if isinstance(option.default, enum.Enum) else option.default,
            **_kind(hints[option.name]),
        }
        for option in options_of(plugin)
        if not is_place(hints[option.name])
    ]


def _kind(hint: Any) -> dict[str, Any]:
    """The JSON type of an option, its choices, and whether it may be null."""
    parts = [hint] if get_origin(hint) is Literal else list(get_args(hint)) or [hint]
    plain = [part for part in parts if part is not NoneType]
    choices: list[Any] | None = None
    if get_origin(plain[0]) is Literal:
        choices = list(get_args(plain[0]))
    elif issubclass(plain[0], enum.Enum):
        choices = [member.value for member in plain[0]]
    return {
        "type": "string" if choices else _TYPES.get(plain[0], "string"),
        "choices": choices,
        "nullable": NoneType in parts,
    }
