"""The mask ``file``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class File:
    """Takes the hole from a mask picture (white marks the hole), or from the picture's own alpha channel.

    `path` is one mask picture for all, or a folder that holds a mask of the same name as each picture, or of
    the same name with another suffix. Without it, what the picture's alpha shows as transparent is the hole.

    The limit is half of the channel's range (the mean of red, green and blue), so that soft edges are cut in
    their middle.

    Raises:
        InpaintxError: there is no such mask, or it has another size, or the picture has no alpha.
    """

    name: ClassVar[str] = "file"
    path: Path | None = field(
        default=None, metadata={"help": "mask picture, or folder of them; else the alpha"}
    )
    invert: bool = field(default=False, metadata={"help": "black (or what is opaque) marks the hole"})

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        keep = _opaque(picture) if self.path is None else _black(self._read(self.path, picture))
        return keep != self.invert

    def _read(self, path: Path, picture: Picture) -> Picture:
        from inpaintx.pictures import read_picture

        found = self._same_name(path, picture.path) if path.is_dir() else path
        mask = read_picture(found)
        if (mask.width, mask.height) != (picture.width, picture.height):
            raise InpaintxError(
                f"the mask {found} is {mask.width}×{mask.height}, the picture {picture.path} "
                f"{picture.width}×{picture.height}; make them the same size"
            )
        return mask

    def _same_name(self, folder: Path, picture_path: Path | None) -> Path:
        """The mask in ``folder`` with the picture's file name, else the one with its stem."""
        if picture_path is None:
            raise InpaintxError(
                f"a picture without a file name has no mask in {folder}; give one mask picture instead"
            )
        same = folder / picture_path.name
        if same.is_file():
            return same
        others = self._by_stem.get(picture_path.stem, [])
        if len(others) != 1:
            found = f"several ({', '.join(other.name for other in others)})" if others else "none"
            raise InpaintxError(
                f"no single mask for {picture_path.name} in {folder}: found {found}; put one there"
            )
        return others[0]

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        """The folder's files; listed once, since there may be thousands."""
        files: dict[str, list[Path]] = {}
        assert self.path is not None
        for entry in sorted(self.path.iterdir()):
            if entry.is_file():
                files.setdefault(entry.stem, []).append(entry)
        return files


def _opaque(picture: Picture) -> np.ndarray:
    if picture.alpha is None:
        raise InpaintxError(
            f"no alpha channel to take the hole from: {picture.path}; give a mask picture instead"
        )
    return picture.alpha > picture.max_value / 2


def _black(mask: Picture) -> np.ndarray:
    brightness = mask.array if mask.channels == 1 else mask.array.mean(axis=-1)
    return brightness <= mask.max_value / 2
