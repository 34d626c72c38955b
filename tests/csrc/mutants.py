"""Do the C++ tests notice a kernel that is wrong? Makes one small fault at a time in them, and tests each.

    python tests/csrc/mutants.py                    all mutants
    python tests/csrc/mutants.py layers --every 5   each fifth of those of one op
    python tests/csrc/mutants.py --list             what would be changed

A fault is another comparison, bound, step, index, mask or constant, or a barrier less. It is found where
the compiler refuses it, a check fails, the shim throws, a sanitizer speaks or the run does not end. ALIKE
names the faults that are none: other ways to the same result. Ends with an error where another survives.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPILER = os.environ.get("CXX", "c++")
FLAGS = [
    *("-std=c++17", "-O0", "-g0", "-ffp-contract=off", "-fopenmp-simd", "-w"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]
#: As tests/csrc/CMakeLists.txt has them.
ISAS: dict[str, list[str]] = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    ISAS["avx2"] = ["-mavx2", "-mfma"]
    ISAS["avx512"] = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]
SECONDS = 60  # of the processor, after which a run will not end

#: What of a line is changed, and to what.
FAULTS = [
    (r" < ", " <= "),
    (r" <= ", " < "),
    (r" > ", " >= "),
    (r" >= ", " > "),
    (r" == ", " != "),
    (r" != ", " == "),
    (r" && ", " || "),
    (r" \|\| ", " && "),
    (r" \+ 1\b", ""),
    (r" - 1\b", ""),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \+= ", " -= "),
    (r" \* ", " + "),
    (r" / ", " % "),
    (r" % ", " / "),
    (r"__syncthreads\(\);", ";"),
    (r"0xffffffffu", "0x7fffffffu"),
    (r"_down_sync", "_up_sync"),
    (r"_up_sync", "_down_sync"),
    (r"\b2\b", "1"),
    (r"\b2\b", "3"),
    (r"\b0\b", "1"),
    (r"\b1\b", "2"),
    (r"threadIdx\.x", "0"),
    (r"\+\+(?=args)", ""),
]

#: Lines that hold no fault of a kernel: what is for the compiler.
PASSED_OVER = re.compile(r"^\s*(//|#|static_assert|template|using|namespace)|__launch_bounds__")

#: Lines that are as right as the kernel's, by how their file's path ends and how they begin, and why.
ALIKE = {
    ("keep_best/cuda.cu", "if (threadIdx.x == 1) {"): "any one thread will do",
    ("latent_step/cuda.cu", "if (threadIdx.x == 1) {"): "any one thread will do",
    (
        "context_loss/cuda.cu",
        "values[k] = k < static_cast<int>(size) ? to_float(data[offset(view, sample, first + k)]) : 1.0f;",
    ): "x and y are one beyond the end, so that no weight counts",
    (
        "context_loss/cuda.cu",
        "const Part<T> part = {first, left <= kPack<T> ? left : kPack<T>,",
    ): "either is the same where they are",
    (
        "layers/cuda.cu",
        "constexpr int padding = (kernel - 1) / 2, length = 2 * kTile + kernel + 2,",
    ): "a line that is longer than it need be",
    ("cuda.cu", "if (args.batch >= kMaxBlocks) {"): "so many blocks can't be run here",
    ("cuda.cu", "if (args.n >= kMaxBlocks) {"): "so many values can't be held here",
    ("cuda.cu", "if (blocks >= kMaxBlocks) {"): "so many blocks can't be run here",
}


@dataclass(frozen=True)
class Mutant:
    """One fault: its file, from the root; the line's number; the line before and after."""

    file: Path
    number: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number + 1}: {self.before.strip()}  ->  {self.after.strip()}"


@dataclass(frozen=True)
class Op:
    """What a test file takes in: the kernels that it tests."""

    name: str
    test: Path
    files: list[Path]

    def mutants(self) -> Iterator[Mutant]:
        for file in self.files:
            for number, line in enumerate((ROOT / file).read_text().splitlines()):
                yield from (Mutant(file, number, line, after) for after in changed(line))


def changed(line: str) -> Iterator[str]:
    """The line with each fault in each place, comments left alone."""
    if PASSED_OVER.search(line):
        return
    code = line.split("//")[0]
    for pattern, to in FAULTS:
        for match in re.finditer(pattern, code):
            yield line[: match.start()] + to + line[match.end() :]


def ops() -> list[Op]:
    """One for each cuda.cu; what they share is changed under the test of an op that uses it."""
    folders = sorted(path.parent for path in (ROOT / "csrc" / "ops").glob("*/cuda.cu"))
    shared = {
        "context_loss": ["csrc/common/reduce.cuh", "csrc/common/element.cuh"],
        "context_weight": ["csrc/common/reduce.cuh"],
        "latent_step": ["csrc/common/launch.cuh"],
        "keep_best": ["csrc/ops/keep_best/math.h"],
    }
    return [
        Op(
            folder.name,
            Path(f"tests/csrc/ops/test_{folder.name}.cpp"),
            [folder.relative_to(ROOT) / "cuda.cu", *map(Path, shared.get(folder.name, []))],
        )
        for folder in folders
    ]


class Workshop:
    """A copy of the sources, in which one op's tests are built and run."""

    def __init__(self, folder: Path, op: Op) -> None:
        self._folder, self._op = folder, op
        for part in ("csrc", "tests/csrc"):
            shutil.copytree(ROOT / part, folder / part)
        self._objects: list[Path] = []
        for source in ("tests/csrc/main.cpp", "tests/csrc/shim/shim.cpp", "csrc/common/isa.cpp"):
            self._build(source)
        for isa, flags in ISAS.items():
            self._build(f"csrc/ops/{op.name}/cpu.cpp", f"-DINPAINTX_ISA={isa}", *flags)

    def _build(self, source: str, *flags: str) -> None:
        target = self._folder / f"{len(self._objects)}.o"
        assert self._compile(Path(source), target, *flags), source
        self._objects.append(target)

    def survives(self, mutant: Mutant | None) -> bool:
        """Do all tests pass with this fault?"""
        if mutant is None:
            return self._passes()
        path = self._folder / mutant.file
        whole = path.read_text()
        lines = whole.splitlines()
        lines[mutant.number] = mutant.after
        path.write_text("\n".join(lines) + "\n")
        try:
            return self._passes()
        finally:
            path.write_text(whole)

    def _passes(self) -> bool:
        test = self._folder / "test.o"
        if not self._compile(self._op.test, test):
            return False
        program = self._folder / "program"
        linked = subprocess.run([COMPILER, *FLAGS, *self._objects, test, "-o", program], capture_output=True)
        assert linked.returncode == 0, linked.stderr.decode()
        limited = ["sh", "-c", f'ulimit -t {SECONDS} && exec "$0" --stop', program]
        return subprocess.run(limited, capture_output=True).returncode == 0

    def _compile(self, source: Path, target: Path, *more: str) -> bool:
        includes = [f"-I{self._folder / 'tests/csrc'}", f"-I{self._folder / 'tests/csrc/shim'}"]
        command = [COMPILER, *FLAGS, *includes, *more, "-c", self._folder / source, "-o", target]
        return subprocess.run(command, capture_output=True).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ops", nargs="*", help="which ops; else all")
    parser.add_argument("--every", type=int, default=1, help="only each n-th mutant")
    parser.add_argument("--list", action="store_true", help="name the mutants, and test none")
    asked = parser.parse_args()
    chosen = [op for op in ops() if not asked.ops or op.name in asked.ops]
    survivors = 0
    for op in chosen:
        mutants = list(op.mutants())[:: asked.every]
        if asked.list:
            print("\n".join(map(str, mutants)))
            continue
        with tempfile.TemporaryDirectory() as folder:
            workshop = Workshop(Path(folder), op)
            assert workshop.survives(None), f"{op.name}: the tests fail as they are"
            alive = [mutant for mutant in mutants if survives(workshop, mutant)]
        excused = [mutant for mutant in alive if is_alike(mutant)]
        survivors += len(alive) - len(excused)
        print(f"{op.name}: {len(mutants)} mutants, {len(mutants) - len(alive)} found, {len(excused)} alike")
    return 1 if survivors else 0


def is_alike(mutant: Mutant) -> bool:
    return any(
        str(mutant.file).endswith(end) and mutant.after.strip().startswith(line) for end, line in ALIKE
    )


def survives(workshop: Workshop, mutant: Mutant) -> bool:
    """The same, said at once where it is a fault."""
    alive = workshop.survives(mutant)
    if alive and not is_alike(mutant):
        print(f"survives: {mutant}", flush=True)
    return alive


if __name__ == "__main__":
    sys.exit(main())
