"""Loading the native library, and what it says of itself."""

import importlib.util
import logging
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from ops_cases import random_mask, run_python

import inpaintx.ops.face  # now, so that it takes the library itself, not one that a test puts in its place
import inpaintx.ops.library
from inpaintx import ops
from inpaintx.ops.library import ReferenceWarning, _native_dtypes, native_info, serves, serves_layer


def load_beside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    """A second inpaintx.ops.library, which looks for its file in `folder`; and the warnings of its loading.

    A second inpaintx.ops on top of it works.
    """
    shutil.copy(inpaintx.ops.library.__file__, folder / "native.py")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        native = _executed("native_beside", folder / "native.py")
        monkeypatch.setitem(sys.modules, "inpaintx.ops.library", native)
        beside = _executed("ops_beside", Path(ops.__file__).with_name("face.py"))
        for _ in range(2):
            mask = random_mask((1, 1, 9, 9), 1)
            assert torch.equal(beside.context_weight(mask), ops.context_weight(mask))
    return native, [f"{warning.category.__name__}: {warning.message}" for warning in caught]


def _executed(name: str, source: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_library_the_reference_serves_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTX_NATIVE", raising=False)
    native, messages = load_beside(tmp_path, monkeypatch)
    assert not native.native_available()
    assert native.native_info() == {"missing": "it was not built"}
    assert messages == [
        "ReferenceWarning: inpaintx: no native ops (it was not built); using the slower reference"
    ]


def test_a_broken_library_is_named_in_the_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTX_NATIVE", raising=False)
    (tmp_path / "_ops.so").write_bytes(b"not a library")
    native, messages = load_beside(tmp_path, monkeypatch)
    assert not native.native_available()
    assert len(messages) == 1
    assert messages[0].startswith("ReferenceWarning: inpaintx: no native ops (")
    assert str(tmp_path / "_ops.so") in messages[0]
    assert "\n" not in messages[0]


def test_the_reference_when_asked_for_comes_without_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INPAINTX_NATIVE", "0")
    with caplog.at_level(logging.INFO):
        native, messages = load_beside(tmp_path, monkeypatch)
    assert native.native_info() == {"missing": "INPAINTX_NATIVE=0"}
    assert messages == []
    assert [record.getMessage() for record in caplog.records] == ["INPAINTX_NATIVE=0: using the reference"]


@pytest.mark.slow
def test_an_instruction_set_that_is_not_there_is_refused(native: None) -> None:
    run = run_python("import inpaintx.ops.face", INPAINTX_CPU="sse9")
    runnable = ", ".join(native_info()["cpu_runs"])
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].endswith(
        f"InpaintxError: INPAINTX_CPU=sse9: this machine runs {runnable}; set one, or unset it"
    )


ALL_RESULTS = """
import torch
from inpaintx import ops
from inpaintx.ops import reference
from inpaintx.ops.library import native_info
from ops_cases import NORMS, CLIPS, OPTIMIZERS, loss_inputs, step_inputs, assert_same_loss
print(native_info()["cpu"])
for dtype in (torch.float32, torch.float64):
    for norm in NORMS:
        x, y, w, prior = loss_inputs((2, 3, 33, 41), dtype)
        assert_same_loss(x, y, w, prior, norm=norm, delta=0.3)
        print(ops.context_loss(x, y, w, prior, norm, 0.3)[1].double().sum().item().hex())
    for optimizer in OPTIMIZERS:
        for clip in CLIPS:
            s = step_inputs(5, 37, dtype)
            ops.latent_step_(**s, lr=0.3, optimizer=optimizer, clip=clip)
            print(s["z"].double().sum().item().hex())
print(ops.context_weight((x[:, :1] > 0).float()).sum().item().hex())
"""


@pytest.mark.slow
def test_every_instruction_set_gives_the_same_bits(native: None) -> None:
    runnable = native_info()["cpu_runs"]
    assert runnable[-1] == "baseline"
    outputs = {}
    for isa in runnable:
        run = run_python(ALL_RESULTS, Path(__file__).parent, INPAINTX_CPU=isa)
        assert run.returncode == 0, run.stderr
        name, *outputs[isa] = run.stdout.split()
        assert name == isa
    assert all(output == outputs["baseline"] for output in outputs.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch without CUDA")
def test_a_gpu_that_the_kernels_cannot_serve_gets_the_reference_with_one_warning(
    native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    _native_dtypes.cache_clear()
    try:
        with pytest.warns(ReferenceWarning, match=r"cuda:1: no native kernels \(.*\); using") as caught:
            assert not any(serves(torch.float32, torch.device("cuda:1")) for _ in range(3))
    finally:
        _native_dtypes.cache_clear()
    assert len(caught) == 1
    assert "ready" not in native_info()["cuda_here"]


def test_a_gpu_that_can_run_the_kernels_gets_them_for_all_ops(
    native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inpaintx.ops.library, "_cuda_obstacle", lambda index: None)
    _native_dtypes.cache_clear()
    try:
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            assert serves(dtype, torch.device("cuda:1"))
            assert serves_layer(dtype, torch.device("cuda:1"))
        assert not serves_layer(torch.float64, torch.device("cuda:1"))
    finally:
        _native_dtypes.cache_clear()
    for op in ("context_loss", "latent_step_", "context_weight", "gate_", "image_down_", "image_up"):
        for key in ("CPU", "CUDA"):
            assert torch._C._dispatch_has_kernel_for_dispatch_key(f"inpaintx::{op}", key), (op, key)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (b"90 90", "ready, with code for sm 90"),
        (b"110 75", "ready, with code for sm 110, made by the driver from PTX of sm 75"),
    ],
)
def test_info_tells_which_code_a_gpu_runs(
    native: None, monkeypatch: pytest.MonkeyPatch, code: bytes, told: str
) -> None:
    class Library:
        """The library on a machine with a GPU."""

        inpaintx_ops_info = inpaintx.ops.library._library.inpaintx_ops_info  # type: ignore[union-attr]

        def __init__(self) -> None:
            self.inpaintx_ops_cuda_obstacle = lambda index: None
            self.inpaintx_ops_cuda_code = lambda index: code

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(inpaintx.ops.library, "_library", Library())
    assert native_info()["cuda_here"] == told


def test_a_gpu_that_cannot_run_the_kernels_has_no_code(native: None) -> None:
    library = inpaintx.ops.library._library
    assert library is not None
    if library.inpaintx_ops_cuda_obstacle(0):
        assert not library.inpaintx_ops_cuda_code(0)
