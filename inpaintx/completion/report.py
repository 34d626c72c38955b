"""What comes of a folder, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inpaintx.errors import shown
from inpaintx.pictures.finding import counted

if TYPE_CHECKING:
    from inpaintx.completion.completed import Completed
    from inpaintx.completion.plan import FolderRequest
    from inpaintx.errors import InpaintxError
    from inpaintx.pictures import Picture


@dataclass(frozen=True)
class FolderResult:
    """A picture of a folder before and after.

    Attributes:
        original: as it was read.
        completed: what came of it.
        target: the file that holds it.
        synthetic: the hole was made by a plugin, so that the picture under it is the truth.
    """

    original: Picture
    completed: Completed
    target: Path
    synthetic: bool


def ignore(*_: object) -> None:
    """What nobody wants to be told."""


@dataclass(frozen=True)
class Listeners:
    """Who is told of a run; one call at a time, in a thread of their own. What they raise ends the run.

    Attributes:
        on_progress: called with the number of pictures that are settled (done or failed), group by group:
            within a group, nothing comes for long and then all at once.
        on_result: called with each result, in the order of the inputs, when its file is written.
        on_failure: called with each picture that can't be completed, and why.
    """

    on_progress: Callable[[int], object] = ignore
    on_result: Callable[[FolderResult], object] = ignore
    on_failure: Callable[[Path, InpaintxError], object] = ignore


@dataclass
class FolderReport:
    """What came of a folder.

    Attributes:
        done: the pictures that are completed, in order, and the file of each result.
        failures: those that can't be, as they were met, and why, in a line. One that can't be read is met
            before those of its group that can't be blended or written.
        kept: those whose result an earlier run made just so; see ``skip_done``.
        undamaged: those whose mask is empty, which were copied or left out, as was asked for.
        lost: the pictures of which something could not be kept beside the hole, and what, in a line.
        doubts: those with a region that the model can't speak for, and why the first of them, in a line.
        waiting: of a folder that is watched: those that are not whole yet, or have no mask yet, and why.
        left_out: the other files of the folders, and why they were left out, in a line; None: there are none.
    """

    done: dict[Path, Path] = field(default_factory=dict)
    failures: dict[Path, str] = field(default_factory=dict)
    undamaged: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    lost: dict[Path, str] = field(default_factory=dict)
    doubts: dict[Path, str] = field(default_factory=dict)
    waiting: dict[Path, str] = field(default_factory=dict)
    left_out: str | None = None

    @property
    def settled(self) -> int:
        """How many pictures are done or failed."""
        return len(self.done) + len(self.undamaged) + len(self.kept) + len(self.failures)

    def recorded(self, request: FolderRequest) -> bool:
        """Whether the manifest has a line of any picture of these."""
        copied = self.undamaged and request.undamaged == "copy"
        return bool(self.done or self.failures or copied)

    def summary(self, request: FolderRequest, of: int | None = None) -> str:
        """All of it in one line.

        Args:
            request: what was asked for.
            of: how many pictures there are, where the run was cut off; None: it went to its end.
        """
        out = shown(request.out)
        done = str(len(self.done)) if of is None else f"{len(self.done)} of {of}"
        said = [f"{done} pictures in {out}"]
        if self.kept:
            said.append(f"{len(self.kept)} done before")
        if self.undamaged:
            what = "copied" if request.undamaged == "copy" else "left out"
            said.append(f"{len(self.undamaged)} undamaged, {what}")
        if self.left_out:
            said.append(self.left_out)
        for what, reasons in (("not done yet", self.waiting), ("failed", self.failures)):
            if reasons:
                kinds = {path: _kind(why) for path, why in reasons.items()}
                said.append(f"{len(reasons)} {what}: {counted(kinds)}")
        return "; ".join(said)


def _kind(why: str) -> str:
    """What is wrong, of a message that says where and what to do, too."""
    return why.partition(":")[0].partition(";")[0]
