"""The methods that are judged: each fills as its source says, and knows of the known pixels only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inpaintx import InpaintxError
from inpaintx.completion import Completer
from inpaintx.completion.candidates import CandidateFinder
from inpaintx.completion.estimate import disagreement
from inpaintx.judge import methods
from inpaintx.judge.learned import ProbabilisticPCA
from inpaintx.judge.methods import BLENDS, MEAN, SAMPLE, Filled, Source, Square
from inpaintx.judge.rival import Rival, UNet
from inpaintx.networks.checkpoint import Networks
from inpaintx.ops.solvers import biharmonic, membrane
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.search import Search

pytestmark = pytest.mark.slow

OPTIONS = SearchOptions(iterations=12, candidates=4, starts=12, lr=0.1, precision="float32")
SIZE = 32

MakeModel = Callable[..., Networks]


def _squares(channels: int = 1, count: int = 3) -> list[Square]:
    """Pictures in full steps of 8 bits, 0 under holes of different places."""
    y, x = np.indices((SIZE, SIZE)) / SIZE
    squares = []
    for number in range(count):
        waves = [np.sin(5 * x + number + channel) * np.cos(6 * y - number) for channel in range(channels)]
        image = np.rint(128 + 90 * np.stack(waves, -1)).astype(np.float32) / 255
        mask = np.ones((SIZE, SIZE), bool)
        mask[6 + number : 16 + number, 12 - 2 * number : 24 - 2 * number] = False
        squares.append((image * mask[..., None], mask))
    return squares


def _filled(source: Source, squares: list[Square]) -> dict[str, Filled]:
    """By name; every one fits, and keeps what is known."""
    found = {filled.name: filled for filled in source(squares)}
    for filled in found.values():
        assert filled.images.dtype == np.float32
        assert filled.images.shape == (len(squares), *squares[0][0].shape)
        assert filled.images.min() >= 0
        assert filled.images.max() <= 1
        assert filled.seconds > 0
        for image, (square, mask) in zip(filled.images, squares, strict=True):
            assert np.array_equal(image[mask], square[mask])
    return found


def _in_hole(filled: Filled, squares: list[Square]) -> np.ndarray:
    return np.concatenate([image[~mask] for image, (_, mask) in zip(filled.images, squares, strict=True)])


# --- classical ---


@pytest.mark.parametrize("channels", [1, 3])
def test_classical_methods_are_what_they_are_called(channels: int) -> None:
    squares = _squares(channels)
    found = {}
    for told, source in methods.classical():
        filled = _filled(source, squares)
        assert [method.name for method in told] == list(filled)
        assert {method.kind for method in told} == {"classical"}
        found |= filled
    assert list(found) == ["Telea", "Navier–Stokes", "harmonic", "biharmonic"]
    for index, (image, mask) in enumerate(squares):
        eight_bits = np.rint(image.squeeze() * 255).astype(np.uint8)
        for name, flag in (("Telea", cv2.INPAINT_TELEA), ("Navier–Stokes", cv2.INPAINT_NS)):
            theirs = cv2.inpaint(eight_bits, (~mask).astype(np.uint8), 3, flag).reshape(image.shape) / 255
            np.testing.assert_allclose(found[name].images[index], theirs, rtol=0, atol=1e-6)
        for name, solve in (("harmonic", membrane), ("biharmonic", biharmonic)):
            expected = solve(image, mask).clip(0, 1)
            np.testing.assert_allclose(found[name].images[index], expected, rtol=0, atol=1e-6)


def test_opencv_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InpaintxError, match=r'the judge needs OpenCV: pip install "inpaintx\[eval\]"'):
        methods.classical()


# --- ours ---


@pytest.mark.parametrize("channels", [1, 3])
def test_ours_is_what_complete_gives(make_model: MakeModel, channels: int) -> None:
    """Each blend, and both estimates, as a picture of the model's size would be completed."""
    model, squares = make_model(channels=channels), _squares(channels)
    told, source = methods.ours(model, OPTIONS)
    found = _filled(source, squares)
    assert [method.name for method in told] == list(found)
    assert {method.kind for method in told} == {"ours"}
    pictures = [Picture(np.rint(image.squeeze() * 255).astype(np.uint8), None) for image, _ in squares]
    masks = [mask for _, mask in squares]

    def completed(blend: str, estimate: Any) -> np.ndarray:
        completer = Completer(model, registry.make("blend", blend), replace(OPTIONS, estimate=estimate))
        arrays = [done.picture.as_float() for done in completer(pictures, masks)]
        return np.stack(arrays)

    for name, blend, estimate in ((MEAN, "auto", "mean"), (SAMPLE, "auto", "sample")):
        np.testing.assert_allclose(found[name].images, completed(blend, estimate), rtol=0, atol=0.51 / 255)
    # The other blends do without trials, so their candidates have seen all known pixels; here they share
    # those of `auto`, each of which was blind to a few.
    assert set(found) == {MEAN, SAMPLE, *(f"mean, {blend}" for blend in BLENDS)}
    fills = [found[name].images for name in found]
    assert len({fill.tobytes() for fill in fills}) == len(fills)


def test_one_search_serves_all_of_ours(model: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    search = Search.__call__

    def spy(*args: Any) -> Any:
        searches.append(args)
        return search(*args)

    monkeypatch.setattr(Search, "__call__", spy)
    squares = _squares()
    found = _filled(methods.ours(model, OPTIONS)[1], squares)
    assert len(searches) == 1
    doubts = [filled.doubt for filled in found.values()]
    for doubt in doubts:
        assert doubt is not None
        assert doubt.shape == (len(squares), SIZE, SIZE)
        assert np.array_equal(doubt, doubts[0])  # type: ignore[arg-type]
        assert doubt.max() > 0
    # Without a blend, the mean is the fill itself.
    candidates = CandidateFinder(model, OPTIONS)(squares, folds=4)
    expected = np.concatenate([c.fill("mean")[~c.mask] for c in candidates])
    np.testing.assert_allclose(_in_hole(found["mean, none"], squares), expected, rtol=0, atol=1e-6)


# --- switched off, and presets ---


def test_constant_generator_is_interpolation_alone(model: Networks) -> None:
    """By the blend `auto`: a plate in tension, or without it where that predicts known pixels better."""
    squares = _squares()
    told, source = methods.switched(model, OPTIONS, "constant")
    (filled,) = _filled(source, squares).values()
    assert [(method.name, method.kind) for method in told] == [(filled.name, "switch")]
    for image, (square, mask) in zip(filled.images, squares, strict=True):
        lengths = [biharmonic(square, mask, tension).clip(0, 1) for tension in (0.25, 0.0)]
        assert min(np.abs(image - alone).max() for alone in lengths) < 1e-5


def test_untrained_generator_is_searched_as_ours_is(model: Networks) -> None:
    squares = _squares()
    told, source = methods.switched(model, OPTIONS, "untrained")
    (filled,) = _filled(source, squares).values()
    assert [(method.name, method.kind) for method in told] == [(filled.name, "switch")]
    candidates = CandidateFinder(model, OPTIONS, "untrained")(squares, folds=4)
    assert filled.doubt is not None
    np.testing.assert_allclose(filled.doubt, [disagreement(c.fills) for c in candidates], rtol=0, atol=1e-6)
    trained = CandidateFinder(model, OPTIONS)(squares, folds=4)
    assert np.abs(filled.doubt - [disagreement(c.fills) for c in trained]).max() > 0.01


@pytest.mark.parametrize("name", PRESETS)
def test_preset_searches_as_its_source_did(
    model: Networks, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[SearchOptions] = []
    made = Search.__init__

    def spy(self: Search, generator: Any, discriminator: Any, options: SearchOptions, *more: Any) -> None:
        seen.append(options)
        made(self, generator, discriminator, replace(options, iterations=5), *more)

    monkeypatch.setattr(Search, "__init__", spy)
    squares, ours = _squares(), replace(OPTIONS, batch=7)
    told, source = methods.preset(model, name, ours)
    (filled,) = _filled(source, squares).values()
    assert [(method.name, method.kind) for method in told] == [(f"preset {name}", "preset")]
    # All is the source's, but for what only says how fast it is computed.
    assert seen == [replace(PRESETS[name], precision="float32", batch=7)]
    assert filled.doubt is not None
    assert not filled.doubt.any()  # a single candidate agrees with itself


# --- learned ---


def _collection(count: int = 60, channels: int = 1) -> np.ndarray:
    """Pictures that are combinations of three patterns, exactly, so that PCA knows them."""
    patterns = np.random.default_rng(0).integers(-7, 8, (3, channels, SIZE, SIZE))
    weights = np.random.default_rng(1).integers(-5, 6, (count, 3))
    return (128 + np.tensordot(weights, patterns, 1)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_learned_methods_complete_what_they_know(channels: int) -> None:
    collection = _collection(channels=channels)
    originals = (collection[:3].transpose(0, 2, 3, 1) / np.float32(255)).astype(np.float32)
    squares = [
        (original * mask[..., None], mask) for original, (_, mask) in zip(originals, _squares(), strict=True)
    ]
    found = {}
    for told, source in methods.learned(collection):
        filled = _filled(source, squares)
        assert [(method.name, method.kind) for method in told] == [(name, "learned") for name in filled]
        found |= filled
    assert list(found) == ["PPCA", "mixture of PPCAs", "8 nearest", "8 nearest around the hole"]
    np.testing.assert_allclose(found["PPCA"].images, originals, rtol=0, atol=1 / 255)
    errors = {name: np.abs(filled.images - originals).mean() for name, filled in found.items()}
    assert errors["PPCA"] < errors["8 nearest"] < np.abs(originals - originals.mean()).mean()


def test_a_rival_is_joined_harmonically_and_by_our_blend(make_model: MakeModel) -> None:
    torch.manual_seed(0)
    network = Rival(UNet(make_model().architecture).eval(), minutes=12.3, steps=4567)
    squares = _squares()
    expected = network(*(np.stack(parts) for parts in zip(*squares, strict=True)))
    (harmonic, poisson), (ours, auto) = methods.rival(network)
    for (told,), blend in ((harmonic, "poisson"), (ours, "auto")):
        assert (told.name, told.variant_of, told.minutes) == (f"U-Net, {blend}", "U-Net", 12.3)
        assert "4,567 steps" in told.about
    joined = _filled(poisson, squares)["U-Net, poisson"].images
    for image, fill, (square, mask) in zip(joined, expected, squares, strict=True):
        alone = np.clip(fill + membrane((square - fill) * mask[..., None], mask), 0, 1)
        np.testing.assert_allclose(image[~mask], alone[~mask], rtol=0, atol=1e-4)
    assert np.abs(_filled(auto, squares)["U-Net, auto"].images - joined).max() > 1e-3


def test_learned_methods_are_tried_without_the_held_out_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once on all known pixels, and once for each set without these."""
    asked: list[np.ndarray] = []
    predict = ProbabilisticPCA.__call__

    def spy(self: ProbabilisticPCA, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        asked.append(masks)
        return predict(self, images, masks)

    monkeypatch.setattr(ProbabilisticPCA, "__call__", spy)
    squares = _squares()
    _filled(methods.learned(_collection())[0][1], squares)
    masks = np.stack([mask for _, mask in squares])
    assert np.array_equal(asked[0], masks)
    assert len(asked) == 1 + registry.get("blend", "auto").trials
    for tried in asked[1:]:
        assert not (tried & ~masks).any()
        assert (tried.sum((1, 2)) < masks.sum((1, 2))).all()


def test_learned_methods_that_know_nothing_of_the_picture_are_not_trusted() -> None:
    """Under `auto`, they lose little against interpolation where what they learned is of no use."""
    squares = _squares()
    originals = _originals()
    for _, source in methods.learned(_collection()):
        ((_, filled),) = _filled(source, squares).items()
        for image, original, (square, mask) in zip(filled.images, originals, squares, strict=True):
            alone = biharmonic(square, mask, 0.25)
            error, alone_error = (np.abs(u - original)[~mask].mean() for u in (image, alone))
            assert error < alone_error + 0.01


def _originals() -> np.ndarray:
    """What is under the holes of `_squares()`."""
    y, x = np.indices((SIZE, SIZE)) / SIZE
    waves = [np.sin(5 * x + number) * np.cos(6 * y - number) for number in range(3)]
    return np.rint(128 + 90 * np.stack(waves)[..., None]).astype(np.float32) / 255
