"""How codes optimizer: L-BFGS and Hamiltonian Monte Carlo, alone and in the search.

Adam and Nesterov are one op, and tested as that.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch import Tensor

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.search.optimizers import INVERSE_TEMPERATURE, TRAJECTORY, Codes, Optimizer, make_optimizer

FREE = SearchOptions(clip="none")


def _optimizer(optimizer: str, lr: float, bound: float = 1.0, clip: str = "none") -> Optimizer:
    return make_optimizer(replace(FREE, optimizer=optimizer, clip=clip), lr, bound)


def _codes(z: Tensor) -> Codes:
    zeros = torch.zeros(len(z), dtype=torch.int64)
    return Codes(z.clone(), zeros, zeros + torch.arange(len(z)), torch.ones(len(z), dtype=torch.bool))


def _run(
    optimizer: Optimizer, codes: Codes, function: Callable[[Tensor], tuple[Tensor, Tensor]], count: int
) -> list[Tensor]:
    """What the codes were after each step; function: codes to losses and gradients."""
    memory, seen = optimizer.memory(codes.z), []
    for step in range(count):
        optimizer(codes, memory, *function(codes.z), step % TRAJECTORY == 0)
        seen.append(codes.z.clone())
    return seen


def _valley(nz: int = 6) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A quadratic with axes of very different curvature, askew; its minimum, 0, is at 0.3."""
    turn = torch.linalg.qr(
        torch.randn(nz, nz, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    )[0]
    hessian = turn @ torch.diag(torch.logspace(-1, 2, nz, dtype=torch.float64)) @ turn.T

    def function(z: Tensor) -> tuple[Tensor, Tensor]:
        grad = (z - 0.3) @ hessian
        return 0.5 * (grad * (z - 0.3)).sum(1), grad

    return function


def _points(count: int, nz: int = 6) -> Tensor:
    return torch.rand(count, nz, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2 - 1


def test_lbfgs_finds_the_end_of_a_narrow_valley_and_adam_does_not_yet() -> None:
    function = _valley()
    ends = {
        name: _run(_optimizer(name, 0.2), _codes(_points(5)), function, 40)[-1] for name in ("lbfgs", "adam")
    }
    assert (function(ends["lbfgs"])[0] < 1e-7).all()
    assert (function(ends["adam"])[0] > 1e-4).all()


def test_lbfgs_satisfies_the_secant_condition() -> None:
    """Nocedal and Wright, eq. 6.6: the inverse Hessian takes the gradient's last change to the last step."""
    optimizer, codes = _optimizer("lbfgs", lr=1e6), _codes(_points(3))
    memory = optimizer.memory(codes.z)
    for _ in range(5):
        optimizer(codes, memory, *_valley()(codes.z))
    steps, changes = memory[0][:, -1], memory[1][:, -1]
    torch.testing.assert_close(
        optimizer._direction(changes, memory[0], memory[1]), -steps, rtol=1e-6, atol=1e-9
    )  # type: ignore[attr-defined]


def test_lbfgs_step_is_no_longer_than_lr() -> None:
    codes = _codes(_points(4))
    seen = [codes.z.clone(), *_run(_optimizer("lbfgs", 0.03), codes, _valley(), 10)]
    lengths = torch.stack([(b - a).square().mean(1).sqrt() for a, b in pairwise(seen)])
    assert lengths.max() <= 0.03 * (1 + 1e-9)
    torch.testing.assert_close(lengths[0], torch.full_like(lengths[0], 0.03))  # the first: all of it


def test_lbfgs_goes_downhill_where_the_curvature_is_negative() -> None:
    def hill(z: Tensor) -> tuple[Tensor, Tensor]:
        return -0.5 * z.square().sum(1), -z

    seen = _run(_optimizer("lbfgs", 0.05), _codes(_points(4)), hill, 30)
    losses = torch.stack([hill(z)[0] for z in seen])
    assert (losses.diff(dim=0) < 0).all()


def test_hmc_samples_the_distribution_of_its_temperature() -> None:
    """exp(−loss · β) of a bowl is a Gaussian, of variance 1/β."""

    def bowl(z: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * z.square().sum(1), z

    trajectories = 30
    seen = _run(_optimizer("hmc", 0.1), _codes(_points(200, 4)), bowl, trajectories * TRAJECTORY)
    drawn = torch.stack(seen[5 * TRAJECTORY - 1 :: TRAJECTORY])
    assert drawn.mean().abs() < 0.1
    assert drawn.var().item() == pytest.approx(1 / INVERSE_TEMPERATURE, rel=0.1)


def test_hmc_takes_back_a_trajectory_that_gains_energy() -> None:
    """With steps so long that the leapfrog breaks down, each begins anew where the first one did."""
    start = _points(3)

    def steep(z: Tensor) -> tuple[Tensor, Tensor]:
        return 50 * z.square().sum(1), 100 * z

    codes, began = _codes(start), []
    optimizer = _optimizer("hmc", 0.7)
    memory = optimizer.memory(codes.z)
    for step in range(3 * TRAJECTORY + 1):
        optimizer(codes, memory, *steep(codes.z))
        if step % TRAJECTORY == 0:
            began.append(memory[1].clone())
    assert all(torch.equal(where, start) for where in began)


@pytest.mark.parametrize("optimizer", ["lbfgs", "hmc"])
def test_codes_stay_in_their_box_and_inactive_ones_where_they_are(optimizer: str) -> None:
    codes = _codes(_points(6))
    codes.active[::2] = False
    before = codes.z.clone()

    def slope(z: Tensor) -> tuple[Tensor, Tensor]:
        return -z.sum(1), torch.full_like(z, -1.0)

    _run(_optimizer(optimizer, 0.5, bound=0.8, clip="clamp"), codes, slope, 20)
    assert torch.equal(codes.z[::2], before[::2])
    assert codes.step.tolist() == [0, 20] * 3
    assert (codes.z[1::2].abs() <= 0.8).all()
    assert not torch.equal(codes.z[1::2], before[1::2])


@each_device
@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "hmc"])
def test_search_finds_codes_whatever_their_batch_mates(exact: Networks, optimizer: str) -> None:
    options = replace(QUICK, optimizer=optimizer, norm="l2", lr={"lbfgs": 0.05, "hmc": 0.002}[optimizer])
    options = replace(options, iterations=130, prior=0)  # beyond a trajectory
    images, masks = images_of(exact, 4), masks_of(4)
    together = run_search(exact, replace(options, batch=3), images, masks)
    alone = run_search(exact, options, images[2:3], masks[2:3])
    torch.testing.assert_close(together.codes[2:3], alone.codes, rtol=0, atol=1e-8)
    first = run_search(exact, replace(options, iterations=1), images, masks)
    assert (together.contextual[:, 0] < first.contextual[:, 0]).all()
