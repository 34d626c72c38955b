"""Plugins that misbehave are named, with the picture; the run's own state is out of their reach."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins.blends import apply_blend
from inpaintx.plugins.masks import make_mask

PICTURE = Picture(np.full((6, 7), 9, np.uint16), np.full((6, 7), 65535, np.uint16), Path("cat.png"))
MASK = np.ones((6, 7), bool)
MASK[2:4, 2:4] = False


@dataclass(frozen=True)
class Does:
    """Does what it was made with, whatever it is asked for."""

    name: ClassVar[str] = "does"
    what: Callable[..., Any]

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        return self.what(picture)

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.what(picture, fill, mask)


def leave(*_: object) -> None:
    raise SystemExit("bye")


def test_a_plugin_that_exits_fails_like_any_other() -> None:
    values = np.zeros((6, 7, 1), np.float32)
    with pytest.raises(InpaintxError, match=r"mask plugin 'does' on cat\.png: it raised SystemExit: bye"):
        make_mask(Does(leave), PICTURE, 0)
    with pytest.raises(InpaintxError, match=r"blend plugin 'does' on cat\.png: it raised SystemExit: bye"):
        apply_blend(Does(leave), values, values, MASK, "cat.png")


def test_ctrl_c_in_a_plugin_is_the_users() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_mask(Does(interrupt), PICTURE, 0)


@pytest.mark.parametrize("name", ["array", "alpha"])
def test_a_mask_plugin_cannot_write_into_the_picture(name: str) -> None:
    def write(picture: Picture) -> np.ndarray:
        getattr(picture, name)[0, 0] = 0
        return MASK

    with pytest.raises(InpaintxError, match=r"on cat\.png: it raised ValueError: .*read-only"):
        make_mask(Does(write), PICTURE, 0)
    assert (PICTURE.array == 9).all()
    assert PICTURE.array.flags.writeable


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_blend_plugin_cannot_write_into_what_it_gets(index: int) -> None:
    picture, fill, mask = (
        np.zeros((6, 7, 1), np.float32),
        np.full((6, 7, 1), np.float32(0.5)),
        MASK.copy(),
    )

    def write(*given: np.ndarray) -> np.ndarray:
        given[index][...] = 1
        return given[1]

    with pytest.raises(InpaintxError, match="read-only"):
        apply_blend(Does(write), picture, fill, mask)
    assert not picture.any()
    assert (fill == 0.5).all()
    assert np.array_equal(mask, MASK)


@pytest.mark.parametrize("byte", [1, 2, 128, 255])
def test_any_byte_but_0_is_true(byte: int) -> None:
    odd = np.where(MASK, byte, 0).astype(np.uint8).view(bool)
    made = make_mask(Does(lambda picture: odd), PICTURE, 0)
    assert np.array_equal(made.view(np.uint8), MASK.astype(np.uint8))
    fill = np.ones((6, 7, 1), np.float32)
    result = PICTURE.with_fill(fill, odd)
    assert np.array_equal(result.array == 65535, ~MASK)
    blended = apply_blend(Does(lambda picture, fill, mask: fill), np.zeros_like(fill), fill, odd)
    assert np.array_equal(blended[..., 0] == 1, ~MASK)


def test_a_matrix_is_a_mask_like_any_array() -> None:
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.asmatrix(MASK)
    made = make_mask(Does(lambda picture: matrix), PICTURE, 0)
    assert type(made) is np.ndarray
    assert np.array_equal(made, MASK)
    assert np.array_equal(PICTURE.with_fill(np.ones((6, 7, 1), np.float32), matrix).array == 65535, ~MASK)
