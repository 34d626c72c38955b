"""The C++ tests (tests/csrc), built and run; and the CUDA kernels, compiled by nvcc where it is there."""

import os
import re
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
    """For every GPU that the library is built for; nothing spills into local memory."""
    if not shutil.which("nvcc", path=PATH):
        pytest.skip("there is no nvcc: the kernels have been compiled for the CPU only, by the C++ tests")
    kernels = [ROOT / "csrc" / "common" / "device.cu", *sorted((ROOT / "csrc" / "ops").glob("*/cuda.cu"))]
    known = run(["nvcc", "--list-gpu-arch"])
    wanted = re.search(r"foreach\(arch ([\d ]+)\)", (ROOT / "CMakeLists.txt").read_text())
    assert wanted is not None
    archs = [arch for arch in wanted[1].split() if f"compute_{arch}\n" in known]
    assert len(kernels) > 1
    assert archs, known
    for number, kernel in enumerate(kernels):
        run(
            ["nvcc", "-std=c++17", "-O3", "-fmad=false", "--threads", "2", "-Werror", "all-warnings"]
            + ["-Xcompiler", "-Wall,-Wextra,-Werror", "-Xptxas", "-warn-spills,-warn-lmem-usage"]
            + [flag for arch in archs for flag in ("-gencode", f"arch=compute_{arch},code=sm_{arch}")]
            + ["-c", str(kernel), "-o", str(tmp_path / f"{number}.o")]
        )
    assert len(list(tmp_path.glob("*.o"))) == len(kernels)
