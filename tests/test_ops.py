"""The ops as torch operators, their errors passed on, and how the native library loads."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ops_cases import OPTIMIZERS, copied, loss_inputs, random_mask, step_inputs
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError


def operator_calls(device: torch.device) -> dict[str, tuple[Any, ...]]:
    x, y, w, prior = loss_inputs((2, 3, 8, 10), torch.float32, device)
    last = x.contiguous(memory_format=torch.channels_last)
    s = tuple(step_inputs(3, 10, torch.float32, device).values())
    return {
        "context_loss": (x, y, w, prior, 0, 1.0),
        "context_loss without prior": (x, y, w, None, 2, 0.5),
        "context_loss channels last": (last, y, w, prior, 1, 1.0),
        "context_loss of a view": (x.transpose(2, 3), y.transpose(2, 3), w.transpose(2, 3), None, 1, 1.0),
        "latent_step_": (*s, 0, 1, 0.1, 0.9, 0.999, 1e-8, 1.0),
        "context_weight": (random_mask((2, 1, 9, 9), 0).to(device), 7, 0),
    }


@pytest.mark.parametrize("call", operator_calls(torch.device("cpu")))
def test_opcheck(device: torch.device, native: None, call: str) -> None:
    name = call.split()[0]
    operator = getattr(torch.ops.inpaintx, name).default
    results = torch.library.opcheck(operator, operator_calls(device)[call])
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4


@pytest.fixture
def compiled() -> Any:
    torch._dynamo.reset()
    yield lambda function: torch.compile(function, fullgraph=True, backend="aot_eager")
    torch._dynamo.reset()


def test_context_loss_compiles_whole(device: torch.device, compiled: Callable[..., Any]) -> None:
    def function(logits: Tensor, y: Tensor, mask: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        loss, grad = ops.context_loss(torch.tanh(logits), y, ops.context_weight(mask, 5), prior, "huber", 0.2)
        return loss * 2, grad + 1

    x, y, w, prior = loss_inputs((2, 3, 8, 10), torch.float32, device)
    mask = (w > 0).float()
    for expected, result in zip(
        function(x, y, mask, prior), compiled(function)(x, y, mask, prior), strict=True
    ):
        torch.testing.assert_close(result, expected)
        assert result.stride() == expected.stride()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_latent_step_compiles_whole(
    device: torch.device, compiled: Callable[..., Any], optimizer: str
) -> None:
    def function(z: Tensor, **rest: Any) -> Tensor:
        ops.latent_step_(z, **rest, lr=0.1, optimizer=optimizer, clip="stochastic")
        return z * 2

    ours = step_inputs(3, 10, torch.float32, device)
    expected = copied(ours)
    assert torch.equal(compiled(function)(**ours), function(**expected))
    assert all(torch.equal(ours[name], expected[name]) for name in ours)


def test_mixed_devices_are_named() -> None:
    x, y, w, _ = loss_inputs((2, 3, 8, 8), torch.float32)
    tensors = step_inputs(2, 4)
    with pytest.raises(
        InpaintxError, match=r"^context_loss: y and x are on different devices; move them to one$"
    ):
        ops.context_loss(x, y.to("meta"), w)
    with pytest.raises(InpaintxError, match=r"^latent_step_: seed and z are on different devices; .*$"):
        ops.latent_step_(**{**tensors, "seed": tensors["seed"].to("meta")}, lr=0.1)


def test_other_errors_pass_through(native: None) -> None:
    x, y, w, _ = loss_inputs((2, 3, 8, 8), torch.float32)
    with pytest.raises(RuntimeError, match="delta"):
        ops.context_loss(x, y, w, None, "l1", "wide")  # type: ignore[arg-type]


def test_a_search_step_compiles_whole_with_the_default_backend(device: torch.device) -> None:
    def function(x: Tensor, y: Tensor, w: Tensor, s: dict[str, Any]) -> Tensor:
        loss, grad = ops.context_loss(x, y, w)
        ops.latent_step_(**{**s, "grad": grad.flatten(1)}, lr=0.1)
        return loss

    x, y, w, _ = loss_inputs((3, 1, 4, 4), torch.float32, device)
    ours = step_inputs(3, 16, torch.float32, device)
    expected = copied(ours)
    torch._dynamo.reset()
    loss = torch.compile(function, fullgraph=True)(x, y, w, ours)
    torch.testing.assert_close(loss, function(x, y, w, expected))
    for name in ours:
        torch.testing.assert_close(ours[name], expected[name])
    torch._dynamo.reset()


# --- loading the native library -----------------------------------------------------------------------------


def load_beside(folder: Path) -> tuple[Any, list[str]]:
    """A second inpaintx.ops, which looks for its library in `folder`; and the warnings of its loading."""
    source = shutil.copy(Path(ops.__file__), folder / "ops.py")
    spec = importlib.util.spec_from_file_location("ops_beside", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec.loader.exec_module(module)
        for _ in range(2):
            mask = random_mask((1, 1, 9, 9), 1)
            assert torch.equal(module.context_weight(mask), ops.context_weight(mask))
    return module, [f"{warning.category.__name__}: {warning.message}" for warning in caught]


def test_without_a_library_the_reference_serves_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTX_NATIVE", raising=False)
    module, messages = load_beside(tmp_path)
    assert not module.native_available()
    assert module.native_info() == {"missing": "it was not built"}
    assert messages == [
        "ReferenceWarning: inpaintx: no native ops (it was not built); using the slower reference"
    ]


def test_a_broken_library_is_named_in_the_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INPAINTX_NATIVE", raising=False)
    (tmp_path / "_ops.so").write_bytes(b"not a library")
    module, messages = load_beside(tmp_path)
    assert not module.native_available()
    assert len(messages) == 1
    assert messages[0].startswith("ReferenceWarning: inpaintx: no native ops (")
    assert str(tmp_path / "_ops.so") in messages[0]
    assert "\n" not in messages[0]


def test_the_reference_when_asked_for_comes_without_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INPAINTX_NATIVE", "0")
    with caplog.at_level(logging.INFO):
        module, messages = load_beside(tmp_path)
    assert module.native_info() == {"missing": "INPAINTX_NATIVE=0"}
    assert messages == []
    assert [record.getMessage() for record in caplog.records] == ["INPAINTX_NATIVE=0: using the reference"]


def run_python(script: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("INPAINTX_NATIVE", "INPAINTX_CPU")}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, env=clean | environment, capture_output=True, text=True
    )


def test_an_instruction_set_that_is_not_there_is_refused(native: None) -> None:
    run = run_python("import inpaintx.ops", INPAINTX_CPU="sse9")
    runnable = ", ".join(ops.native_info()["cpu_runs"])
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].endswith(
        f"InpaintxError: INPAINTX_CPU=sse9: this machine runs {runnable}; set one, or unset it"
    )


ALL_RESULTS = """
import torch
from inpaintx import ops, reference
from ops_cases import NORMS, CLIPS, OPTIMIZERS, loss_inputs, step_inputs, assert_same_loss
print(ops.native_info()["cpu"])
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


def test_every_instruction_set_gives_the_same_bits(native: None) -> None:
    runnable = ops.native_info()["cpu_runs"]
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
    ops._native_dtypes.cache_clear()
    try:
        with pytest.warns(ops.ReferenceWarning, match=r"cuda:1: no native kernels \(.*\); using") as caught:
            assert not any(ops._is_native(torch.float32, torch.device("cuda:1")) for _ in range(3))
    finally:
        ops._native_dtypes.cache_clear()
    assert len(caught) == 1
    assert "ready" not in ops.native_info()["cuda_here"]
