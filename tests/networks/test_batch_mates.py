"""A row's result is its own: the same bits whatever is computed beside it, in any precision."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintx.completion import Completer
from inpaintx.networks.architectures import freeze
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.frozen import Linear, each, fill_up
from inpaintx.networks.predictor import FrozenPredictor, Predictor
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry

ROWS = 24
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads, also where there are fewer cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made_wide() -> Callable[[Callable[..., Networks]], Networks]:
    """Wide enough that oneDNN divides rows among threads as it does with real models; with E and P."""
    kept: list[Networks] = []

    def make(make_model: Callable[..., Networks]) -> Networks:
        if not kept:
            model = make_model(size=64, width=16, nz=16)
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.manual_seed(1)
                predictor = Predictor(model.architecture)
                for parameter in predictor.parameters():
                    if parameter.dim() > 1:
                        parameter.normal_(0, 0.05)
                encoder = Encoder(model.architecture)
            for network in (predictor, encoder):
                network.eval().requires_grad_(False)
            kept.append(replace(model, encoder=encoder, predictor=predictor))
        return kept[0]

    return make


@pytest.fixture
def wide(made_wide: Any, make_model: Callable[..., Networks]) -> Networks:
    return made_wide(make_model)


def assert_rows_stand_alone(function: Callable[..., Any], *rows: Tensor) -> None:
    """Each row is the same among all as among few, of any number, and alone."""
    together = [result.clone() for result in function(*rows)]
    for count in (1, 2, 3, 4, 5, 7, 8, 11, 13, ROWS - 1):
        for first in {0, 1, ROWS - count}:
            part = slice(first, first + count)
            for own, among in zip(function(*(row[part] for row in rows)), together, strict=True):
                assert torch.equal(own, among[part]), f"{count} rows from {first}"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_networks_stand_alone(wide: Networks, dtype: torch.dtype, threads: int, native: None) -> None:
    noise = torch.Generator().manual_seed(0)
    codes = wide.generator.sample_codes(ROWS, noise)
    y, plate = (torch.rand(ROWS, 1, 64, 64, generator=noise) * 2 - 1 for _ in range(2))
    mask = (torch.rand(ROWS, 1, 64, 64, generator=noise) > 0.3).float()
    generator, discriminator = freeze(wide.generator, dtype), freeze(wide.discriminator, dtype)
    encoder = wide.encoder
    assert wide.predictor is not None
    assert encoder is not None
    predictors = [FrozenPredictor(wide.predictor, dtype, mirrored) for mirrored in (False, True)]

    def draw_and_back(z: Tensor, grad: Tensor) -> list[Tensor]:
        return [generator.forward(z).clone(), generator.vjp(grad)]  # type: ignore[attr-defined]

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        assert_rows_stand_alone(draw_and_back, codes, y)
        assert_rows_stand_alone(discriminator.prior, y)  # type: ignore[attr-defined]
        assert_rows_stand_alone(lambda *rows: [encoder(*rows)], y, mask)
        for predictor in predictors:
            assert_rows_stand_alone(predictor, y, mask, plate)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pictures_are_completed_the_same_together_and_apart(
    wide: Networks, precision: Any, threads: int, native: None
) -> None:
    rng = np.random.default_rng(0)
    pictures = [Picture(rng.integers(0, 256, (64, 64), np.uint8)) for _ in range(5)]
    mask = np.ones((64, 64), bool)
    mask[20:44, 16:40] = False
    options = SearchOptions(iterations=4, candidates=3, starts=6, prior=0.1, precision=precision, batch=8)
    completer = Completer(wide, registry.make("blend", "none"), options, region="whole")
    together = completer(pictures, [mask] * 5)
    for picture, among in zip(pictures, together, strict=True):
        [alone] = completer([picture], [mask])
        np.testing.assert_array_equal(alone.picture.array, among.picture.array)
        assert alone.contextual == among.contextual


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_those_of_matrices(dtype: torch.dtype) -> None:
    noise = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(24, 40, generator=noise), torch.randn(24, generator=noise)
    x = torch.randn(40, 40, generator=noise)
    want = (x.to(dtype).double() @ weight.to(dtype).double().T + bias.to(dtype).double()).float()
    for count in (1, 9, 40):
        product = Linear(weight.to(dtype), bias.to(dtype))(x[:count].to(dtype))
        torch.testing.assert_close(
            product.float(), want[:count], atol=1e-4, rtol=1e-5 if dtype == torch.float32 else 0.01
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("inputs", "outputs"), [(4096, 128), (128, 4096), (100, 4096), (4096, 512)])
def test_rows_of_products_as_wide_as_real_ones_stand_alone(
    inputs: int, outputs: int, dtype: torch.dtype, threads: int
) -> None:
    """With AMX, oneDNN sums them in an order that depends on how many they are."""
    noise = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, inputs, generator=noise).to(dtype)
    rows = torch.randn(70, inputs, generator=noise).to(dtype)
    product = Linear(weight, torch.zeros(outputs, dtype=dtype))
    among = product(rows)
    for count in (1, 2, 8, 31, 32, 33, 64):
        for first in (0, 1, 70 - count):
            assert torch.equal(product(rows[first : first + count]), among[first : first + count])


@pytest.mark.parametrize("function", [F.softplus, torch.sigmoid])
def test_functions_of_a_column_are_the_same_at_any_place_of_it(function: Callable[[Tensor], Tensor]) -> None:
    column = torch.linspace(-60, 60, 97)[:, None]
    among = each(function, column)
    torch.testing.assert_close(among, function(column))
    for number in range(len(column)):
        assert torch.equal(each(function, column[number : number + 1])[0], among[number])


def test_filling_up_repeats_rows_until_threads_have_as_many(threads: int) -> None:
    rows = torch.arange(10.0).reshape(5, 2)
    filled = fill_up(rows)
    assert len(filled) == {1: 5, 2: 6, 3: 6}[threads]
    assert torch.equal(filled[:5], rows)
    assert torch.equal(filled[5:], rows[:1].expand(len(filled) - 5, 2))
