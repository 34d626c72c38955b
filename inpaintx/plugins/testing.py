"""The conformance kit: what plugin authors call from their own tests.

    def test_spiral():
        check_mask_plugin(Spiral)
        check_mask_plugin(Spiral, turns=5)

Each check raises AssertionError on the first rule that the plugin breaks, and says which, and on what input.
"""

from __future__ import annotations

from typing import Any

from inpaintx.plugins.registry import Kind
from inpaintx.plugins.rules import check_class
from inpaintx.plugins.trying import problems


def check_mask_plugin(plugin: type, **options: Any) -> None:
    """Check the class of a mask plugin, made with these options.

    The class: a dataclass with a ``name``, a docstring, a ``mask`` method, and options that have a supported
    type, a default and a help text. What it gives, on noise in gray and RGB, of 8 and 16 bits, with and
    without alpha, from 1×1 on, and on a shaded picture with a scratch: bool [H, W]; the same for the same
    generator state, and nothing from any other source of chance; its input left as it was; from 32×32 on,
    something kept and something hidden. It may refuse pictures by raising InpaintxError, but not all of
    these.
    """
    _raise_first("mask", plugin, options)


def check_blend_plugin(plugin: type, **options: Any) -> None:
    """Check the class of a blend plugin, made with these options.

    The class: as for a mask plugin, with a ``blend`` method. What it gives, for 1 and 3 channels, from 1×1
    on, with holes in the middle, at the border, scattered, of one pixel, and of all but one: float32
    [H, W, C],
    finite and in [0, 1]; the same each time; the same whatever the picture holds under the hole, NaN
    included; its inputs left as they were.
    """
    _raise_first("blend", plugin, options)


def _raise_first(kind: Kind, plugin: type, options: dict[str, Any]) -> None:
    check_class(kind, plugin)
    for _, problem in problems(kind, plugin(**options)):
        raise AssertionError(problem)
