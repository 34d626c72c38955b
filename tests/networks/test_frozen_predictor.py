"""The frozen predictor against the module that was trained."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from inpaintx.networks.predictor import FrozenPredictor, Predictor
from inpaintx.options import Architecture

KINDS = [
    (Architecture(size=size, kernel=kernel, channels=channels, width=4, nz=8), gated)
    for size, kernel, channels, gated in product((32, 96), (4, 5), (1, 3), (False, True))
]


@pytest.fixture(
    params=KINDS,
    ids=lambda kind: f"{kind[0].size}px-kernel{kind[0].kernel}-{kind[0].channels}ch-{'gated' * kind[1]}",
)
def predictor(request: pytest.FixtureRequest) -> Predictor:
    """In evaluation mode, float64, with weights and batch statistics that leave no term at 0 or 1."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        predictor = Predictor(*request.param)
        predictor.last.weight.normal_(0, 0.2)
        for module in predictor.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
    return predictor.double().eval().requires_grad_(False)


def _rows(predictor: Predictor, count: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    a, noise = predictor.architecture, torch.Generator().manual_seed(5)
    y, plate = (
        torch.rand(count, a.channels, a.size, a.size, generator=noise, dtype=torch.float64) * 2 - 1
        for _ in range(2)
    )
    mask = (torch.rand(count, 1, a.size, a.size, generator=noise) > 0.3).double()
    return y, mask, plate


def _once(predictor: Predictor, *more: Any, **named: Any) -> FrozenPredictor:
    return FrozenPredictor(predictor, *more, **named, places=[(0, 0)])


def test_it_says_what_the_module_says(predictor: Predictor) -> None:
    rows = _rows(predictor)
    for ours, reference in zip(_once(predictor)(*rows), predictor(*rows), strict=True):
        assert ours.shape == reference.shape
        torch.testing.assert_close(ours, reference.double(), rtol=0, atol=1e-6)  # the module ends in float32
        assert reference.std() > 0.05


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(None, 2e-5), (torch.bfloat16, 0.1)], ids=["float32", "bfloat16"]
)
def test_it_computes_in_less(predictor: Predictor, dtype: torch.dtype | None, tolerance: float) -> None:
    """Relative to the norm."""
    rows = _rows(predictor)
    exact = predictor(*rows)
    low = _once(predictor.float(), dtype)(*(each.float() for each in rows))
    for ours, reference in zip(low, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - reference).norm() <= tolerance * reference.norm()


def test_nothing_is_read_of_the_hole(predictor: Predictor) -> None:
    y, mask, plate = _rows(predictor)
    frozen = FrozenPredictor(predictor)
    spoilt = torch.where(mask == 0, torch.nan, y)
    for clean, same in zip(frozen(y, mask, plate), frozen(spoilt, mask, plate), strict=True):
        assert torch.equal(clean, same)


def test_of_what_it_learned_mirrored_it_is_asked_in_a_mirror_too(predictor: Predictor) -> None:
    rows = _rows(predictor)
    mirrored = [each.flip(3) for each in rows]
    once, both = _once(predictor), FrozenPredictor(predictor, mirrored=True)
    one, other = once(*rows), [each.flip(3) for each in once(*mirrored)]
    share = _share(one[1], other[1], rows[1], rows[1])
    for mean, first, second in zip(both(*rows), one, other, strict=True):
        torch.testing.assert_close(mean, share * first + (1 - share) * second, rtol=0, atol=1e-12)
        assert not torch.allclose(mean, first, rtol=0, atol=1e-3)
    for mean, same in zip(both(*rows), both(*mirrored), strict=True):
        torch.testing.assert_close(mean, same.flip(3), rtol=0, atol=1e-12)


def test_it_is_asked_of_moved_images_whose_answers_are_moved_back(predictor: Predictor) -> None:
    """Where an image was moved out, the others' answers count alone."""
    rows, size = _rows(predictor), predictor.architecture.size
    down, right = round(6 * size / 64), -round(4 * size / 64)
    places = torch.arange(size)
    moved = [
        each[:, :, (places - down).clamp(0, size - 1)][..., (places - right).clamp(0, size - 1)]
        for each in rows
    ]
    once, twice = _once(predictor), FrozenPredictor(predictor, places=[(0, 0), (6, -4)])
    here, there = once(*rows), once(*moved)
    share = _share(here[1], there[1], rows[1], moved[1])
    back = [each.roll((-down, -right), (2, 3)) for each in there]
    covered = torch.zeros(size, size, dtype=torch.bool)
    covered[: size - down, -right:] = True
    for mean, one, other in zip(twice(*rows), here, back, strict=True):
        expected = torch.where(covered, share * one + (1 - share) * other, one)
        torch.testing.assert_close(mean, expected, rtol=0, atol=1e-12)
        assert not torch.allclose(mean[..., covered], one[..., covered], rtol=0, atol=1e-3)


def _share(log_error: Tensor, other: Tensor, mask: Tensor, other_mask: Tensor) -> Tensor:
    """What one answer counts beside another: inverse fourth powers of what they expect to be off."""
    off, other_off = (
        (each * (1 - known)).sum((1, 2, 3)) / (1 - known).sum((1, 2, 3))
        for each, known in ((log_error, mask), (other, other_mask))
    )
    counts, other_counts = (-4 * off).exp(), (-4 * other_off).exp()
    return (counts / (counts + other_counts))[:, None, None, None]
