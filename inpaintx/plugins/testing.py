"""The conformance kit: what plugin authors call from their own tests.

    def test_spiral():
        check_mask_plugin(Spiral)
        check_mask_plugin(Spiral, turns=5)

Each check raises AssertionError on the first rule that the plugin breaks, and says which, and on what input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_type_hints

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins.options import as_text, convert, options_of
from inpaintx.plugins.registry import Kind, contract_problem, description, one_line

_SIZES = ((1, 1), (1, 7), (7, 1), (2, 2), (5, 3), (32, 32), (33, 47), (64, 48))
_LARGE = 32  # from this side on, a mask has room to keep something and hide something
_SEED = 20

Result = TypeVar("Result")


def check_mask_plugin(plugin: type, **options: Any) -> None:
    """Check the class of a mask plugin, made with these options.

    The class: a dataclass with a ``name``, a docstring, a ``mask`` method, and options that have a supported
    type, a default and a help text. What it gives, on noise in gray and RGB, of 8 and 16 bits, with and
    without alpha, from 1×1 on, and on a shaded picture with a scratch: bool [H, W]; the same for the same
    generator state, and nothing from any other source of chance; its input left as it was; from 32×32 on,
    something kept and something hidden. It may refuse pictures by raising InpaintxError, but not all of
    these.
    """
    _check_class("mask", plugin)
    made = plugin(**options)
    accepted = 0
    for case, picture in _pictures():
        where = f"mask plugin {made.name!r} on {case}"
        try:
            mask, again = (_mask_of(made, where, picture) for _ in range(2))
        except InpaintxError:
            continue
        accepted += 1
        shape = (picture.height, picture.width)
        assert isinstance(mask, np.ndarray), f"{where}: it gave {type(mask).__name__}, not an array"
        assert mask.dtype == bool, f"{where}: it gave {mask.dtype}, not bool"
        assert mask.shape == shape, f"{where}: it gave {list(mask.shape)}, not [H,W] = {list(shape)}"
        assert np.array_equal(mask, again), f"{where}: it draws from another source of chance than its rng"
        if min(shape) >= _LARGE:
            assert mask.any(), f"{where}: it keeps nothing"
            assert not mask.all(), f"{where}: it hides nothing"
    assert accepted, f"mask plugin {made.name!r}: it refused every picture"


def check_blend_plugin(plugin: type, **options: Any) -> None:
    """Check the class of a blend plugin, made with these options.

    The class: as for a mask plugin, with a ``blend`` method. What it gives, for 1 and 3 channels, from 1×1
    on, with holes in the middle, at the border, scattered, and of all but one pixel: float32 [H, W, C],
    finite and in [0, 1]; the same each time; the same whatever the picture holds under the hole, NaN
    included; its inputs left as they were.
    """
    _check_class("blend", plugin)
    made = plugin(**options)
    for case, picture, fill, mask in _blend_inputs():
        where = f"blend plugin {made.name!r} on {case}"
        inputs = (picture, fill, mask)
        before = [array.copy() for array in inputs]
        result = _call(where, made.blend, *inputs)
        assert _same(before, inputs), f"{where}: it wrote into its input"
        assert isinstance(result, np.ndarray), f"{where}: it gave {type(result).__name__}, not an array"
        assert result.dtype == np.float32, f"{where}: it gave {result.dtype}, not float32"
        shape = list(picture.shape)
        assert list(result.shape) == shape, f"{where}: it gave {list(result.shape)}, not [H,W,C] = {shape}"
        assert np.isfinite(result).all(), f"{where}: it gave values that aren't finite"
        low, high = float(result.min()), float(result.max())
        assert 0 <= low <= high <= 1, f"{where}: it gave {low:g} to {high:g}, not values in [0, 1]"
        again = _call(where, made.blend, *inputs)
        assert np.array_equal(result, again), f"{where}: it gave something else for the same inputs"
        for garbage in (np.nan, np.inf, 7.0):
            spoilt = np.where(mask[..., None], picture, np.float32(garbage))
            other = _call(where, made.blend, spoilt, fill, mask)
            assert np.array_equal(result, other), f"{where}: it reads the picture under the hole"


def _check_class(kind: Kind, plugin: Any) -> None:
    problem = contract_problem(kind, plugin)
    assert problem is None, f"not a {kind} plugin: {problem}"
    assert description(plugin), f"{kind} plugin {plugin.name!r}: {plugin.__name__} has no docstring"
    hints = get_type_hints(plugin)
    for option in options_of(plugin):
        where = f"{kind} plugin {plugin.name!r}: option {option.name!r}"
        assert option.help, f"{where} has no help text in its metadata"
        assert _reads_back(option.default, hints[option.name]), f"{where}: its default doesn't fit its type"


def _reads_back(value: object, hint: Any) -> bool:
    try:
        return bool(convert(as_text(value), hint) == value)
    except ValueError:
        return False


def _call(
    where: str, method: Callable[..., Result], *inputs: Any, may_raise: tuple[type[Exception], ...] = ()
) -> Result:
    """The method's result; what it raises, ``may_raise`` apart, breaks the contract."""
    try:
        return method(*inputs)
    except may_raise:
        raise
    except Exception as error:
        raise AssertionError(f"{where}: it raised {one_line(error)}") from error


def _mask_of(plugin: Any, where: str, picture: Picture) -> np.ndarray:
    before = _copy_of(picture)
    mask = _call(where, plugin.mask, picture, np.random.default_rng(_SEED), may_raise=(InpaintxError,))
    assert _same(before, _copy_of(picture)), f"{where}: it wrote into its input"
    return mask


def _pictures() -> Iterator[tuple[str, Picture]]:
    rng = np.random.default_rng(_SEED)
    for height, width in _SIZES:
        for dtype in (np.uint8, np.uint16):
            for channels in ((), (3,)):
                top = int(np.iinfo(dtype).max)
                array = rng.integers(0, top, (height, width, *channels), dtype=dtype, endpoint=True)
                # Half transparent, half opaque: a mask made of it keeps something and hides something.
                alpha = np.where(np.arange(width) < width / 2, 0, top) * np.ones((height, 1))
                for channel in (None, alpha.astype(dtype)):
                    case = f"{height}×{width} {np.dtype(dtype)} {'RGB' if channels else 'gray'}"
                    yield case + ("" if channel is None else " with alpha"), Picture(array, channel)
    yield "64×64 uint8 gray with a scratch", Picture(_scratched())


def _scratched() -> np.ndarray:
    """A shaded picture with a white line across: something to see for a mask that looks for damage."""
    array = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    array[30:32] = 255
    return array


def _blend_inputs() -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(_SEED)
    for height, width in _SIZES:
        for channels in (1, 3):
            for hole, mask in _holes(height, width, rng):
                picture, fill = rng.random((2, height, width, channels), dtype=np.float32)
                picture[~mask] = 0
                yield f"{height}×{width}×{channels}, hole {hole}", picture, fill, mask


def _holes(height: int, width: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Masks that keep one pixel at least, as those that the library lets through."""
    middle, border = np.ones((2, height, width), dtype=bool)
    middle[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = False
    border[:, : max(1, width // 2)] = False
    masks = {
        "in the middle": middle,
        "at the border": border,
        "scattered": rng.random((height, width)) < 0.5,
        "of all but one pixel": np.zeros((height, width), dtype=bool),
    }
    for name, mask in masks.items():
        mask[-1, -1] = True
        yield name, mask


def _copy_of(picture: Picture) -> list[np.ndarray]:
    return [channel.copy() for channel in (picture.array, picture.alpha) if channel is not None]


def _same(before: Any, after: Any) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))
