"""Files that are there whole or not at all, and no litter of a process that was killed while it wrote one."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import BinaryIO

from inpaintx.errors import InpaintxError

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is cleared up
    fcntl = None  # type: ignore[assignment]

#: What unfinished files of this program are called, and no others: the kernel's boot, and a random number.
LEFTOVER = re.compile(r"\.inpaintx-(?P<boot>[0-9a-f]{8})-[0-9a-f]{16}\.tmp")
ANOTHER_BOOT_IS_OVER = 24 * 3600  # seconds after its last change that a file of another boot is left alone


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends well, and leaves nothing behind otherwise.

    What a process left in that folder that was killed in such a block is removed.

    Raises:
        InpaintxError: it can't be written.
    """
    _clear_once(path.parent)
    temporary = None
    try:
        try:
            temporary, file = _create(path.parent)
            with file:
                yield file
                file.flush()
                os.replace(temporary, path)  # still locked: nobody takes it for a leftover
        except BaseException:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.filename is not None and not LEFTOVER.fullmatch(Path(error.filename).name):
            raise  # of another file, which the block worked on
        reason = error.strerror or str(error)
        raise InpaintxError(f"can't write: {path} ({reason}); is the folder there and writable?") from error


def clear_leftovers(folder: Path) -> None:
    """Removes the unfinished files in a folder whose process has ended, and nothing else.

    A process that writes holds a lock on its file, which ends with it in any case. Where locks don't reach (a
    folder that several machines share), only a file of this kernel's own boot, or one that nobody has written
    to for a day, is taken for left over.
    """
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = LEFTOVER.fullmatch(entry.name)
            if named and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_unlocked(entry.path, own=named["boot"] == _boot())


# A process that writes a folder full clears it at its first file.
_clear_once = lru_cache(maxsize=1024)(clear_leftovers)


def _remove_unlocked(path: str, own: bool) -> None:
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its process lives
        if own or time.time() - os.stat(path).st_mtime > ANOTHER_BOOT_IS_OVER:
            os.unlink(path)


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file in ``folder``, so that renaming it is atomic, locked as long as it is open."""
    while True:
        path = folder / f".inpaintx-{_boot()}-{secrets.token_hex(8)}.tmp"
        file = open(path, "xb")  # noqa: SIM115 (the caller closes it)
        try:
            if fcntl is not None:
                with suppress(OSError):  # a file system without locks: nobody else gets one either
                    fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return path, file
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise
        file.close()  # taken for a leftover, in the moment before it was locked


@cache
def _boot() -> str:
    """Eight digits that say which machine runs, and since when: zeros where the kernel doesn't tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "0" * 8
