"""What contributors' tools are told refers to what is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_hooks_run_tools_that_are_set_up_here() -> None:
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repo["hooks"]}
    assert set(hooks) == {"ruff-check", "ruff-format", "mypy", "clang-format"}
    dev = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\ndev = [")[2].partition("]")[0]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for hook in hooks.values():
        assert hook["language"] == "system"
        folder, tool = Path(shlex.split(hook["entry"])[0]).parts[-2:]
        assert folder == "bin"
        assert f'"{tool}>=' in dev
        assert f"\n{tool}==" in pinned


def test_the_workflow_calls_the_gate() -> None:
    workflow = read(GITHUB / "workflows" / "ci.yml")
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert ".ci/run" in runs
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_gate_and_the_contributors_guide_name_targets_of_the_makefile() -> None:
    named = set()
    for path in (".ci/run", "CONTRIBUTING.md", "README.md", ".github/pull_request_template.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:^|`|/ )make ([a-z-]+)", text, re.MULTILINE))
    assert {"install", "lint", "test", "docs"} <= named
    assert named <= TARGETS


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms(form: Path) -> None:
    if form.stem == "config":
        assert read(form)["blank_issues_enabled"] is False
        return
    content = read(form)
    assert content["name"]
    assert content["description"]
    fields = [part for part in content["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in fields}) == len(fields)
    if form.stem == "bug":
        (facts,) = [part for part in fields if "inpaintx info --json" in part["attributes"]["label"]]
        assert facts["attributes"]["render"] == "json"
        assert facts["validations"]["required"]


def test_the_issue_form_for_bugs_is_there() -> None:
    assert "bug" in [form.stem for form in FORMS]


def test_the_container_sets_itself_up_with_make() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    make, target = container["postCreateCommand"].split()
    assert make == "make"
    assert target in TARGETS
    for setting in container["customizations"]["vscode"]["settings"].values():
        for name in re.findall(r"\$\{workspaceFolder\}/(\S+)", str(setting)):
            assert name.startswith(".venv/") or (ROOT / name).exists()


def test_the_editors_settings_agree_with_the_tools() -> None:
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^\[(.+)\]\n((?:.+\n?)*)", text, re.MULTILINE))
    length = re.search(r"line-length = (\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert length is not None
    assert f"max_line_length = {length[1]}" in sections["*.py"]
    assert "indent_style = tab" in sections["Makefile"]
