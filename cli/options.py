"""Flags made from the library's option dataclasses, and what several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

model_option = click.option(
    "--model", required=True, help="A run folder, a checkpoint file, or the name of a shipped model."
)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
out_folder_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the results."
)


def flags(options: type, skip: tuple[str, ...] = (), unset: bool = False) -> Callable[[Callable], Callable]:
    """A decorator that adds a flag for each field of a dataclass.

    With ``unset``, a flag that was not given arrives as None, so that a preset can have its say.
    """
    hints = get_type_hints(options)

    def decorate(command: Callable) -> Callable:
        for field in reversed(fields(options)):
            if field.name in skip:
                continue
            name = "--" + field.name.replace("_", "-")
            settings: dict[str, Any] = {"default": None if unset else field.default}
            settings["show_default"] = str(field.default) if field.default is not None else False
            if hints[field.name] is bool:
                name = f"{name}/--no-{name[2:]}"
            else:
                settings["type"] = _click_type(hints[field.name])
            command = click.option(name, field.name, help=field.metadata["help"], **settings)(command)
        return command

    return decorate


def take(options: type[T], values: dict[str, Any]) -> dict[str, Any]:
    """Takes the fields of a dataclass out of a command's values, those that were given."""
    own = {field.name: values.pop(field.name, None) for field in fields(options)}  # type: ignore[arg-type]
    return {name: value for name, value in own.items() if value is not None}


def pick_device(name: str) -> torch.device:
    """The device that ``--device`` means. Raises InpaintxError where it isn't there."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InpaintxError(f"no such device: {name}; choose auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise InpaintxError(f"no such device: {name}; choose auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InpaintxError(f"no such GPU: {name}; torch sees {torch.cuda.device_count()}; use --device cpu")
    return device


def make_folder(path: Path) -> Path:
    """Makes an output folder, with its parents. Raises InpaintxError where it can't be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".inpaintx-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InpaintxError(
            f"cannot write to the folder {path}: {error.strerror}; choose another --out"
        ) from error
    return path


def _click_type(hint: Any) -> click.ParamType | type:
    if get_origin(hint) is Literal:
        return click.Choice([str(choice) for choice in get_args(hint)])
    plain = [part for part in get_args(hint) if part is not type(None)]
    return plain[0] if plain else hint
