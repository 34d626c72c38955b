"""The layers' ops against their references, and both against PyTorch's own layers and autograd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ops_cases import TOLERANCE, generator, run_python
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference
from inpaintx.ops.library import native_info

LAST = torch.channels_last
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
#: batch, features, height, width, channels, kernel
SHAPES = [
    (2, 64, 8, 8, 3, 4),
    (3, 20, 7, 5, 1, 5),
    (1, 4, 16, 16, 1, 4),
    (2, 33, 3, 12, 3, 5),
    (0, 8, 4, 4, 3, 4),
]


class Layer:
    """The tensors of one call."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> None:
        batch, features, height, width, channels, kernel = shape
        g = generator(seed)
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        drawn = torch.float64  # the values do not depend on the dtype
        maps = (batch, features, height, width)
        self.maps = torch.randn(maps, generator=g, dtype=drawn).to(dtype).contiguous(memory_format=LAST)
        self.gate = torch.randn(maps, generator=g, dtype=drawn).to(dtype).contiguous(memory_format=LAST)
        self.image = torch.randn(batch, channels, 2 * height, 2 * width, generator=g, dtype=drawn).to(wide)
        weight = torch.randn(features, channels, kernel, kernel, generator=g, dtype=drawn)
        self.weight = (weight / (features * kernel)).to(wide)
        self.of_features = torch.randn(features, generator=g, dtype=drawn).to(wide)
        self.of_channels = torch.randn(channels, generator=g, dtype=drawn).to(wide)

    def down(self, module: Any = ops, gated: bool = False, slope: float = 0.2, bias: bool = True) -> Tensor:
        maps = torch.full_like(self.maps, torch.nan)
        module.image_down_(
            maps,
            self.image,
            self.weight,
            self.of_features if bias else None,
            self.gate if gated else None,
            slope,
        )
        return maps

    def up(self, module: Any = ops, gated: bool = False, slope: float = 0.2, bias: bool = True) -> Tensor:
        return module.image_up(
            self.maps, self.weight, self.of_channels if bias else None, self.gate if gated else None, slope
        )


def assert_near(ours: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    assert (ours.shape, ours.dtype, ours.stride()) == (expected.shape, expected.dtype, expected.stride())
    torch.testing.assert_close(ours, expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_image_layers_are_their_references(
    shape: tuple[int, ...], dtype: torch.dtype, gated: bool, bias: bool
) -> None:
    layer = Layer(shape, dtype)
    for slope in (0.0, 0.2):
        expected = layer.down(reference, gated, slope, bias), layer.up(reference, gated, slope, bias)
        assert_near(layer.down(ops, gated, slope, bias), expected[0], dtype)
        assert_near(layer.up(ops, gated, slope, bias), expected[1], dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("module", [ops, reference])
def test_a_bias_that_is_lacking_is_as_if_it_had_been_added(
    module: Any, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    layer = Layer(shape, dtype)
    layer.maps, layer.gate = ((8 * each).round() / 8 for each in (layer.maps, layer.gate))  # sums are exact
    lacking = (8 * layer.of_features).round() / 8
    of_each = lacking.to(dtype)[:, None, None]
    maps = torch.full_like(layer.maps, torch.nan)
    module.image_down_(maps, layer.image, layer.weight, None, layer.gate, 0.2, lacking)
    expected = torch.full_like(maps, torch.nan)
    module.image_down_(expected, layer.image, layer.weight, None, layer.gate + of_each, 0.2)
    assert torch.equal(maps, expected)
    whole = layer.maps + of_each
    image = module.image_up(layer.maps, layer.weight, layer.of_channels, None, 0.2, lacking)
    expected = module.image_up(whole, layer.weight, layer.of_channels, whole, 0.2)
    assert_near(image, expected, dtype)
    image = module.image_up(layer.maps, layer.weight, None, layer.gate, 0.2, lacking)
    assert_near(image, module.image_up(whole, layer.weight, None, layer.gate, 0.2), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("gated", [False, True])
def test_native_code_only_stores_in_bfloat16(native: None, shape: tuple[int, ...], gated: bool) -> None:
    layer, wide = Layer(shape, torch.bfloat16), Layer(shape, torch.bfloat16)
    wide.maps, wide.gate = wide.maps.float(), wide.gate.float()
    assert_near(layer.down(gated=gated), wide.down(gated=gated).bfloat16(), torch.bfloat16)
    assert_near(layer.up(gated=gated, slope=0.0), wide.up(gated=gated, slope=0.0), torch.float32)


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_the_reference_in_bfloat16_is_near(shape: tuple[int, ...]) -> None:
    layer = Layer(shape, torch.bfloat16)
    for name in ("down", "up"):
        ours, expected = getattr(layer, name)(), getattr(layer, name)(reference)
        assert (ours.dtype, ours.stride()) == (expected.dtype, expected.stride())
        assert (ours.float() - expected.float()).abs().max() <= 0.02 * expected.float().abs().max()


@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_they_are_the_layers_of_the_networks_and_each_others_derivatives(shape: tuple[int, ...]) -> None:
    layer = Layer(shape, torch.float64)
    kernel = shape[-1]
    image = layer.image.clone().requires_grad_()
    padding = (kernel - 1) // 2
    before = F.conv2d(image, layer.weight, layer.of_features, stride=2, padding=padding)
    maps = F.leaky_relu(before, 0.2)
    torch.testing.assert_close(layer.down(slope=0.2), maps.detach())
    layer.gate = maps.detach()
    (grad,) = torch.autograd.grad(maps, image, layer.maps)
    torch.testing.assert_close(layer.up(gated=True, slope=0.2, bias=False), grad)

    source = torch.randn(layer.maps.shape, generator=generator(5), dtype=torch.float64).requires_grad_()
    active = source.relu()
    up = F.conv_transpose2d(active, layer.weight, layer.of_channels, 2, padding, kernel - 4)
    layer.maps = layer.gate = active.detach()
    torch.testing.assert_close(layer.up(), up.detach())
    (grad,) = torch.autograd.grad(up, source, layer.image)
    torch.testing.assert_close(layer.down(gated=True, slope=0.0, bias=False), grad)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(2, 64, 33, 40), (3, 7), (5,), (), (0, 3)], ids=str)
def test_gate_is_the_reference_and_the_derivative(
    dtype: torch.dtype, slope: float, shape: tuple[int, ...]
) -> None:
    x, gate = (torch.randn(shape, generator=generator(seed)).to(dtype) for seed in (0, 1))
    expected = torch.ops.aten.leaky_relu_backward(x, gate, slope, False)
    by_reference = x.clone()
    reference.gate_(by_reference, gate, slope)
    version = x._version
    ops.gate_(x, gate, slope)
    torch.testing.assert_close(x, by_reference, rtol=0, atol=0)
    torch.testing.assert_close(x, expected, **TOLERANCE[dtype])
    assert x._version > version


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(2, 64, 33, 40), (3, 7), (2, 1, 5), (1, 5, 1, 1), (0, 3, 2, 2)], ids=str)
def test_gate_with_a_bias_is_the_reference_and_the_end_of_a_layer(
    dtype: torch.dtype, gated: bool, slope: float, shape: tuple[int, ...]
) -> None:
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    x, gate = (torch.randn(shape, generator=generator(seed)).to(dtype) for seed in (0, 1))
    bias = torch.randn(shape[1], generator=generator(2)).to(wide)
    layouts = [x, x.contiguous(memory_format=LAST)] if len(shape) == 4 else [x]
    for given in layouts:
        ours, theirs = given.clone(), given.clone()
        ops.gate_(ours, gate if gated else None, slope, bias)
        reference.gate_(theirs, gate if gated else None, slope, bias)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        sums = given.to(wide) + bias.view(-1, *[1] * (len(shape) - 2))
        if not gated:
            torch.testing.assert_close(ours, F.leaky_relu(sums, slope).to(dtype), **TOLERANCE[dtype])


@pytest.mark.parametrize("module", [ops, reference])
def test_without_a_gate_and_a_bias_it_is_a_leaky_relu(module: Any) -> None:
    x = torch.tensor([-2.0, 0.0, 3.0])
    module.gate_(x, None, 0.5)
    assert x.tolist() == [-1, 0, 3]


@pytest.mark.parametrize("module", [ops, reference])
def test_slope_0_selects(module: Any) -> None:
    x = torch.tensor([torch.inf, torch.nan, torch.inf, 2.0])
    module.gate_(x, torch.tensor([-1.0, 0.0, 1.0, 1.0]))
    assert x.tolist() == [0, 0, torch.inf, 2]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels last": lambda t: t.contiguous(memory_format=LAST),
    "transposed": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    "with gaps": lambda t: torch.zeros(*t.shape[:3], 2 * t.shape[3], dtype=t.dtype)[..., ::2].copy_(t),
    "every second sample": lambda t: t.repeat_interleave(2, 0)[::2],
}


@pytest.mark.parametrize("of_gate", list(LAYOUTS))
@pytest.mark.parametrize("of_maps", list(LAYOUTS))
def test_any_layout_will_do(of_maps: str, of_gate: str) -> None:
    layer = Layer(SHAPES[1], torch.float64)
    down, up = layer.down(gated=True), layer.up(gated=True)
    gated = layer.maps.clone()
    ops.gate_(gated, layer.gate, 0.2)
    layer.maps, layer.gate = LAYOUTS[of_maps](layer.maps), LAYOUTS[of_gate](layer.gate)
    layer.image = LAYOUTS[of_gate](layer.image)
    torch.testing.assert_close(layer.up(gated=True), up)
    given = layer.maps.clone()
    ops.gate_(layer.maps, layer.gate, 0.2)
    assert torch.equal(layer.maps, gated)
    assert not torch.equal(given, gated)
    biased = given.clone(), given.contiguous()
    ops.gate_(biased[0], layer.gate, 0.2, layer.of_features)
    ops.gate_(biased[1], layer.gate, 0.2, layer.of_features)
    assert torch.equal(*biased)
    ops.image_down_(layer.maps, layer.image, layer.weight, layer.of_features, layer.gate, 0.2)
    torch.testing.assert_close(layer.maps, down, check_stride=False)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_sample_is_the_same_bits_alone_and_on_any_number_of_threads(
    native: None, dtype: torch.dtype
) -> None:
    layer = Layer((5, 64, 16, 16, 3, 4), dtype)
    alone = Layer((5, 64, 16, 16, 3, 4), dtype)
    for name in ("maps", "gate", "image"):
        setattr(alone, name, getattr(layer, name)[2:3])
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            for gated in (False, True):
                down, up = layer.down(gated=gated), layer.up(gated=gated)
                assert torch.equal(alone.down(gated=gated)[0], down[2])
                assert torch.equal(alone.up(gated=gated)[0], up[2])
                torch.set_num_threads(1)
                assert torch.equal(layer.down(gated=gated), down)
                assert torch.equal(layer.up(gated=gated), up)
                torch.set_num_threads(count)
    finally:
        torch.set_num_threads(threads)


def wrong_calls() -> dict[str, tuple[Callable[[Any], object], str]]:
    layer = Layer((2, 6, 4, 4, 3, 4), torch.float32)
    maps, image, weight, gate = layer.maps, layer.image, layer.weight, layer.gate
    return {
        "gate shape": (
            lambda m: m.gate_(maps, gate[:1]),
            "gate_: gate is [1, 6, 4, 4] and x is [2, 6, 4, 4]; they must have one shape",
        ),
        "gate dtype": (
            lambda m: m.gate_(maps, gate.double()),
            "gate_: gate and x differ in dtype; convert one",
        ),
        "a bias of vectors": (
            lambda m: m.gate_(maps[0, 0, 0], None, 0.2, layer.of_features),
            "gate_: x is [4]; with a bias it must be [B, F, ...]",
        ),
        "a gate's bias": (
            lambda m: m.gate_(maps, gate, 0.2, layer.of_channels),
            "gate_: bias is [3]; it must be [6]",
        ),
        "dtype of a gate's bias": (
            lambda m: m.gate_(maps, gate, 0.2, layer.of_features.double()),
            "gate_: bias must be float32 beside x of this dtype",
        ),
        "flat maps": (
            lambda m: m.image_up(maps[0], weight),
            "image_up: maps is [6, 4, 4]; it must be [B, F, H, W]",
        ),
        "kernel": (
            lambda m: m.image_up(maps, weight[..., :3, :3]),
            "image_up: weight is [6, 3, 3, 3] and maps is [2, 6, 4, 4]; "
            "weight must be [F, C, k, k], with k = 4 or 5",
        ),
        "features": (
            lambda m: m.image_down_(maps, image, weight[:5]),
            "image_down_: weight is [5, 3, 4, 4] and maps is [2, 6, 4, 4]; "
            "weight must be [F, C, k, k], with k = 4 or 5",
        ),
        "weight dtype": (
            lambda m: m.image_up(maps, weight.double()),
            "image_up: weight must be float32 beside maps of this dtype",
        ),
        "image dtype": (
            lambda m: m.image_down_(maps.double(), image, weight.double()),
            "image_down_: image must be float64 beside maps of this dtype",
        ),
        "image shape": (
            lambda m: m.image_down_(maps, image[..., :7], weight),
            "image_down_: image is [2, 3, 8, 7] and maps is [2, 6, 4, 4]; image must be [B, C, 2 H, 2 W]",
        ),
        "bias": (
            lambda m: m.image_up(maps, weight, layer.of_features),
            "image_up: bias is [6]; it must be [3]",
        ),
        "what the maps lack": (
            lambda m: m.image_up(maps, weight, maps_bias=layer.of_channels),
            "image_up: maps_bias is [3]; it must be [6]",
        ),
        "what no gate lacks": (
            lambda m: m.image_down_(maps, image, weight, gate_bias=layer.of_features),
            "image_down_: gate_bias needs a gate",
        ),
        "gate of an image layer": (
            lambda m: m.image_up(maps, weight, None, gate[:, :5]),
            "image_up: gate is [2, 5, 4, 4] and maps is [2, 6, 4, 4]; they must have one shape",
        ),
    }


@pytest.mark.parametrize("call", wrong_calls())
@pytest.mark.parametrize("module", [ops, reference])
def test_what_does_not_fit_is_said_alike(module: Any, call: str) -> None:
    function, message = wrong_calls()[call]
    with pytest.raises(InpaintxError) as caught:
        function(module)
    assert str(caught.value) == message


def operator_calls() -> dict[str, tuple[Any, ...]]:
    layer = Layer((2, 6, 4, 4, 3, 4), torch.float32)
    maps, image, weight, gate = layer.maps, layer.image, layer.weight, layer.gate
    half = Layer((2, 6, 4, 4, 1, 5), torch.bfloat16)
    return {
        "gate_": (maps, gate, None, 0.2),
        "gate_ with bias": (maps, None, layer.of_features, 0.2),
        "image_down_": (maps, image, weight, layer.of_features, None, None, 0.2),
        "image_down_ gated": (maps, image, weight, None, gate, layer.of_features, 0.0),
        "image_up": (maps, weight, layer.of_channels, None, layer.of_features, 0.0),
        "image_up gated, bfloat16": (half.maps, half.weight, None, half.gate, None, 0.2),
    }


@pytest.mark.slow
@pytest.mark.parametrize("call", operator_calls())
def test_opcheck(native: None, call: str) -> None:
    operator = getattr(torch.ops.inpaintx, call.split()[0]).default
    results = torch.library.opcheck(operator, operator_calls()[call])
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4


@pytest.mark.slow
def test_a_pass_through_the_layers_compiles_whole() -> None:
    def function(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        grad = torch.empty_like(maps)
        ops.image_down_(grad, ops.image_up(maps, weight, bias).tanh(), weight, gate=maps)
        ops.gate_(grad, maps, 0.2)
        return grad * 2

    layer = Layer((2, 6, 4, 4, 3, 4), torch.float32)
    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    expected = function(layer.maps, layer.weight, layer.of_channels)
    torch.testing.assert_close(compiled(layer.maps, layer.weight, layer.of_channels), expected)
    torch._dynamo.reset()


ALL_RESULTS = """
import torch
from inpaintx import ops
from inpaintx.ops.library import native_info
from test_ops_layers import DTYPES, SHAPES, Layer
print(native_info()["cpu_layers"])
for dtype in DTYPES:
    for shape in SHAPES[:4]:
        layer = Layer(shape, dtype)
        for result in (layer.down(gated=True), layer.up(gated=True)):
            print(result.double().sum().item())
"""


@pytest.mark.slow
def test_every_instruction_set_gives_the_same_up_to_rounding(native: None) -> None:
    results = {}
    for isa in native_info()["cpu_runs"]:
        run = run_python(ALL_RESULTS, Path(__file__).parent, INPAINTX_CPU=isa)
        assert run.returncode == 0, run.stderr
        name, *numbers = run.stdout.split()
        assert name == isa
        results[isa] = torch.tensor([float(number) for number in numbers])
    for numbers in results.values():
        torch.testing.assert_close(numbers, results["baseline"], rtol=2e-3, atol=2e-3)
    assert len(results["baseline"]) == 2 * 4 * len(DTYPES)
