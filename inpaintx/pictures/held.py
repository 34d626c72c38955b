"""Files that are in memory only: what came over a network, and is never written to a disk."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _PathHere = Path
else:
    _PathHere = type(Path())  # before Python 3.12 only the classes of a system can be derived from


class HeldFile(_PathHere):
    """A file that has a name and bytes, but no place: nothing is beside it, and no file of its name is read.

    It opens as a path does, for reading.

    Attributes:
        data: what it holds.
    """

    data: bytes

    @classmethod
    def of(cls, name: str, data: bytes) -> HeldFile:
        """A file of this name, whose folders are left out; ``"picture"`` where it has none."""
        last = PurePath(name.replace("\\", "/").replace("\0", "")).name
        held = cls("picture" if last in ("", ".", "..") else last)
        held.data = data
        return held

    def open(self, *_: Any, **__: Any) -> Any:
        """Its bytes, as an open file."""
        return BytesIO(self.data)

    def read_bytes(self) -> bytes:
        """What it holds."""
        return self.data

    def exists(self, **_: Any) -> bool:
        """It does, though not on a disk."""
        return True

    def is_file(self, **_: Any) -> bool:
        """It is one."""
        return True

    def is_dir(self, **_: Any) -> bool:
        """It is none, whatever is called so where the process runs."""
        return False

    def samefile(self, other_path: Any) -> bool:
        """Whether the other is this very one."""
        return self is other_path

    @property
    def parent(self) -> Any:
        """What holds no file."""
        return Path(os.devnull)
