"""What releases are made by; `make check-wheel` makes one and uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import yaml

import inpaintx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "release"))

from try_dockerfile import instructions  # noqa: E402 (from the folder above)

_spec = spec_from_file_location("release_build", ROOT / "release" / "build.py")  # there is a package `build`
assert _spec is not None
assert _spec.loader is not None
build = module_from_spec(_spec)
sys.modules[_spec.name] = build
_spec.loader.exec_module(build)
IMAGES = ("Dockerfile", "Dockerfile.cuda")


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


@pytest.mark.slow
def test_a_wheel_is_built_for_each_python_that_is_named(tmp_path: Path) -> None:
    pythons = ["--python", "python3.10", "--python", "python3.13"]
    command = [
        sys.executable,
        ROOT / "release" / "build.py",
        "--dry-run",
        *pythons,
        "--out",
        tmp_path / "dist",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sum(" repair " in line for line in told) == 3
    assert [line.split()[1] for line in told if " -m venv " in line][:2] == ["python3.10", "python3.13"]
    equipping = [line for line in told if line.endswith(" ".join(build.TOOLS))]
    assert len(equipping) == 2
    assert all("constraints.txt" in line for line in equipping)


FACTS = {  # of `auditwheel show --json`, as it is for our wheel
    "overall_tag": "linux_x86_64",
    "sym_tag": "manylinux_2_34_x86_64",
    "pyfpe": False,
    "ucs2": False,
    "unsupported_isa": False,
    "policy_upgrades": {
        tag: {"libs_to_eliminate": ["libc10.so", "libtorch.so", "libtorch_cpu.so"]}
        for tag in ("manylinux_2_35_x86_64", "manylinux_2_34_x86_64")
    },
}
WHEEL = "inpaintx-0.1.0-cp311-cp311-manylinux_2_34_x86_64.whl"


def found(**changed: Any) -> list[str]:
    return list(build.problems({**FACTS, **changed}, WHEEL))


def test_a_wheel_may_need_what_torch_brings_and_what_its_name_says_and_nothing_else() -> None:
    assert found() == []
    assert found(sym_tag="manylinux_2_35_x86_64") == ["its symbols need manylinux_2_35_x86_64"]
    assert found(sym_tag="linux_x86_64") == ["its symbols need linux_x86_64"]
    assert found(unsupported_isa=True) == ["auditwheel says unsupported_isa"]
    more = {"manylinux_2_34_x86_64": {"libs_to_eliminate": ["libc10.so", "libpng16.so.16"]}}
    assert found(policy_upgrades=more) == [
        "needs libraries that neither the system nor torch brings: libpng16.so.16"
    ]
    left_out = {"manylinux_2_34_x86_64": {"blacklisted_symbols": {"libz.so.1": ["gzflags"]}}}
    (problem,) = found(policy_upgrades=left_out)
    assert "gzflags" in problem


def test_the_workflow_tries_each_wheel_that_it_builds() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    tried = jobs["pythons"]["strategy"]["matrix"]["python"]
    (set_up,) = [
        step["with"]["python-version"].split()
        for step in jobs["wheels"]["steps"]
        if "with" in step and "python-version" in step["with"]
    ]
    assert sorted(set_up) == sorted(tried)
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None
    assert oldest[1] == tried[0]
    for step in jobs["wheels"]["steps"]:
        if "make release" in step.get("run", ""):  # the last of them is `python3`, and needs no naming
            assert re.findall(r"python(3\.\d+)", step["run"]) == set_up[:-1]
    assert set(jobs["images"]["strategy"]["matrix"]["file"]) == set(IMAGES)


def stages(name: str) -> list[list[tuple[str, str]]]:
    steps = instructions((ROOT / name).read_text(encoding="utf-8"))
    starts = [number for number, (word, _) in enumerate(steps) if word == "FROM"]
    return [steps[start:end] for start, end in zip(starts, [*starts[1:], len(steps)], strict=True)]


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_builds_with_all_that_the_build_needs(name: str) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(r'"([a-z0-9]+)', text.partition("requires = [")[2].partition("]")[0])
    assert {"torch", "pybind11"} <= set(needed) == set(build.TOOLS)
    first, _ = stages(name)
    installed = {word for step, rest in first if step == "RUN" for word in rest.split()}
    assert set(needed) <= installed


def test_what_runs_in_both_images_is_the_same_but_for_where_torch_comes_from() -> None:
    lines = [[" ".join(f"{word} {rest}".split()) for word, rest in stages(name)[1]] for name in IMAGES]
    on_cpu = [re.sub(r" && \S+ install \S+ -c \S+ \$\{TORCH_INDEX.* torch", "", line) for line in lines[0]]
    assert "TORCH_INDEX" not in "".join(on_cpu).replace("ARG TORCH_INDEX=", "")
    assert [line for line in on_cpu if line != "ARG TORCH_INDEX="] == lines[1]


@pytest.mark.parametrize("name", IMAGES)
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
