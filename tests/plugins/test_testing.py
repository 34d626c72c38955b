"""The conformance kit passes what keeps to the contract, and catches each way of breaking it."""

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.testing import check_blend_plugin, check_mask_plugin

Method = Callable[..., Any]


def mask_plugin(mask: Method) -> type:
    """A plugin that is fine, but for what this method may do."""
    return make_dataclass(
        "Tried", [("name", ClassVar[str], "tried")], namespace={"mask": mask, "__doc__": "Tries something."}
    )


def blend_plugin(blend: Method) -> type:
    return make_dataclass(
        "Tried", [("name", ClassVar[str], "tried")], namespace={"blend": blend, "__doc__": "Tries something."}
    )


def halves(picture: Any) -> np.ndarray:
    keep = np.ones((picture.height, picture.width), bool)
    keep[:, : picture.width // 2] = False
    return keep


def pasted(picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], picture, fill)


def test_a_good_mask_passes() -> None:
    check_mask_plugin(mask_plugin(lambda self, picture, rng: halves(picture)))


def test_a_mask_may_refuse_some_pictures() -> None:
    def only_gray(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
        if picture.channels == 3:
            raise InpaintxError("gray pictures only")
        return halves(picture)

    check_mask_plugin(mask_plugin(only_gray))


@pytest.mark.parametrize("name", ["none", "alpha", "poisson"])
def test_the_built_in_blends_pass(name: str) -> None:
    check_blend_plugin(registry.get("blend", name))


def test_options_reach_the_plugin() -> None:
    check_mask_plugin(registry.get("mask", "center"), size=0.9)
    with pytest.raises(ValueError, match="option 'size'"):
        check_mask_plugin(registry.get("mask", "center"), size=2)


def from_elsewhere(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
    return halves(picture) & (np.random.random((picture.height, picture.width)) < 0.9)  # noqa: NPY002


def scribble(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
    picture.array[:1, :1] ^= 1
    return halves(picture)


def scribble_alpha(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
    if picture.alpha is not None:
        picture.alpha[:] ^= 1
    return halves(picture)


def fails_on_one_pixel(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
    keep = halves(picture)
    keep[1, 1] = False
    return keep


def refuses(self: object, picture: Any, rng: np.random.Generator) -> np.ndarray:
    raise InpaintxError("no picture is good enough")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (from_elsewhere, "it draws from another source of chance than its rng"),
        (scribble, "on 1×1 uint8 gray: it wrote into its input"),
        (scribble_alpha, "on 1×1 uint8 gray with alpha: it wrote into its input"),
        (fails_on_one_pixel, "on 1×1 uint8 gray: it raised IndexError"),
        (refuses, "it refused every picture"),
        (lambda self, p, rng: halves(p).astype(np.uint8), "it gave uint8, not bool"),
        (lambda self, p, rng: halves(p)[..., None], r"it gave \[1, 1, 1\], not \[H,W\] = \[1, 1\]"),
        (lambda self, p, rng: halves(p).T, r"on 1×7 .* it gave \[7, 1\], not \[H,W\] = \[1, 7\]"),
        (lambda self, p, rng: halves(p).tolist(), "it gave list, not an array"),
        (lambda self, p, rng: halves(p) | True, "on 32×32 uint8 gray: it hides nothing"),
        (lambda self, p, rng: halves(p) & False, "on 32×32 uint8 gray: it keeps nothing"),
    ],
)
def test_a_broken_mask_is_caught(mask: Method, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^mask plugin 'tried'.*{message}"):
        check_mask_plugin(mask_plugin(mask))


def writes_fill(self: object, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
    fill[mask] = picture[mask]
    return fill.copy()


def counts_its_calls() -> Method:
    calls: list[None] = []

    def blend(self: object, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        calls.append(None)
        return pasted(picture, fill, mask) / np.float32(len(calls))

    return blend


@pytest.mark.parametrize(
    ("blend", "message"),
    [
        (writes_fill, "it wrote into its input"),
        (counts_its_calls(), "it gave something else for the same inputs"),
        (lambda self, p, f, m: pasted(p, f, m).astype(np.float64), "it gave float64, not float32"),
        (lambda self, p, f, m: pasted(p, f, m)[..., 0], r"it gave \[1, 1\], not \[H,W,C\] = \[1, 1, 1\]"),
        (lambda self, p, f, m: pasted(p, f, m).tolist(), "it gave list, not an array"),
        (lambda self, p, f, m: pasted(p, f, m) / np.float32(0), "it gave values that aren't finite"),
        (lambda self, p, f, m: pasted(p, f, m) * 2, r"it gave .* to 1\.\d+, not values in \[0, 1\]"),
        (lambda self, p, f, m: pasted(p, f, m) - 1, r"it gave -0\.\d+ to .*, not values in \[0, 1\]"),
        (lambda self, p, f, m: np.clip(f + p * 0, 0, 1), "it reads the picture under the hole"),
        (lambda self, p, f, m: np.clip(p + f, 0, 1), "it reads the picture under the hole"),
        (lambda self, p, f, m: vars()["x"], "it raised KeyError: 'x'"),
        (lambda self, p, f, m: refuses(self, p, f), "it raised InpaintxError: no picture is good enough"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_broken_blend_is_caught(blend: Method, message: str) -> None:
    with pytest.raises(AssertionError, match=f"^blend plugin 'tried' on .*{message}"):
        check_blend_plugin(blend_plugin(blend))


def with_option(hint: Any, **settings: Any) -> type:
    return make_dataclass(
        "Tried",
        [("name", ClassVar[str], "tried"), ("size", hint, field(**settings))],
        namespace={"mask": lambda self, picture, rng: halves(picture), "__doc__": "Tries something."},
    )


@dataclass
class NoDocstring:
    name: ClassVar[str] = "no-docstring"

    def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
        return halves(picture)


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (object, "not a mask plugin: object is not a dataclass"),
        (NoDocstring, "mask plugin 'no-docstring': NoDocstring has no docstring"),
        (
            with_option(int, metadata={"help": "h"}),
            "not a mask plugin: option 'size' of Tried has no default",
        ),
        (with_option(int, default=1), "mask plugin 'tried': option 'size' has no help text in its metadata"),
        (with_option(int, default=None, metadata={"help": "h"}), "option 'size': its default doesn't fit"),
        (with_option(float, default="a", metadata={"help": "h"}), "option 'size': its default doesn't fit"),
        (
            with_option(dict, default_factory=dict, metadata={"help": "h"}),
            "not a mask plugin: the options of Tried can't be read: .* is not supported",
        ),
    ],
)
def test_a_broken_class_is_caught(plugin: type, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_mask_plugin(plugin)


def test_a_mask_is_no_blend() -> None:
    with pytest.raises(AssertionError, match=r"not a blend plugin: Center has no method blend\(\)"):
        check_blend_plugin(registry.get("mask", "center"))
