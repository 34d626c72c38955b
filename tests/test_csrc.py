"""The C++ tests (tests/csrc), built and run; and the CUDA kernels, compiled by nvcc where it is there."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# CMake and Ninja come with pip, beside the interpreter, which need not be on the path.
PATH = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])


def run(command: list[str], cwd: Path | None = None) -> str:
    """Runs a command to its end and gives what it printed; fails the test with it if the command does."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


def test_cpp_tests_pass() -> None:
    compilers = [os.environ.get("CXX", "c++"), "g++", "clang++"]
    if not any(shutil.which(compiler, path=PATH) for compiler in compilers):
        pytest.skip("there is no C++ compiler")
    if not shutil.which("cmake", path=PATH):
        pytest.skip("there is no CMake, which builds the C++ tests as it builds the library")
    output = run([str(ROOT / "tests" / "csrc" / "run.sh")])
    for part in ["context_loss", "latent_step", "context_weight", "every_instruction_set", "membrane"]:
        assert any(line.startswith("pass") and part in line for line in output.splitlines()), output


def test_nvcc_compiles_the_kernels_without_a_warning(tmp_path: Path) -> None:
    """For the oldest and the newest GPU that the library is built for; nothing spills into local memory."""
    if not shutil.which("nvcc", path=PATH):
        pytest.skip("there is no nvcc: the kernels have been compiled for the CPU only, by the C++ tests")
    kernels = sorted((ROOT / "csrc" / "cuda").glob("*.cu"))
    known = run(["nvcc", "--list-gpu-arch"])
    archs = [arch for arch in ("75", "120") if f"compute_{arch}\n" in known]
    assert kernels
    assert archs, known
    run(
        ["nvcc", "-std=c++17", "-O3", "--threads", "2", "-Werror", "all-warnings"]
        + ["-Xcompiler", "-Wall,-Wextra,-Werror", "-Xptxas", "-warn-spills,-warn-lmem-usage"]
        + [flag for arch in archs for flag in ("-gencode", f"arch=compute_{arch},code=sm_{arch}")]
        + ["-c", *map(str, kernels)],
        cwd=tmp_path,
    )
    assert sorted(path.stem for path in tmp_path.glob("*.o")) == [kernel.stem for kernel in kernels]
