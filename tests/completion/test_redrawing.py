"""Samples drawn anew by the predictor: what changes, what can't, and what of it depends on nothing else."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from search_cases import images_of

from inpaintx.completion import redrawing
from inpaintx.completion.candidates import CandidateFinder
from inpaintx.completion.redrawing import Redrawing, Square
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.predictor import FrozenPredictor, Predictor
from inpaintx.networks.shares import FINE
from inpaintx.options import SearchOptions

OPTIONS = SearchOptions(iterations=4, candidates=3, starts=8, lr=0.1, precision="float32")


@pytest.fixture
def predictor(model: Networks) -> Predictor:
    """As before training: it expects the interpolation, and adds nothing."""
    return Predictor(model.architecture).eval().requires_grad_(False)


@pytest.fixture
def adding(predictor: Predictor) -> Predictor:
    """One that adds something of its own."""
    torch.manual_seed(0)
    torch.nn.init.normal_(predictor.last.weight, std=0.1)
    return predictor


def _squares(model: Networks, count: int = 3) -> list[Square]:
    images = images_of(model, count).permute(0, 2, 3, 1).float().numpy() / 2 + 0.5
    masks = np.ones((count, 32, 32), bool)
    for number, mask in enumerate(masks):
        mask[6 + number : 24, 7 : 27 - number] = False
    return [(image * mask[..., None], mask) for image, mask in zip(images, masks, strict=True)]


def _fills(squares: list[Square]) -> np.ndarray:
    return np.random.default_rng(3).random((len(squares), *squares[0][0].shape), dtype=np.float32)


def test_each_sweep_hides_each_pixel_once_in_whole_blocks() -> None:
    parts = list(redrawing._blocks(64))
    assert len(parts) == 4 * len(redrawing.BLOCKS)
    for first, count in zip(range(0, len(parts), 4), redrawing.BLOCKS, strict=True):
        sweep = np.stack(parts[first : first + 4])
        assert np.all(sweep.sum(0) == 1)
        assert sweep.sum((1, 2)).max() <= (64 // 2 + 64 // count) ** 2
    edges = [np.flatnonzero(np.diff(part[:, part.any(0)][:, 0])) for part in parts[4::4]]
    assert not np.array_equal(*edges)  # the two sweeps with blocks of one size


class _Gray(FrozenPredictor):
    """Expects one gray everywhere, whatever it sees."""

    def __call__(self, y: torch.Tensor, mask: torch.Tensor, interpolated: torch.Tensor) -> tuple:
        return torch.full_like(y, 2 * 0.4 - 1), torch.full_like(mask, -2)


def test_what_is_coarse_becomes_what_is_expected(predictor: Predictor) -> None:
    redraw = Redrawing(_Gray(predictor), OPTIONS)
    mask = np.ones((32, 32), bool)
    mask[4:28, 4:28] = False
    gray = np.full((32, 32, 1), 0.4, np.float32)
    image = np.where(mask[..., None], gray, np.float32(np.nan))
    y, x = np.mgrid[-15.5:16, -15.5:16]
    shadow = gray - 0.3 * np.exp(-(y**2 + x**2) / 200)[..., None].astype(np.float32)
    plain, cleaned = redraw([(image, mask)] * 2, np.stack([gray, shadow]))
    np.testing.assert_allclose(plain, gray, rtol=0, atol=1e-6)
    before, after = (
        np.abs(redrawing.joined(image, mask, fill) - gray)[~mask].max() for fill in (shadow, cleaned)
    )
    assert before > 0.1
    assert after < 0.5 * before


def test_fine_detail_stays_as_it_was_found(predictor: Predictor) -> None:
    mask = np.ones((32, 32), bool)
    mask[4:28, 4:28] = False
    fine = 0.5 + np.float32(0.2) * ((np.indices((32, 32)).sum(0) % 2) * 2 - 1)[..., None].astype(np.float32)
    image = np.where(mask[..., None], np.float32(0.5), np.float32(0))
    (drawn,) = Redrawing(FrozenPredictor(predictor), OPTIONS)([(image, mask)], fine[None])
    deep = np.s_[12:20, 12:20]
    assert np.std(drawn[deep]) > 0.9 * np.std(fine[deep])


@pytest.mark.parametrize(("fine", "least", "most"), [(0.01, 0.8, 0.95), (0.3, 0.1, 0.3)])
def test_of_fine_detail_that_p_knows_better_its_own_is_taken(
    predictor: Predictor, fine: float, least: float, most: float
) -> None:
    """P expects to be off by e⁻² / 2 = 0.068: it gets f / (f + 0.068), an eighth and four fifths."""
    mask = np.ones((32, 32), bool)
    mask[4:28, 4:28] = False
    found = 0.5 + np.float32(0.2) * ((np.indices((32, 32)).sum(0) % 2) * 2 - 1)[..., None].astype(np.float32)
    image = np.where(mask[..., None], np.float32(0.5), np.float32(0))
    (drawn,) = Redrawing(FrozenPredictor(predictor), OPTIONS, fine)([(image, mask)], found[None])
    deep = np.s_[12:20, 12:20]
    assert least < np.std(drawn[deep]) / np.std(found[deep]) < most


def test_beside_known_pixels_nothing_fine_is_taken(model: Networks, adding: Predictor) -> None:
    mask = np.ones((32, 32), bool)
    mask[::3, ::2] = False
    ((image, _),) = _squares(model, 1)
    square = (np.where(mask[..., None], image, np.float32(0)), mask)
    fills = _fills([square])
    coarse, fine = (Redrawing(FrozenPredictor(adding), OPTIONS, fine)([square], fills) for fine in (0, 0.3))
    np.testing.assert_array_equal(coarse, fine)
    assert np.abs(coarse - fills).max() > 0.02


@pytest.mark.parametrize("fine", [0.0, 0.3])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_does_not_depend_on_its_batch_mates(
    model: Networks, adding: Predictor, threads: int, fine: float, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(threads)
    squares = _squares(model)
    fills = _fills(squares)
    redraw = Redrawing(FrozenPredictor(adding), OPTIONS, fine)
    together = redraw(squares, fills)
    for number, square in enumerate(squares):
        assert np.array_equal(redraw([square], fills[number : number + 1])[0], together[number])


def test_nothing_under_the_hole_is_read(model: Networks, adding: Predictor) -> None:
    squares = _squares(model, 1)
    fills = _fills(squares)
    ((image, mask),) = squares
    spoilt = np.where(mask[..., None], image, np.float32(np.nan))
    redraw = Redrawing(FrozenPredictor(adding), OPTIONS)
    assert np.array_equal(redraw([(spoilt, mask)], fills), redraw(squares, fills))


def test_a_square_without_a_hole_passes(model: Networks, adding: Predictor) -> None:
    ((image, _),) = _squares(model, 1)
    (drawn,) = Redrawing(FrozenPredictor(adding), OPTIONS)([(image, np.ones((32, 32), bool))], image[None])
    np.testing.assert_allclose(drawn, image, rtol=0, atol=1e-6)


def test_only_squares_that_a_block_of_the_hole_is_hidden_in_are_looked_at(
    adding: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small holes cost less, and squares without one nothing."""
    looked_at: list[int] = []

    def expect(predictor: FrozenPredictor, squares: list[Square], *more: object) -> object:
        looked_at.append(len(squares))
        return expected(predictor, squares, *more)

    expected = redrawing.expect
    monkeypatch.setattr(redrawing, "expect", expect)
    masks = np.ones((2, 32, 32), bool)
    masks[0, 9, 9] = False  # one pixel lies in one block of each sweep
    squares = [(np.full((32, 32, 1), 0.3, np.float32), mask) for mask in masks]
    Redrawing(FrozenPredictor(adding), OPTIONS)(squares, np.full((2, 32, 32, 1), 0.6, np.float32))
    assert looked_at == [1] * len(redrawing.BLOCKS)


@pytest.mark.parametrize("fine", [0.0, 0.3])
def test_samples_are_drawn_anew_the_best_and_the_others_alike(
    model: Networks, adding: Predictor, fine: float
) -> None:
    squares = _squares(model, 2)
    predicting = replace(model, predictor=adding, header={**model.header, FINE: fine})
    found = CandidateFinder(predicting, OPTIONS)(squares)
    for candidates in found:
        assert candidates.redrawn is not None
        for number in range(OPTIONS.candidates):
            plain = replace(candidates, redrawing=None, redrawn=None).sample(number)
            (want,) = Redrawing(FrozenPredictor(adding), OPTIONS, fine)(
                [(candidates.image, candidates.mask)], plain[None]
            )
            assert np.array_equal(candidates.sample(number), want)
        assert np.array_equal(candidates.fill("sample"), candidates.sample(0))


def test_a_mean_is_as_it_was(model: Networks, adding: Predictor) -> None:
    options = replace(OPTIONS, estimate="mean")
    (candidates,) = CandidateFinder(replace(model, predictor=adding), options)(_squares(model, 1))
    assert candidates.redrawn is None
    plain = replace(candidates, redrawing=None)
    assert np.array_equal(candidates.fill("mean"), plain.fill("mean"))
    assert not np.array_equal(candidates.fill("sample"), plain.fill("sample"))
