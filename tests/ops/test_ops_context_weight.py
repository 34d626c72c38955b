"""context_weight: against a pixel-by-pixel sum and its reference, and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ops_cases import dtypes_of, random_mask
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference


def brute_force_weight(mask: Tensor, window: int, border: str) -> Tensor:
    """Yeh et al., eq. 3, pixel by pixel."""
    weight = torch.zeros(mask.shape, dtype=torch.float64)
    radius = window // 2
    batch, _, height, width = mask.shape
    for b, i, j in itertools.product(range(batch), range(height), range(width)):
        if mask[b, 0, i, j] == 0:
            continue
        around = mask[b, 0, max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1]
        area = around.numel() if border == "valid" else window**2
        weight[b, 0, i, j] = (around == 0).sum().item() / area
    return weight


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.just(1), st.integers(1, 12), st.integers(1, 12)),
    window=st.integers(0, 15).map(lambda n: 2 * n + 1),
    border=st.sampled_from(list(reference.BORDERS)),
    seed=st.integers(0, 99),
)
def test_context_weight_is_the_brute_force_sum(
    shape: tuple[int, ...], window: int, border: str, seed: int
) -> None:
    mask = random_mask(shape, seed)
    expected = brute_force_weight(mask, window, border)
    for dtype in (torch.float32, torch.float64):
        weight = ops.context_weight(mask.to(dtype), window, border)
        torch.testing.assert_close(weight, expected.to(dtype), rtol=1e-6, atol=0)


@pytest.mark.parametrize("border", list(reference.BORDERS))
@pytest.mark.parametrize(
    "shape", [(3, 1, 64, 64), (2, 1, 1, 300), (1, 1, 131, 77), (0, 1, 4, 4), (2, 1, 0, 3)], ids=str
)
def test_context_weight_is_the_reference(device: torch.device, shape: tuple[int, ...], border: str) -> None:
    for dtype, window in itertools.product([*dtypes_of(device), torch.bool], (1, 7, 31, 1001)):
        mask = random_mask(shape, 3, dtype).to(device)
        weight = ops.context_weight(mask, window, border)
        assert torch.equal(weight, reference.context_weight(mask, window, border))


def test_the_weight_is_zero_in_the_hole_and_highest_at_its_rim(device: torch.device) -> None:
    """Trap 5."""
    mask = torch.ones(1, 1, 31, 31, device=device)
    mask[..., 12:19, 12:19] = 0
    for border in reference.BORDERS:
        weight = ops.context_weight(mask, 7, border)[0, 0]
        assert (weight[12:19, 12:19] == 0).all()
        outward = weight[15, 19:]
        assert outward[0] == weight.max() > 0
        assert (outward.diff() <= 0).all()
        assert (outward[:3].diff() < 0).all()
        assert (outward[3:] == 0).all()


def test_context_weight_of_a_view() -> None:
    mask = random_mask((2, 1, 20, 30), 5)
    assert torch.equal(
        ops.context_weight(mask.transpose(2, 3)), ops.context_weight(mask.transpose(2, 3).contiguous())
    )


@pytest.mark.parametrize("implementation", [ops.context_weight, reference.context_weight])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 3, 4, 4),), "mask is [2, 3, 4, 4]; it must be [B, 1, H, W]"),
        ((torch.ones(4, 4),), "mask is [4, 4]; it must be [B, 1, H, W]"),
        ((torch.ones(1, 1, 4, 4), 6), "window is 6; it must be odd and positive"),
        ((torch.ones(1, 1, 4, 4), -1), "window is -1; it must be odd and positive"),
        ((torch.ones(1, 1, 4, 4), 7, "reflect"), "border 'reflect' is unknown; take one of valid, zero"),
    ],
)
def test_context_weight_says_what_is_wrong(
    implementation: Callable[..., Any], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(InpaintxError) as error:
        implementation(*arguments)
    assert str(error.value) == f"context_weight: {message}"
