"""``inpaintx plugins``: which masks and blends there are, and what options they have."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import click

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.plugins.registry import Kind


@click.group()
def command() -> None:
    """Show the masks and blends that are installed, and their options."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_plugins(as_json: bool) -> None:
    """List all plugins: kind, name, package, and what they do.

    Those that don't work are named on stderr, with the reason.
    """
    from inpaintx.plugins import registry

    found = [_summary(kind, name) for kind in registry.GROUPS for name in registry.names(kind)]
    failures = registry.failures()
    if as_json:
        _print_json({"plugins": found, "failures": failures})
        return
    columns = ("kind", "name", "package")
    widths = {column: max((len(plugin[column]) for plugin in found), default=0) for column in columns}
    for plugin in found:
        cells = [plugin[column].ljust(widths[column]) for column in columns]
        click.echo("  ".join([*cells, plugin["description"]]))
    for name, why in failures.items():
        click.echo(f"Broken: {name}: {why}", err=True)


@command.command("info")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list, since two kinds may share NAME.")
def show_plugin(name: str, as_json: bool) -> None:
    """Show what the plugin NAME does, and its options as -o takes them."""
    found = [_details(kind, name) for kind in _kinds_of(name)]
    if as_json:
        _print_json(found)
        return
    click.echo("\n\n".join(_text(plugin) for plugin in found))


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _kinds_of(name: str) -> list[Kind]:
    """The kinds that have a plugin of this name. Raises InpaintxError where none has, or it is broken."""
    from inpaintx.plugins import registry
    from inpaintx.plugins.options import nearest

    names = {kind: registry.names(kind) for kind in registry.GROUPS}
    if kinds := [kind for kind in names if name in names[kind]]:
        return kinds
    for kind in names:
        if why := registry.failures().get(f"{kind} {name}"):
            raise InpaintxError(f"{kind} plugin {name!r} doesn't work: {why}")
    near = nearest(name, [known for kind in names for known in names[kind]])
    raise InpaintxError(f"there is no plugin {name!r}{near}; `inpaintx plugins list` shows all")


def _summary(kind: Kind, name: str) -> dict[str, Any]:
    from inpaintx.plugins import registry

    plugin = registry.get(kind, name)
    package = plugin.__module__.partition(".")[0]
    return {"kind": kind, "name": name, "package": package, "description": registry.description(plugin)}


def _details(kind: Kind, name: str) -> dict[str, Any]:
    from inpaintx.plugins import registry
    from inpaintx.plugins.options import as_text, options_of

    plugin = registry.get(kind, name)
    return {
        **_summary(kind, name),
        "doc": inspect.getdoc(plugin) or "",
        "options": [
            {
                "name": option.name,
                "takes": option.takes,
                "default": as_text(option.default),
                "help": option.help,
            }
            for option in options_of(plugin)
        ],
    }


def _text(plugin: dict[str, Any]) -> str:
    lines = [f"{plugin['kind']} {plugin['name']} (package {plugin['package']})", "", plugin["doc"], ""]
    lines.append("Options, with their defaults:" if plugin["options"] else "It has no options.")
    for option in plugin["options"]:
        lines.append(f"  -o {plugin['kind']}.{option['name']}={option['default']}")
        lines.append(f"      {option['help']} ({option['takes']})")
    return "\n".join(lines)
