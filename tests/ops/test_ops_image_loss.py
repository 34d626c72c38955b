"""image_loss: against its reference and the ops that it is made of, its gradient, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ops_cases import NORMS, TOLERANCE, dtypes_of, generator
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference

LAST = torch.channels_last
#: batch, features, height, width, channels, kernel
SHAPES = [
    (2, 64, 8, 8, 3, 4),
    (3, 20, 7, 5, 1, 5),
    (1, 4, 16, 16, 1, 4),
    (2, 33, 3, 40, 4, 5),
    (0, 8, 4, 4, 3, 4),
]


def inputs(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str = "cpu", seed: int = 0
) -> dict[str, Tensor]:
    """Sums of G's last hidden layer, and what follows; about half of the weights are 0."""
    batch, features, height, width, channels, kernel = shape
    g = generator(seed)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    maps = torch.randn(batch, features, height, width, generator=g, dtype=torch.float64)
    weight = torch.randn(features, channels, kernel, kernel, generator=g, dtype=torch.float64)
    w = torch.rand(batch, 1, 2 * height, 2 * width, generator=g, dtype=torch.float64)
    drawn = {
        "weight": weight / (features * kernel) ** 0.5,
        "y": torch.rand(batch, channels, 2 * height, 2 * width, generator=g, dtype=torch.float64) * 2 - 1,
        "w": torch.where(w < 0.5, 0, w),
        "bias": torch.randn(channels, generator=g, dtype=torch.float64),
        "maps_bias": torch.randn(features, generator=g, dtype=torch.float64),
    }
    on = {name: tensor.to(device, wide) for name, tensor in drawn.items()}
    return {"maps": maps.to(device, dtype).contiguous(memory_format=LAST), **on}


def without(given: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in given.items() if name not in names}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_it_is_the_reference(device: torch.device, shape: tuple[int, ...], norm: str) -> None:
    for dtype in [each for each in dtypes_of(device) if each != torch.bfloat16]:
        whole = inputs(shape, dtype, device)
        for given in (whole, without(whole, "maps_bias"), without(whole, "bias", "maps_bias")):
            loss, grad = ops.image_loss(**given, norm=norm, delta=0.3)
            expected = reference.image_loss(**given, norm=norm, delta=0.3)
            assert (loss.dtype, grad.dtype, grad.shape) == (
                whole["y"].dtype,
                whole["y"].dtype,
                whole["y"].shape,
            )
            assert grad.is_contiguous()
            tolerance = {name: 8 * value for name, value in TOLERANCE[dtype].items()}  # sums over features
            torch.testing.assert_close(loss.sum(1), expected[0].sum(1), **tolerance)
            edge = _edges(given) if norm == "l1" else torch.zeros_like(grad, dtype=torch.bool)
            torch.testing.assert_close(
                grad.masked_fill(edge, 0), expected[1].masked_fill(edge, 0), **tolerance
            )


def _edges(given: dict[str, Tensor]) -> Tensor:
    """Where rounding says which sign a difference has."""
    x = reference.image_up(
        given["maps"], given["weight"], given.get("bias"), maps_bias=given.get("maps_bias")
    )
    return (x.tanh() - given["y"]).abs() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_on_the_cpu_it_is_the_ops_one_by_one_bit_for_bit(
    native: None, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    given = inputs(shape, dtype)
    for norm in NORMS:
        loss, grad = ops.image_loss(**given, norm=norm, delta=0.3)
        x = ops.image_up(given["maps"], given["weight"], given["bias"], maps_bias=given["maps_bias"]).tanh_()
        expected = ops.context_loss(x, given["y"], given["w"], None, norm, 0.3)
        assert torch.equal(loss, expected[0][:, None])
        assert torch.equal(grad, expected[1])


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize("norm", NORMS)
def test_its_gradient_is_that_of_the_layers(module: Any, norm: str) -> None:
    given = inputs(SHAPES[1], torch.float64)
    maps, weight, y, w, bias, maps_bias = given.values()
    active = (maps + maps_bias[:, None, None]).relu()
    before = F.conv_transpose2d(active, weight, bias, 2, 2, 1).requires_grad_()
    d = before.tanh() - y
    rho = {"l1": d.abs(), "l2": d.square(), "huber": F.huber_loss(d, torch.zeros_like(d), "none", 0.3)}[norm]
    loss = (w * rho).sum((1, 2, 3))
    (expected,) = torch.autograd.grad(loss.sum(), before)
    parts, grad = module.image_loss(**given, norm=norm, delta=0.3)
    torch.testing.assert_close(parts.sum(1), loss.detach())
    torch.testing.assert_close(grad, expected)


def test_a_samples_loss_is_the_same_alone_and_in_a_batch(device: torch.device, native: None) -> None:
    given = inputs((5, 64, 16, 40, 3, 4), torch.float32, device)
    loss, grad = ops.image_loss(**given)
    own = {name: given[name][2:3] for name in ("maps", "y", "w")}
    alone = ops.image_loss(**{**given, **own})
    assert torch.equal(alone[0][0], loss[2])
    assert torch.equal(alone[1][0], grad[2])


def test_what_lies_under_the_hole_does_not_count_and_a_known_nan_shows(device: torch.device) -> None:
    given = inputs((2, 8, 4, 4, 3, 4), torch.float32, device)
    clean = ops.image_loss(**given)
    hole = (given["w"] == 0).expand_as(given["y"])
    dirty = ops.image_loss(**{**given, "y": given["y"].masked_fill(hole, torch.nan)})
    assert torch.equal(clean[0], dirty[0])
    assert torch.equal(clean[1], dirty[1])
    known = given["y"].clone()
    known[1, 0, 0, 0], given["w"][1, 0, 0, 0] = torch.nan, 1.0
    loss, _ = ops.image_loss(**{**given, "y": known})
    assert loss.sum(1).isnan().tolist() == [False, True]


@pytest.mark.parametrize(
    "changed",
    [
        lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
        lambda t: t.repeat_interleave(2, 0)[::2],
        lambda t: t.contiguous(memory_format=LAST),
    ],
    ids=["transposed", "every second sample", "channels last"],
)
def test_any_layout_will_do(device: torch.device, changed: Callable[[Tensor], Tensor]) -> None:
    given = inputs(SHAPES[3], torch.float32, device)
    expected = ops.image_loss(**given)
    images = {name: changed(given[name]) for name in ("maps", "y", "w")}
    found = ops.image_loss(**{**given, **images})
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def wrong() -> dict[str, tuple[dict[str, Any], str]]:
    y = torch.zeros(2, 3, 8, 8)
    return {
        "maps of 3 dimensions": ({"maps": y[0]}, "maps is [3, 8, 8]; it must be [B, F, H, W]"),
        "y of another size": (
            {"y": y[..., :4]},
            "y is [2, 3, 8, 4] and maps is [2, 6, 4, 4]; y must be [B, 3, 2 H, 2 W]",
        ),
        "w of the image's shape": (
            {"w": y},
            "w is [2, 3, 8, 8] and maps is [2, 6, 4, 4]; w must be [B, 1, 2 H, 2 W]",
        ),
        "y of another dtype": ({"y": y.double()}, "y must be float32 beside maps of this dtype"),
        "a bias for each of the maps": (
            {"maps_bias": torch.zeros(4)},
            "maps_bias is [4]; it must be [6]",
        ),
        "unknown norm": ({"norm": "l3"}, "norm 'l3' is unknown; take one of l1, l2, huber"),
    }


@pytest.mark.parametrize("implementation", [ops.image_loss, reference.image_loss])
@pytest.mark.parametrize("case", wrong())
def test_it_says_what_is_wrong(implementation: Callable[..., Any], case: str) -> None:
    change, message = wrong()[case]
    with pytest.raises(InpaintxError) as error:
        implementation(**{**inputs((2, 6, 4, 4, 3, 4), torch.float32), **change})
    assert str(error.value) == f"image_loss: {message}"


@pytest.mark.slow
def test_opcheck(native: None) -> None:
    maps, weight, y, w, bias, maps_bias = inputs((2, 6, 4, 4, 3, 4), torch.float32).values()
    arguments = (maps, weight, bias, maps_bias, y, w, 0, 1.0)
    results = torch.library.opcheck(torch.ops.inpaintx.image_loss.default, arguments)
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4
