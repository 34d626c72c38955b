"""Drives CMake: CMakeLists.txt describes the native build, pyproject.toml holds the metadata."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build" / f"cmake-{sys.implementation.cache_tag}"  # kept, so that a rebuild takes seconds


def tool(name: str) -> str:
    """The path of a build tool: the one that pip put beside this Python first."""
    path = shutil.which(
        name, path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    )
    if path is None:
        sys.exit(f"inpaintx: {name} is missing: pip install {name}, or set INPAINTX_NATIVE=0 to do without")
    return path


def has_compiler() -> bool:
    return any(
        shutil.which(name) for name in (os.environ.get("CXX", "").split() or ["c++", "g++", "clang++"])[:3]
    )


def wants_native() -> bool:
    """Whether to compile; says in one line why not."""
    if os.environ.get("INPAINTX_NATIVE") == "0":
        print(
            "inpaintx: INPAINTX_NATIVE=0: built without native code; the reference will be used",
            file=sys.stderr,
        )
        return False
    if not has_compiler():
        print(
            "inpaintx: no C++ compiler: built without native code; the reference will be used",
            file=sys.stderr,
        )
        return False
    return True


class CMakeBuild(build_ext):
    """Builds all native libraries in one go, into the package of the build, or (editable) of the sources."""

    def output(self) -> Path:
        editable = self.editable_mode or self.inplace
        return (ROOT if editable else Path(self.build_lib).resolve()) / "inpaintx" / "ops"

    def run(self) -> None:
        if importlib.util.find_spec("torch") is None:
            sys.exit(
                "inpaintx: torch is missing: install torch>=2.10 first, then build with --no-build-isolation"
            )
        built = BUILD / "out"
        subprocess.run(
            [
                tool("cmake"),
                *("-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja"),
                f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
                f"-DPython_EXECUTABLE={sys.executable}",
                f"-DINPAINTX_OUTPUT={built}",
                f"-DINPAINTX_CUDA={os.environ.get('INPAINTX_CUDA', 'ON')}",
            ],
            check=True,
        )
        subprocess.run([tool("cmake"), "--build", str(BUILD)], check=True)
        self.output().mkdir(parents=True, exist_ok=True)
        for library in built.glob("*.so"):
            self.copy_file(str(library), str(self.output() / library.name))

    def get_outputs(self) -> list[str]:
        return [str(self.output() / library.name) for library in (BUILD / "out").glob("*.so")]

    def get_output_mapping(self) -> dict[str, str]:
        return {}


setup(
    ext_modules=[Extension("inpaintx.ops._native", sources=[])] if wants_native() else [],
    cmdclass={"build_ext": CMakeBuild},
)
