"""Damage without a model: what was planted is found, and little else."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from detection_cases import as_picture, damage, photograph, planted
from scipy import ndimage

from inpaintx import InpaintxError
from inpaintx.detection import DetectOptions, find_damage, morphology
from inpaintx.pictures import Picture

PHOTOGRAPHS = ("camera.png", "chelsea.png", "brick.png", "coffee.png")


@pytest.mark.parametrize(
    ("kind", "precision", "recall"),
    [("scratches", 0.6, 0.4), ("dust", 0.35, 0.3), ("stains", 0.5, 0.3), ("burnt", 0.85, 0.7)],
)
def test_planted_damage_is_found(kind: str, precision: float, recall: float) -> None:
    total = damage().Counts()
    for number, name in enumerate(PHOTOGRAPHS):
        picture, truth = planted(kind, photograph(name), 40 + number)
        found = ~find_damage(picture, DetectOptions(kind=kind))
        total = total.plus(damage().count(found, truth))
    assert total.shares[0] >= precision
    assert total.shares[1] >= recall


@pytest.mark.parametrize("name", ["chelsea.png", "brick.png", "page.png", "grass.png", "gravel.png"])
def test_little_is_found_where_nothing_is_damaged(name: str) -> None:
    assert (~find_damage(as_picture(photograph(name)))).mean() < 0.005


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_nothing_is_found_in_one_colour(level: int) -> None:
    for shape in ((64, 64), (1, 1), (90, 40, 3)):
        assert find_damage(Picture(np.full(shape, level, np.uint8))).all()


def test_nothing_is_found_in_noise() -> None:
    rng = np.random.default_rng(0)
    for noise in (rng.integers(0, 256, (96, 80, 3)), np.clip(rng.normal(128, 20, (150, 90)), 0, 255)):
        assert find_damage(Picture(noise.astype(np.uint8))).all()


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5, 3), (1, 500), (33, 31), (11, 64, 3)]
)
def test_pictures_of_any_shape(shape: tuple[int, ...]) -> None:
    levels = np.random.default_rng(1).integers(0, 65536, shape).astype(np.uint16)
    mask = find_damage(Picture(levels))
    assert mask.dtype == bool
    assert mask.shape == shape[:2]


@pytest.fixture(scope="module")
def scratched() -> Picture:
    return planted("all", photograph("chelsea.png"), 5)[0]


def test_16_bits_give_the_mask_of_8(scratched: Picture) -> None:
    deep = Picture(scratched.array.astype(np.uint16) * 257)
    assert np.array_equal(find_damage(deep), find_damage(scratched))


def test_gray_as_rgb_gives_the_mask_of_gray() -> None:
    gray, _ = planted("all", photograph("brick.png")[:300, :300], 6)
    colours = Picture(np.repeat(gray.array[..., None], 3, axis=2))
    mask = find_damage(gray)
    assert not mask.all()
    assert np.array_equal(find_damage(colours), mask)


def test_what_is_transparent_is_not_looked_at(scratched: Picture) -> None:
    alpha = np.full(scratched.array.shape[:2], 255, np.uint8)
    alpha[:, : scratched.width // 2] = 0
    mask, whole = find_damage(replace(scratched, alpha=alpha)), find_damage(scratched)
    assert not whole[alpha == 0].all()
    assert mask[alpha == 0].all()
    assert np.array_equal(mask[alpha > 0], whole[alpha > 0])


def test_the_same_picture_gives_the_same_mask_and_stays_as_it_is(scratched: Picture) -> None:
    before = scratched.array.copy()
    assert np.array_equal(find_damage(scratched), find_damage(scratched))
    assert np.array_equal(scratched.array, before)


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, _ = planted("all", photograph("camera.png"), 7)
    whole = find_damage(picture)
    assert not whole.all()
    monkeypatch.setattr(morphology, "TILE", 192)
    assert np.array_equal(find_damage(picture), whole)


def test_large_pictures_are_searched_for_large_specks() -> None:
    """A speck of 24 pixels is dust in a picture of 1600, and none in one of 350."""
    rows, columns = np.ogrid[:1600, :1600]
    ramp = 90 + (rows + columns) / 60
    speck = np.hypot(rows - 700, columns - 450) <= 12
    large = np.where(speck, 255, ramp).astype(np.uint8)
    dust = DetectOptions(kind="dust", grow=0)
    assert (~find_damage(Picture(large), dust))[speck].mean() > 0.8
    assert find_damage(Picture(np.ascontiguousarray(large[500:850, 300:650])), dust).all()


def test_a_kind_is_looked_for_alone() -> None:
    levels = np.full((128, 128), 100, np.uint8)
    levels[60:62, 10:110] = 250  # a scratch
    levels[20:24, 100:104] = 250  # a speck
    scratch, speck = np.zeros((2, 128, 128), bool)
    scratch[60:62, 10:110], speck[20:24, 100:104] = True, True

    def found(kind: str) -> np.ndarray:
        return ~find_damage(Picture(levels), DetectOptions(kind=kind, grow=0))

    assert found("scratches")[scratch].mean() > 0.9
    assert not found("scratches")[speck].any()
    assert found("dust")[speck].all()
    assert not found("dust")[scratch].any()
    assert found("all")[scratch | speck].mean() > 0.9
    assert not found("stains").any()


def test_more_sensitivity_finds_more() -> None:
    picture, _ = planted("scratches", photograph("camera.png"), 8)
    shares = [
        (~find_damage(picture, DetectOptions(sensitivity=sensitivity))).mean() for sensitivity in (0.5, 1, 2)
    ]
    assert 0 < shares[0] < shares[1] < shares[2]


def test_the_mask_grows(scratched: Picture) -> None:
    found = ~find_damage(scratched, DetectOptions(grow=0))
    grown = ~find_damage(scratched, DetectOptions(grow=3))
    assert np.array_equal(grown, ndimage.binary_dilation(found, np.ones((7, 7))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "dirt"}, "kind is 'dirt'; choose one of all, scratches, dust, stains, burnt"),
        ({"sensitivity": 0}, "sensitivity is 0; choose more than 0"),
        ({"sensitivity": float("nan")}, "sensitivity is nan; choose more than 0"),
        ({"grow": -1}, "grow is -1; choose 0 to 100"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InpaintxError) as error:
        DetectOptions(**options)
    assert str(error.value) == f"detection: {message}"


def test_no_torch_is_loaded() -> None:
    program = (
        "import sys, numpy as np; from inpaintx.detection import find_damage; "
        "from inpaintx.pictures import Picture; find_damage(Picture(np.zeros((40, 40), np.uint8))); "
        "print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
