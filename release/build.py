"""Makes what is released: ``make release``, or ``python release/build.py --dry-run`` to see what it would do.

A source distribution; from that, and not from the tree, a wheel for Linux on this processor, for this Python
and each other that is named, and one in plain Python; a bill of materials, the licences of all that is
installed with it, and checksums. This Python's wheels are installed into an environment that has nothing
else, and complete pictures there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

import inpaintx

ROOT = Path(__file__).resolve().parent.parent
NAME = f"inpaintx-{inpaintx.__version__}"
FROM_TORCH = ("libtorch.so", "libtorch_cpu.so", "libc10.so")  # and CUDA's, which torch loads where it has any
CUDA = ("libcuda.so.1", "libcudart.so.*", "libtorch_cuda.so", "libc10_cuda.so")
WHEEL = ("--no-build-isolation", "--no-deps")
TOOLS = (
    "torch",
    "setuptools",
    "cmake",
    "ninja",
    "pybind11",
)  # that a wheel is built with: no more of them runs
SOURCES = ("csrc/", "inpaintx/", "cli/", "plugins/", "inpaintx.egg-info/")
FILES = (
    *("CHANGELOG.md", "CMakeLists.txt", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md"),
    *("constraints.txt", "pyproject.toml", "setup.cfg", "setup.py"),
)


@dataclass(frozen=True)
class Maker:
    """Runs the steps, or only says them."""

    dry_run: bool

    def run(
        self, *command: str | Path, environment: Mapping[str, str] | None = None, told: bool = False
    ) -> str:
        """One step; the tools are those beside this Python. Gives, where asked, what it told."""
        words = [str(word) for word in command]
        settings = [f"{name}={value}" for name, value in (environment or {}).items()]
        click.echo("$ " + shlex.join([*settings, *words]))
        if self.dry_run:
            return ""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {**os.environ, "PATH": path, **(environment or {})}
        ended = subprocess.run(words, env=variables, stdout=subprocess.PIPE if told else None, text=True)
        self.check(f"{words[0]} ended with {ended.returncode}", ended.returncode == 0)
        return ended.stdout or ""

    def check(self, what: str, passed: bool) -> None:
        """Ends all with one line where something is not as it must be."""
        if not passed:
            raise click.ClickException(what)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "dist", help="Folder; emptied first.")
@click.option("--cuda/--no-cuda", default=True, help="Compile the CUDA kernels, which takes nvcc.")
@click.option("--python", "pythons", multiple=True, help="Another Python to build a wheel for. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Say the steps, and do none.")
def main(out: Path, cuda: bool, pythons: tuple[str, ...], dry_run: bool) -> None:
    """Make the source distribution, the wheels and what goes with them."""
    if platform.system() != "Linux":
        raise click.ClickException("wheels with native code are made on Linux only")
    maker = Maker(dry_run)
    if not dry_run:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
    with TemporaryDirectory() as scratch:
        source = make_source(maker, out, Path(scratch))
        native = make_native(maker, source, out, cuda, sys.executable)
        for number, python in enumerate(pythons):
            builder = equipped(maker, python, Path(scratch) / f"builder-{number}")
            make_native(maker, source, out, cuda, builder)
        pure = make_pure(maker, source, out)
        environment = Path(scratch) / "environment"
        use(maker, environment, native, "native")
        describe(maker, environment, out)
        use(maker, environment, pure, "reference")
    if dry_run:
        return
    for file in sorted(out.iterdir()):
        with (out / "SHA256SUMS").open("a") as sums:
            sums.write(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
        click.echo(f"{file}: {file.stat().st_size / 2**20:.1f} MiB")


def make_source(maker: Maker, out: Path, scratch: Path) -> Path:
    """The source distribution; gives the folder that it is unpacked in, where the wheels are built."""
    python = sys.executable
    maker.run(python, "-m", "build", "--sdist", "--no-isolation", "--outdir", out, ROOT)
    archive = out / f"{NAME}.tar.gz"
    if not maker.dry_run:
        with tarfile.open(archive) as tar:
            names = {member.name.removeprefix(NAME + "/") for member in tar if member.isfile()}
            strange = [name for name in names if not name.startswith(SOURCES) and name not in FILES]
            built = [name for name in names if name.endswith((".so", ".pyc"))]
            maker.check(f"{archive}: what is not needed: {sorted(strange + built)}", not strange + built)
    maker.run("tar", "-xzf", archive, "-C", scratch)
    return scratch / NAME


def equipped(maker: Maker, python: str, environment: Path) -> Path:
    """Another Python, with what building a wheel takes and nothing else; gives its path."""
    maker.run(python, "-m", "venv", "--without-pip", environment)
    made = environment / "bin" / "python"
    maker.run(*_pip(made, "install"), "--no-deps", "-c", ROOT / "constraints.txt", *TOOLS)
    return made


def make_native(maker: Maker, source: Path, out: Path, cuda: bool, python: str | Path) -> Path:
    """The wheel with native code, for one Python and every torch from 2.10; held to what it needs."""
    built = Path(str(source) + "-built")
    shutil.rmtree(built, ignore_errors=True)  # of another Python
    switches = {"INPAINTX_NATIVE": "1", "INPAINTX_CUDA": "ON" if cuda else "OFF"}
    maker.run(*_pip(python, "wheel"), *WHEEL, "-w", built, source, environment=switches)
    (raw,) = list(built.glob("*.whl")) or [built / f"{NAME}-*.whl"]
    excluded = [word for library in (*FROM_TORCH, *CUDA) for word in ("--exclude", library)]
    maker.run("auditwheel", "repair", "--plat", "auto", *excluded, "-w", out, raw)
    python_tag = raw.name.removeprefix(NAME).partition("-linux")[0]
    (wheel,) = list(out.glob(f"{NAME}{python_tag}-manylinux*.whl")) or [out / f"{NAME}-*-manylinux_*.whl"]
    shown = maker.run("auditwheel", "show", "--json", wheel, told=True)
    if maker.dry_run:
        return wheel
    for problem in problems(json.loads(shown), wheel.name):
        maker.check(f"{wheel}: {problem}", False)
    with zipfile.ZipFile(wheel) as archive:
        places = [str(place).encode() for place in (ROOT, source, Path(inpaintx.__file__).parent)]
        for name in archive.namelist():
            told = any(place in archive.read(name) for place in places)
            maker.check(f"{wheel}: {name} tells where it was built", not told)
        kernels = b"compiled by nvcc" in archive.read("inpaintx/ops/_ops.so")
    maker.check(f"{wheel}: no CUDA kernels: install nvcc, or say --no-cuda", kernels or not cuda)
    return wheel


def problems(facts: Mapping[str, Any], name: str) -> Iterator[str]:
    """What keeps a wheel from being what its name says, by ``auditwheel show --json``.

    All is held to the policy that the symbols ask for, which must be in the name. The libraries that torch
    brings are outside every policy, so that the overall tag of whatever needs them is ``linux``; nothing else
    may be.
    """
    tag = facts["sym_tag"]
    if not tag.startswith("manylinux") or tag not in name:
        yield f"its symbols need {tag}"
    for what in ("pyfpe", "ucs2", "unsupported_isa"):
        if facts[what]:
            yield f"auditwheel says {what}"
    short_of_it = facts["policy_upgrades"].get(tag, {})
    if others := set(short_of_it.get("libs_to_eliminate", ())) - set(FROM_TORCH):
        yield f"needs libraries that neither the system nor torch brings: {', '.join(sorted(others))}"
    if symbols := short_of_it.get("blacklisted_symbols"):
        yield f"needs symbols that {tag} leaves out: {symbols}"


def make_pure(maker: Maker, source: Path, out: Path) -> Path:
    """The wheel without native code, for all other systems."""
    shutil.rmtree(source / "build", ignore_errors=True)  # of the other wheel
    switches = {"INPAINTX_NATIVE": "0"}
    maker.run(*_pip(sys.executable, "wheel"), *WHEEL, "-w", out, source, environment=switches)
    return out / f"{NAME}-py3-none-any.whl"


def use(maker: Maker, environment: Path, wheel: Path, kind: str) -> None:
    """Installs a wheel, the first time with all it needs, into an empty environment, and completes there."""
    if kind == "native":
        maker.run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    if kind != "native":
        maker.run(*_pip(python, "uninstall"), "-y", "inpaintx")
    maker.run(*_pip(python, "install"), "-c", ROOT / "constraints.txt", wheel)
    maker.run(ROOT / "tests" / "check_wheel.sh", environment, kind)


def describe(maker: Maker, environment: Path, out: Path) -> None:
    """A bill of materials (CycloneDX) of the wheel with all it needs, and the text of each licence."""
    python = environment / "bin" / "python"
    bill = ["cyclonedx-py", "environment", "--output-reproducible", "--pyproject", ROOT / "pyproject.toml"]
    file = out / f"{NAME}.cdx.json"
    maker.run(*bill, "--output-file", file, python)
    if not maker.dry_run:
        facts = json.loads(file.read_text(encoding="utf-8"))
        facts["metadata"]["component"]["version"] = (
            inpaintx.__version__
        )  # which pyproject.toml only points to
        file.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    licences = ["pip-licenses", "--python", python, "--format", "plain-vertical", "--no-license-path"]
    maker.run(*licences, "--with-license-file", "--output-file", out / f"{NAME}-licences.txt")


def _pip(python: str | Path, command: str) -> list[str | Path]:
    """A command of this Python's pip, on another's packages."""
    return [
        sys.executable,
        *("-m", "pip", "--python", python, command),
        *("--disable-pip-version-check", "-q"),
    ]


if __name__ == "__main__":
    main()
