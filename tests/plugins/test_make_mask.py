from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import family_masks, make_mask

RANDOM = registry.make("mask", "random")


def picture(path: str | None = "cat.png", size: tuple[int, int] = (20, 30)) -> Picture:
    return Picture(np.zeros(size, np.uint8), path=Path(path) if path else None)


@dataclass(frozen=True)
class Gives:
    """Gives what it was made with."""

    name: ClassVar[str] = "gives"
    result: object = None

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        return self.result  # type: ignore[return-value]


def test_mask_depends_on_seed_and_file_name_only() -> None:
    first = make_mask(RANDOM, picture("a/cat.png"), 1)
    make_mask(RANDOM, picture("a/dog.png"), 1)  # another picture in between changes nothing
    assert np.array_equal(first, make_mask(RANDOM, picture("b/cat.png"), 1))
    assert not np.array_equal(first, make_mask(RANDOM, picture("a/cat.png"), 2))
    assert not np.array_equal(first, make_mask(RANDOM, picture("a/dog.png"), 1))
    assert not np.array_equal(first, make_mask(RANDOM, picture(None), 1))


def test_file_names_that_are_not_utf8_have_masks() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    assert make_mask(RANDOM, picture(name), 0).shape == (20, 30)


def test_large_seeds_work_and_negative_ones_are_refused() -> None:
    assert make_mask(RANDOM, picture(), 2**63).any()
    with pytest.raises(InpaintxError, match="seed of the masks is -1; use 0 or more"):
        make_mask(RANDOM, picture(), -1)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.ones((20, 30), bool), r"mask plugin 'gives' on cat\.png: it hides nothing.*use other options"),
        (
            np.zeros((20, 30), bool),
            r"mask plugin 'gives' on cat\.png: it hides everything.*use other options",
        ),
        (np.ones((20, 30), np.float32), r"it gave float32 \[20, 30\], not bool \[20, 30\]"),
        (np.ones((30, 20), bool), r"it gave bool \[30, 20\], not bool \[20, 30\]"),
        ([[True]], "it gave list, not bool"),
    ],
)
def test_anything_but_a_mask_with_a_hole_is_refused(result: object, message: str) -> None:
    with pytest.raises(InpaintxError, match=message) as caught:
        make_mask(Gives(result), picture(), 0)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Raises:
    """Raises what it was made with."""

    name: ClassVar[str] = "raises"
    error: Exception

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        raise self.error


def test_what_a_plugin_raises_is_told_in_one_line() -> None:
    with pytest.raises(InpaintxError) as caught:
        make_mask(Raises(IndexError("too\nfar")), picture(), 0)
    assert str(caught.value) == (
        "mask plugin 'raises' on cat.png: it raised IndexError: too far; tell the plugin's author"
    )
    with pytest.raises(InpaintxError, match=r"^its own words$"):
        make_mask(Raises(InpaintxError("its own words")), picture(), 0)


def test_a_picture_without_a_path_is_named_so() -> None:
    with pytest.raises(InpaintxError, match="on a picture without a path: it hides everything"):
        make_mask(Gives(np.zeros((20, 30), bool)), picture(None), 0)


def test_center_on_a_single_pixel_says_that_nothing_is_known() -> None:
    with pytest.raises(InpaintxError, match=r"mask plugin 'center' on cat\.png: it hides everything"):
        make_mask(registry.make("mask", "center"), picture(size=(1, 1)), 0)


def test_masks_of_a_family_are_its_plugins_one_for_each_picture() -> None:
    pictures = [Picture(np.zeros((32, 32), np.uint8), None, Path(f"{number}.png")) for number in range(3)]
    masks = family_masks("freeform thick", pictures, seed=5)
    thick = registry.make("mask", "freeform", {"brush": "thick"})
    assert np.array_equal(masks, [make_mask(thick, picture, 5) for picture in pictures])
    with pytest.raises(InpaintxError, match="no such family of masks: thick; choose from center, "):
        family_masks("thick", pictures, seed=5)
