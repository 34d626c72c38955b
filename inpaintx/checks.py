"""Options as fields of a dataclass, and whether their values can be: given by a user, or read from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from reprlib import repr as shown
from textwrap import shorten
from typing import Any, Literal, get_args, get_origin, get_type_hints

from inpaintx.errors import InpaintxError


def option(default: Any, help: str, chosen: str | None = None) -> Any:
    """An option; ``chosen`` says what a command takes where it isn't given, if that is not the default."""
    return field(default=default, metadata={"help": help, "chosen": chosen})


def check(where: str, options: Any, at_least: Mapping[str, float], choices: Mapping[str, tuple]) -> None:
    """Raises InpaintxError for a value that is too small, infinite, or none of the choices.

    Args:
        where: begins the message.
        options: a dataclass whose fields are its options.
        at_least: least values, by name.
        choices: all values allowed, by name.
    """
    for name, least in at_least.items():
        value = getattr(options, name)
        if _left_open(options, name):
            continue
        if value is None or not value >= least:
            raise InpaintxError(f"{where}: {name} is {value!r}; choose at least {least}")
        if value == math.inf:
            raise InpaintxError(f"{where}: {name} is {value!r}; choose a finite number")
    for name, allowed in choices.items():
        value = getattr(options, name)
        if value not in allowed:
            raise InpaintxError(
                f"{where}: {name} is {shown(value)}; choose one of {', '.join(map(str, allowed))}"
            )


def check_at_most(where: str, options: Any, at_most: Mapping[str, float]) -> None:
    """Raises InpaintxError where one of these options is larger than that."""
    for name, most in at_most.items():
        value = getattr(options, name)
        if value is not None and value > most:
            raise InpaintxError(f"{where}: {name} is {value!r}; choose at most {most}")


def check_positive(where: str, options: Any, *names: str) -> None:
    """Raises InpaintxError where one of these options is not a finite number above 0."""
    for name in names:
        value = getattr(options, name)
        if not _left_open(options, name) and (value is None or not (value > 0 and math.isfinite(value))):
            raise InpaintxError(f"{where}: {name} is {value!r}; choose more than 0")


def _left_open(options: Any, name: str) -> bool:
    """Whether it is an option that may be, and is."""
    return getattr(options, name) is None and "None" in str(options.__dataclass_fields__[name].type)


def read_values(where: str, cls: type, values: Mapping[str, Any], complete: bool) -> dict[str, Any]:
    """A header's values for a dataclass of options.

    Raises:
        InpaintxError: keys are unknown, values of a type that no option has, or, if they have to be
            ``complete``, keys missing.
    """
    hints = get_type_hints(cls)
    odd = values.keys() ^ hints.keys() if complete else values.keys() - hints.keys()
    if odd:
        listed = shorten(", ".join(sorted(odd)), 80, placeholder="…")
        raise InpaintxError(f"{where}: keys missing or unknown: {listed}; the file is of another version")
    for name, value in values.items():
        if not _is_of(value, hints[name]):
            raise InpaintxError(f"{where}: {name} is {shown(value)}, which is of another type; train anew")
    return dict(values)


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON has a type that an option is declared with."""
    if get_origin(hint) is Literal:
        return isinstance(value, str)
    if get_args(hint):
        return any(_is_of(value, part) for part in get_args(hint))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint
