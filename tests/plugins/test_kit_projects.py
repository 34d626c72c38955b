"""Made and example projects, installed by pip as a stranger would, checked, and tested by their own tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inpaintx_cli.complete import command as complete

EXAMPLES = Path(__file__).parents[2] / "examples"


def output(*arguments: str, site: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site)} if site else None
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(project: Path, site: Path) -> None:
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    output("-m", "pip", "install", *options, "--target", str(site), str(project))


def check(project: Path, name: str, site: Path) -> None:
    """Installed: listed with its version, right by the kit, and by its own tests."""
    install(project, site)
    rows = [line.split()[1:4] for line in output("-m", "inpaintx", "plugins", "list", site=site).splitlines()]
    assert [row[2] for row in rows if row[0] == name] == ["0.1.0"]
    rules = output("-m", "inpaintx", "plugins", "check", name, site=site)
    assert "  pass  time" in rules
    lines = (project / "README.md").read_text().splitlines()
    (use,) = [line.split() for line in lines if line.strip().startswith("inpaintx complete")]
    with complete.make_context("complete", use[2:]) as context:  # the command line takes it as it is
        assert name in context.params.values()
        (settings,) = context.params["settings"]
    kind, option, _ = re.split(r"[.=]", settings, maxsplit=2)
    assert f"-o {kind}.{option}=" in output("-m", "inpaintx", "plugins", "info", name, site=site)
    output("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project), str(project), site=site)


@pytest.mark.parametrize("kind", ["mask", "blend"])
@pytest.mark.parametrize("name", ["soft-band", "class"])
def test_a_new_project_installs_and_passes_its_own_test(kind: str, name: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    output("-m", "inpaintx", "plugins", "new", name, "--kind", kind, "--out", str(project))
    check(project, name, tmp_path / "site")


@pytest.mark.parametrize(
    ("folder", "name"), [("film-scratches", "film-scratches"), ("laplacian-blend", "laplacian")]
)
def test_an_example_installs_and_passes_its_own_tests(folder: str, name: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / folder, project)  # a build writes into its sources
    check(project, name, tmp_path / "site")


BAD = """
from dataclasses import dataclass
from typing import ClassVar

@dataclass
class Later:
    \"\"\"Made for another interface.\"\"\"

    name: ClassVar[str] = "later"
    interface: ClassVar[int] = 2

    def mask(self, picture, rng): ...
"""


def test_another_interface_and_an_interrupt_at_import_are_failures_beside_the_others(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "later.py").write_text(BAD)
    (project / "stops.py").write_text("raise KeyboardInterrupt\n")
    (project / "pyproject.toml").write_text(
        """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "bad"
version = "1.0"
[project.entry-points."inpaintx.masks"]
later = "later:Later"
stops = "stops:Stops"
[tool.setuptools]
py-modules = ["later", "stops"]
"""
    )
    install(project, tmp_path / "site")
    code = "from inpaintx.plugins import registry; print(*registry.failures().values(), sep=chr(10)); "
    code += "print(registry.get('mask', 'center').name)"
    later, stops, center = output("-c", code, site=tmp_path / "site").splitlines()
    assert later.startswith("Later was made for plugin interface 2, and this inpaintx has 1; install")
    assert stops == "KeyboardInterrupt: (stops:Stops of package bad)"
    assert center == "center"
