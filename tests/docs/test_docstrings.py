"""Docstrings speak one dialect, as far as ruff's rules don't see to it: CONTRIBUTING.md says which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("inpaintx", "cli", "plugins") for path in (ROOT / folder).rglob("*.py"))
SINGLE = re.compile(r"(?<![`:\w])`[^`\n]+`(?!`)")
TIGHT = re.compile(r"\[[A-Za-z0-9]+(,[A-Za-z0-9]+)+\]")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def docstrings(path: Path) -> Iterator[tuple[str, str, bool]]:
    """The name and the docstring of what a file defines, and whether the terminal shows it."""
    plugins = path.relative_to(ROOT).parts[0] == "plugins"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if text is None:
            continue
        decorators = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
        shown = any(re.search(r"\b(command|group)\(", decorator) for decorator in decorators)
        shown |= plugins and isinstance(node, ast.ClassDef)
        yield getattr(node, "name", "the module"), text, shown


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_write_names_and_shapes_alike(path: Path) -> None:
    for name, text, shown in docstrings(path):
        if not shown:
            assert not SINGLE.search(text), f"{name}: names stand in double backticks"
        assert not TIGHT.search(text), f"{name}: a shape is written [H, W]"


def test_the_rules_see_what_they_are_meant_to_see() -> None:
    assert SINGLE.search("see `this`")
    assert not SINGLE.search("see ``this`` and :func:`that`")
    assert TIGHT.search("float32 [H,W,C]")
    assert not TIGHT.search("float32 [H, W, C]")
