"""The C++ tests (tests/csrc), built and run; and the CUDA kernels, compiled by nvcc where it is there."""

import hashlib
import os
import shutil
import subprocess
import sys
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


MUTANTS = ROOT / "tests" / "csrc" / "mutants"

TOY = """
#pragma once
namespace toy {
constexpr int kSize = 2;
inline int sum(const int* values, int n) {
  int total = 0;
  for (int i = 0; i < n; ++i) total += values[i];
  return total > 5 ? 5 : total;
}
inline int halvings(int n) {
  int count = 0;
  for (; n > 1; ++count) n /= 2;
  return count;
}
}  // namespace toy
"""
TEST_OF_TOY = """
#include "../../../csrc/ops/toy/op.h"
#include "check.h"
TEST(sums_and_halvings) {
  const int small[toy::kSize] = {1, 2}, large[] = {4, 4};
  CHECK(toy::sum(small, 2) == 3 && toy::sum(large, 2) == 5 && toy::halvings(8) == 3);
}
"""
ALIKE = """
csrc/ops/toy/op.h:
  sum:
    "return total >= 5 ? 5 : total;": both are 5 where it is 5
    "int total = 1;": it is none
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A project with one op, whose tests miss something."""
    if not shutil.which(os.environ.get("CXX", "c++"), path=PATH):
        pytest.skip("there is no C++ compiler")
    shutil.copytree(ROOT / "csrc" / "common", tmp_path / "csrc" / "common")
    tests = tmp_path / "tests" / "csrc"
    for part in ("shim", "mutants"):
        shutil.copytree(ROOT / "tests" / "csrc" / part, tests / part)
    for name in ("main.cpp", "check.h"):
        shutil.copy(ROOT / "tests" / "csrc" / name, tests)
    for path, text in (
        (tmp_path / "csrc" / "ops" / "toy" / "op.h", TOY),
        (tests / "ops" / "test_toy.cpp", TEST_OF_TOY),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tests / "mutants" / "alike.yaml").write_text(ALIKE)
    return tmp_path


def test_faults_that_no_test_notices_are_told(toy: Path) -> None:
    done = subprocess.run([sys.executable, MUTANTS, "--root", toy], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    columns, _, counts, _, *told = done.stdout.splitlines()
    assert columns == "| op | faults | fails | without end | refused | alike | survives |"
    assert counts == "| toy | 18 | 12 | 2 | 1 | 1 | 2 |"
    assert told == [
        "fails, though alike.yaml names it: csrc/ops/toy/op.h:6: sum: int total = 0;  ->  int total = 1;",
        "survives: csrc/ops/toy/op.h:8: sum: return total > 5 ? 5 : total;"
        "  ->  return total > (5 + 1) ? 5 : total;",
        "survives: csrc/ops/toy/op.h:4: : constexpr int kSize = 2;  ->  constexpr int kSize = 3;",
    ]


OTHER = """
#pragma once
#include "../toy/op.h"
inline int twice(const int* values) { return 2 * toy::sum(values, toy::kSize); }
"""
TEST_OF_OTHER = """
#include "../../../csrc/ops/other/op.h"
#include "check.h"
TEST(is_twice_the_sum) {
  const int values[] = {1, 2};
  CHECK(twice(values) == 6);
}
"""


def test_what_an_op_takes_of_another_is_not_its_own(toy: Path) -> None:
    for path, text in (("csrc/ops/other/op.h", OTHER), ("tests/csrc/ops/test_other.cpp", TEST_OF_OTHER)):
        (toy / path).parent.mkdir(exist_ok=True)
        (toy / path).write_text(text)
    (toy / "tests/csrc/mutants/alike.yaml").unlink()
    done = subprocess.run([sys.executable, MUTANTS, "--root", toy, "other"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, own, common = done.stdout.splitlines()
    assert own == "| other | 3 | 3 | 0 | 0 | 0 | 0 |"
    # Of the toy's only what these tests notice: what they don't, or never ask for, others may.
    assert common == "| common | 5 | 5 | 0 | 0 | 0 | 0 |"


def test_the_tests_notice_what_is_wrong_in_an_op() -> None:
    """A few faults of the smallest op; `make mutants` has them all."""
    run([sys.executable, str(MUTANTS), "keep_best", "--every", "9"])


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
