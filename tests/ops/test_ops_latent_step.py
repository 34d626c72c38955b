"""latent_step_: against its reference and torch's optimizers, in its box, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ops_cases import CLIPS, OPTIMIZERS, TOLERANCE, copied, dtypes_of, generator, step_inputs
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [(1, 100), (64, 100), (3, 1), (7, 33), (0, 5), (4, 0), (2, 40000)], ids=str)
def test_latent_step_is_the_reference(
    device: torch.device, size: tuple[int, int], optimizer: str, clip: str
) -> None:
    for dtype in dtypes_of(device):
        ours = step_inputs(*size, dtype, device)
        theirs = copied(ours)
        options: dict[str, Any] = {"optimizer": optimizer, "clip": clip, "lr": 0.2, "bound": 0.875}
        ops.latent_step_(**ours, **options)
        reference.latent_step_(**theirs, **options)
        for name, tensor in ours.items():
            if tensor.is_floating_point():
                torch.testing.assert_close(tensor, theirs[name], **TOLERANCE[dtype])
            else:
                assert torch.equal(tensor, theirs[name])


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("adam", lambda z: torch.optim.Adam([z], lr=0.03, betas=(0.8, 0.97), eps=1e-6)),
        ("nesterov", lambda z: torch.optim.SGD([z], lr=0.03, momentum=0.8, nesterov=True)),
    ],
)
def test_latent_step_is_torchs_optimizer(
    device: torch.device, optimizer: str, make: Callable[[Tensor], torch.optim.Optimizer]
) -> None:
    s = step_inputs(4, 50, torch.float32, device)
    for name in ("m", "v", "step"):
        s[name].zero_()
    s["active"].fill_(True)
    z = s["z"].clone().requires_grad_()
    torch_optimizer = make(z)
    for iteration in range(20):
        grad = torch.randn(4, 50, generator=generator(iteration)).to(device)
        s["grad"], z.grad = grad, grad.clone()
        ops.latent_step_(
            **s, lr=0.03, optimizer=optimizer, beta1=0.8, beta2=0.97, eps=1e-6, bound=100.0, clip="none"
        )
        torch_optimizer.step()
    assert s["step"].tolist() == [20] * 4
    torch.testing.assert_close(s["z"], z.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip", ["clamp", "stochastic"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_code_never_leaves_its_box(optimizer: str, clip: str, dtype: torch.dtype) -> None:
    """Trap 1: after every single step, in the very tensor that is searched."""
    s = step_inputs(16, 100, dtype)
    s["active"].fill_(True)
    bound = 0.7
    left = 0
    for iteration in range(30):
        s["grad"] = torch.randn(16, 100, generator=generator(iteration), dtype=dtype)
        unclipped = copied(s)
        ops.latent_step_(**unclipped, lr=0.5, optimizer=optimizer, bound=bound, clip="none")
        ops.latent_step_(**s, lr=0.5, optimizer=optimizer, bound=bound, clip=clip)
        left += int((unclipped["z"].abs() > bound).sum())
        assert (s["z"].abs() <= torch.tensor(bound, dtype=dtype)).all()
    assert left > 1000  # it was clipped, and often


def test_stochastic_clipping_draws_the_references_bits(device: torch.device) -> None:
    s = step_inputs(8, 333, torch.float32, device)
    s["z"].fill_(50.0)
    s["grad"].zero_()
    s["m"].zero_()
    s["active"].fill_(True)
    expected = reference.symmetric_uniform(s["seed"], s["step"] + 1, 333) * 0.9
    ops.latent_step_(**s, lr=0.1, bound=0.9, clip="stochastic")
    assert torch.equal(s["z"], expected)


def test_stochastic_clipping_depends_on_the_sample_alone() -> None:
    whole = step_inputs(6, 40)
    whole["z"].fill_(9.0)
    whole["active"].fill_(True)
    part = {name: tensor[3:5].clone() for name, tensor in whole.items()}
    for s in (whole, part):
        ops.latent_step_(**s, lr=0.1, clip="stochastic")
    assert torch.equal(whole["z"][3:5], part["z"])


def test_stochastic_clipping_leaves_what_is_inside() -> None:
    s = step_inputs(8, 100)
    clamped = copied(s)
    ops.latent_step_(**s, lr=0.2, clip="stochastic")
    ops.latent_step_(**clamped, lr=0.2, clip="clamp")
    inside = clamped["z"].abs() < 1
    assert inside.any()
    assert (~inside).any()
    assert torch.equal(s["z"][inside], clamped["z"][inside])
    assert not torch.equal(s["z"][~inside], clamped["z"][~inside])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_finished_samples_are_left_as_they_are(device: torch.device, optimizer: str) -> None:
    s = step_inputs(9, 20, torch.float32, device)
    s["z"] += 5  # outside the box even: nobody clips a finished sample
    before = copied(s)
    ops.latent_step_(**s, lr=0.1, optimizer=optimizer)
    off = ~s["active"]
    assert off.any()
    for name in ("z", "m", "v", "step"):
        assert torch.equal(s[name][off], before[name][off])
    assert torch.equal(s["step"], before["step"] + s["active"])
    assert not torch.equal(s["z"], before["z"])


def test_nan_stays_in_the_code() -> None:
    for clip in CLIPS:
        s = step_inputs(2, 4)
        s["active"].fill_(True)
        s["grad"][0, 1] = float("nan")
        ops.latent_step_(**s, lr=0.1, clip=clip)
        assert s["z"].isnan().nonzero().tolist() == [[0, 1]]


def test_latent_step_changes_views_in_place() -> None:
    s = step_inputs(5, 12)
    expected = copied(s)
    ops.latent_step_(**expected, lr=0.1)
    home = {name: torch.stack([s[name], s[name]], -1) for name in ("z", "m", "v", "step", "seed", "active")}
    views: dict[str, Any] = {name: tensor[..., 1] for name, tensor in home.items()}
    transposed = s["grad"].t().contiguous().t()
    ops.latent_step_(grad=transposed, lr=0.1, **views)
    for name, view in views.items():
        assert torch.equal(view, expected[name])
        assert torch.equal(home[name][..., 0], s[name])


def test_nesterov_needs_no_second_moment() -> None:
    s = step_inputs(3, 8)
    expected = copied(s)
    ops.latent_step_(**expected, lr=0.1, optimizer="nesterov")
    s["v"] = torch.empty(0)
    ops.latent_step_(**s, lr=0.1, optimizer="nesterov")
    assert torch.equal(s["z"], expected["z"])


def test_autograd_sees_that_the_code_has_changed() -> None:
    s = step_inputs(2, 8)
    leaf = torch.ones(2, 8, requires_grad=True)
    product = leaf * s["z"]
    versions = {name: s[name]._version for name in ("z", "m", "v", "step")}
    ops.latent_step_(**s, lr=0.1)
    assert all(s[name]._version > version for name, version in versions.items())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


WRONG_STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "z of one dimension": ({"z": torch.zeros(8)}, "z is [8]; it must be [B, nz]"),
    "m of another shape": (
        {"m": torch.zeros(4, 7)},
        "m is [4, 7] and z is [4, 8]; they must have one shape",
    ),
    "v missing for adam": ({"v": torch.empty(0)}, "v is [0] and z is [4, 8]; they must have one shape"),
    "grad of another dtype": (
        {"grad": torch.zeros(4, 8).double()},
        "grad and z differ in dtype; convert one",
    ),
    "step of int32": ({"step": torch.zeros(4, dtype=torch.int32)}, "step must be int64"),
    "active of float32": ({"active": torch.zeros(4)}, "active must be bool"),
    "one seed for all": (
        {"seed": torch.zeros(1, dtype=torch.int64)},
        "seed is [1]; z is [4, 8], so it must be [4]",
    ),
    "unknown optimizer": ({"optimizer": "sgd"}, "optimizer 'sgd' is unknown; take one of adam, nesterov"),
    "unknown clip": ({"clip": "hard"}, "clip 'hard' is unknown; take one of clamp, stochastic, none"),
}


@pytest.mark.parametrize("implementation", [ops.latent_step_, reference.latent_step_])
@pytest.mark.parametrize("case", WRONG_STEPS)
def test_latent_step_says_what_is_wrong_and_changes_nothing(
    implementation: Callable[..., Any], case: str
) -> None:
    wrong, message = WRONG_STEPS[case]
    tensors = step_inputs(4, 8)
    before = copied(tensors)
    with pytest.raises(InpaintxError) as error:
        implementation(**{**tensors, "lr": 0.1, **wrong})
    assert str(error.value) == f"latent_step_: {message}"
    assert all(torch.equal(tensors[name], before[name]) for name in tensors)
