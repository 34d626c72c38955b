"""What keeps the house easy to hold: imports go one way, modules and signatures stay short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
    path for folder in ("inpaintx", "cli", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))
]
LONGEST, MOST_PARAMETERS = 300, 6
SCHEMAS = [ROOT / "inpaintx" / "ops" / name for name in ("face.py", "layers.py", "reference")]


def test_imports_go_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # In a process of its own: it turns off all loggers of this one, on which other tests look.
    command = [Path(sys.executable).with_name("lint-imports")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    kept = re.search(r"(\d+) kept, 0 broken", ended.stdout)
    assert kept is not None
    assert int(kept[1]) >= 3


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
