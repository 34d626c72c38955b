"""The ops as torch operators, and their errors passed on."""

from __future__ import annotations

from collections.abc import Callable
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
