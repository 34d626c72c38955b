"""Directives that write what the code says: options, presets, plugins and commands are described there."""

from __future__ import annotations

import inspect
from dataclasses import fields
from importlib import import_module
from typing import Any, get_args, get_type_hints

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from inpaintx.options import PRESETS, SearchOptions
from inpaintx.plugins import registry
from inpaintx_cli.main import cli

NUMBERS = {int: "whole number", float: "number", str: "text"}


class Options(SphinxDirective):
    """The fields of a dataclass of options: ``{options} inpaintx.options.SearchOptions``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A list of definitions."""
        module, _, name = self.arguments[0].rpartition(".")
        options = getattr(import_module(module), name)
        hints = get_type_hints(options)
        lines = []
        for field in fields(options):
            default = "left open" if field.default is None else f"default `{shown(field.default)}`"
            default = field.metadata.get("chosen") or default
            lines += [
                f"`{field.name}`",
                f": {field.metadata['help']}",
                f"  *{takes(hints[field.name])}, {default}*",
                "",
            ]
        return self.parse_text_to_nodes("\n".join(lines))


class Presets(SphinxDirective):
    """What each preset sets otherwise than the default."""

    def run(self) -> list[nodes.Node]:
        """A table: a row an option, a column a preset."""
        usual = SearchOptions()
        names = [
            field.name
            for field in fields(SearchOptions)
            if any(getattr(preset, field.name) != getattr(usual, field.name) for preset in PRESETS.values())
        ]
        lines = [f"| option | default | {' | '.join(PRESETS)} |", "|---" * (len(PRESETS) + 2) + "|"]
        for name in names:
            values = [getattr(options, name) for options in (usual, *PRESETS.values())]
            lines.append(f"| `{name}` | {' | '.join(shown(value) for value in values)} |")
        return self.parse_text_to_nodes("\n".join(lines))


class Plugins(SphinxDirective):
    """The plugins of a kind that this package brings, with their options: ``{plugins} mask``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A list of definitions."""
        kind = self.arguments[0]
        lines = []
        for name in registry.names(kind):
            plugin = registry.get(kind, name)
            if not plugin.__module__.startswith("inpaintx_plugins."):
                continue
            lines += [f"`{name}`", f": {(plugin.__doc__ or '').strip().splitlines()[0]}"]
            for field in fields(plugin):
                lines.append(
                    f"\n  `{kind}.{field.name}`: {field.metadata['help']} (default `{shown(field.default)}`)"
                )
            lines.append("")
        return self.parse_text_to_nodes("\n".join(lines))


class Commands(SphinxDirective):
    """Every command as its ``--help`` tells it, a section each."""

    def run(self) -> list[nodes.Node]:
        """Sections below the one that the directive stands in."""
        lines = described(click.Context(cli, info_name="inpaintx"))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def described(context: click.Context) -> list[str]:
    """A command in Markdown, and those below it."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"## {context.command_path}", "", inspect.cleandoc(command.help or ""), ""]
    lines += ["```text", usage, "```", ""]
    for option in command.params:
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None:
            lines += [f"`{record[0]}`", f": {record[1]}".replace("*", r"\*"), ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            lines += described(click.Context(below, info_name=name, parent=context))
    return lines


def takes(hint: Any) -> str:
    """What an option takes, in words."""
    if hint in (bool, bool | None):
        return "yes or no"
    kinds = [part for part in get_args(hint) if part is not type(None)]
    if all(isinstance(part, str) for part in kinds) and kinds:
        return "one of " + ", ".join(f"`{part}`" for part in kinds)
    return NUMBERS[kinds[0] if kinds else hint]


def shown(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return "open"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def setup(app: Sphinx) -> dict[str, bool]:
    """Makes the directives known."""
    for name, directive in {
        "options": Options,
        "presets": Presets,
        "plugins": Plugins,
        "commands": Commands,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
