"""What came of a task, as the bytes of files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion import Completed, Completer
from inpaintx.completion.ledger import means_of, repair_of
from inpaintx.completion.searched import Searched
from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.pictures.encoding import FORMATS
from inpaintx.pictures.files import encode_picture
from inpaintx.pictures.record import Repair, marked
from inpaintx.pictures.sheets import show_uncertainty
from inpaintx.service.tasks import Task

_PNG = Path("result.png")


class NoSuchCandidate(InpaintxError):
    """A job has fewer candidates."""


@dataclass(frozen=True)
class Encoded:
    """A result as a file.

    Attributes:
        data: its bytes.
        format: one of :data:`~inpaintx.pictures.encoding.FORMATS`.
        record: what was done, in plain values.
    """

    data: bytes
    format: str
    record: Mapping[str, Any]

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return f"image/{self.format}"

    @property
    def header(self) -> str:
        """The record as compact JSON in ASCII."""
        return json.dumps(self.record, separators=(",", ":"))


@dataclass(frozen=True)
class Result:
    """What came of a task: one fill by the estimate, and the candidates to choose another from.

    Attributes:
        task: what was asked for.
        completer: what did it.
        searched: what was found.
        filled: the result by the estimate.
        disagreement: uint8 ``[H, W]``, where the candidates disagree; see :func:`.show_uncertainty`.
        doubts: why the model can't speak for some region, in a line each.
    """

    task: Task
    completer: Completer
    searched: Searched
    filled: Picture
    disagreement: np.ndarray
    doubts: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, completer: Completer, searched: Searched, completed: Completed) -> Result:
        """What is kept of a completed picture."""
        doubts = tuple(chosen.doubt for chosen in completed.regions if chosen.doubt is not None)
        shown = show_uncertainty(completed.uncertainty)
        return cls(task, completer, searched, completed.picture, shown, doubts)

    @property
    def candidates(self) -> int:
        """How many there are to choose from."""
        return min(len(each.fills) for each in self.searched.candidates)

    def encoded(self, format: str | None = None, candidate: int | None = None) -> Encoded:
        """The result as a file.

        Args:
            format: as of the task, which says it where this is None.
            candidate: fill by this one, 0 for the best; None: by the estimate.

        Raises:
            NoSuchCandidate: there are fewer.
            InpaintxError: the format can't hold the picture.
        """
        format = format or self.task.format
        name = self.task.own_formats.get(format, format)
        filled = self.filled if candidate is None else self._by(candidate)
        repair = self._repair(format, candidate)
        if self.task.recorded:
            filled = marked(filled, repair)
        own = self.task.picture.path
        assert own is not None
        coding = "same" if format == "same" and name == "jpeg" else name
        data, written = encode_picture(
            filled, own.with_suffix(FORMATS[name].suffixes[0]), coding, self.task.mask
        )
        record = {"filled": repair.filled, **self.task.hashes, **repair.means}
        record |= {"doubts": list(self.doubts)} if self.doubts else {}
        record |= {"not_kept": str(written)} if str(written) else {}
        return Encoded(data, name, record)

    @property
    def record(self) -> dict[str, Any]:
        """What was done, by the estimate, in the task's format."""
        repair = self._repair(self.task.format, None)
        doubts = {"doubts": list(self.doubts)} if self.doubts else {}
        return {"filled": repair.filled, **self.task.hashes, **repair.means, **doubts}

    def _by(self, candidate: int) -> Picture:
        if candidate >= self.candidates:
            raise NoSuchCandidate(
                f"there is no candidate {candidate}; the job has {self.candidates}, from 0 on"
            )
        return self.completer.finish(self.searched, candidate=candidate).picture

    def _repair(self, format: str, candidate: int | None) -> Repair:
        means = means_of(self.completer.described, self.task.made_by, format, self.task.settings.search.seed)
        if candidate is not None:
            means["settings"] |= {"candidate": candidate}
        return repair_of(self.task.mask, means)


def png(levels: np.ndarray) -> bytes:
    """Levels, uint8 ``[H, W]`` or ``[H, W, 3]``, as a PNG."""
    picture = Picture(levels)
    return encode_picture(picture, _PNG, "png")[0]


def mask_png(mask: np.ndarray) -> bytes:
    """A mask, bool ``[H, W]``, True = keep, as a PNG whose white is the hole."""
    return png(np.where(mask, 0, 255).astype(np.uint8))
