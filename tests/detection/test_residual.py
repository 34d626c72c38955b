"""Damage by a model: the shipped one on letters of fonts that it never saw."""

import numpy as np
import pytest
from detection_cases import as_picture, damage, letters, photograph, planted

from inpaintx.detection import DetectOptions, ModelDetector, find_damage
from inpaintx.detection.residual import residual
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.networks.devices import pick_device
from inpaintx.pictures import Picture


@pytest.fixture(scope="module")
def chars() -> Networks:
    return load_model("chars", pick_device("cpu"))


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    return letters(tmp_path_factory.mktemp("letters") / "made")


@pytest.mark.parametrize(
    ("kind", "precision", "recall"), [("scratches", 0.6, 0.45), ("dust", 0.5, 0.4), ("stains", 0.4, 0.7)]
)
def test_what_no_letter_has_is_damage(
    chars: Networks, intact: list[np.ndarray], kind: str, precision: float, recall: float
) -> None:
    cases = [planted(kind, values, number) for number, values in enumerate(intact)]
    total = damage().Counts()
    for mask, (_, truth) in zip(ModelDetector(chars)([each for each, _ in cases]), cases, strict=True):
        total = total.plus(damage().count(~mask, truth))
    assert total.shares[0] >= precision
    assert total.shares[1] >= recall


def test_little_is_found_in_intact_letters(chars: Networks, intact: list[np.ndarray]) -> None:
    masks = ModelDetector(chars)([as_picture(values) for values in intact])
    assert np.mean([(~mask).mean() for mask in masks]) < 0.02


def test_a_larger_picture_of_a_letter(chars: Networks, intact: list[np.ndarray]) -> None:
    """Four times the model's size, in colour and of 16 bits: the blot is found where it is."""
    large = np.kron(intact[0][..., 0], np.ones((4, 4)))
    blot = np.zeros(large.shape, bool)
    blot[20:60, 180:220] = True
    gray = np.where(blot, 0.4, large)
    picture = Picture(np.rint(65535 * np.repeat(gray[..., None], 3, axis=2)).astype(np.uint16))
    [mask] = ModelDetector(chars, DetectOptions(grow=0))([picture])
    assert (~mask)[blot].mean() > 0.8
    assert (~mask)[~blot].mean() < 0.03


def test_one_picture_or_many_give_the_same_masks(chars: Networks, intact: list[np.ndarray]) -> None:
    pictures = [planted("all", values, number)[0] for number, values in enumerate(intact[:3])]
    detect = ModelDetector(chars)
    for together, alone in zip(detect(pictures), map(detect, ([each] for each in pictures)), strict=True):
        assert np.array_equal(together, alone[0])
    assert detect([]) == []


def test_a_picture_of_another_kind_is_left_to_morphology(chars: Networks) -> None:
    picture = as_picture(photograph("coffee.png"))
    with pytest.warns(
        UserWarning, match=r"the model can't explain \d\d% of a picture: it is of another kind"
    ):
        [mask] = ModelDetector(chars)([picture])
    assert np.array_equal(mask, find_damage(picture))


@pytest.mark.filterwarnings("ignore:the model can't explain")
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (70, 33, 3), (200, 90)])
def test_pictures_of_any_shape(chars: Networks, shape: tuple[int, ...]) -> None:
    [mask] = ModelDetector(chars)([Picture(np.full(shape, 200, np.uint8))])
    assert mask.dtype == bool
    assert mask.shape == shape[:2]


def test_the_residual_allows_for_an_outline_that_is_a_pixel_off() -> None:
    expected = np.zeros((8, 8, 1), np.float32)
    expected[:, 4:] = 1
    shifted = np.roll(expected, 1, axis=1)
    shifted[:, 0] = 0
    assert not residual(shifted, expected, 1).any()
    assert residual(shifted, expected, 0)[:, 4].tolist() == [1] * 8
    shifted[2, 1] = 0.7
    assert residual(shifted, expected, 1)[2, 1] == pytest.approx(0.7)
