"""The C++ tests (tests/csrc), built and run; and the CUDA kernels, compiled by nvcc where it is there."""

import hashlib
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


#: One of each generation since Ampere; the build compiles for more, with warnings as errors, too.
ARCHS = [80, 90, 100, 120]
STRICT = ["nvcc", "-std=c++17", "-O3", "-Werror", "all-warnings", "-Xptxas", "-warn-spills,-warn-lmem-usage"]
KERNELS = [ROOT / "csrc" / "common" / "device.cu", *sorted((ROOT / "csrc" / "ops").glob("*/cuda.cu"))]


@pytest.fixture(scope="module")
def compiler() -> str:
    """What nvcc says of itself."""
    if not shutil.which("nvcc", path=PATH):
        pytest.skip("there is no nvcc: the kernels have been compiled for the CPU only, by the C++ tests")
    return run(["nvcc", "--version"])


def code_for(archs: list[int]) -> list[str]:
    return [flag for arch in archs for flag in ("-gencode", f"arch=compute_{arch},code=sm_{arch}")]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.parent.name)
def test_nvcc_compiles_the_kernels_without_a_warning_and_without_a_spill(
    kernel: Path, compiler: str, tmp_path: Path
) -> None:
    """Their code for GPUs; what runs on the host is compiled with warnings as errors by the C++ tests.

    Once for the same sources, nvcc and flags: a file in the build folder, named by their hash, says so.
    """
    known = run(["nvcc", "--list-gpu-arch"])
    archs = [arch for arch in ARCHS if f"compute_{arch}\n" in known]
    assert archs, known
    contracts = (
        [] if kernel.parent.name in ("layers", "image_loss") else ["-fmad=false"]
    )  # as CMakeLists.txt has it
    command = [*STRICT, *contracts, "--threads", "2", *code_for(archs), "-fatbin", str(kernel)]
    sources = [kernel, *sorted((ROOT / "csrc").rglob("*.h")), *sorted((ROOT / "csrc").rglob("*.cuh"))]
    seen = hashlib.sha256("\0".join([compiler, *command, *map(Path.read_text, sources)]).encode())
    done = ROOT / "build" / "nvcc-checked" / seen.hexdigest()
    if not done.exists():
        run([*command, "-o", str(tmp_path / "code.fatbin")])
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()


SPILLS = """
__global__ void __launch_bounds__(1024, 2) spills(float* p, int n) {
  float kept[96];
  for (int i = 0; i < 96; ++i) kept[i] = p[i * n];
  __syncthreads();
  for (int i = 0; i < 96; ++i) {
    float sum = 0;
#pragma unroll
    for (int j = 0; j < 96; ++j) sum += kept[j] * p[i + j];
    p[i * n + 7] = sum;
  }
}
"""


def test_a_spill_would_be_noticed(compiler: str, tmp_path: Path) -> None:
    source = tmp_path / "spills.cu"
    source.write_text(SPILLS)
    command = [*STRICT, *code_for([90]), "-fatbin", str(source), "-o", str(tmp_path / "code.fatbin")]
    done = subprocess.run(command, env={**os.environ, "PATH": PATH}, capture_output=True, text=True)
    assert done.returncode != 0
    assert "spill" in done.stderr
