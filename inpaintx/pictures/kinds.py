"""Pictures of every kind that a program has: files, Pillow images, arrays and tensors. Loads no torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

import numpy as np
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures.arrays import plain_mask, to_levels, to_values
from inpaintx.pictures.decoding import decode
from inpaintx.pictures.files import read_picture
from inpaintx.pictures.holes import bright
from inpaintx.pictures.opening import open_image
from inpaintx.pictures.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

#: What may stand for a picture, or for a hole.
PictureLike: TypeAlias = Union[str, "os.PathLike[str]", Image.Image, np.ndarray, "Tensor", Picture]

_TAKEN = "pass uint8, uint16, or floating point in [0, 1]"


@dataclass(frozen=True)
class Taken:
    """A picture that was passed, and the way back to its kind.

    Attributes:
        picture: as the library works on it; upright, by the EXIF orientation of files and of Pillow images.
        give: a completed picture and its mask, bool ``[H, W]``, True = keep, to the kind that was passed.
    """

    picture: Picture
    give: Callable[[Picture, np.ndarray], Any]


def take(picture: PictureLike, known: np.ndarray | None = None) -> Taken:
    """A picture of any kind.

    Args:
        picture: a file's path; a Pillow image of any mode; an array ``[H, W]`` or ``[H, W, C]``; a tensor
            ``[H, W]`` or ``[C, H, W]``; C is 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha), and
            the numbers are uint8, uint16, or floating point in [0, 1].
        known: bool ``[H, W]``: where its numbers count; None: everywhere.

    Raises:
        InpaintxError: it can't be a picture; the message says what was found and what is taken.
    """
    if isinstance(picture, Picture):
        return Taken(picture, lambda result, mask: result)
    if isinstance(picture, (str, os.PathLike)):
        return Taken(read_picture(Path(picture)), lambda result, mask: to_pillow(result))
    if isinstance(picture, Image.Image):
        return Taken(_from_pillow(picture), lambda result, mask: to_pillow(result))
    if isinstance(picture, np.ndarray):
        array = np.asarray(picture)  # a plain one, of a subclass
        return Taken(
            _from_array(array, array.shape, known), lambda result, mask: _filled(array, result, mask)
        )
    if _is_tensor(picture):
        return _take_tensor(picture, known)
    raise InpaintxError(
        f"not a picture: {type(picture).__name__}; pass a path, a Pillow image, a numpy array or a tensor"
    )


def hole_of(hole: PictureLike) -> np.ndarray:
    """Where to fill, of any kind but a path: bool ``[H, W]``, True = fill.

    Args:
        hole: as of :func:`take`, or of bool; True is the hole, or what is white:
            see :func:`inpaintx.pictures.holes.bright`.

    Raises:
        InpaintxError: it can't be a mask; the message says what was found and what is taken.
    """
    if _is_tensor(hole):
        hole = _channels_last(hole.cpu().numpy())
    if isinstance(hole, Image.Image) and hole.mode == "1":
        hole = np.asarray(hole)
    if isinstance(hole, np.ndarray) and hole.dtype == bool:
        flat = hole[..., 0] if hole.ndim == 3 and hole.shape[2] == 1 else hole
        if flat.ndim != 2:
            raise InpaintxError(f"the hole is bool {list(hole.shape)}; pass bool [H, W], True = fill")
        return plain_mask(flat)
    picture = take(hole).picture
    if picture.alpha is not None and (picture.alpha != picture.alpha.flat[0]).any():
        raise InpaintxError(
            "the hole has an alpha channel, which may hide the hole or show it; pass bool [H, W], True = fill"
        )
    return bright(picture.array, None, "the hole", "pass bool [H, W], True = fill")


def to_pillow(picture: Picture) -> Image.Image:
    """As a Pillow image: L, LA, RGB or RGBA, and I;16 for 16-bit gray.

    Pillow holds no other 16-bit pictures: they come with 8 bits, to look at.
    """
    array, alpha = picture.array, picture.alpha
    if picture.array.dtype == np.uint16 and not (picture.channels == 1 and alpha is None):
        array = to_levels(to_values(array))
        alpha = None if alpha is None else to_levels(to_values(alpha))
    return Image.fromarray(array if alpha is None else np.dstack([array, alpha]))


def _from_pillow(image: Image.Image) -> Picture:
    path = Path(getattr(image, "filename", "") or "a Pillow image")
    if image.format == "TIFF" and getattr(image, "tile", []) and path.is_file():
        # Not loaded yet: as Pillow would, the rows of one that lies on its side came out sheared.
        with open_image(path) as opened:
            return Picture.from_samples(decode(opened, path))
    return Picture.from_samples(decode(image.copy(), path))


def _from_array(array: np.ndarray, shape: tuple[int, ...], known: np.ndarray | None) -> Picture:
    """shape: as the user knows it, for the message."""
    plain = array.ndim == 2
    if not (plain or (array.ndim == 3 and 1 <= array.shape[2] <= 4)) or 0 in array.shape:
        raise InpaintxError(
            f"a picture is [H, W], or has 1 to 4 channels (last in arrays, first in tensors); "
            f"this is {list(shape)}"
        )
    if array.dtype not in (np.uint8, np.uint16):
        if array.dtype.kind != "f":
            raise InpaintxError(f"a picture of {array.dtype} has no fixed white; {_TAKEN}")
        array = to_levels(_checked(array, known), np.uint16)
    return Picture.from_samples(array[..., 0] if not plain and array.shape[2] == 1 else array)


def _checked(values: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Floating-point values, 0 where they don't count."""
    counting = values if known is None or known.shape != values.shape[:2] else values[known]
    if not np.isfinite(counting).all():
        raise InpaintxError("the picture holds NaN or infinity where it is known; mark these pixels as hole")
    if counting.size and (counting.min() < 0 or counting.max() > 1):
        found = f"{counting.min():g} to {counting.max():g}"
        raise InpaintxError(f"a floating-point picture holds {found}; {_TAKEN}")
    return np.nan_to_num(values.astype(np.float32), nan=0, posinf=0, neginf=0)


def _filled(array: np.ndarray, result: Picture, mask: np.ndarray) -> np.ndarray:
    """The array with its hole taken from a picture: the known numbers are the very same."""
    samples = result.array if result.alpha is None else np.dstack([result.array, result.alpha])
    samples = samples.reshape(array.shape)
    filled = array.copy()
    hole = ~mask
    filled[hole] = samples[hole] if array.dtype.kind == "u" else to_values(samples[hole])
    return filled


def _is_tensor(thing: object) -> TypeGuard[Tensor]:
    """Whether it is a tensor, without loading torch: where torch isn't loaded there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _take_tensor(tensor: Tensor, known: np.ndarray | None) -> Taken:
    import torch

    plain = tensor.detach().cpu()
    array = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()

    def give(result: Picture, mask: np.ndarray) -> Any:
        filled = _filled(_channels_last(array), result, mask)
        back = np.ascontiguousarray(np.moveaxis(filled, -1, 0)) if filled.ndim == 3 else filled
        return torch.from_numpy(back).to(tensor.device, tensor.dtype)

    return Taken(_from_array(_channels_last(array), tuple(tensor.shape), known), give)


def _channels_last(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, 0, -1) if array.ndim == 3 else array
