"""What the reference does beyond the native ops, and the random numbers that they share."""

from __future__ import annotations

import pytest
import torch
from ops_cases import loss_inputs, step_inputs

from inpaintx import ops
from inpaintx.ops import reference

ONES = 0xFFFFFFFF
# The known answers of Philox4x32-10 that its authors publish with Random123: counter, key, result.
KNOWN_ANSWERS = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([ONES] * 4, [ONES] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(
    device: torch.device, counter: list[int], key: list[int], expected: list[int]
) -> None:
    words = reference.philox(
        [torch.tensor(c, device=device) for c in counter], [torch.tensor(k, device=device) for k in key]
    )
    assert [int(word) for word in words] == expected


def test_the_draws_are_uniform_and_differ_by_seed_step_and_position() -> None:
    seed = torch.tensor([0, 1, -1, 2**40, 2**40])
    step = torch.tensor([1, 1, 1, 1, 2])
    drawn = reference.symmetric_uniform(seed, step, 20000)
    assert drawn.dtype == torch.float32
    assert drawn.min() >= -1
    assert drawn.max() < 1
    counts = torch.stack([row.histc(20, -1, 1) for row in drawn])
    chi_squared = ((counts - 1000) ** 2 / 1000).sum(1)
    assert (chi_squared < 45).all()  # 19 degrees of freedom: one in a thousand is above 43.8
    correlation = torch.corrcoef(torch.cat([drawn, drawn.roll(1, 1)])).fill_diagonal_(0)
    assert correlation.abs().max() < 0.04


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_types_are_computed_in_float32(dtype: torch.dtype) -> None:
    x, y, w, prior = loss_inputs((2, 3, 16, 16), dtype)
    loss, grad = ops.context_loss(x, y, w, prior)
    wide_loss, wide_grad = ops.context_loss(x.float(), y.float(), w.float(), prior.float())
    assert (loss.dtype, grad.dtype) == (torch.float32, dtype)
    torch.testing.assert_close(loss, wide_loss, rtol=1e-6, atol=1e-5)
    assert torch.equal(grad, wide_grad.to(dtype))

    ours, wide = step_inputs(4, 30, dtype), step_inputs(4, 30, dtype)
    for name in ("z", "grad", "m", "v"):
        wide[name] = wide[name].float()
    for tensors in (ours, wide):
        ops.latent_step_(**tensors, lr=0.1, clip="stochastic")
    for name in ("z", "m", "v"):
        torch.testing.assert_close(ours[name], wide[name].to(dtype), rtol=1e-2, atol=1e-6)


def test_the_weight_of_a_bool_mask_is_float32() -> None:
    mask = torch.rand(1, 1, 9, 9) < 0.5
    weight = reference.context_weight(mask)
    assert weight.dtype == torch.float32
    assert torch.equal(weight, ops.context_weight(mask.float()))
