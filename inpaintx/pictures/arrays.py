"""Every conversion between the arrays that pictures become on their way. Loads no torch.

- *levels*: what files hold, uint8 or uint16, ``[..., H, W, C]`` or ``[H, W]``;
- *values*: float32 in [0, 1], ``[..., H, W, C]``, what plugins and the judge work on;
- *images*: tensors in [−1, 1], the range of G's tanh, ``[B, C, H, W]``, what networks work on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

if TYPE_CHECKING:
    from torch import Tensor

#: Shares of red, green and blue in luma (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def to_values(levels: np.ndarray) -> np.ndarray:
    """Levels of any shape, uint8 or uint16, as float32 in [0, 1]."""
    return levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)


def to_levels(values: np.ndarray, dtype: DTypeLike = np.uint8) -> np.ndarray:
    """The nearest levels of values of any shape, clipped to [0, 1] first."""
    return np.rint(np.clip(values, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def plain_mask(mask: np.ndarray) -> np.ndarray:
    """A bool array of any shape as a plain one, whose bytes are 0 and 1; views and C code make others."""
    return np.ascontiguousarray(mask).view(np.uint8) != 0


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of the array that can't be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def fit_channels(array: np.ndarray, channels: int) -> np.ndarray:
    """``[..., H, W, 1 or 3]`` to ``[..., H, W, channels]``: gray is repeated, RGB becomes luma."""
    if array.shape[-1] == channels:
        return array
    if channels == 3:
        return np.repeat(array, 3, axis=-1)
    return (array @ np.array(LUMA, dtype=array.dtype))[..., None]


def levels_to_images(levels: Tensor) -> Tensor:
    """A uint8 tensor of any shape as float32 in [−1, 1]."""
    return levels.float() / 127.5 - 1.0


def images_to_levels(images: Tensor) -> np.ndarray:
    """Images ``[B, C, H, W]`` as uint8 ``[B, H, W, C]``; what lies outside of [−1, 1] is clipped."""
    scaled = ((images.float() + 1) * 127.5).round().clamp(0, 255).byte()
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def values_to_images(values: Sequence[np.ndarray]) -> Tensor:
    """Values ``[B, H, W, C]``, or B of ``[H, W, C]``, as images ``[B, C, H, W]``."""
    import torch

    return torch.from_numpy(np.stack(values)).permute(0, 3, 1, 2) * 2 - 1


def images_to_values(images: Tensor) -> np.ndarray:
    """Images ``[B, C, H, W]`` as values, float32 ``[B, H, W, C]``."""
    return ((images.float() + 1) / 2).permute(0, 2, 3, 1).cpu().numpy()
