"""The latent search: against autograd, and the traps that earlier systems fell into."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch import Tensor

from inpaintx import ops
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.search import Search
from inpaintx.search.starts import starting_codes

MakeModel = Callable[..., Networks]


@pytest.fixture
def codes_seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The codes of all rows under way after every iteration."""
    seen: list[Tensor] = []
    step = ops.latent_step_

    def spy(z: Tensor, *args: Any, **options: Any) -> None:
        step(z, *args, **options)
        seen.append(z.clone())

    monkeypatch.setattr(ops, "latent_step_", spy)
    return seen


# --- what it computes ---


def _by_autograd(model: Networks, options: SearchOptions, y: Tensor, w: Tensor) -> list[Tensor]:
    """The codes after each iteration, by autograd and torch's optimisers: one image, one candidate."""
    z = starting_codes(model.generator, replace(options, candidates=1)).to(y).requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.Adam(
        [z], options.plan(False).lr, (options.momentum, 0.999)
    )
    if options.optimizer == "nesterov":
        optimizer = torch.optim.SGD([z], options.plan(False).lr, options.momentum, nesterov=True)
    rho = {
        "l1": torch.abs,
        "l2": torch.square,
        "huber": lambda d: F.huber_loss(d, torch.zeros_like(d), reduction="none", delta=options.delta),
    }[options.norm]
    trace = []
    for iteration in range(options.iterations):
        x = model.generator(z)
        asked = 0 if iteration % options.prior_every else options.prior_every
        loss = (w * rho(x - y)).sum() + asked * options.prior * F.softplus(-model.discriminator(x)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            z.clamp_(-1, 1)
        trace.append(z.detach().clone())
    return trace


@each_device
@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(prior=0.5, precision="float32"),
        SearchOptions(prior=0.5, prior_every=4, precision="float32"),
        SearchOptions(norm="l2", lr=0.02, precision="float32"),
        SearchOptions(norm="huber", delta=0.2, momentum=0.5, precision="float32"),
        SearchOptions(optimizer="nesterov", lr=1e-3, precision="float32"),
        SearchOptions(prior=0, weight="window", window=5, precision="float32"),
        *PRESETS.values(),
    ],
    ids=["l1", "prior now and then", "l2", "huber", "nesterov", "window", *PRESETS],
)
def test_search_is_the_published_descent(
    exact: Networks, codes_seen: list[Tensor], options: SearchOptions
) -> None:
    options = replace(options, candidates=1, starts=1, iterations=15)
    y = images_of(exact, 1)
    masks = masks_of(1).to(y)
    w = masks if options.weight == "mask" else ops.context_weight(masks, options.window, options.border)
    run_search(exact, options, y, masks)
    expected = _by_autograd(exact, options, y, w)
    assert len(codes_seen) >= 15
    for iteration, wanted in enumerate(expected):
        torch.testing.assert_close(codes_seen[iteration], wanted, rtol=1e-6, atol=1e-6)


def test_preset_seed_takes_the_steps_of_its_source(exact: Networks, codes_seen: list[Tensor]) -> None:
    """0.999 · summed squares + 0.001 · D's loss, Nesterov 0.9 at 0.01: the 0.999 may move elsewhere only
    if no step changes by it."""
    y, masks = images_of(exact, 1), masks_of(1).double()
    run_search(exact, replace(PRESETS["seed"], iterations=10), y, masks)
    z = starting_codes(exact.generator, PRESETS["seed"]).double().requires_grad_()
    optimizer = torch.optim.SGD([z], 0.01, 0.9, nesterov=True)
    for iteration in range(10):
        x = exact.generator(z)
        loss = 0.999 * (masks * (x - y) ** 2).sum() + 0.001 * F.softplus(-exact.discriminator(x)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            z.clamp_(-1, 1)
        torch.testing.assert_close(codes_seen[iteration], z.detach(), rtol=1e-6, atol=1e-6)


@each_device
def test_code_of_a_generated_image_is_recovered(model: Networks) -> None:
    images = images_of(model, 4)
    masks = masks_of(4).to(images)
    options = SearchOptions(iterations=200, candidates=4, starts=4, prior=0, precision="float32")
    found = run_search(model, options, images, masks)
    with torch.no_grad():
        start = model.generator(starting_codes(model.generator, options).to(images))
    first = (masks[:, None] * (start[None] - images[:, None]).abs()).sum((2, 3, 4)).amin(1)
    assert (found.contextual[:, 0] < 0.1 * first).all()
    # And what was hidden comes back with it.
    hole = 1 - masks
    error = (hole * (found.fill - images).abs()).sum((1, 2, 3)) / hole.sum((1, 2, 3))
    assert (error < 0.1).all()


@each_device
def test_losses_are_those_of_the_codes_returned(model: Networks) -> None:
    images = images_of(model, 3)
    masks = masks_of(3).to(images)
    found = run_search(model, QUICK, images, masks)
    with torch.no_grad():
        fills = model.generator(found.codes.flatten(0, 1))
        prior = F.softplus(-model.discriminator(fills)).unflatten(0, (3, 2))
    fills = fills.unflatten(0, (3, 2))
    contextual = (masks[:, None] * (fills - images[:, None]).abs()).sum((2, 3, 4))
    torch.testing.assert_close(found.fills, fills, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.contextual, contextual, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(found.prior, prior, rtol=1e-3, atol=1e-3)
    assert torch.equal(found.fill, found.fills[:, 0])
    assert found.codes.shape == (3, 2, 8)


def test_prior_pulls_towards_what_the_discriminator_likes(model: Networks) -> None:
    images, masks = images_of(model, 4), masks_of(4)
    weak, strong = (
        run_search(model, replace(QUICK, candidates=1, iterations=60, prior=prior), images, masks)
        for prior in (0.001, 100.0)
    )
    assert strong.prior.mean() < 0.5 * weak.prior.mean()
    assert strong.contextual.mean() > weak.contextual.mean()


@each_device
@pytest.mark.parametrize(("size", "channels"), [(32, 3), (64, 1)])
def test_other_architectures(make_model: MakeModel, size: int, channels: int) -> None:
    model = make_model(size=size, channels=channels, kernel=5, nz=5, code="normal")
    images, masks = images_of(model, 2), masks_of(2, size)
    found = run_search(model, QUICK, images, masks)
    assert found.fills.shape == (2, 2, channels, size, size)
    start = run_search(model, replace(QUICK, iterations=1), images, masks)
    assert (found.contextual[:, 0] < start.contextual[:, 0]).all()


# --- traps ---


@each_device
@pytest.mark.parametrize("clip", ["clamp", "stochastic"])
@pytest.mark.parametrize("code", ["uniform", "normal"])
@pytest.mark.parametrize("optimizer", ["adam", "nesterov"])
def test_trap_1_codes_are_in_their_box_after_every_iteration(
    make_model: MakeModel, codes_seen: list[Tensor], clip: Any, code: str, optimizer: Any
) -> None:
    model = make_model(code=code)
    options = replace(QUICK, lr=0.8, clip=clip, optimizer=optimizer)
    found = run_search(model, options, images_of(model, 3), masks_of(3), history=True)
    bound = model.architecture.bound
    assert len(codes_seen) >= QUICK.iterations
    for codes in (*codes_seen, *(history.codes for history in found.history), found.codes):
        assert codes.abs().max() <= bound
    at_the_edge = torch.stack([(codes.abs() == bound).any() for codes in codes_seen])
    assert at_the_edge.any() == (clip == "clamp")


def test_codes_leave_the_box_where_asked_to(model: Networks, codes_seen: list[Tensor]) -> None:
    """Or else the test above would pass for steps that never reach the edge."""
    run_search(model, replace(QUICK, lr=0.8, clip="none"), images_of(model, 3), masks_of(3))
    assert max(codes.abs().max() for codes in codes_seen) > 1.5


def test_rows_of_an_image_are_clipped_by_draws_of_their_own(
    model: Networks, codes_seen: list[Tensor]
) -> None:
    """Stochastic clipping: equal draws would make candidates meet."""
    options = replace(QUICK, clip="stochastic", lr=1e6, candidates=3, iterations=1)
    run_search(model, options, images_of(model, 1), masks_of(1))
    drawn = codes_seen[0]
    assert len({tuple(code.tolist()) for code in drawn}) == 3
    assert not (drawn[0] == drawn[1]).any()


def test_starting_codes_are_in_the_box(make_model: MakeModel) -> None:
    model = make_model(code="normal", nz=500)
    codes = starting_codes(model.generator, replace(QUICK, candidates=8))
    assert codes.abs().max() == 3


@each_device
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_trap_3_result_does_not_depend_on_batch_mates(exact: Networks, norm: Any) -> None:
    model = exact  # in float32, batches of another size round apart
    images, masks = images_of(model, 5), masks_of(5)
    options = replace(QUICK, norm=norm, candidates=1)
    together = run_search(model, options, images, masks)
    for index in range(5):
        alone = run_search(model, options, images[index : index + 1], masks[index : index + 1])
        torch.testing.assert_close(alone.codes[0], together.codes[index], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone.fill[0], together.fill[index], rtol=0, atol=1e-6)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_trap_3_networks_in_training_mode_are_refused(model: Networks, part: str) -> None:
    getattr(model, part).train()
    with pytest.raises(InpaintxError, match=r"training mode.*eval\(\)"):
        Search(model.generator, model.discriminator, QUICK)


@each_device
@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e30, 0.3])
def test_trap_4_what_lies_under_the_hole_is_never_read(model: Networks, weight: Any, garbage: float) -> None:
    images = images_of(model, 2)
    masks = masks_of(2).to(images)
    options = replace(QUICK, weight=weight, starts=10)
    clean = run_search(model, options, images, masks)
    soiled = run_search(model, options, torch.where(masks == 0, garbage, images), masks)
    assert torch.equal(clean.codes, soiled.codes)
    assert torch.equal(clean.fills, soiled.fills)
    assert torch.equal(clean.contextual, soiled.contextual)


def test_trap_5_weight_counts_pixels_near_the_hole_only(model: Networks) -> None:
    """With window 7, known pixels more than 3 away from the hole say nothing; with the mask they do."""
    images, masks = images_of(model, 1), torch.ones(1, 1, 32, 32)
    masks[..., 12:20, 12:20] = 0
    far = images.clone()
    far[..., :8] = 1
    near = images.clone()
    near[..., 10] = 1
    window, mask = replace(QUICK, weight="window", window=7), replace(QUICK, weight="mask")
    found, found_far, found_near = (run_search(model, window, y, masks).codes for y in (images, far, near))
    assert torch.equal(found, found_far)
    assert not torch.allclose(found, found_near)
    assert not torch.allclose(
        run_search(model, mask, images, masks).codes, run_search(model, mask, far, masks).codes
    )


def test_a_hole_too_thin_for_the_models_pixels_leaves_all_known_ones_alike(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    masks[1] = 1
    window, mask = replace(QUICK, weight="window"), replace(QUICK, weight="mask")
    found, alike = (run_search(model, options, images, masks) for options in (window, mask))
    assert torch.equal(found.codes[1], alike.codes[1])
    assert not torch.equal(found.codes[0], alike.codes[0])


def test_trap_8_prior_without_a_discriminator_is_refused(model: Networks) -> None:
    with pytest.raises(InpaintxError, match=r"needs a discriminator; .*prior to 0"):
        Search(model.generator, None, QUICK)


def test_no_discriminator_is_needed_without_a_prior(model: Networks) -> None:
    options = replace(QUICK, prior=0)
    images, masks = images_of(model, 2), masks_of(2)
    without = Search(model.generator, None, options)(images, masks)
    assert torch.equal(without.codes, run_search(model, options, images, masks).codes)
    assert not without.prior.any()


# --- inputs and outputs ---


@each_device
@pytest.mark.parametrize("clip", ["clamp", "stochastic"])
def test_seed_decides_the_result(model: Networks, clip: Any) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    options = replace(QUICK, clip=clip, lr=0.3)
    torch.manual_seed(1)
    first = run_search(model, options, images, masks)
    torch.manual_seed(2)
    again = run_search(model, options, images, masks)
    other = run_search(model, replace(options, seed=10**15), images, masks)
    assert torch.equal(first.codes, again.codes)
    assert not torch.allclose(first.codes, other.codes)


@each_device
def test_no_image_gives_nothing_found(model: Networks) -> None:
    found = run_search(model, QUICK, torch.empty(0, 1, 32, 32), torch.empty(0, 1, 32, 32))
    assert found.fills.shape == (0, 2, 1, 32, 32)
    assert found.fill.shape == (0, 1, 32, 32)
    assert found.codes.shape == (0, 2, 8)
    assert found.history == ()


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        ((2, 3, 32, 32), (2, 1, 32, 32), r"images have shape \(2, 3, 32, 32\); the model takes"),
        ((2, 1, 64, 64), (2, 1, 64, 64), "images have shape"),
        ((1, 32, 32), (1, 1, 32, 32), "images have shape"),
        ((2, 1, 32, 32), (1, 1, 32, 32), r"masks have shape \(1, 1, 32, 32\); these images need"),
        ((2, 1, 32, 32), (2, 32, 32), "masks have shape"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_told(
    model: Networks, images: tuple[int, ...], masks: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InpaintxError, match=message):
        run_search(model, QUICK, torch.zeros(images), torch.ones(masks))


def test_search_records_no_graph(model: Networks) -> None:
    model.generator.requires_grad_(True)
    found = run_search(model, QUICK, images_of(model, 1).requires_grad_(), masks_of(1))
    assert not any(getattr(found, name).requires_grad for name in ("codes", "fills", "contextual", "prior"))
