"""The manifest of a folder's repairs: a line of JSON for each picture, by which a later run goes on.

Loads no torch.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError
from inpaintx.pictures.record import source_date

#: What has to be as it was, so that a result is still that of its picture.
INPUTS = ("picture_sha256", "mask_sha256", "model", "settings", "seed", "versions")
_START = b'{"result": "'  # of each line


def file_hash(path: Path) -> str | None:
    """SHA-256 of a file, in hexadecimal; None where it can't be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()


def mask_hash(mask: np.ndarray) -> str:
    """SHA-256 of a mask: bool ``[H, W]``."""
    return hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()


@lru_cache(maxsize=8)
def _model_hash(path: Path, size: int, changed: int) -> str | None:
    return file_hash(path)


def model_hash(path: Path) -> str | None:
    """SHA-256 of a model's file, which is read again only where it changed; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _model_hash(path, status.st_size, status.st_mtime_ns)


class Manifest:
    """Lines of JSON, one for each result; a later line of the same result stands for an earlier one.

    A line is written just before its result, so that what a killed run did is known; :meth:`close` leaves the
    last line of each, in the order of their results' names.

    Where others write results for a run, each has a :meth:`part` of its manifest, a file beside it. One that
    a killed run left is read with the manifest, and taken in when that is written.

    Args:
        path: the file; it is read if it is there.
        known: what is known of results already, by their names; then the file is not read.

    Raises:
        InpaintxError: it is there, and no manifest.
    """

    def __init__(self, path: Path, known: Mapping[str, dict[str, Any]] | None = None) -> None:
        self.path = path
        self._lines = dict(_read(path) if known is None else known)
        self._left = [] if known is not None else _parts(path)
        for part in self._left:
            self._lines.update(_read(part))

    def __contains__(self, result: str) -> bool:
        return result in self._lines

    @property
    def lines(self) -> Mapping[str, Mapping[str, Any]]:
        """What is said of each result, by its name below the folder of the results."""
        return self._lines

    def holds(self, result: str, inputs: Mapping[str, Any]) -> bool:
        """Whether a result was made of just these inputs.

        Args:
            result: its name below the folder of the results.
            inputs: values for the names in :data:`INPUTS`.
        """
        line = self._lines.get(result, {})
        made = line.get("status") in ("completed", "undamaged")
        return made and all(line.get(name) == inputs.get(name) for name in INPUTS)

    def results(self, out: Path) -> dict[Path, Path]:
        """The pictures, and the file below ``out`` that each one's result is."""
        return {
            Path(line["picture"]): out / result
            for result, line in self._lines.items()
            if isinstance(line.get("picture"), str)
        }

    def result_hashes(self, result: str) -> tuple[str | None, str | None]:
        """SHA-256 of a result's file as it was written, and of the one that was there before, if any.

        None: it isn't known, or there was none.
        """
        line = self._lines.get(result, {})
        return line.get("result_sha256"), line.get("replaced_sha256")

    def add(self, result: str, line: Mapping[str, Any]) -> None:
        """Writes a line, with the time.

        Raises:
            InpaintxError: it can't be written.
        """
        whole = {"result": result, **line, "when": _now()}
        self._take_in_left()
        self._lines[result] = json.loads(json.dumps(whole))
        self._append([whole])

    def part(self, number: int, results: Iterable[str]) -> Manifest:
        """A manifest for who writes some of the results: it knows what this one says of them."""
        self._take_in_left()  # or the new part would go on with a file of that name
        known = {result: self._lines[result] for result in results if result in self._lines}
        return Manifest(self._part_path(number), known)

    def take_in(self, number: int) -> None:
        """Adds the lines that were written to a :meth:`part`, whose file ends with that.

        Raises:
            InpaintxError: there is no such file, or this one can't be written.
        """
        self._take_in(self._part_path(number))

    def take_in_left(self) -> None:
        """Adds the lines of all parts that are there. Raises InpaintxError where it can't be written."""
        self._left = _parts(self.path)
        self._take_in_left()

    def close(self) -> None:
        """Leaves one line a result. Raises InpaintxError where it can't be written."""
        if self._lines:
            with atomic_file(self.path) as file:
                for _, line in sorted(self._lines.items()):
                    file.write(_bytes(line))
        for part in self._left:
            part.unlink(missing_ok=True)

    def _part_path(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.stem}.part-{number}{self.path.suffix}")

    def _take_in_left(self) -> None:
        while self._left:
            self._take_in(self._left.pop(0))

    def _take_in(self, part: Path) -> None:
        if not part.exists():
            raise InpaintxError(f"no manifest {part}: every machine has to write into the same folders")
        lines = _read(part)
        self._lines.update(lines)
        self._append(lines.values())
        part.unlink(missing_ok=True)

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        try:
            with open(self.path, "ab+") as file:
                if file.tell() and file.seek(-1, 2) >= 0 and file.read(1) != b"\n":
                    file.write(b"\n")  # ends the line that a kill cut off
                file.writelines(map(_bytes, lines))
        except OSError as error:
            raise InpaintxError(
                f"can't write the manifest {self.path}: {error.strerror}; choose another --manifest"
            ) from error


def _now() -> str:
    return source_date() or datetime.now(timezone.utc).isoformat(timespec="seconds")


def _bytes(line: Mapping[str, Any]) -> bytes:
    return (json.dumps(line) + "\n").encode()  # ASCII: names that are no Unicode come back as they were


def _parts(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{glob.escape(path.stem)}.part-*{glob.escape(path.suffix)}"))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    try:
        texts = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        raise InpaintxError(
            f"can't read the manifest {path}: {error.strerror}; choose another --manifest"
        ) from error
    for number, text in enumerate(filter(None, texts), 1):
        try:
            line = json.loads(text)
        except ValueError:
            if text.startswith(_START[: len(text)]):
                continue  # a kill cut it off
            line = None
        if not isinstance(line, dict) or not isinstance(line.get("result"), str):
            raise InpaintxError(f"no manifest: {path}, line {number}; choose another name for --manifest")
        lines[line["result"]] = line
    return lines
