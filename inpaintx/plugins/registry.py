"""Finding and making plugins: those that packages offer by entry point, and those registered at run time.

A plugin is one dataclass: its fields are its options, ``name`` is a ``ClassVar[str]``, its docstring's first
line describes it, and it has one method, called like its kind: ``mask`` or ``blend``. Packages offer theirs
in the entry-point groups ``inpaintx.masks`` and ``inpaintx.blends``; the built-in ones come by the same door.

A plugin is imported when it is asked for. One that can't be imported, or that isn't a plugin, is kept out and
named by ``failures()``; the others work on.
"""

from __future__ import annotations

import dataclasses
import dis
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, Literal, TypeVar, get_args, get_type_hints, overload

from inpaintx.errors import InpaintxError
from inpaintx.plugins import INTERFACE
from inpaintx.plugins.calls import allowed_seconds, in_time, one_line
from inpaintx.plugins.options import check_range, convert, nearest, option_fields, options_of

Kind = Literal["mask", "blend"]
Plugin = TypeVar("Plugin", bound=type)

GROUPS: dict[Kind, str] = {"mask": "inpaintx.masks", "blend": "inpaintx.blends"}
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def contract_problem(kind: Kind, plugin: object, name: str | None = None) -> str | None:
    """What keeps ``plugin`` from being used as a plugin of this kind, in words; None where nothing does.

    ``name`` is what it must be called (its entry point's name). ``inpaintx.plugins.testing`` checks the rest.
    """
    if not isinstance(plugin, type):
        return f"{plugin!r} is not a class"
    if not dataclasses.is_dataclass(plugin):
        return f"{plugin.__name__} is not a dataclass"
    own_name = getattr(plugin, "name", None)
    if not isinstance(own_name, str) or not NAME.fullmatch(own_name):
        return f"{plugin.__name__}.name is {own_name!r}, not lower-case words joined by hyphens"
    if name is not None and own_name != name:
        return f"{plugin.__name__}.name is {own_name!r}, but its entry point is called {name!r}"
    made_for = getattr(plugin, "interface", 1)
    if made_for != INTERFACE:
        return (
            f"{plugin.__name__} was made for plugin interface {made_for!r}, and this inpaintx has "
            f"{INTERFACE}; install the plugin's version for it"
        )
    if not callable(getattr(plugin, kind, None)):
        return f"{plugin.__name__} has no method {kind}()"
    for field in option_fields(plugin):
        if field.default is field.default_factory is dataclasses.MISSING:
            return f"option {field.name!r} of {plugin.__name__} has no default"
    try:
        options_of(plugin)
    except Exception as error:  # the annotations are the author's code: evaluating them can raise anything
        return f"the options of {plugin.__name__} can't be read: {one_line(error)}"
    return None


def description(plugin: type) -> str:
    """The first line of the plugin's docstring; empty where the class has none of its own."""
    doc = plugin.__doc__ or ""
    # A dataclass without a docstring is given its signature as one.
    return "" if doc.startswith(f"{plugin.__name__}(") else doc.strip().partition("\n")[0]


class Registry:
    """All plugins that can be found; the module's functions are the methods of one such registry.

    ``find`` gives the entry points of a group.
    """

    def __init__(
        self, find: Callable[[str], Iterable[EntryPoint]] = lambda group: entry_points(group=group)
    ) -> None:
        self._find = find
        self._plugins: dict[tuple[Kind, str], type] = {}
        self._failures: dict[tuple[Kind, str], str] = {}
        self._dists: dict[tuple[Kind, str], Distribution] = {}

    def names(self, kind: Kind) -> list[str]:
        """The names of the plugins of this kind that work, sorted. Imports them all."""
        for name in self._offered(kind):
            self._load(kind, name)
        return sorted(name for of_kind, name in self._plugins if of_kind == kind)

    def get(self, kind: Kind, name: str) -> type:
        """The plugin of this name.

        Raises:
            InpaintxError: there is none (with the nearest name) or it is broken (with the reason).
        """
        offered = self._offered(kind)
        if name in offered:
            self._load(kind, name)
        if (kind, name) in self._plugins:
            return self._plugins[kind, name]
        if (kind, name) in self._failures:
            raise InpaintxError(f"{kind} plugin {name!r} doesn't work: {self._failures[kind, name]}")
        known = [*offered, *(known for of_kind, known in self._plugins if of_kind == kind)]
        raise InpaintxError(
            f"there is no {kind} plugin {name!r}{nearest(name, known)}; `inpaintx plugins list` shows all"
        )

    def make(self, kind: Kind, name: str, options: Mapping[str, object] | None = None) -> Any:
        """The plugin of this name, with these options; a string is converted to its option's type.

        Raises:
            InpaintxError: an unknown plugin or option (with the nearest name), or a value that doesn't fit.
        """
        plugin = self.get(kind, name)
        hints = get_type_hints(plugin)
        known = {option.name: option for option in options_of(plugin)}
        allowed = list(known)
        values = {}
        for option, value in (options or {}).items():
            if option not in allowed:
                has = f"it has {', '.join(allowed)}" if allowed else "it has none"
                raise InpaintxError(
                    f"{kind} plugin {name!r} has no option {option!r}{nearest(option, allowed)}; {has}"
                )
            try:
                values[option] = convert(value, hints[option])
                check_range(values[option], known[option])
            except ValueError as error:
                raise InpaintxError(f"option {option!r} of {kind} plugin {name!r}: {error}") from error
        try:
            return plugin(**values)
        except ValueError as error:
            raise InpaintxError(f"{kind} plugin {name!r}: {' '.join(str(error).split())}") from error

    def source(self, kind: Kind, name: str) -> tuple[str, str]:
        """The package that the plugin of this name comes from, and its version.

        Of a plugin registered at run time: its module's top package, and an empty version. Raises as ``get``.
        """
        plugin = self.get(kind, name)
        dist = self._dists.get((kind, name))
        return (dist.name, dist.version) if dist else (plugin.__module__.partition(".")[0], "")

    @overload
    def register(self, kind: Kind, plugin: Plugin, *, replace: bool = False) -> Plugin: ...
    @overload
    def register(
        self, kind: Kind, plugin: None = None, *, replace: bool = False
    ) -> Callable[[Plugin], Plugin]: ...
    def register(
        self, kind: Kind, plugin: Plugin | None = None, *, replace: bool = False
    ) -> Plugin | Callable[[Plugin], Plugin]:
        """Add a plugin to this process: ``register("mask", Spiral)``, or ``@register("mask")`` above a class.

        Raises:
            InpaintxError: the class isn't a plugin, or its name is taken and ``replace`` is false.
        """
        offered = self._offered(kind)

        def add(plugin: Plugin) -> Plugin:
            if problem := contract_problem(kind, plugin):
                raise InpaintxError(f"not a {kind} plugin: {problem}")
            name: str = plugin.name  # type: ignore[attr-defined]
            if not replace and (name in offered or (kind, name) in self._plugins):
                raise InpaintxError(
                    f"a {kind} plugin {name!r} exists already; choose another name or replace=True"
                )
            self._plugins[kind, name] = plugin
            self._dists.pop((kind, name), None)
            return plugin

        return add if plugin is None else add(plugin)

    def failures(self) -> dict[str, str]:
        """The entry points that don't work, as "mask spiral", and why. Imports all plugins."""
        for kind in GROUPS:
            self.names(kind)
        return {f"{kind} {name}": why for (kind, name), why in sorted(self._failures.items())}

    def _offered(self, kind: Kind) -> dict[str, EntryPoint]:
        if kind not in GROUPS:
            raise InpaintxError(f"there are no plugins of kind {kind!r}; use {' or '.join(get_args(Kind))}")
        return self._entry_points[kind]

    @cached_property
    def _entry_points(self) -> dict[Kind, dict[str, EntryPoint]]:
        """By kind and name; where two packages use the same name, the second one's is a failure."""
        found: dict[Kind, dict[str, EntryPoint]] = {}
        for kind, group in GROUPS.items():
            found[kind] = {}
            for entry in sorted(self._find(group), key=_precedence):
                first = found[kind].setdefault(entry.name, entry)
                if first is not entry:
                    why = f"{_package(first)} has a {kind} plugin of the same name, which is used instead"
                    self._failures[kind, f"{entry.name} of {_package(entry)}"] = why
        return found

    def _load(self, kind: Kind, name: str) -> None:
        if (kind, name) in self._plugins or (kind, name) in self._failures:
            return
        entry = self._entry_points[kind][name]
        try:
            plugin = in_time(allowed_seconds(1), entry.load)
            problem = contract_problem(kind, plugin, name)
        except (Exception, SystemExit) as error:  # a stranger's module can raise anything
            problem = one_line(error)
        except KeyboardInterrupt as error:
            if not _raised_by_statement(error):
                raise
            problem = one_line(error)
        if problem:
            self._failures[kind, name] = f"{problem} ({entry.value} of package {_package(entry)})"
        else:
            self._plugins[kind, name] = plugin
            if entry.dist:
                self._dists[kind, name] = entry.dist


def _raised_by_statement(error: BaseException) -> bool:
    """Whether a ``raise`` raised it: a user's Ctrl-C strikes at any other instruction, and gets through."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value.partition(":")[0]


def _precedence(entry: EntryPoint) -> tuple[bool, str]:
    # A stranger's package can't silently take a built-in's place; beyond that, any order that stays the same.
    return (_package(entry) != "inpaintx", _package(entry))


_registry = Registry()
names = _registry.names
get = _registry.get
make = _registry.make
source = _registry.source
register = _registry.register
failures = _registry.failures
