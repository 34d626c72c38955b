"""Rows of the latent search: iterations, candidates, starting codes, patience, places in the batch."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch import Tensor

from inpaintx import ops
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.search import Search, descent, precision
from inpaintx.search.descent import Descent
from inpaintx.search.rows import Rows
from inpaintx.search.starts import starting_codes


@pytest.fixture
def losses_seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The contextual losses of all rows under way at every iteration."""
    seen: list[Tensor] = []

    def spied(loss: Any) -> Any:
        def spy(*args: Any) -> tuple[Tensor, Tensor]:
            found = loss(*args)
            seen.append(found[0].reshape(len(found[0]), -1).sum(1))
            return found

        return spy

    evaluated = Search._evaluated

    def unseen(*args: Any) -> Any:
        count = len(seen)
        result = evaluated(*args)
        del seen[count:]
        return result

    for name in ("context_loss", "image_loss"):
        monkeypatch.setattr(ops, name, spied(getattr(ops, name)))
    monkeypatch.setattr(Search, "_evaluated", unseen)
    return seen


# --- iterations ---


@each_device
def test_trap_7_best_code_is_kept_not_the_last(model: Networks, losses_seen: list[Tensor]) -> None:
    images, masks = images_of(model, 4), masks_of(4)
    options = SearchOptions(
        iterations=30, candidates=1, starts=1, prior=0, lr=3.0, clip="none", precision="float32"
    )
    found = run_search(model, options, images, masks)
    assert len(losses_seen) == 31  # the starting code's, and one after each step
    losses = torch.stack(losses_seen)
    # A card adds up the loss of the last evaluation in another order than those of the iterations.
    torch.testing.assert_close(found.contextual[:, 0], losses.amin(0), rtol=1e-6, atol=0)
    assert (losses[-1] > 1.05 * losses.amin(0)).any()  # the last would have been worse


def test_trap_7_the_last_step_counts_too(model: Networks, losses_seen: list[Tensor]) -> None:
    """While the loss still falls, the best code is that of the last step."""
    options = SearchOptions(iterations=7, candidates=1, starts=1, prior=0, lr=1e-3, precision="float32")
    found = run_search(model, options, images_of(model, 2), masks_of(2))
    losses = torch.stack(losses_seen)
    assert (losses.diff(dim=0) < 0).all()
    assert torch.equal(found.contextual[:, 0], losses[-1])


@each_device
@pytest.mark.parametrize("iterations", [1, 10, 25])
def test_iterations_are_counted(model: Networks, losses_seen: list[Tensor], iterations: int) -> None:
    found = run_search(model, replace(QUICK, iterations=iterations), images_of(model, 2), masks_of(2))
    assert (found.iterations == iterations).all()
    assert len(losses_seen) == iterations + 1


# --- candidates and where they start ---


@each_device
def test_candidates_are_sorted_by_loss(model: Networks) -> None:
    options = replace(QUICK, candidates=5, iterations=5)
    found = run_search(model, options, images_of(model, 3), masks_of(3))
    loss = found.contextual + options.prior * found.prior
    assert (loss.diff(dim=1) >= 0).all()
    assert [sorted(row) for row in found.candidates.tolist()] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(row) for row in found.candidates.tolist()}) > 1


def test_more_candidates_never_make_it_worse(exact: Networks) -> None:
    model = exact  # in float32, batches of another size round apart
    images, masks = images_of(model, 3), masks_of(3)
    options = replace(QUICK, starts=8)
    few, more = (run_search(model, replace(options, candidates=count), images, masks) for count in (1, 4))
    row = (more.candidates == 0).nonzero()[:, 1]
    torch.testing.assert_close(more.contextual[range(3), row], few.contextual[:, 0], rtol=1e-6, atol=1e-6)
    losses = [found.contextual[:, 0] + QUICK.prior * found.prior[:, 0] for found in (few, more)]
    assert (losses[1] <= losses[0] + 1e-6).all()


def test_starting_codes_are_a_function_of_the_seed(model: Networks) -> None:
    torch.manual_seed(1)
    first = starting_codes(model.generator, replace(QUICK, starts=5))
    torch.manual_seed(2)
    again, other = (starting_codes(model.generator, replace(QUICK, starts=5, seed=seed)) for seed in (0, 1))
    assert torch.equal(first, again)
    assert len({tuple(code.tolist()) for code in torch.cat([first, other])}) == 10


@pytest.mark.parametrize(("starts", "candidates"), [(1, 4), (4, 4), (9, 4)])
def test_there_are_as_many_starting_codes_as_candidates_at_least(
    model: Networks, starts: int, candidates: int
) -> None:
    codes = starting_codes(model.generator, replace(QUICK, starts=starts, candidates=candidates))
    assert codes.shape == (max(starts, candidates), 8)


@each_device
@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("batch", [64, 7])
def test_search_begins_from_the_codes_that_are_nearest_on_the_known_pixels(
    model: Networks, weight: Any, batch: int
) -> None:
    images = images_of(model, 3)
    masks = masks_of(3).to(images)
    w = masks if weight == "mask" else ops.context_weight(masks, QUICK.window)
    standing = replace(
        QUICK, starts=40, candidates=3, lr=1e-9, iterations=1, prior=0, weight=weight, batch=batch
    )
    found = run_search(model, standing, torch.where(masks == 0, torch.nan, images), masks)
    codes = starting_codes(model.generator, standing).to(images)
    with torch.no_grad():
        losses = (w[:, None] * (model.generator(codes)[None] - images[:, None]).abs()).sum((2, 3, 4))
    torch.testing.assert_close(found.codes, codes[losses.argsort(1)[:, :3]], rtol=0, atol=1e-6)
    assert found.candidates.tolist() == [[0, 1, 2]] * 3


# --- rows under way ---


@each_device
@pytest.mark.slow
def test_rows_beyond_the_batch_wait_and_take_the_place_of_finished_ones(exact: Networks) -> None:
    model = exact  # in float32, batches of another size round apart
    images, masks = images_of(model, 5), masks_of(5)
    options = replace(QUICK, patience=8, iterations=80, lr=0.15)
    under_way: list[dict[int, int]] = []

    advance = Descent.advance

    def spy(self: Descent, rows: Rows) -> None:
        advance(self, rows)
        under_way.append(dict(zip(rows.index.tolist(), rows.step.tolist(), strict=True)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Descent, "advance", spy)
        few = run_search(model, replace(options, batch=3), images, masks)
    assert max(len(look) for look in under_way) == 3
    assert {number for look in under_way for number in look} == set(range(10))
    assert any(len(set(look.values())) > 1 for look in under_way)  # they joined at different times
    assert few.iterations.unique().numel() > 2
    assert few.iterations.min() >= options.patience
    assert few.iterations.max() <= options.iterations

    all_at_once = run_search(model, options, images, masks)
    assert torch.equal(few.candidates, all_at_once.candidates)
    assert torch.equal(few.iterations, all_at_once.iterations)
    torch.testing.assert_close(few.codes, all_at_once.codes, rtol=0, atol=1e-6)
    torch.testing.assert_close(few.contextual, all_at_once.contextual, rtol=1e-6, atol=1e-6)


@each_device
def test_patience_stops_where_the_loss_stays(model: Networks, losses_seen: list[Tensor]) -> None:
    options = SearchOptions(
        iterations=300, patience=6, candidates=1, starts=1, prior=0, lr=0.05, precision="float32"
    )
    found = run_search(model, options, images_of(model, 1), masks_of(1))
    taken = int(found.iterations)
    assert taken < 300
    losses = torch.stack(losses_seen)[: taken + 1, 0]
    assert losses[-6:].min() > 0.999 * losses[:-6].min()


def test_patience_waits_for_a_slow_but_steady_fall(model: Networks, losses_seen: list[Tensor]) -> None:
    """Each step gains less than a thousandth, but together they gain more."""
    options = SearchOptions(
        iterations=60, patience=10, candidates=1, starts=1, prior=0, lr=3e-4, seed=2, precision="float32"
    )
    found = run_search(model, options, images_of(model, 1), masks_of(1))
    losses = torch.stack(losses_seen)[:, 0]
    assert (losses[1:] / losses[:-1]).min() > 0.999
    assert (losses[10:] / losses[:-10]).max() < 0.999
    assert int(found.iterations) == 60


@each_device
def test_row_whose_loss_is_nan_never_looks_good(model: Networks) -> None:
    images = images_of(model, 2)
    images[0, 0, 20, 20] = float("nan")  # known to be nonsense
    found = run_search(model, QUICK, images, torch.ones(2, 1, 32, 32))
    assert torch.isinf(found.contextual[0]).all()
    assert torch.isfinite(found.contextual[1]).all()


@each_device
def test_stride_does_not_change_the_result(model: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    options = replace(QUICK, patience=5)
    usual = run_search(model, options, images, masks)
    monkeypatch.setattr(descent, "STRIDE", 1)
    watchful = run_search(model, options, images, masks)
    assert torch.equal(usual.codes, watchful.codes)
    assert torch.equal(usual.iterations, watchful.iterations)


@each_device
def test_losses_are_those_at_full_precision_whatever_the_search_computed_in(model: Networks) -> None:
    images = images_of(model, 3)
    masks = masks_of(3).to(images)
    found = run_search(model, replace(QUICK, precision="bfloat16"), images, masks)
    with torch.no_grad():
        fills = model.generator(found.codes.flatten(0, 1)).unflatten(0, (3, 2))
    contextual = (masks[:, None] * (fills - images[:, None]).abs()).sum((2, 3, 4))
    torch.testing.assert_close(found.contextual, contextual, rtol=1e-3, atol=1e-2)


@pytest.mark.slow
def test_bfloat16_ends_about_where_float32_does(model: Networks) -> None:
    images, masks = images_of(model, 4), masks_of(4)
    options = replace(QUICK, iterations=100, candidates=4)
    exact, rough = (
        run_search(model, replace(options, precision=kind), images, masks).contextual[:, 0].mean()
        for kind in ("float32", "bfloat16")
    )
    known = 0.75 * 32 * 32
    assert rough / known < exact / known + 1e-3  # mean distance of a known pixel; images span 2


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
        ({"avx512_f": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_precision_follows_from_what_the_cpu_has_instructions_for(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    weights = torch.zeros(1)
    assert precision.inner_dtype("auto", weights) == expected
    assert precision.inner_dtype("float32", weights) == torch.float32
    assert precision.inner_dtype("auto", weights.double()) == torch.float64
