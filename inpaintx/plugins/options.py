"""The options of a plugin: what its dataclass's fields take, in words, and reading them from strings.

Supported types: bool, int, float, str, pathlib.Path, Literal, enums, and unions of these and None.
"""

from __future__ import annotations

import difflib
import enum
import operator
import os
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

_YES_NO = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True)
class Option:
    """One option of a plugin, as people read it.

    Attributes:
        name: the field's.
        takes: in words.
        default: the value.
        help: the metadata's.
        choices: the values of a bool, a Literal or an enum; else none.
        least, most: the ends of the range that the metadata declare; None: it is open there.
    """

    name: str
    takes: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None


def option_fields(plugin: type) -> list[Field[Any]]:
    """The fields of the dataclass ``plugin`` that its constructor takes."""
    return [field for field in fields(plugin) if field.init]


def options_of(plugin: type) -> list[Option]:
    """The plugin's options, in the order of its fields. Raises TypeError where one's type isn't supported."""
    hints = get_type_hints(plugin)
    return [_option(field, hints[field.name]) for field in option_fields(plugin)]


def _option(field: Field[Any], hint: Any) -> Option:
    least, most = (field.metadata.get(end) for end in ("least", "most"))
    choices = (False, True) if hint is bool else tuple((_choices(hint) or {}).values())
    words = takes(hint) + _range_in_words(least, most)
    return Option(field.name, words, _default(field), field.metadata.get("help", ""), choices, least, most)


def _range_in_words(least: float | None, most: float | None) -> str:
    ends = [f"{value:g}" for value in (least, most) if value is not None]
    if len(ends) == 2:
        return f" from {ends[0]} to {ends[1]}"
    return "" if not ends else f", {ends[0]} or {'more' if most is None else 'less'}"


def check_range(value: object, option: Option) -> None:
    """Raises ValueError for a number outside of an option's declared range; NaN is outside."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return
    above = option.least is None or float(value) >= option.least
    if not (above and (option.most is None or float(value) <= option.most)):
        raise ValueError(f"expected {option.takes}, got {as_text(value)!r}")


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def nearest(word: str, words: list[str]) -> str:
    """A question, `` (did you mean '…'?)``, with the nearest of ``words``; empty where none is near."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def takes(hint: Any) -> str:
    """What an option of type ``hint`` takes, in words. Raises TypeError where the type isn't supported."""
    if hint is types.NoneType:
        return "none"
    if choices := _choices(hint):
        return "one of " + ", ".join(choices)
    if alternatives := _alternatives(hint):
        return " or ".join(takes(alternative) for alternative in alternatives)
    if hint not in _SCALARS:
        raise TypeError(
            f"type {hint} is not supported: use bool, int, float, str, Path, Literal, an enum or a union"
        )
    return _SCALARS[hint][0]


def as_text(value: object) -> str:
    """The string that ``convert`` reads as ``value``."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def convert(value: object, hint: Any) -> Any:
    """``value`` as an option of type ``hint``.

    A string is read; anything else must be of the type already (an int will do for a float).

    Raises:
        ValueError: the value doesn't fit; the message says what would.
        TypeError: the type isn't supported.
    """
    expected = takes(hint)
    try:
        return _convert(value, hint)
    except (ValueError, TypeError, LookupError) as error:
        near = nearest(str(value), list(_choices(hint) or ()))
        raise ValueError(f"expected {expected}, got {str(value)!r}{near}") from error


def _convert(value: object, hint: Any) -> Any:
    if hint is types.NoneType:
        return {None: None, "none": None}[cast("str | None", value)]
    if choices := _choices(hint):
        return _choose(value, choices)
    if alternatives := _alternatives(hint):
        return _first_fit(value, alternatives)
    return _SCALARS[hint][1](value)


def _choices(hint: Any) -> dict[str, Any] | None:
    """The values of a Literal or an enum, each under the text that stands for it; None for another type."""
    if get_origin(hint) is Literal:
        return {str(value): value for value in get_args(hint)}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {str(member.value): member for member in hint}
    return None


def _choose(value: object, choices: dict[str, Any]) -> Any:
    if value in choices.values():
        return value
    return choices[cast(str, value)]


def _alternatives(hint: Any) -> tuple[Any, ...] | None:
    """The types of a union; None for another type."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else None


def _first_fit(value: object, alternatives: tuple[Any, ...]) -> Any:
    # None first: "none" would be a path, too.
    for alternative in sorted(alternatives, key=lambda hint: hint is not types.NoneType):
        try:
            return _convert(value, alternative)
        except (ValueError, TypeError, LookupError):
            continue
    raise ValueError


def _to_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError
    return _YES_NO[value.lower()]


def _to_int(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value) if isinstance(value, str) else operator.index(cast(Any, value))


def _to_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, Real)):
        raise TypeError
    return float(value)


def _to_str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _to_path(value: object) -> Path:
    if value == "":
        raise ValueError
    # The shell leaves the ~ of `-o mask.path=~/holes` alone.
    return Path(cast("str | os.PathLike[str]", value)).expanduser()


_SCALARS: dict[object, tuple[str, Callable[[object], object]]] = {
    bool: ("true or false", _to_bool),
    int: ("a whole number", _to_int),
    float: ("a number", _to_float),
    str: ("text", _to_str),
    Path: ("a path", _to_path),
}
