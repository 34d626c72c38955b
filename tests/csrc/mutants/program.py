"""The C++ tests of one op in one program that has every fault of the op, and what they make of each."""

from __future__ import annotations

import math
import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from faults import Fault, Source

COMPILER = os.environ.get("CXX", "c++")
#: Without -fopenmp-simd: no vector loop could have a condition that may be wrong.
FLAGS = [
    *("-std=c++17", "-g0", "-ffp-contract=off", "-w"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]
#: As tests/csrc/CMakeLists.txt has them.
ISAS: dict[str, list[str]] = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    ISAS["avx2"] = ["-mavx2", "-mfma"]
    ISAS["avx512"] = ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ops(root: Path) -> list[str]:
    """The folders of csrc/ops: an op that is added is found."""
    return sorted(path.parent.name for path in (root / "csrc" / "ops").glob("*/op.h"))


def sources_of(root: Path, op: str) -> list[Path]:
    """What the op's loops and kernels are made of, from the root; not op.cpp, which needs torch."""
    own = [Path("csrc/ops") / op / name for name in ("op.h", "math.h", "cpu.cpp", "cuda.cu")]
    return [file for path in own if (root / path).exists() for file in _with_headers(root, path)]


def with_faults(root: Path, op: str) -> list[Source]:
    """The op's sources with all their faults, numbered through from 1."""
    sources: list[Source] = []
    for file in dict.fromkeys(sources_of(root, op)):
        sources.append(Source(root, file, 1 + sum(len(source.faults) for source in sources)))
    return sources


def _with_headers(root: Path, file: Path) -> list[Path]:
    """The file and the project's headers that it includes, however far."""
    found, waiting = [], [file]
    while waiting:
        path = waiting.pop(0)
        if path not in found and (root / path).exists():  # others are found by -I: the tests' own
            found.append(path)
            names = re.findall(r'^#include "(.*)"', (root / path).read_text(), re.MULTILINE)
            waiting += [Path(os.path.normpath(path.parent / name)) for name in names]
    return found


@dataclass
class Test:
    """A test of the op: how much of the processor it takes, and how often it asks for each fault."""

    name: str
    seconds: float
    counts: list[int]


class Program:
    """One op's tests and sources, built in a folder of their own."""

    def __init__(self, root: Path, op: str, folder: Path) -> None:
        self._folder = folder
        for part in ("csrc", "tests/csrc"):
            shutil.copytree(root / part, folder / part)
        sources = with_faults(root, op)
        for source in sources:
            (folder / source.file).write_text(source.text)
        self.faults = [fault for source in sources for fault in source.faults]
        test, loops = Path(f"tests/csrc/ops/test_{op}.cpp"), Path(f"csrc/ops/{op}/cpu.cpp")
        if not (root / test).exists():
            raise FileNotFoundError(f"{test}: the op {op} has no C++ tests; write some")
        #: Object -> its source and flags.
        self._parts = {
            "test": (test, []),
            "main": (Path("tests/csrc/main.cpp"), ["-DFAULTS_ARE_COUNTED_HERE"]),
            "shim": (Path("tests/csrc/shim/shim.cpp"), []),
            "isa": (Path("csrc/common/isa.cpp"), []),
        }
        for path in sorted((root / "tests" / "csrc" / "common").glob("*.cpp")):
            self._parts[path.stem] = (path.relative_to(root), [])
        if (root / loops).exists():
            self._parts |= {isa: (loops, [f"-DINPAINTX_ISA={isa}", *flags]) for isa, flags in ISAS.items()}
        self._made_of = {part: _with_headers(root, source) for part, (source, _) in self._parts.items()}
        try:
            self._program = self._built(list(self._parts), 0)
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{op} does not compile with its faults:\n{error.stderr}") from error
        self._tests = sorted(self._measured(), key=lambda test: test.seconds)

    def asks_for(self, fault: Fault) -> bool:
        """Does any test, as it runs?"""
        return any(test.counts[fault.number] for test in self._tests)

    def outcome(self, fault: Fault) -> str:
        """What the tests make of it: "fails", "without end", "refused" by the compiler, or "survives"."""
        asking = [test for test in self._tests if test.counts[fault.number]]
        if asking:
            return self._tried(self._program, asking, fault)
        parts = [part for part, files in self._made_of.items() if fault.file in files]
        try:
            program = self._built(parts, fault.number)
        except subprocess.CalledProcessError:
            return "refused"
        found = self._tried(program, self._tests, fault)
        for path in self._folder.glob(f"{fault.number}-*"):
            path.unlink()
        return found

    # --- building ------------------------------------------------------------------------------------------

    def _built(self, parts: list[str], fault: int) -> Path:
        """The program, with these parts compiled anew with one fault in what the compiler works out."""
        objects = {part: self._folder / f"{fault if part in parts else 0}-{part}.o" for part in self._parts}
        with ThreadPoolExecutor(CORES if fault == 0 else 1) as pool:
            list(pool.map(lambda part: self._compile(part, objects[part], fault), parts))
        program = self._folder / f"{fault}-program"
        subprocess.run([COMPILER, *FLAGS, *objects.values(), "-o", program], check=True, capture_output=True)
        return program

    def _compile(self, part: str, target: Path, fault: int) -> None:
        source, flags = self._parts[part]
        includes = [f"-I{self._folder / 'tests/csrc'}", f"-I{self._folder / 'tests/csrc/shim'}"]
        includes += ["-include", str(self._folder / "tests/csrc/mutants/fault.h")]
        level = "-O0" if fault else "-O1"  # for one fault, or for many runs
        command = [COMPILER, level, *FLAGS, f"-DFAULT={fault}", *includes, *flags]
        command += ["-c", self._folder / source, "-o", target]
        subprocess.run(command, check=True, capture_output=True, text=True)

    # --- running -------------------------------------------------------------------------------------------

    def _measured(self) -> Iterable[Test]:
        """Each of the tests, run without a fault."""
        names = subprocess.run([self._program, "--list"], check=True, capture_output=True, text=True).stdout
        counts = self._folder / "counts"
        environment = {"INPAINTX_FAULT": f"{-1 - len(self.faults)}", "INPAINTX_FAULT_COUNTS": str(counts)}
        for name in names.split():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = self._run(self._program, name, environment, 600)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode:
                raise RuntimeError(f"{name} fails as it is: {done.stdout}{done.stderr}")
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            yield Test(name, seconds, [int(count) for count in counts.read_text().split()])

    def _tried(self, program: Path, tests: list[Test], fault: Fault) -> str:
        """What these tests make of a program with a fault. Without end: three times what they take."""
        for test in tests:
            environment = {"INPAINTX_FAULT": f"{fault.number}:{1000 + 3 * test.counts[fault.number]}"}
            done = self._run(program, test.name, environment, 1 + 3 * test.seconds)
            if done.returncode != 0:
                return "without end" if done.returncode in WITHOUT_END else "fails"
        return "survives"

    def _run(
        self, program: Path, test: str, environment: dict[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """The test, up to the first check that fails, with so much of the processor at most."""
        limited = ["sh", "-c", f'ulimit -t {math.ceil(seconds)} && exec "$@"', "sh", program, "--stop"]
        return subprocess.run(
            [*limited, test], env={**os.environ, **environment}, capture_output=True, text=True
        )


#: How a program ends that would not: as fault.h has it, and killed for the processor's time.
WITHOUT_END = (3, -24, -9)
