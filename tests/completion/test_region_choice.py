"""Which part of a picture the model sees, and what comes of it."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from completion_cases import OPTIONS, MakeModel, make_blend, make_mask, make_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inpaintx import InpaintxError
from inpaintx.completion import Completed, Completer
from inpaintx.completion.candidates import CandidateFinder
from inpaintx.completion.framing import Familiarity, find_regions
from inpaintx.completion.regions import hole_boxes, parse_region
from inpaintx.letters.chars import TRAIN_FAMILIES, CharsOptions, render_chars
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture, find_pictures, read_picture
from inpaintx.pictures.pyramid import Pyramid
from inpaintx.pictures.regions import Region, hole_region
from inpaintx.plugins import registry

SIDE, LETTER = 400, Region(210, 90, 130, 130)
QUICK = SearchOptions(candidates=4, iterations=20, precision="float32", estimate="mean")


def _complete(model: Networks, picture: Picture, mask: np.ndarray, region: Any, **more: Any) -> Completed:
    (completed,) = Completer(model, make_blend(), OPTIONS, region=region, **more)([picture], [mask])
    return completed


def _mask(shape: tuple[int, int], *holes: Region) -> np.ndarray:
    mask = np.ones(shape, bool)
    for hole in holes:
        hole.of(mask)[...] = False
    return mask


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, np.ndarray]:
    """A letter like those that the shipped model knows in a picture six times its size, and a hole in it."""
    folder = tmp_path_factory.mktemp("letters") / "letters"
    render_chars(CharsOptions(families=TRAIN_FAMILIES[:1], count=1, seed=7), folder)
    [path] = find_pictures([folder])
    letter = Image.fromarray(read_picture(path).array)
    slope = np.linspace(60, 190, SIDE)[:, None] + np.linspace(-20, 20, SIDE)
    array = (slope + np.random.default_rng(0).normal(0, 2, slope.shape)).clip(0, 255).astype(np.uint8)
    LETTER.of(array)[...] = letter.resize((LETTER.width, LETTER.height), Image.Resampling.BICUBIC)
    return Picture(array), _mask(array.shape, Region(LETTER.top + 40, LETTER.left + 40, 50, 50))


def test_a_letter_is_found_in_a_larger_picture_and_filled_better_than_from_the_whole(
    scene: tuple[Picture, np.ndarray],
) -> None:
    picture, mask = scene
    model, errors = load_model("chars"), {}
    for region in ("whole", "auto"):
        completer = Completer(model, registry.make("blend", "auto"), QUICK, region=region)
        (completed,) = completer([picture], [mask])
        assert np.array_equal(completed.picture.array[mask], picture.array[mask])
        difference = completed.picture.as_float()[~mask] - picture.as_float()[~mask]
        errors[region] = float(np.square(difference).mean())
    [chosen] = completed.regions
    assert _overlap(chosen.region, LETTER) > 0.5
    assert chosen.error is not None
    assert chosen.error < 0.5
    assert chosen.doubt is None
    assert errors["auto"] < 0.6 * errors["whole"]  # more than 2 dB


class _Overlap:
    """Finds a region the better, the more of it is the thing that is looked for."""

    def __init__(self, thing: Region, share: float) -> None:
        self._thing, self._share, self.looks = thing, share, 0

    def errors(self, regions: Sequence[Region], sets: int = 6) -> np.ndarray:
        self.looks += len(regions) * sets
        return np.array([1 - self._share * _overlap(region, self._thing) for region in regions])


def _overlap(one: Region, other: Region) -> float:
    """Their common part's share of all that either has."""
    rows = min(one.bottom, other.bottom) - max(one.top, other.top)
    columns = min(one.right, other.right) - max(one.left, other.left)
    common = max(0, rows) * max(0, columns)
    return common / (one.height * one.width + other.height * other.width - common)


def _familiarity(picture: Picture, mask: np.ndarray) -> Familiarity:
    guess = CandidateFinder(load_model("chars"), QUICK).guess
    return Familiarity(Pyramid(picture, mask), 64, 1, guess)


def test_the_square_of_a_letter_is_more_familiar_than_those_beside_it(
    scene: tuple[Picture, np.ndarray],
) -> None:
    beside = [
        Region(LETTER.top + down, LETTER.left + right, LETTER.height + more, LETTER.width + more)
        for down, right, more in ((45, 0, 0), (0, -45, 0), (-60, -60, 120), (25, 25, -45))
    ]
    whole = Region(0, 0, SIDE, SIDE)
    own, *others = _familiarity(*scene).errors([LETTER, *beside, whole])
    assert own < 0.5
    assert own < 0.7 * min(others)


def test_blank_paper_is_not_familiar() -> None:
    """Interpolation is right there, to the bit; to be a little off must not count as to be right, too."""
    paper = Picture(np.full((SIDE, SIDE), 255, np.uint8))
    mask = _mask((SIDE, SIDE), Region(180, 180, 50, 50))
    [error] = _familiarity(paper, mask).errors([Region(140, 140, 130, 130)])
    assert error >= 1


def test_squares_around_a_hole_are_reached() -> None:
    """By regions that are tried, as far as what measures them leads there."""
    rng, errors = np.random.default_rng(0), []
    for side in rng.integers(90, 500, 100).tolist():
        top, left = (round(share * (600 - side)) for share in rng.random(2))
        hole_side = round(rng.uniform(0.25, 0.5) * side)
        down, right = (round(share * (side - hole_side)) for share in rng.uniform(0.1, 0.9, 2))
        thing, hole = Region(top, left, side, side), Region(top + down, left + right, hole_side, hole_side)
        framing: Any = _Overlap(thing, 1)
        [(found, error), *others] = find_regions(framing, hole, (600, 600), 64)
        assert _overlap(found, thing) == pytest.approx(1 - error)
        assert framing.looks < 1000  # of the model's passes
        assert find_regions(framing, hole, (600, 600), 64) == [(found, error), *others]
        errors.append(error)
    assert np.mean(errors) < 0.08
    assert max(errors) < 0.2


def test_where_no_square_is_good_none_beside_it_is_tried() -> None:
    hopeless: Any = _Overlap(Region(200, 200, 150, 150), -0.05)  # worse than interpolation
    hopeful: Any = _Overlap(Region(200, 200, 150, 150), 0.5)
    for framing in (hopeless, hopeful):
        find_regions(framing, Region(240, 240, 50, 50), (600, 600), 64)
    assert hopeless.looks < 0.6 * hopeful.looks


def test_what_lies_under_the_hole_chooses_nothing(scene: tuple[Picture, np.ndarray]) -> None:
    picture, mask = scene
    model, found = load_model("chars"), []
    for level in (0, 255):
        array = picture.array.copy()
        array[~mask] = level
        completer = Completer(model, make_blend(), replace(QUICK, iterations=2))
        (completed,) = completer([Picture(array)], [mask])
        found.append(completed)
    assert found[0].regions == found[1].regions
    assert np.array_equal(found[0].picture.array, found[1].picture.array)


@pytest.mark.parametrize("size", [(32, 32), (50, 75), (64, 40)], ids=str)
def test_a_picture_of_about_the_models_size_is_seen_whole(model: Networks, size: tuple[int, int]) -> None:
    """So is one with a hole that is a large share of it; the results are the same bits."""
    picture, mask = make_picture(*size), make_mask(*size)
    whole, auto = (_complete(model, picture, mask, region) for region in ("whole", "auto"))
    assert np.array_equal(whole.picture.array, auto.picture.array)
    assert np.array_equal(whole.uncertainty, auto.uncertainty)
    assert [each.region for each in auto.regions] == [hole_region(mask, "crop")]


def test_a_hole_that_is_a_large_share_is_seen_with_the_whole_picture(model: Networks) -> None:
    picture = make_picture(200, 240)
    mask = _mask((200, 240), Region(40, 60, 120, 110))
    [chosen] = _complete(model, picture, mask, "auto").regions
    assert chosen.region == hole_region(mask, "crop")


def test_holes_far_apart_are_filled_each_from_its_own_region(make_model: MakeModel) -> None:
    """And each as if the picture had no other."""
    model = make_model()
    patches = replace(model, header={**model.header, "fit": "patches", "scales": [1]})
    holes = [Region(20, 30, 12, 10), Region(150, 160, 9, 14), Region(152, 20, 8, 8)]
    picture = make_picture(200, 220)
    together = _complete(patches, picture, _mask((200, 220), *holes), "auto")
    assert len(together.regions) == 3
    assert {(each.region.height, each.region.width) for each in together.regions} == {(32, 32)}
    for hole in holes:
        alone = _complete(patches, picture, _mask((200, 220), hole), "auto")
        assert np.array_equal(hole.of(together.picture.array), hole.of(alone.picture.array))
        assert np.allclose(hole.of(together.uncertainty), hole.of(alone.uncertainty), atol=1e-5)
    worst = max(_complete(patches, picture, _mask((200, 220), hole), "auto").contextual for hole in holes)
    assert together.contextual == pytest.approx(worst, rel=1e-5)


def test_a_history_of_several_regions_is_of_the_whole_picture(make_model: MakeModel) -> None:
    model = make_model()
    patches = replace(model, header={**model.header, "fit": "patches", "scales": [1]})
    picture, mask = make_picture(120, 120), _mask((120, 120), Region(10, 10, 9, 9), Region(90, 90, 9, 9))
    completer = Completer(patches, make_blend("none"), OPTIONS)
    (completed,) = completer([picture], [mask], history=True)
    assert completed.history[-1][0] <= 12
    for _, formed in completed.history:
        assert np.array_equal(formed.array[mask], picture.array[mask])
        assert (formed.array[~mask] != picture.array[~mask]).mean() > 0.5


@pytest.mark.parametrize(
    ("hole", "scales", "side", "doubt"),
    [
        (Region(50, 60, 20, 12), [1], 32, None),
        (Region(50, 60, 40, 12), [1, 2], 64, None),
        (Region(50, 60, 40, 30), [1], 60, "a pixel of the model covers 1.88 of the picture's"),
    ],
)
def test_a_model_of_patches_sees_a_scale_that_it_was_trained_at(
    make_model: MakeModel, hole: Region, scales: list[int], side: int, doubt: str | None
) -> None:
    model = make_model()
    patches = replace(model, header={**model.header, "fit": "patches", "scales": scales})
    mask = _mask((150, 170), hole)
    [chosen] = _complete(patches, make_picture(150, 170), mask, "auto").regions
    assert (chosen.region.height, chosen.region.width) == (side, side)
    assert chosen.region.holds(hole)
    if doubt is None:
        assert chosen.doubt is None or "interpolation" in chosen.doubt  # it knows nothing, being untrained
    else:
        assert chosen.doubt == doubt


def test_a_region_that_is_given_is_what_the_model_sees(model: Networks) -> None:
    picture, mask = make_picture(100, 120), _mask((100, 120), Region(30, 40, 10, 10))
    result = _complete(model, picture, mask, "25,20,40,40")
    assert [each.region for each in result.regions] == [Region(20, 25, 40, 40)]
    part = Region(20, 25, 40, 40)
    alone = _complete(model, Picture(part.of(picture.array).copy()), part.of(mask), "whole")
    assert np.array_equal(part.of(result.picture.array), alone.picture.array)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("0,0,30,30", "does not reach around the hole, which is 40,30,10,10; choose a larger one"),
        ("40,30,10,10", "does not reach around the hole"),
        ("30,20,200,40", "leaves the picture of 120×100 pixels; choose another"),
        ("somewhere", "no region 'somewhere'; choose auto, whole, or X,Y,W,H"),
        ("1,2,0,4", "no region '1,2,0,4'"),
    ],
)
def test_a_region_that_will_not_do_is_refused(model: Networks, region: str, message: str) -> None:
    mask = _mask((100, 120), Region(30, 40, 10, 10))
    with pytest.raises(InpaintxError, match=message.replace("(", r"\(")):
        _complete(model, make_picture(100, 120), mask, region)


def test_a_picture_whose_region_will_not_do_stops_no_other(model: Networks) -> None:
    pictures = [make_picture(100, 120), make_picture(20, 20), make_picture(100, 120)]
    masks = [make_mask(*picture.array.shape) for picture in pictures]
    completer = Completer(model, make_blend(), OPTIONS, region="10,20,60,60")
    first, second, third = completer.one_by_one(pictures, masks)
    assert isinstance(second, InpaintxError)
    assert isinstance(first, Completed)
    assert isinstance(third, Completed)


def test_regions_are_read_from_words() -> None:
    assert parse_region("auto") == "auto"
    assert parse_region(" 3, 4,5 ,6") == Region(4, 3, 6, 5)


@given(
    holes=st.lists(
        st.tuples(st.integers(0, 180), st.integers(0, 280), st.integers(1, 20), st.integers(1, 20)),
        min_size=1,
        max_size=6,
    ),
    most=st.integers(1, 4),
)
def test_every_hole_is_in_one_box_and_boxes_are_apart(
    holes: list[tuple[int, int, int, int]], most: int
) -> None:
    mask = _mask((200, 300), *(Region(*hole) for hole in holes))
    boxes = hole_boxes(mask, most)
    assert len(boxes) <= most
    count = np.zeros(mask.shape, int)
    for box in boxes:
        box.of(count)[...] += 1
        edges = box.of(mask)
        assert not any(edge.all() for edge in (edges[0], edges[-1], edges[:, 0], edges[:, -1]))
    assert (count[~mask] == 1).all()
    assert count.max() == 1


def test_a_large_picture_is_float_only_near_its_holes(make_model: MakeModel) -> None:
    """Bytes that are allocated for each pixel: the result, masks, and a copy at 8 bits to look at."""
    picture = Picture(np.random.default_rng(0).integers(0, 255, (2000, 3000, 3), np.uint8))
    mask = _mask((2000, 3000), Region(300, 300, 90, 90), Region(1500, 2400, 90, 90))
    completer = Completer(make_model(channels=3), make_blend(), replace(OPTIONS, candidates=1))
    tracemalloc.start()
    (completed,) = completer([picture], [mask])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / mask.size < 20  # float32 alone would be 12 for each copy
    assert np.array_equal(completed.picture.array[mask], picture.array[mask])
