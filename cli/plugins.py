"""``inpaintx plugins``: which masks and blends there are, and what options they have."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.errors import InpaintxError
from inpaintx_cli.choices import plugins
from inpaintx_cli.options import OutPath, overwrite_option

if TYPE_CHECKING:
    from inpaintx.plugins.registry import Kind


# What a check says of a rule; None: it was not reached, since others were broken before.
PASSED = {True: ("pass", "green"), False: ("FAIL", "red"), None: ("----", None)}


@click.group()
def command() -> None:
    """Show the masks and blends that are installed, and their options."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--preview",
    type=OutPath(path_type=Path),
    help="Write a picture of what each does, on a letter that is rendered for it.",
)
@overwrite_option
def list_plugins(as_json: bool, preview: Path | None, overwrite: bool) -> None:
    """List all plugins: kind, name, package, its version, and what they do.

    Those that don't work are named on stderr, with the reason.
    """
    if preview is not None:
        _write_preview(preview, overwrite)
    from inpaintx.plugins import registry

    found = [_summary(kind, name) for kind in registry.GROUPS for name in registry.names(kind)]
    failures = registry.failures()
    if as_json:
        _print_json({"plugins": found, "failures": failures})
        return
    columns = ("kind", "name", "package", "version")
    widths = {column: max((len(plugin[column]) for plugin in found), default=0) for column in columns}
    for plugin in found:
        cells = [plugin[column].ljust(widths[column]) for column in columns]
        click.echo("  ".join([*cells, plugin["description"]]))
    for name, why in failures.items():
        click.echo(f"Broken: {name}: {why}", err=True)


def _write_preview(path: Path, overwrite: bool) -> None:
    """Writes a sheet of all plugins, on a large letter."""
    from tempfile import TemporaryDirectory

    import numpy as np

    from inpaintx.completion.plan import SHEET_FORMATS
    from inpaintx.letters.chars import CharsOptions, render_chars
    from inpaintx.outputs import check_free
    from inpaintx.pictures import Picture, read_picture, write_picture
    from inpaintx.plugins.preview import preview

    if path.suffix.lower() not in SHEET_FORMATS:
        raise InpaintxError(f"--preview {path}: its name must end in {' or '.join(SHEET_FORMATS)}")
    check_free([path], overwrite)
    with TemporaryDirectory() as folder:
        (letter,) = render_chars(CharsOptions(count=1, size=128), Path(folder) / "letters")
        sheet = preview(read_picture(letter))
    write_picture(Picture(np.asarray(sheet)), path, SHEET_FORMATS[path.suffix.lower()])


@command.command("info")
@click.argument("name", shell_complete=plugins)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list, since two kinds may share NAME.")
def show_plugin(name: str, as_json: bool) -> None:
    """Show what the plugin NAME does, and its options as -o takes them."""
    from inpaintx.plugins.local import kinds_of

    found = [_details(kind, name) for kind in kinds_of(name)]
    if as_json:
        _print_json(found)
        return
    click.echo("\n\n".join(_text(plugin) for plugin in found))


@command.command("check")
@click.argument("plugin", metavar="NAME|PATH", shell_complete=plugins)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of plugins, each with its rules.")
@click.option(
    "--plugin-seconds",
    "seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="That a call may take, for each megapixel begun; 0: no limit.",
)
def check_plugin(plugin: str, as_json: bool, seconds: float) -> None:
    """Run the conformance kit on a plugin, and say of each rule whether it is kept, and why it is there.

    NAME is an installed plugin; PATH, with a slash or ending in .py, a module or a project's folder, of which
    the modules at the top are looked through. Options are tried as they are, and each with every choice and
    at both ends of a range that it declares. The plugin runs in a process of its own. Ends with 1 where a
    rule is broken.
    """
    from inpaintx.plugins.apart import findings_apart

    found = findings_apart(plugin, seconds)
    if as_json:
        _print_json(found)
    else:
        click.echo("\n\n".join(_verdict(one) for one in found))
    if not all(rule["passed"] for one in found for rule in one["rules"]):
        raise click.exceptions.Exit(1)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["mask", "blend"]), required=True, help="What it makes.")
@click.option("--out", type=OutPath(path_type=Path), help="The new folder; by default NAME, here.")
def new_plugin(name: str, kind: Kind, out: Path | None) -> None:
    """Make a small installable project with a plugin called NAME, and a test of it."""
    from inpaintx.plugins.starting import new_project

    folder = new_project(name, kind, out or Path(name))
    click.echo(f"Made {folder}; in it, run: pip install --no-build-isolation -e .")


def _verdict(plugin: dict[str, Any]) -> str:
    lines = [f"{plugin['kind']} {plugin['name']}"]
    for rule in plugin["rules"]:
        took = f" (took {rule['seconds']:.2f} s)" if "seconds" in rule else ""
        word = click.style(*PASSED[rule["passed"]])
        lines.append(f"  {word}  {rule['rule']}: {rule['why']}{took}")
        if rule["problem"]:
            lines.append(f"        {rule['problem']}")
    if any(rule["passed"] is None for rule in plugin["rules"]):
        lines.append("  ----: not reached, since another rule is broken")
    return "\n".join(lines)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _summary(kind: Kind, name: str) -> dict[str, Any]:
    from inpaintx.plugins import registry

    plugin = registry.get(kind, name)
    package, version = registry.source(kind, name)
    return {
        "kind": kind,
        "name": name,
        "package": package,
        "version": version,
        "description": registry.description(plugin),
    }


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
    source = f"{plugin['package']} {plugin['version']}".rstrip()
    lines = [f"{plugin['kind']} {plugin['name']} (package {source})", "", plugin["doc"], ""]
    lines.append("Options, with their defaults:" if plugin["options"] else "It has no options.")
    for option in plugin["options"]:
        lines.append(f"  -o {plugin['kind']}.{option['name']}={option['default']}")
        lines.append(f"      {option['help']} ({option['takes']})")
    return "\n".join(lines)
