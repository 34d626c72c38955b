"""What `make test-gpu` does where a card and its sanitizer are, with stand-ins for both, and where not."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _command(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, str]:
    """An environment in which both are there: what they are called with goes to `log`."""
    _command(tmp_path / "python", f'test "$1" = -c || echo "python $@" >> {tmp_path}/log')
    told = f'echo "${{PYTORCH_NO_CUDA_MEMORY_CACHING:-0}} $@" >> {tmp_path}/log'
    _command(tmp_path / "compute-sanitizer", f'{told}; case "$@" in *$FAILS*) exit 9;; esac')
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHON": str(tmp_path / "python"), "FAILS": "nothing"}


def _run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "tests" / "test_gpu.sh"], env=environment, capture_output=True, text=True)


def test_all_four_tools_look_at_ops_and_search(commands: dict[str, str], tmp_path: Path) -> None:
    assert _run(commands).returncode == 0
    suite, *lines = (tmp_path / "log").read_text().splitlines()
    assert suite == "python -m pytest -q -k cuda tests"
    for number, tool in enumerate(("memcheck", "racecheck", "initcheck", "synccheck")):
        ops, search = lines[2 * number : 2 * number + 2]
        assert ops.startswith(f"1 --tool {tool} ")
        assert search.startswith(f"0 --tool {tool} ")
        assert ops.endswith("tests/ops")
        assert search.endswith("tests/search")
        assert "--error-exitcode 9" in ops
    assert len(lines) == 8


def test_what_a_tool_finds_fails(commands: dict[str, str], tmp_path: Path) -> None:
    assert _run({**commands, "FAILS": "racecheck"}).returncode == 9
    assert "synccheck" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("lacks", ["card", "sanitizer"])
def test_what_is_missing_is_said_in_one_line(commands: dict[str, str], tmp_path: Path, lacks: str) -> None:
    if lacks == "card":
        _command(tmp_path / "python", "exit 1")
    ended = _run(commands if lacks == "card" else {**commands, "SANITIZER": "no-such-sanitizer"})
    assert ended.returncode == 1
    assert ended.stdout == ""
    told = {"card": "torch sees no GPU here", "sanitizer": "no no-such-sanitizer on the PATH"}[lacks]
    assert ended.stderr.startswith(f"test-gpu: {told}; ")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "log").exists()
