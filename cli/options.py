"""Flags made from the library's option dataclasses, and what several commands share."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from inpaintx.errors import InpaintxError
from inpaintx_cli.choices import DEFAULT_BLEND, models

if TYPE_CHECKING:
    from inpaintx.plugins.blends import BlendPlugin
    from inpaintx.plugins.masks import MaskPlugin

model_option = click.option(
    "--model",
    required=True,
    shell_complete=models,
    help="A run folder, a checkpoint file, or the name of a shipped model.",
)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
exclude_option = click.option(
    "--exclude", multiple=True, help="Leave out files or folders that match, e.g. 's3*'. Repeatable."
)
exclude_from_option = click.option(
    "--exclude-from",
    type=click.Path(path_type=Path),
    help="Leave out the files that this one lists, one a line, as `check --list` writes it.",
)


class OutPath(click.Path):
    """Something to write to, which has a name: an empty one, of a script's unset variable, would be here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; a usage error for an empty one."""
        if value == "":
            self.fail("it is empty; give a name", param, ctx)
        return super().convert(value, param, ctx)


out_folder_option = click.option(
    "--out", required=True, type=OutPath(path_type=Path), help="Folder for the results."
)
plugin_seconds_option = click.option(
    "--plugin-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    expose_value=False,
    callback=lambda _context, _option, seconds: _allow(seconds),
    help="A mask or blend that takes longer, for each megapixel begun, fails for that picture; 0: no limit.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files of an earlier run.")


def _allow(seconds: float) -> None:
    from inpaintx.plugins.calls import allow_seconds

    allow_seconds(seconds)


def flags(options: type, skip: tuple[str, ...] = ()) -> Callable[[Callable], Callable]:
    """A decorator that adds a flag for each field of a dataclass: its name, type, default and help text."""
    hints = get_type_hints(options)

    def decorate(command: Callable) -> Callable:
        for field in reversed(fields(options)):
            if field.name in skip:
                continue
            name = "--" + field.name.replace("_", "-")
            if hints[field.name] in (bool, bool | None):
                name = f"{name}/--no-{name[2:]}"
            command = click.option(
                name,
                field.name,
                type=_click_type(hints[field.name]),
                default=field.default,
                show_default=field.metadata.get("chosen") or True,
                help=field.metadata["help"],
            )(command)
        return command

    return decorate


def given(options: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a dataclass's flags that were given, so that a preset can have its say in the others."""
    source = click.get_current_context().get_parameter_source
    names = [field.name for field in fields(options) if field.name in values]
    return {name: values[name] for name in names if source(name) is not ParameterSource.DEFAULT}


def excluded(values: Mapping[str, Any]) -> list[str]:
    """The patterns of what ``--exclude`` and ``--exclude-from`` leave out."""
    listed = [] if values["exclude_from"] is None else read_list(values["exclude_from"])
    return [*values["exclude"], *(glob.escape(name) for name in listed)]


def read_list(path: Path) -> list[str]:
    """The lines of a list of files. Raises InpaintxError where it can't be read, or lists none."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InpaintxError(
            f"can't read the list {path}: {error}; give a text file, one name a line"
        ) from error
    names = [name for name in names if name]
    if not names:
        raise InpaintxError(f"the list {path} is empty; give a text file, one name a line")
    return names


def mask_and_blend(values: Mapping[str, Any]) -> tuple[MaskPlugin, BlendPlugin]:
    """The mask and the blend that ``--mask``, ``--mask-plugin``, ``--blend`` and ``-o`` ask for."""
    from inpaintx.plugins import registry

    parts: dict[str, dict[str, str]] = {"mask": {}, "blend": {}}
    for setting in values["settings"]:
        key, equals, value = setting.partition("=")
        part, dot, option = key.partition(".")
        if not (equals and dot and option and part in parts):
            raise InpaintxError(
                f"not an option of a plugin: -o {setting}; write mask.NAME=VALUE or blend.NAME=VALUE"
            )
        parts[part][option] = value
    if values["mask"] is not None and values["mask_plugin"] is not None:
        raise click.UsageError("--mask and --mask-plugin exclude each other; give one")
    if values["mask_plugin"] is not None:
        for option in ("invert", "color", "threshold", "grow"):
            if values[f"mask_{option}"]:
                raise click.UsageError(f"--mask-{option} goes with --mask")
        mask = registry.make("mask", values["mask_plugin"], parts["mask"])
    else:
        if values["mask"] is not None and not values["mask"].exists():
            raise InpaintxError(f"no such mask: {values['mask']}; check the name")
        options = {option: values[f"mask_{option}"] for option in ("invert", "color", "threshold", "grow")}
        mask = registry.make("mask", "file", {"path": values["mask"], **options, **parts["mask"]})
    if values["feather"] is None:
        return mask, registry.make("blend", values["blend"], parts["blend"])
    if values["blend"] not in (DEFAULT_BLEND, "alpha"):
        raise click.UsageError("--feather is the blend alpha's width; leave --blend out")
    return mask, registry.make("blend", "alpha", {"width": values["feather"], **parts["blend"]})


def _click_type(hint: Any) -> click.ParamType | type:
    if get_origin(hint) is Literal:
        return click.Choice([str(choice) for choice in get_args(hint)])
    plain = [part for part in get_args(hint) if part is not type(None)]
    return plain[0] if plain else hint
