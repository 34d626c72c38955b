"""A blend for a fill, from a plugin; puts the known pixels back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.options import Estimate
from inpaintx.pictures.arrays import plain_mask, read_only
from inpaintx.plugins.calls import call_plugin


class BlendPlugin(Protocol):
    """What ``registry.make("blend", …)`` gives. Several threads blend with it at once."""

    name: ClassVar[str]

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""


@dataclass(frozen=True)
class Trial:
    """What was found for a picture while some of its known pixels were hidden from a part of the candidates.

    Attributes:
        picture: float32 ``[H, W, C]`` in [0, 1], valid where ``mask`` is True.
        mask: bool ``[H, W]``, True = known.
        hidden: bool ``[H, W]``, the hidden part of ``mask``.
        fills: float32 ``[K, H, W, C]`` in [0, 1], of all candidates.
        blind: bool ``[K]``, those that were found without the hidden pixels.
        error: float32 ``[H, W]``, how far off the blind fills were expected to be, in units of [0, 1], mean
            absolute error; None: nothing has said.
    """

    picture: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    fills: np.ndarray
    blind: np.ndarray
    error: np.ndarray | None = None


@runtime_checkable
class ChoosingBlend(Protocol):
    """A blend that is chosen picture by picture, from trials on its known pixels."""

    name: ClassVar[str]
    trials: ClassVar[int]

    def choose(self, trials: Sequence[Trial], scale: float, estimate: Estimate) -> BlendPlugin:
        """The blend for a picture with ``scale`` pixels, along a side, to one of the trials'."""


def apply_blend(
    plugin: BlendPlugin, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray, of: object = None
) -> np.ndarray:
    """The picture with its hole filled: by the plugin in the hole, bit for bit as it was where known.

    Args:
        plugin: an instance.
        picture: float32 ``[H, W, C]`` in [0, 1]; what it holds under the hole is never read, NaN included:
            the plugin gets zeros there, and arrays that can't be written to.
        fill: float32 ``[H, W, C]`` in [0, 1].
        mask: bool ``[H, W]``, True = keep.
        of: what is filled, for messages: its path, or None.

    Returns:
        float32 ``[H, W, C]``, clipped to [0, 1] in the hole.

    Raises:
        InpaintxError: the inputs don't fit each other, the plugin fails, does not end in time, or gives no
            such picture.
    """
    _check_inputs(picture, fill, mask)
    return fill_hole(plugin, picture, fill, plain_mask(mask), of)


def fill_hole(
    plugin: BlendPlugin, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray, of: object = None
) -> np.ndarray:
    """``apply_blend`` of inputs that are known to fit each other."""
    hole = ~mask
    seen = picture.copy()
    seen[hole] = 0
    where = f"blend plugin {plugin.name!r}" + (f" on {of}" if of is not None else "")
    result = call_plugin(where, mask.size, plugin.blend, read_only(seen), read_only(fill), read_only(mask))
    _check_result(where, result, picture.shape, hole)
    filled = picture.copy()
    filled[hole] = np.clip(result[hole], 0, 1)
    return filled


def _check_inputs(picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> None:
    if picture.dtype != np.float32 or picture.ndim != 3:
        raise InpaintxError(f"the picture to blend is {_kind(picture)}: it must be float32 [H, W, C]")
    if fill.dtype != np.float32 or fill.shape != picture.shape:
        raise InpaintxError(f"the fill is {_kind(fill)}: it must be {_kind(picture)}, like the picture")
    if mask.dtype != bool or mask.shape != picture.shape[:2]:
        raise InpaintxError(f"the mask is {_kind(mask)}: it must be bool {list(picture.shape[:2])}")


def _check_result(where: str, result: object, shape: tuple[int, ...], hole: np.ndarray) -> None:
    if not isinstance(result, np.ndarray) or result.dtype != np.float32 or result.shape != shape:
        found = _kind(result) if isinstance(result, np.ndarray) else type(result).__name__
        raise InpaintxError(f"{where}: it gave {found}, not float32 {list(shape)}; tell the plugin's author")
    if not np.isfinite(result[hole]).all():
        raise InpaintxError(
            f"{where}: it gave NaN or infinity in the hole; use other options or another blend"
        )


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"
