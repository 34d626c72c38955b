"""What keeps the house easy to hold: imports go one way, modules and signatures stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
MODULES = [
    path for folder in ("inpaintx", "cli", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))
]
LONGEST, MOST_PARAMETERS = 300, 6
SCHEMAS = [ROOT / "inpaintx" / "ops" / name for name in ("face.py", "layers.py", "reference")]


def test_imports_go_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert len(read_user_options().contracts_options) >= 3
    assert lint_imports() == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_signatures_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if "judge" not in path.parts:
        assert len(source.splitlines()) <= LONGEST
    if not any(path.is_relative_to(schema) for schema in SCHEMAS):  # whose parameters are the ops' own
        assert not list(too_many(ast.parse(source)))


def too_many(tree: ast.AST) -> Iterator[str]:
    """Functions with more parameters than can be held in mind; `self` doesn't count."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [
                argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_PARAMETERS:
                yield f"{node.name}{tuple(names)}"
