"""context_loss: against its reference, against autograd, under the hole, and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops_cases import (
    LOSS_TOLERANCE,
    NORMS,
    SHAPES,
    TOLERANCE,
    assert_same_loss,
    dtypes_of,
    generator,
    loss_inputs,
)
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference


@pytest.mark.parametrize("with_prior", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_context_loss_is_the_reference(
    device: torch.device, shape: tuple[int, ...], norm: str, with_prior: bool
) -> None:
    for dtype in dtypes_of(device):
        x, y, w, prior = loss_inputs(shape, dtype, device)
        assert_same_loss(x, y, w, prior if with_prior else None, norm=norm, delta=0.3)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*(st.integers(0, n) for n in (3, 5, 40, 40))),
    layouts=st.tuples(
        *(st.sampled_from(["contiguous", "channels_last", "sliced", "transposed"]) for _ in range(4))
    ),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    norm=st.sampled_from(NORMS),
    seed=st.integers(0, 99),
)
def test_context_loss_takes_any_layout(
    shape: tuple[int, ...], layouts: tuple[str, ...], dtype: torch.dtype, norm: str, seed: int
) -> None:
    tensors = loss_inputs(shape, dtype, seed=seed)
    x, y, w, prior = (laid_out(t, layout) for t, layout in zip(tensors, layouts, strict=True))
    assert_same_loss(x, y, w, prior, norm=norm, delta=0.2)


def laid_out(t: Tensor, layout: str) -> Tensor:
    """The same values, otherwise placed in memory."""
    if layout == "channels_last":
        return t.contiguous(memory_format=torch.channels_last)
    if layout == "sliced":  # every second element of something larger
        return torch.stack([t, t + 1], -1)[..., 0]
    if layout == "transposed":
        return t.transpose(2, 3).contiguous().transpose(2, 3)
    return t


def test_context_loss_reads_channels_last_and_mixed_layouts_without_copying(native: None) -> None:
    tensors = loss_inputs((2, 3, 16, 24), torch.float32)
    last = [t.contiguous(memory_format=torch.channels_last) for t in tensors]
    for x, y, w, prior in itertools.product(*zip(tensors, last, strict=True)):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            ops.context_loss(x, y, w, prior)
        called = {event.key for event in profile.key_averages()}
        assert "inpaintx::context_loss" in called
        assert not called & {"aten::contiguous", "aten::clone", "aten::copy_"}


def test_context_loss_of_an_image_shared_by_the_batch() -> None:
    x, y, w, prior = loss_inputs((4, 3, 9, 11), torch.float32)
    assert_same_loss(x, y[:1].expand_as(x), w[:1].expand_as(w), prior)


@pytest.mark.parametrize("norm", NORMS)
def test_context_loss_grad_is_autograds_of_the_plain_expression(device: torch.device, norm: str) -> None:
    dtype = torch.float64 if device.type == "cpu" else torch.float32
    logits = torch.randn(3, 3, 17, 19, generator=generator(1)).to(device, dtype)
    logits.requires_grad_()
    _, y, w, prior = loss_inputs((3, 3, 17, 19), dtype, device)
    x = torch.tanh(logits)
    d = x - y
    plain = {
        "l1": d.abs(),
        "l2": d.square(),
        "huber": torch.nn.functional.huber_loss(x, y, reduction="none", delta=0.3),
    }
    expected_loss = (w * plain[norm]).sum((1, 2, 3))
    (expected_loss.sum() + (prior * x).sum()).backward()
    loss, grad = ops.context_loss(x.detach(), y, w, prior, norm, 0.3)
    torch.testing.assert_close(loss, expected_loss.detach(), **LOSS_TOLERANCE[dtype])
    torch.testing.assert_close(grad, logits.grad, **TOLERANCE[dtype])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e30])
def test_what_lies_under_the_hole_is_never_read(device: torch.device, norm: str, garbage: float) -> None:
    """Trap 4."""
    x, y, w, prior = loss_inputs((2, 3, 12, 12), torch.float32, device)
    clean = ops.context_loss(x, y, w, prior, norm)
    dirty = ops.context_loss(x, torch.where(w == 0, garbage, y), w, prior, norm)
    assert torch.equal(clean[0], dirty[0])
    assert torch.equal(clean[1], dirty[1])
    hole = (w == 0).expand_as(x)
    torch.testing.assert_close(dirty[1][hole], (prior * (1 - x * x))[hole])


def test_nan_in_the_known_pixels_shows() -> None:
    x, y, w, _ = loss_inputs((2, 1, 8, 8), torch.float32)
    y[0].fill_(float("nan"))
    loss, _ = ops.context_loss(x, y, w)
    assert loss.isnan().tolist() == [True, False]


@pytest.mark.parametrize("shape", [(8, 3, 64, 64), (3, 3, 250, 250), (2, 1, 700, 300)], ids=str)
def test_a_samples_loss_depends_neither_on_threads_nor_on_batch_mates(
    device: torch.device, native: None, shape: tuple[int, ...]
) -> None:
    x, y, w, prior = loss_inputs(shape, torch.float32, device)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        loss, grad = ops.context_loss(x, y, w, prior)
        torch.set_num_threads(3)
        again = ops.context_loss(x, y, w, prior)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(loss, again[0])
    assert torch.equal(grad, again[1])
    alone = [
        ops.context_loss(x[b : b + 1], y[b : b + 1], w[b : b + 1], prior[b : b + 1]) for b in range(shape[0])
    ]
    assert torch.equal(loss, torch.cat([a[0] for a in alone]))
    assert torch.equal(grad, torch.cat([a[1] for a in alone]))


def test_a_large_float32_sum_stays_precise() -> None:
    x, y, w, _ = loss_inputs((1, 3, 1024, 1024), torch.float32)
    loss, _ = ops.context_loss(x, y, w)
    exact = (w.double() * (x.double() - y.double()).abs()).sum()
    assert abs(loss.item() / exact.item() - 1) < 2e-7


def test_context_loss_has_no_backward_and_says_so(device: torch.device) -> None:
    x, y, w, _ = loss_inputs((1, 3, 8, 8), torch.float32, device)
    loss, grad = ops.context_loss(x.requires_grad_(), y, w)
    expected = ops.context_loss(x.detach(), y, w)
    assert torch.equal(loss, expected[0])
    assert torch.equal(grad, expected[1])
    with pytest.raises(InpaintxError, match=r"^context_loss: it has no backward; .*$"):
        loss.sum().backward()


def wrong_losses() -> dict[str, tuple[tuple[Any, ...], str]]:
    x, y, w, prior = loss_inputs((2, 3, 8, 8), torch.float32)
    return {
        "x of 3 dimensions": ((x[0], y[0], w[0]), "x is [3, 8, 8]; it must be [B, C, H, W]"),
        "y of another shape": (
            (x, y[:, :2], w),
            "y is [2, 2, 8, 8] and x is [2, 3, 8, 8]; they must have one shape",
        ),
        "y of another dtype": ((x, y.double(), w), "y and x differ in dtype; convert one"),
        "w of the image's shape": (
            (x, y, x),
            "w is [2, 3, 8, 8] and x is [2, 3, 8, 8]; w must be [B, 1, H, W]",
        ),
        "w of another dtype": ((x, y, w.bool()), "w and x differ in dtype; convert one"),
        "prior of another size": (
            (x, y, w, prior[..., :4]),
            "prior_grad is [2, 3, 8, 4] and x is [2, 3, 8, 8]; they must have one shape",
        ),
        "unknown norm": ((x, y, w, None, "l3"), "norm 'l3' is unknown; take one of l1, l2, huber"),
        "integers": ((x.int(), y.int(), w.int()), "x is int32; it must be floating point"),
    }


@pytest.mark.parametrize("implementation", [ops.context_loss, reference.context_loss])
@pytest.mark.parametrize("case", wrong_losses())
def test_context_loss_says_what_is_wrong(implementation: Callable[..., Any], case: str) -> None:
    arguments, message = wrong_losses()[case]
    with pytest.raises(InpaintxError) as error:
        implementation(*arguments)
    assert str(error.value) == f"context_loss: {message}"
