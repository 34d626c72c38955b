"""The latent search: against autograd, sample by sample, and the traps that earlier systems fell into."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintx import ops, search
from inpaintx.checkpoint import Model
from inpaintx.errors import InpaintxError
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.search import Completion, Search, starting_codes

QUICK = SearchOptions(iterations=25, candidates=2, starts=1, lr=0.05, prior=0.1)

MakeModel = Callable[..., Model]


@pytest.fixture
def model(make_model: MakeModel) -> Model:
    return make_model()


@pytest.fixture
def exact(make_model: MakeModel) -> Model:
    """The same in float64, where two ways to compute a search stay together for longer."""
    made = make_model()
    made.generator.double()
    made.discriminator.double()
    return made


def _images(model: Model, count: int, seed: int = 5) -> Tensor:
    """Images that G can draw: ``[count, C, S, S]`` of codes that no search starts from."""
    codes = model.generator.sample_codes(count, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return model.generator(codes.to(next(model.generator.parameters()).dtype))


def _masks(count: int, size: int = 32) -> Tensor:
    """Each with a square hole of half the side, at a place of its own."""
    masks = torch.ones(count, 1, size, size)
    for index in range(count):
        top, left = (3 * index) % (size // 2), (5 * index) % (size // 2)
        masks[index, :, top : top + size // 2, left : left + size // 2] = 0
    return masks


def _search(model: Model, options: SearchOptions, images: Tensor, masks: Tensor, **more: Any) -> Completion:
    return Search(model.generator, model.discriminator, options)(images, masks, **more)


@pytest.fixture
def codes_seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The codes of all samples under way after every iteration."""
    seen: list[Tensor] = []
    step = ops.latent_step_

    def spy(z: Tensor, *args: Any, **options: Any) -> None:
        step(z, *args, **options)
        seen.append(z.clone())

    monkeypatch.setattr(ops, "latent_step_", spy)
    return seen


@pytest.fixture
def losses_seen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The contextual losses of all samples under way at every iteration."""
    seen: list[Tensor] = []
    loss = ops.context_loss

    def spy(*args: Any) -> tuple[Tensor, Tensor]:
        found = loss(*args)
        seen.append(found[0].clone())
        return found

    monkeypatch.setattr(ops, "context_loss", spy)
    return seen


# --- what it computes ---


def _by_autograd(model: Model, options: SearchOptions, y: Tensor, w: Tensor) -> list[Tensor]:
    """The codes after each iteration, by autograd and torch's optimisers: one image, one candidate."""
    z = starting_codes(model.generator, replace(options, candidates=1)).double().requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.Adam([z], options.lr, (options.momentum, 0.999))
    if options.optimizer == "nesterov":
        optimizer = torch.optim.SGD([z], options.lr, options.momentum, nesterov=True)
    rho = {
        "l1": torch.abs,
        "l2": torch.square,
        "huber": lambda d: F.huber_loss(d, torch.zeros_like(d), reduction="none", delta=options.delta),
    }[options.norm]
    trace = []
    for _ in range(options.iterations):
        x = model.generator(z)
        loss = (w * rho(x - y)).sum() + options.prior * F.softplus(-model.discriminator(x)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            z.clamp_(-1, 1)
        trace.append(z.detach().clone())
    return trace


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(prior=0.5),
        SearchOptions(norm="l2", lr=0.02),
        SearchOptions(norm="huber", delta=0.2, momentum=0.5),
        SearchOptions(optimizer="nesterov", lr=1e-3),
        SearchOptions(prior=0, weight="window", window=5),
        *PRESETS.values(),
    ],
    ids=["l1", "l2", "huber", "nesterov", "window", *PRESETS],
)
def test_search_is_the_published_descent(
    exact: Model, codes_seen: list[Tensor], options: SearchOptions
) -> None:
    options = replace(options, candidates=1, starts=1, iterations=15)
    y, masks = _images(exact, 1), _masks(1).double()
    w = masks if options.weight == "mask" else ops.context_weight(masks, options.window, options.border)
    _search(exact, options, y, masks)
    expected = _by_autograd(exact, options, y, w)
    assert len(codes_seen) >= 15
    for iteration, wanted in enumerate(expected):
        torch.testing.assert_close(codes_seen[iteration], wanted, rtol=1e-6, atol=1e-6)


def test_preset_seed_takes_the_steps_of_its_source(exact: Model, codes_seen: list[Tensor]) -> None:
    """0.999 · summed squares + 0.001 · D's loss, Nesterov 0.9 at 0.01: the 0.999 may move elsewhere only
    if no step changes by it."""
    y, masks = _images(exact, 1), _masks(1).double()
    _search(exact, replace(PRESETS["seed"], iterations=10), y, masks)
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


def test_code_of_a_generated_image_is_recovered(model: Model) -> None:
    images, masks = _images(model, 4), _masks(4)
    options = SearchOptions(iterations=200, candidates=4, starts=4, prior=0)
    found = _search(model, options, images, masks)
    with torch.no_grad():
        start = model.generator(starting_codes(model.generator, options))
    first = (masks[:, None] * (start[None] - images[:, None]).abs()).sum((2, 3, 4)).amin(1)
    assert (found.contextual[:, 0] < 0.1 * first).all()
    # And what was hidden comes back with it.
    hole = 1 - masks
    error = (hole * (found.fill - images).abs()).sum((1, 2, 3)) / hole.sum((1, 2, 3))
    assert (error < 0.1).all()


def test_losses_are_those_of_the_codes_returned(model: Model) -> None:
    images, masks = _images(model, 3), _masks(3)
    found = _search(model, QUICK, images, masks)
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


def test_prior_pulls_towards_what_the_discriminator_likes(model: Model) -> None:
    images, masks = _images(model, 4), _masks(4)
    weak, strong = (
        _search(model, replace(QUICK, candidates=1, iterations=60, prior=prior), images, masks)
        for prior in (0.001, 100.0)
    )
    assert strong.prior.mean() < 0.5 * weak.prior.mean()
    assert strong.contextual.mean() > weak.contextual.mean()


@pytest.mark.parametrize(("size", "channels"), [(32, 3), (64, 1)])
def test_other_architectures(make_model: MakeModel, size: int, channels: int) -> None:
    model = make_model(size=size, channels=channels, kernel=5, nz=5, code="normal")
    images, masks = _images(model, 2), _masks(2, size)
    found = _search(model, QUICK, images, masks)
    assert found.fills.shape == (2, 2, channels, size, size)
    start = _search(model, replace(QUICK, iterations=1), images, masks)
    assert (found.contextual[:, 0] < start.contextual[:, 0]).all()


# --- traps ---


@pytest.mark.parametrize("clip", ["clamp", "stochastic"])
@pytest.mark.parametrize("code", ["uniform", "normal"])
@pytest.mark.parametrize("optimizer", ["adam", "nesterov"])
def test_trap_1_codes_are_in_their_box_after_every_iteration(
    make_model: MakeModel, codes_seen: list[Tensor], clip: Any, code: str, optimizer: Any
) -> None:
    model = make_model(code=code)
    options = replace(QUICK, lr=0.8, clip=clip, optimizer=optimizer)
    watched: list[Tensor] = []
    found = _search(
        model, options, _images(model, 3), _masks(3), watch=lambda n, i, codes: watched.append(codes.clone())
    )
    bound = model.architecture.bound
    assert len(codes_seen) >= QUICK.iterations
    for codes in (*codes_seen, *watched, found.codes):
        assert codes.abs().max() <= bound
    at_the_edge = torch.stack([(codes.abs() == bound).any() for codes in codes_seen])
    assert at_the_edge.any() == (clip == "clamp")


def test_codes_leave_the_box_where_asked_to(model: Model, codes_seen: list[Tensor]) -> None:
    """Or else the test above would pass for steps that never reach the edge."""
    _search(model, replace(QUICK, lr=0.8, clip="none"), _images(model, 3), _masks(3))
    assert max(codes.abs().max() for codes in codes_seen) > 1.5


def test_starting_codes_are_in_the_box(make_model: MakeModel) -> None:
    model = make_model(code="normal", nz=500)
    codes = starting_codes(model.generator, replace(QUICK, candidates=8))
    assert codes.abs().max() == 3


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_trap_3_result_does_not_depend_on_batch_mates(model: Model, norm: Any) -> None:
    images, masks = _images(model, 5), _masks(5)
    options = replace(QUICK, norm=norm, candidates=1, lr=0.02)
    together = _search(model, options, images, masks)
    for index in range(5):
        alone = _search(model, options, images[index : index + 1], masks[index : index + 1])
        torch.testing.assert_close(alone.codes[0], together.codes[index], rtol=0, atol=1e-4)
        torch.testing.assert_close(alone.fill[0], together.fill[index], rtol=0, atol=1e-4)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_trap_3_networks_in_training_mode_are_refused(model: Model, part: str) -> None:
    getattr(model, part).train()
    with pytest.raises(InpaintxError, match=r"training mode.*eval\(\)"):
        Search(model.generator, model.discriminator, QUICK)


@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e30, 0.3])
def test_trap_4_what_lies_under_the_hole_is_never_read(model: Model, weight: Any, garbage: float) -> None:
    images, masks = _images(model, 2), _masks(2)
    options = replace(QUICK, weight=weight, starts=10)
    clean = _search(model, options, images, masks)
    soiled = _search(model, options, torch.where(masks == 0, garbage, images), masks)
    assert torch.equal(clean.codes, soiled.codes)
    assert torch.equal(clean.fills, soiled.fills)
    assert torch.equal(clean.contextual, soiled.contextual)


def test_trap_5_weight_counts_pixels_near_the_hole_only(model: Model) -> None:
    """With window 7, known pixels more than 3 away from the hole say nothing; with the mask they do."""
    images, masks = _images(model, 1), torch.ones(1, 1, 32, 32)
    masks[..., 12:20, 12:20] = 0
    far = images.clone()
    far[..., :8] = 1
    near = images.clone()
    near[..., 10] = 1
    window = replace(QUICK, weight="window")
    found, found_far, found_near = (_search(model, window, y, masks).codes for y in (images, far, near))
    assert torch.equal(found, found_far)
    assert not torch.allclose(found, found_near)
    assert not torch.allclose(
        _search(model, QUICK, images, masks).codes, _search(model, QUICK, far, masks).codes
    )


def test_trap_7_best_code_is_kept_not_the_last(model: Model, losses_seen: list[Tensor]) -> None:
    images, masks = _images(model, 4), _masks(4)
    options = SearchOptions(iterations=30, candidates=1, starts=1, prior=0, lr=3.0, clip="none")
    found = _search(model, options, images, masks)
    assert len(losses_seen) == 31  # the starting code's, and one after each step
    losses = torch.stack(losses_seen)
    assert torch.equal(found.contextual[:, 0], losses.amin(0))
    assert (losses[-1] > 1.05 * losses.amin(0)).any()  # the last would have been worse


def test_trap_7_the_last_step_counts_too(model: Model, losses_seen: list[Tensor]) -> None:
    """While the loss still falls, the best code is that of the last step."""
    options = SearchOptions(iterations=7, candidates=1, starts=1, prior=0, lr=1e-3)
    found = _search(model, options, _images(model, 2), _masks(2))
    losses = torch.stack(losses_seen)
    assert (losses.diff(dim=0) < 0).all()
    assert torch.equal(found.contextual[:, 0], losses[-1])


def test_trap_8_prior_without_a_discriminator_is_refused(model: Model) -> None:
    with pytest.raises(InpaintxError, match=r"needs a discriminator; .*prior to 0"):
        Search(model.generator, None, QUICK)


def test_no_discriminator_is_needed_without_a_prior(model: Model) -> None:
    options = replace(QUICK, prior=0)
    images, masks = _images(model, 2), _masks(2)
    without = Search(model.generator, None, options)(images, masks)
    assert torch.equal(without.codes, _search(model, options, images, masks).codes)
    assert not without.prior.any()


# --- samples, candidates, patience ---


@pytest.mark.parametrize("iterations", [1, 10, 25])
def test_iterations_are_counted(model: Model, losses_seen: list[Tensor], iterations: int) -> None:
    found = _search(model, replace(QUICK, iterations=iterations), _images(model, 2), _masks(2))
    assert (found.iterations == iterations).all()
    assert len(losses_seen) == iterations + 1


def test_candidates_are_sorted_by_loss(model: Model) -> None:
    options = replace(QUICK, candidates=5, iterations=5)
    found = _search(model, options, _images(model, 3), _masks(3))
    loss = found.contextual + options.prior * found.prior
    assert (loss.diff(dim=1) >= 0).all()
    assert [sorted(row) for row in found.candidates.tolist()] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(row) for row in found.candidates.tolist()}) > 1


def test_starting_codes_are_a_function_of_the_seed(model: Model) -> None:
    torch.manual_seed(1)
    first = starting_codes(model.generator, replace(QUICK, starts=5))
    torch.manual_seed(2)
    again, other = (starting_codes(model.generator, replace(QUICK, starts=5, seed=seed)) for seed in (0, 1))
    assert torch.equal(first, again)
    assert len({tuple(code.tolist()) for code in torch.cat([first, other])}) == 10


@pytest.mark.parametrize(("starts", "candidates"), [(1, 4), (4, 4), (9, 4)])
def test_there_are_as_many_starting_codes_as_candidates_at_least(
    model: Model, starts: int, candidates: int
) -> None:
    codes = starting_codes(model.generator, replace(QUICK, starts=starts, candidates=candidates))
    assert codes.shape == (max(starts, candidates), 8)


@pytest.mark.parametrize("weight", ["mask", "window"])
@pytest.mark.parametrize("batch", [64, 7])
def test_search_begins_from_the_codes_that_are_nearest_on_the_known_pixels(
    model: Model, weight: Any, batch: int
) -> None:
    images, masks = _images(model, 3), _masks(3)
    w = masks if weight == "mask" else ops.context_weight(masks)
    standing = replace(
        QUICK, starts=40, candidates=3, lr=1e-9, iterations=1, prior=0, weight=weight, batch=batch
    )
    found = _search(model, standing, torch.where(masks == 0, torch.nan, images), masks)
    codes = starting_codes(model.generator, standing)
    with torch.no_grad():
        losses = (w[:, None] * (model.generator(codes)[None] - images[:, None]).abs()).sum((2, 3, 4))
    torch.testing.assert_close(found.codes, codes[losses.argsort(1)[:, :3]], rtol=0, atol=1e-6)
    assert found.candidates.tolist() == [[0, 1, 2]] * 3


def test_more_candidates_never_make_it_worse(model: Model) -> None:
    images, masks = _images(model, 3), _masks(3)
    options = replace(QUICK, starts=8)
    few, more = (_search(model, replace(options, candidates=count), images, masks) for count in (1, 4))
    row = (more.candidates == 0).nonzero()[:, 1]
    torch.testing.assert_close(more.contextual[range(3), row], few.contextual[:, 0], rtol=1e-3, atol=1e-3)
    losses = [found.contextual[:, 0] + QUICK.prior * found.prior[:, 0] for found in (few, more)]
    assert (losses[1] <= losses[0] + 1e-3).all()


@pytest.mark.parametrize("clip", ["clamp", "stochastic"])
def test_seed_decides_the_result(model: Model, clip: Any) -> None:
    images, masks = _images(model, 2), _masks(2)
    options = replace(QUICK, clip=clip, lr=0.3)
    torch.manual_seed(1)
    first = _search(model, options, images, masks)
    torch.manual_seed(2)
    again = _search(model, options, images, masks)
    other = _search(model, replace(options, seed=10**15), images, masks)
    assert torch.equal(first.codes, again.codes)
    assert not torch.allclose(first.codes, other.codes)


def test_samples_of_an_image_are_clipped_by_draws_of_their_own(
    model: Model, codes_seen: list[Tensor]
) -> None:
    """Stochastic clipping: equal draws would make candidates meet."""
    options = replace(QUICK, clip="stochastic", lr=1e6, candidates=3, iterations=1)
    _search(model, options, _images(model, 1), _masks(1))
    drawn = codes_seen[0]
    assert len({tuple(code.tolist()) for code in drawn}) == 3
    assert not (drawn[0] == drawn[1]).any()


def test_samples_beyond_the_batch_wait_and_take_the_place_of_finished_ones(model: Model) -> None:
    images, masks = _images(model, 5), _masks(5)
    options = replace(QUICK, patience=8, iterations=80, lr=0.15)
    under_way: list[dict[int, int]] = []

    def watch(numbers: Tensor, iterations: Tensor, codes: Tensor) -> None:
        assert codes.shape == (len(numbers), 8)
        under_way.append(dict(zip(numbers.tolist(), iterations.tolist(), strict=True)))

    few = _search(model, replace(options, batch=3), images, masks, watch=watch)
    assert max(len(look) for look in under_way) == 3
    assert {number for look in under_way for number in look} == set(range(10))
    assert any(len(set(look.values())) > 1 for look in under_way)  # they joined at different times
    assert few.iterations.unique().numel() > 2
    assert few.iterations.min() >= options.patience
    assert few.iterations.max() <= options.iterations

    all_at_once = _search(model, options, images, masks)
    assert torch.equal(few.candidates, all_at_once.candidates)
    assert torch.equal(few.iterations, all_at_once.iterations)
    torch.testing.assert_close(few.codes, all_at_once.codes, rtol=0, atol=1e-4)
    torch.testing.assert_close(few.contextual, all_at_once.contextual, rtol=1e-4, atol=1e-3)


def test_watch_is_given_numbers_that_stay_as_they_were(model: Model) -> None:
    seen: list[Tensor] = []
    _search(
        model, QUICK, _images(model, 1), _masks(1), watch=lambda n, iterations, z: seen.append(iterations)
    )
    assert [look.tolist() for look in seen] == [[10, 10], [20, 20], [25, 25]]


def test_patience_stops_where_the_loss_stays(model: Model, losses_seen: list[Tensor]) -> None:
    options = SearchOptions(iterations=300, patience=6, candidates=1, starts=1, prior=0, lr=0.05)
    found = _search(model, options, _images(model, 1), _masks(1))
    taken = int(found.iterations)
    assert taken < 300
    losses = torch.stack(losses_seen)[: taken + 1, 0]
    assert losses[-6:].min() > 0.999 * losses[:-6].min()


def test_patience_waits_for_a_slow_but_steady_fall(model: Model, losses_seen: list[Tensor]) -> None:
    """Each step gains less than a thousandth, but together they gain more."""
    options = SearchOptions(iterations=60, patience=10, candidates=1, starts=1, prior=0, lr=3e-4, seed=2)
    found = _search(model, options, _images(model, 1), _masks(1))
    losses = torch.stack(losses_seen)[:, 0]
    assert (losses[1:] / losses[:-1]).min() > 0.999
    assert (losses[10:] / losses[:-10]).max() < 0.999
    assert int(found.iterations) == 60


def test_sample_whose_loss_is_nan_never_looks_good(model: Model) -> None:
    images = _images(model, 2)
    images[0, 0, 20, 20] = float("nan")  # known to be nonsense
    found = _search(model, QUICK, images, torch.ones(2, 1, 32, 32))
    assert torch.isinf(found.contextual[0]).all()
    assert torch.isfinite(found.contextual[1]).all()


def test_no_image_gives_an_empty_completion(model: Model) -> None:
    found = _search(model, QUICK, torch.empty(0, 1, 32, 32), torch.empty(0, 1, 32, 32))
    assert found.fills.shape == (0, 2, 1, 32, 32)
    assert found.fill.shape == (0, 1, 32, 32)
    assert found.codes.shape == (0, 2, 8)


def test_images_are_drawn_from_codes_of_any_dtype(model: Model) -> None:
    codes = model.generator.sample_codes(3)
    drawn = Search(model.generator, model.discriminator, QUICK).images(codes.double())
    with torch.no_grad():
        torch.testing.assert_close(drawn, model.generator(codes), rtol=0, atol=1e-5)


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
    model: Model, images: tuple[int, ...], masks: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InpaintxError, match=message):
        _search(model, QUICK, torch.zeros(images), torch.ones(masks))


def test_search_records_no_graph(model: Model) -> None:
    model.generator.requires_grad_(True)
    found = _search(model, QUICK, _images(model, 1).requires_grad_(), _masks(1))
    assert not any(getattr(found, name).requires_grad for name in ("codes", "fills", "contextual", "prior"))


def test_stride_does_not_change_the_result(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    images, masks = _images(model, 2), _masks(2)
    options = replace(QUICK, patience=5)
    usual = _search(model, options, images, masks)
    monkeypatch.setattr(search, "STRIDE", 1)
    watchful = _search(model, options, images, masks)
    assert torch.equal(usual.codes, watchful.codes)
    assert torch.equal(usual.iterations, watchful.iterations)
