"""A mask for a picture, from a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from zlib import crc32

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.registry import one_line

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


#: Names of the mask families, and the plugin and options that make each.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "center": ("center", {}),
    "random-patch": ("random-patch", {}),
    "left": ("left", {}),
    "pattern": ("pattern", {}),
    "freeform thick": ("freeform", {"brush": "thick"}),
    "freeform medium": ("freeform", {"brush": "medium"}),
    "freeform thin": ("freeform", {"brush": "thin"}),
    "random": ("random", {}),
    "lowres": ("lowres", {}),
}


class MaskPlugin(Protocol):
    """What `registry.make("mask", …)` gives."""

    name: ClassVar[str]

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H,W], True = keep."""


def make_mask(plugin: MaskPlugin, picture: Picture, seed: int) -> np.ndarray:
    """The plugin's mask for the picture: bool [H,W], True = keep; it keeps something and hides something.

    The generator that the plugin draws from is seeded by `seed` (0 or more) and the picture's file name
    (without its folder; empty for a picture without a path), so that a mask doesn't depend on the other
    pictures of a run.

    Raises InpaintxError where the plugin fails, or gives anything else than such a mask.
    """
    if seed < 0:
        raise InpaintxError(f"the seed of the masks is {seed}; use 0 or more")
    file_name = picture.path.name if picture.path else ""
    rng = np.random.default_rng([seed, crc32(file_name.encode("utf-8", "surrogateescape"))])
    where = f"mask plugin {plugin.name!r} on {picture.path or 'a picture without a path'}"
    try:
        mask = plugin.mask(picture, rng)
    except InpaintxError:
        raise
    except Exception as error:  # a stranger's plugin can raise anything; the other pictures go on
        raise InpaintxError(f"{where}: it raised {one_line(error)}; tell the plugin's author") from error
    shape = (picture.height, picture.width)
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != shape:
        found = f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise InpaintxError(f"{where}: it gave {found}, not bool {list(shape)}; tell the plugin's author")
    if mask.all():
        raise InpaintxError(f"{where}: it hides nothing, so there is nothing to complete; use other options")
    if not mask.any():
        raise InpaintxError(f"{where}: it hides everything, so nothing is known; use other options")
    return mask


def family_masks(family: str, pictures: Sequence[Picture], seed: int) -> np.ndarray:
    """Masks of a family of :data:`FAMILIES` for pictures of one size: bool ``[N, H, W]``, True = keep.

    Raises InpaintxError where there is no such family.
    """
    if family not in FAMILIES:
        raise InpaintxError(f"no such family of masks: {family}; choose from {', '.join(FAMILIES)}")
    plugin, options = FAMILIES[family]
    made = registry.make("mask", plugin, options)
    return np.stack([make_mask(made, picture, seed) for picture in pictures])
