"""The native build: what is in the libraries, and what the build says where something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inpaintx.ops.library import native_info

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "inpaintx" / "ops" / "_ops.so"
WIDE_REGISTERS = re.compile(r"%[yz]mm|%k[1-7]\b")
VEX_OR_EVEX = re.compile(r"\bv[a-z]+\d*[a-z]*\s+.*%[xyz]mm")  # vaddss, vmovups, …: AVX encodings of any width


def binutils(tool: str, *arguments: str, library: Path = LIBRARY) -> str:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([tool, *arguments, str(library)], check=True, capture_output=True, text=True).stdout


def is_avx(instruction: str) -> bool:
    return bool(WIDE_REGISTERS.search(instruction) or VEX_OR_EVEX.search(instruction))


def functions_with_avx() -> tuple[set[str], set[str]]:
    """Names of all disassembled functions, and of those that hold an AVX instruction."""
    everything, found, current = set(), set(), ""
    for line in binutils("objdump", "-d", "-C", "--no-show-raw-insn").splitlines():
        if header := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            current = header[1]
            everything.add(current)
        elif is_avx(line):
            found.add(current)
    return everything, found


def test_avx_stays_in_the_loops_that_are_chosen_at_load_time(native: None) -> None:
    everything, with_avx = functions_with_avx()
    if not any("::avx2::" in name for name in everything):
        pytest.skip("this library has the baseline only")
    chosen = re.compile(r"inpaintx::cpu::(avx2|avx512)::")
    assert {name for name in with_avx if not chosen.search(name)} == set()
    assert any("::avx2::" in name for name in with_avx)  # the search for instructions does find some
    assert any("::avx512::" in name for name in with_avx)
    assert any("inpaintx::cpu::baseline::" in name for name in everything)


@pytest.mark.parametrize(
    ("instruction", "avx"),
    [
        ("vaddps %xmm1,%xmm2,%xmm3", True),
        ("vmovups (%rax),%ymm0", True),
        ("addps  %xmm1,%xmm2", False),
        ("kmovw  %eax,%k1", True),
        ("verr   %ax", False),
    ],
)
def test_avx_is_recognised(instruction: str, avx: bool) -> None:
    assert is_avx(instruction) is avx


def test_the_library_needs_only_torchs_stable_abi(native: None) -> None:
    """No C++ symbol of torch: those change from release to release."""
    undefined = binutils("nm", "-D", "-C", "--undefined-only").splitlines()
    names = [line.split(maxsplit=1)[1].removeprefix("U ").removeprefix("w ") for line in undefined]
    assert [name for name in names if re.search(r"\b(at|c10|caffe2|torch)::", name)] == []
    assert "torch_call_dispatcher" in names
    assert any(line.split() == ["w", "aoti_torch_get_current_cuda_stream"] for line in undefined)
    cuda_runtime = [name for name in names if re.match(r"cuda[A-Z]", name)]
    assert cuda_runtime == []  # it is inside


def test_the_ops_serve_every_python(native: None) -> None:
    symbols = binutils("nm", "-D")
    assert "inpaintx" in symbols
    assert not re.search(r"\b_?Py[A-Z_]", symbols)


def test_what_is_built_tells_nothing_of_the_machine(native: None) -> None:
    libraries = sorted(LIBRARY.parent.glob("*.so"))
    assert len(libraries) == 2
    for library in libraries:
        text = binutils("strings", "-a", library=library)
        assert not [line for line in text.splitlines() if str(ROOT) in line or "site-packages" in line]


def test_the_library_finds_torch_by_what_is_loaded_already(native: None) -> None:
    dynamic = binutils("readelf", "-d")
    assert "libtorch_cpu.so" in dynamic
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


def test_cuda_is_compiled_wherever_nvcc_is(native: None) -> None:
    state = native_info()["cuda"]
    if shutil.which("nvcc") and os.environ.get("INPAINTX_CUDA") != "OFF":
        assert re.fullmatch(
            r"compiled by nvcc [\d.]+ for sm (\d+)[\d,]*, and as PTX of sm \1 for others, untested: .*", state
        )
    else:
        assert state.startswith(("compiled by", "not compiled: "))


def run_setup(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """setup.py, writing only below `folder`; egg-info included, so from a copy of what it reads."""
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "CMakeLists.txt"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    for package in ("inpaintx", "cli", "plugins"):
        shutil.copytree(
            ROOT / package, source / package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INPAINTX_") and k != "CXX"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=source,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"INPAINTX_NATIVE": "0"},
            "INPAINTX_NATIVE=0: built without native code; the reference will be used",
        ),
        ({"PATH": ""}, "no C++ compiler: built without native code; the reference will be used"),
    ],
)
def test_without_native_code_everything_else_is_built(
    tmp_path: Path, environment: dict[str, str], line: str
) -> None:
    run = run_setup(tmp_path, "setup.py", "build", "--build-base", str(tmp_path / "build"), **environment)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count(f"inpaintx: {line}\n") == 1
    assert (tmp_path / "build" / "lib" / "inpaintx" / "ops" / "face.py").exists()
    assert not list((tmp_path / "build").rglob("*.so"))


WITHOUT_TORCH = """
import importlib.util, runpy, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
sys.argv = ["setup.py", "build_ext"]
runpy.run_path("setup.py", run_name="__main__")
"""


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a compiler")
def test_without_torch_the_build_ends_in_one_line(tmp_path: Path) -> None:
    run = run_setup(tmp_path, "-c", WITHOUT_TORCH)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "inpaintx: torch is missing: install torch>=2.10 first, then build with --no-build-isolation"
    )
    assert "Traceback" not in run.stderr
