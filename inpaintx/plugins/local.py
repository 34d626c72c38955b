"""Plugins as people name them: by their names, or by where they are before they are installed."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from inpaintx.errors import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.calls import one_line
from inpaintx.plugins.options import nearest
from inpaintx.plugins.registry import GROUPS, Kind


def find_plugins(named: str) -> list[tuple[Kind, type]]:
    """The installed plugins of this name; or, of what has a slash or ends in .py, see :func:`plugins_at`.

    Raises InpaintxError where there are none.
    """
    if named.endswith(".py") or "/" in named or os.sep in named or named == ".":
        return plugins_at(Path(named))
    return [(kind, registry.get(kind, named)) for kind in kinds_of(named)]


def kinds_of(name: str) -> list[Kind]:
    """The kinds that have a plugin of this name. Raises InpaintxError where none has, or it is broken."""
    names = {kind: registry.names(kind) for kind in GROUPS}
    if kinds := [kind for kind in names if name in names[kind]]:
        return kinds
    for kind in names:
        if why := registry.failures().get(f"{kind} {name}"):
            raise InpaintxError(f"{kind} plugin {name!r} doesn't work: {why}")
    near = nearest(name, [known for kind in names for known in names[kind]])
    raise InpaintxError(f"there is no plugin {name!r}{near}; `inpaintx plugins list` shows all")


def plugins_at(path: Path) -> list[tuple[Kind, type]]:
    """The plugins in a module, or in the modules and packages at the top of a folder: kind and class.

    A plugin here is a class of the module's own that has a ``name`` and a method called like a kind.
    Raises InpaintxError where there are none, or a module can't be imported.
    """
    if not path.exists():
        raise InpaintxError(f"{path} doesn't exist; give a module or a plugin project's folder")
    sources = [path] if path.is_file() else sorted([*path.glob("*.py"), *path.glob("*/__init__.py")])
    found: list[tuple[Kind, type]] = []
    for source in sources:
        module = source.parent if source.name == "__init__.py" else source
        if module.stem not in ("setup", "conftest", "tests") and not module.stem.startswith("test_"):
            found += _plugins_of(module)
    if not found:
        raise InpaintxError(f"{path}: no plugin in it: a class with a `name` and a method mask or blend")
    return found


def _plugins_of(module: Path) -> list[tuple[Kind, type]]:
    sys.path.insert(0, str(module.parent.resolve()))
    try:
        loaded = importlib.import_module(module.stem)
    except (Exception, SystemExit) as error:  # a stranger's module can raise anything
        raise InpaintxError(f"{module}: it can't be imported: {one_line(error)}") from error
    finally:
        sys.path.pop(0)
    if Path(loaded.__file__ or "").resolve() not in (module.resolve(), (module / "__init__.py").resolve()):
        raise InpaintxError(f"{module}: another module is called {module.stem} too; choose another name")
    own = [
        one for one in vars(loaded).values() if isinstance(one, type) and one.__module__ == loaded.__name__
    ]
    return [(kind, one) for one in own for kind in GROUPS if hasattr(one, "name") and hasattr(one, kind)]
