"""A mask for a picture, from a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from zlib import crc32

import numpy as np

from inpaintx.errors import InpaintxError, NothingToFill
from inpaintx.plugins import registry
from inpaintx.plugins.calls import call_plugin

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
    """What ``registry.make("mask", …)`` gives."""

    name: ClassVar[str]

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""


def make_mask(plugin: MaskPlugin, picture: Picture, seed: int) -> np.ndarray:
    """The plugin's mask for the picture: bool [H, W], True = keep; it keeps something and hides something.

    The generator that the plugin draws from is seeded by ``seed`` (0 or more) and the picture's file name
    (without its folder; empty for a picture without a path), so that a mask doesn't depend on the other
    pictures of a run.

    The plugin gets arrays that can't be written to.

    Raises NothingToFill where the mask hides nothing, InpaintxError where the plugin fails, does not end in
    time (see :func:`.allow_seconds`), or gives anything else than such a mask.
    """
    if seed < 0:
        raise InpaintxError(f"the seed of the masks is {seed}; use 0 or more")
    file_name = picture.path.name if picture.path else ""
    rng = np.random.default_rng([seed, crc32(file_name.encode("utf-8", "surrogateescape"))])
    where = f"mask plugin {plugin.name!r} on {picture.path or 'a picture without a path'}"
    pixels = picture.height * picture.width
    mask = call_plugin(where, pixels, plugin.mask, picture.read_only(), rng)
    return check_mask(mask, picture, plugin.name)


def mask_source(plugin: MaskPlugin, picture: Picture) -> str:
    """Where the plugin's mask for a picture comes from, in words, where :func:`make_mask` gives one.

    What its method ``source(picture)`` says, if it has one, else its name.
    """
    source = getattr(plugin, "source", None)
    if not callable(source):
        return f"the mask {plugin.name}"
    where = f"mask plugin {plugin.name!r} on {picture.path or 'a picture without a path'}"
    return str(call_plugin(where, picture.height * picture.width, source, picture.read_only()))


def check_mask(mask: object, picture: Picture, plugin: str | None = None) -> np.ndarray:
    """The mask, if it is one for the picture: bool ``[H, W]``, True = keep; keeps and hides something.

    Called where a mask comes in, from a plugin or from who completes pictures of their own; what lies further
    in trusts it.

    Args:
        mask: what may be one.
        picture: the picture that it is for.
        plugin: the name of the plugin that made it; None: the caller did.

    Raises:
        NothingToFill: it hides nothing.
        InpaintxError: it is something else, or keeps nothing.
    """
    from inpaintx.pictures.arrays import plain_mask

    of, shape = picture.path or "a picture without a path", [picture.height, picture.width]
    where = f"the mask of {of}" if plugin is None else f"mask plugin {plugin!r} on {of}:"
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or list(mask.shape) != shape:
        found = f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask).__name__
        if plugin is None:
            raise InpaintxError(f"{where} is {found}: it must be bool {shape}")
        raise InpaintxError(f"{where} it gave {found}, not bool {shape}; tell the plugin's author")
    mask = plain_mask(mask)
    if mask.any() and not mask.all():
        return mask
    error = NothingToFill if mask.all() else InpaintxError
    if plugin is None:
        what = "hides nothing" if mask.all() else "keeps nothing"
        raise error(f"{where} {what}: there must be a hole and known pixels around it")
    what = "nothing, so there is nothing to complete" if mask.all() else "everything, so nothing is known"
    raise error(f"{where} it hides {what}; use other options")


def family_masks(family: str, pictures: Sequence[Picture], seed: int) -> np.ndarray:
    """Masks of a family of :data:`FAMILIES` for pictures of one size: bool ``[N, H, W]``, True = keep.

    Raises InpaintxError where there is no such family.
    """
    if family not in FAMILIES:
        raise InpaintxError(f"no such family of masks: {family}; choose from {', '.join(FAMILIES)}")
    plugin, options = FAMILIES[family]
    made = registry.make("mask", plugin, options)
    return np.stack([make_mask(made, picture, seed) for picture in pictures])


def anew(mask: Any) -> Any:
    """The same plugin without what it remembers of folders, which may have changed, or are elsewhere."""
    return replace(mask) if is_dataclass(mask) and not isinstance(mask, type) else mask
