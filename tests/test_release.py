"""What releases are made by; `make check-wheel` makes one and uses it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import inpaintx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "release"))

from try_dockerfile import instructions  # noqa: E402 (from the folder above)


def test_the_command_has_the_packages_name_and_version() -> None:
    package = distribution("inpaintx")
    assert package.version == inpaintx.__version__
    assert "inpaintx" in package.entry_points.select(group="console_scripts").names  # as `uvx inpaintx` needs


@pytest.mark.slow
def test_a_dry_run_says_all_steps_and_makes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "dist"
    told = subprocess.run(
        [sys.executable, ROOT / "release" / "build.py", "--dry-run", "--no-cuda", "--out", out],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert all(line.startswith("$ ") for line in told)
    steps = ["--sdist", "INPAINTX_CUDA=OFF", "repair", "INPAINTX_NATIVE=0", "venv", "native", "cyclonedx-py"]
    places = [next(number for number, line in enumerate(told) if step in line.split()) for step in steps]
    assert places == sorted(places)
    assert told[-1].endswith(" reference")
    assert not out.exists()


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_an_image_runs_by_a_user_with_pinned_versions_and_no_compiler(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    steps = instructions(text)
    words = [word for word, _ in steps]
    last = steps[len(words) - 1 - words[::-1].index("FROM") :]
    assert words.count("FROM") == 2
    assert dict(last)["ENTRYPOINT"] == '["inpaintx"]'
    assert dict(last)["USER"] not in ("root", "0")
    assert "apt-get" not in dict(last)["RUN"]
    for word, command in steps:
        for install in command.split("&&") if word == "RUN" else ():
            if "pip install" in install:
                assert "constraints.txt" in install
