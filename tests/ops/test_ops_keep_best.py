"""keep_best_: against its reference, what it says of rows, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ops_cases import copied, dtypes_of, generator
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.ops import reference

STATE = ("mark", "stale", "evaluated", "best_loss", "best_z")


def rows(
    batch: int, nz: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """Rows in the middle of a search; some of their losses fell, some are NaN."""
    g = generator(0)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    losses = [torch.rand(batch, generator=g).to(device, wide) for _ in range(4)]
    contextual, prior, mark, best_loss = losses
    contextual[::7] = torch.nan
    mark[::3] = torch.inf
    return {
        "z": torch.randn(batch, nz, generator=g).to(device, dtype),
        "contextual": contextual,
        "prior": prior,
        "step": torch.randint(0, 10, (batch,), generator=g).to(device),
        "mark": mark,
        "stale": torch.randint(0, 10, (batch,), generator=g).to(device),
        "evaluated": (torch.rand(batch, generator=g) < 0.5).to(device),
        "best_loss": best_loss,
        "best_z": torch.randn(batch, nz, generator=g).to(device, dtype),
    }


@pytest.mark.parametrize("patience", [0, 5])
@pytest.mark.parametrize("size", [(1, 100), (64, 100), (30, 1), (0, 5), (9, 0), (700, 100)], ids=str)
def test_keep_best_is_the_reference_bit_for_bit(
    device: torch.device, size: tuple[int, int], patience: int
) -> None:
    for dtype in [*dtypes_of(device), torch.bfloat16]:
        ours = rows(*size, dtype, device)
        theirs = copied(ours)
        for _ in range(2):
            options: dict[str, Any] = {"weight": 0.3, "iterations": 6, "patience": patience}
            results = ops.keep_best_(**ours, **options)
            expected = reference.keep_best_(**theirs, **options)
            for result, other in zip([*results, *ours.values()], [*expected, *theirs.values()], strict=True):
                assert result.dtype == other.dtype
                torch.testing.assert_close(result, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("module", [ops, reference])
def test_what_is_said_of_each_row(module: Any) -> None:
    infinity = torch.inf
    state = {
        "z": torch.arange(12.0).reshape(6, 2),
        # best and fallen; best, but by less than a thousandth; neither; NaN; done; out of patience
        "contextual": torch.tensor([1.0, 0.9995, 2.0, torch.nan, 1.0, 1.0]),
        "prior": torch.zeros(6),
        "step": torch.tensor([0, 3, 3, 3, 10, 3]),
        "mark": torch.tensor([infinity, 1.0, 1.0, infinity, 2.0, 0.5]),
        "stale": torch.tensor([0, 1, 1, 1, 1, 4]),
        "evaluated": torch.zeros(6, dtype=torch.bool),
        "best_loss": torch.tensor([infinity, 1.0, 1.0, infinity, 2.0, 0.5]),
        "best_z": torch.full((6, 2), -1.0),
    }
    loss, active = module.keep_best_(**state, weight=3.0, iterations=10, patience=4)
    torch.testing.assert_close(loss, state["contextual"], equal_nan=True)
    assert active.tolist() == [True, True, True, True, False, False]
    assert state["evaluated"].tolist() == [False, False, False, False, True, True]
    assert state["mark"].tolist() == [1.0, 1.0, 1.0, infinity, 1.0, 0.5]
    assert state["stale"].tolist() == [0, 2, 2, 2, 0, 5]
    torch.testing.assert_close(state["best_loss"], torch.tensor([1.0, 0.9995, 1.0, infinity, 1.0, 0.5]))
    assert state["best_z"].tolist() == [[0, 1], [2, 3], [-1, -1], [-1, -1], [8, 9], [-1, -1]]


def test_the_prior_counts_by_its_weight() -> None:
    state = rows(5, 3)
    state["contextual"] = torch.ones(5)
    loss, _ = ops.keep_best_(**state, weight=0.25, iterations=1)
    torch.testing.assert_close(loss, 1 + 0.25 * state["prior"])


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize("parts", [0, 1, 7])
def test_a_loss_in_parts_is_their_sum(module: Any, parts: int) -> None:
    whole, cut = rows(40, 12), rows(40, 12)
    cut["contextual"] = torch.randint(0, 64, (40, parts), generator=generator(3)) / 64  # sums are exact
    whole["contextual"] = cut["contextual"].sum(1)
    for _ in range(2):
        expected = module.keep_best_(**whole, weight=0.5, iterations=5, patience=2)
        found = module.keep_best_(**cut, weight=0.5, iterations=5, patience=2)
        for name in STATE:
            assert torch.equal(cut[name], whole[name]), name
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


def test_it_changes_views_in_place_and_raises_versions() -> None:
    state = rows(5, 12)
    expected = copied(state)
    reference.keep_best_(**expected, weight=0.1, iterations=5)
    home = {name: torch.stack([tensor, tensor], -1) for name, tensor in state.items()}
    views = {name: tensor[..., 1] for name, tensor in home.items()}
    versions = {name: views[name]._version for name in STATE}
    ops.keep_best_(**views, weight=0.1, iterations=5)
    for name, view in views.items():
        torch.testing.assert_close(view, expected[name], rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(home[name][..., 0], state[name], rtol=0, atol=0, equal_nan=True)
    assert all(views[name]._version > version for name, version in versions.items())


WRONG: dict[str, tuple[dict[str, Tensor], str]] = {
    "z of one dimension": ({"z": torch.zeros(8)}, "z is [8]; it must be [B, nz]"),
    "best_z of another shape": (
        {"best_z": torch.zeros(4, 7)},
        "best_z is [4, 7] and z is [4, 8]; they must have one shape",
    ),
    "best_z of another dtype": (
        {"best_z": torch.zeros(4, 8).double()},
        "best_z and z differ in dtype; convert one",
    ),
    "a loss of another dtype": ({"mark": torch.zeros(4).double()}, "mark must be float32"),
    "step of int32": ({"step": torch.zeros(4, dtype=torch.int32)}, "step must be int64"),
    "evaluated of float32": ({"evaluated": torch.zeros(4)}, "evaluated must be bool"),
    "parts of another batch": (
        {"contextual": torch.zeros(3, 2)},
        "contextual is [3, 2] and z is [4, 8]; it must be [B] or [B, P]",
    ),
    "one prior for all": ({"prior": torch.zeros(1)}, "prior is [1]; z is [4, 8], so it must be [4]"),
}


@pytest.mark.parametrize("implementation", [ops.keep_best_, reference.keep_best_])
@pytest.mark.parametrize("case", WRONG)
def test_keep_best_says_what_is_wrong_and_changes_nothing(
    implementation: Callable[..., Any], case: str
) -> None:
    wrong, message = WRONG[case]
    state = rows(4, 8)
    before = copied(state)
    with pytest.raises(InpaintxError) as error:
        implementation(**{**state, "weight": 0.1, "iterations": 5, **wrong})
    assert str(error.value) == f"keep_best_: {message}"
    for name, tensor in state.items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)


@pytest.mark.slow
def test_opcheck(native: None) -> None:
    state = rows(5, 10)
    state["contextual"].nan_to_num_()  # the check takes NaN for a difference
    arguments = (*state.values(), 0.1, 5, 3)
    results = torch.library.opcheck(torch.ops.inpaintx.keep_best_.default, arguments)
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4
