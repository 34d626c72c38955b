"""A picture of the user's: its colours as they are, and what says how to read them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures.arrays import plain_mask, read_only, to_levels, to_values
from inpaintx.pictures.regions import Region
from inpaintx.pictures.tags import Tags


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of the user's.

    Attributes:
        array: uint8 or uint16, ``[H, W]`` gray or ``[H, W, 3]`` RGB; not premultiplied by alpha.
        alpha: ``[H, W]`` of the same dtype, or None.
        path: the file it was read from, or None.
        profile: its ICC profile, which says what colours the values are; None: nothing does.
        dpi: pixels per inch, across and down, or None where unknown.
        root: the folder that was searched when the file was found, or None where it was named itself.
        tags: what else its file says: EXIF, XMP, comments.
    """

    array: np.ndarray
    alpha: np.ndarray | None = None
    path: Path | None = None
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    root: Path | None = None
    tags: Tags = field(default_factory=Tags)

    def __post_init__(self) -> None:
        shape, dtype = self.array.shape, self.array.dtype
        if dtype not in (np.uint8, np.uint16):
            raise InpaintxError(f"a picture is uint8 or uint16, not {dtype}: convert the array first")
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3) or 0 in shape:
            raise InpaintxError(
                f"a picture is [H, W] or [H, W, 3], not {list(shape)}: reshape the array first"
            )
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise InpaintxError(
                f"alpha is {self.alpha.dtype} {list(self.alpha.shape)}, the picture {dtype} {list(shape)}: "
                "make them fit"
            )

    @classmethod
    def from_samples(cls, samples: np.ndarray) -> Picture:
        """Of uint8 or uint16 ``[H, W]``, or ``[H, W, C]``; C is 2 or 4 where alpha comes last, else 3."""
        if samples.ndim == 2 or samples.shape[2] == 3:
            return cls(samples)
        colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
        return cls(np.ascontiguousarray(colours), np.ascontiguousarray(samples[..., -1]))

    @property
    def height(self) -> int:
        """In pixels."""
        return self.array.shape[0]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.array.shape[1]

    @property
    def channels(self) -> int:
        """1 or 3; alpha doesn't count."""
        return 1 if self.array.ndim == 2 else 3

    @property
    def max_value(self) -> int:
        """255 or 65535."""
        return int(np.iinfo(self.array.dtype).max)

    def as_float(self, region: Region | None = None) -> np.ndarray:
        """The colour channels as float32 [H, W, C] in [0, 1]; of a region, if one is given."""
        channels = self.array.reshape(self.height, self.width, self.channels)
        return to_values(channels if region is None else region.of(channels))

    def read_only(self) -> Picture:
        """The same picture, in arrays that can't be written to."""
        return replace(
            self, array=read_only(self.array), alpha=None if self.alpha is None else read_only(self.alpha)
        )

    def with_fill(self, filled: np.ndarray, mask: np.ndarray, region: Region | None = None) -> Picture:
        """This picture with its hole taken from ``filled``, the known pixels bit for bit as they were.

        What was filled becomes opaque: a hole is often where the picture was transparent.

        Args:
            filled: float32 [H, W, C] in [0, 1] (clipped to it); read in the hole only.
            mask: bool [H, W], True = keep.
            region: the part of the picture that ``filled`` is of, where it holds the whole hole; None: all.
        """
        shape = (self.height, self.width)
        if mask.dtype != bool or mask.shape != shape:
            raise InpaintxError(f"the mask is {mask.dtype} {list(mask.shape)}: it must be bool {list(shape)}")
        part = Region(0, 0, *shape) if region is None else region
        if filled.shape != (part.height, part.width, self.channels):
            expected = [part.height, part.width, self.channels]
            raise InpaintxError(f"the fill is {list(filled.shape)}: it must be {expected}")
        hole = ~plain_mask(part.of(mask))
        if np.count_nonzero(hole) < mask.size - np.count_nonzero(plain_mask(mask)):
            raise InpaintxError(f"the hole reaches out of the part that is filled: {region}; fill all of it")
        levels = to_levels(filled[hole], self.array.dtype)
        array = self.array.copy()
        part.of(array)[hole] = levels[:, 0] if self.channels == 1 else levels
        alpha = None if self.alpha is None else self.alpha.copy()
        if alpha is not None:
            part.of(alpha)[hole] = self.max_value
        return replace(self, array=array, alpha=alpha)
