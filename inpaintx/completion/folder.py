"""Folders of pictures: read ahead of the search, blended beside it, written behind it; in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inpaintx.atomic import atomic_file
from inpaintx.completion.completer import Completed, Completer
from inpaintx.completion.ledger import Ledger
from inpaintx.completion.plan import FolderPlan, FolderRequest, plan_folder
from inpaintx.completion.report import FolderReport, FolderResult, Listeners, ignore
from inpaintx.completion.showcase import GIF_PICTURES, Showcase
from inpaintx.completion.streaming import Ahead, Behind, Beside
from inpaintx.errors import InpaintxError, NothingToFill
from inpaintx.outputs import make_folder
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.pictures.files import Written, encode_picture
from inpaintx.pictures.sheets import show_uncertainty
from inpaintx.plugins.masks import make_mask

# What is searched together, so that memory is bounded. A history holds each picture some thirty times.
GROUP_PICTURES, GROUP_PIXELS, GROUP_PIXELS_WITH_HISTORY = 64, 32_000_000, 1_000_000


def complete_folder(
    completer: Completer,
    request: FolderRequest,
    *,
    on_progress: Callable[[int], object] = ignore,
    on_result: Callable[[FolderResult], object] = ignore,
    on_failure: Callable[[Path, InpaintxError], object] = ignore,
) -> FolderReport:
    """Completes folders of pictures, however many there are, and writes the results.

    One picture that can't be read, completed or written stops no other. An interrupt leaves whole files only;
    a request with ``skip_done`` goes on from there.

    Args:
        completer: does it.
        request: what to complete, and where to.
        on_progress: see :class:`.Listeners`.
        on_result: likewise.
        on_failure: likewise.

    Raises:
        InpaintxError: see :func:`.plan_folder`; a folder, the sheet or the GIF can't be written.
    """
    showcase = Showcase(request.sheet, request.gif, request.uncertainty is not None)
    plan, report = plan_folder(request, completer.source), FolderReport()
    complete_plan(completer, plan, showcase, Listeners(on_progress, on_result, on_failure), report)
    showcase.write()
    return report


def complete_plan(
    completer: Completer, plan: FolderPlan, showcase: Showcase, listeners: Listeners, report: FolderReport
) -> None:
    """The same for what is planned already; the showcase collects what it needs, and is not written.

    The report is filled as it goes, so that there is one where the run is interrupted, too.

    Raises InpaintxError where a folder can't be written.
    """
    report.left_out = plan.left_out
    report.kept.extend(plan.kept)
    make_folders(plan.request)
    ledger = Ledger(plan, completer.described)
    Run(completer, plan, showcase, ledger, listeners, report).complete()
    ledger.close()


def make_folders(request: FolderRequest) -> None:
    """Makes the folders of what is written. Raises InpaintxError where one can't be."""
    for folder in (request.out, *(extra.parent for extra in request.extras)):
        make_folder(folder)


class _Loaded(NamedTuple):
    """A picture to complete."""

    path: Path
    picture: Picture
    mask: np.ndarray


class _Failed(NamedTuple):
    """A picture that can't be completed, and why."""

    path: Path
    error: InpaintxError


class _Undamaged(NamedTuple):
    """A picture whose mask is empty."""

    path: Path
    picture: Picture


class _Kept(NamedTuple):
    """A picture that an earlier run did."""

    path: Path


@dataclass
class Run:
    """Pictures of a plan on their way to their results.

    One thread reads, ahead of the search in the calling one; as many as there are cores blend, beside the
    search of the next group; another, behind them, writes and tells. Only that one changes the report.

    Attributes:
        patient: what can't be read or has no mask waits, and is no failure.
    """

    completer: Completer
    plan: FolderPlan
    showcase: Showcase
    ledger: Ledger
    listeners: Listeners
    report: FolderReport
    patient: bool = False

    def complete(self) -> None:
        """Completes and writes the pictures; those that can't be are told, and the others go on."""
        with (
            Ahead(map(self._load, self.plan.targets), _size, GROUP_PIXELS) as loaded,
            Behind(GROUP_PIXELS) as behind,
            Beside() as beside,
        ):
            for group in self._groups(loaded, behind):
                history = self.showcase.wants_history
                self._complete(group, history, beside, behind)
                behind.call(self._tell_progress)
                if history:
                    behind.wait()  # only then is known whether the next group should have some
            behind.call(self._tell_progress)
            behind.wait()

    def _load(self, path: Path) -> _Loaded | _Undamaged | _Kept | _Failed:
        try:
            picture = read_picture(path, self.plan.roots.get(path))
            try:
                mask = make_mask(self.plan.request.mask, picture, self.plan.request.seed)
            except NothingToFill:
                return _Kept(path) if self.ledger.is_done(path, None) else _Undamaged(path, picture)
            if self.ledger.is_done(path, mask):
                return _Kept(path)
            return _Loaded(path, picture, mask)
        except InpaintxError as error:
            return _Failed(path, error)

    def _groups(
        self, loaded: Iterable[_Loaded | _Undamaged | _Kept | _Failed], behind: Behind
    ) -> Iterator[list[_Loaded]]:
        """What is searched together: as many pictures at a time as fit in bounded memory."""
        group: list[_Loaded] = []
        pixels = 0
        for one in loaded:
            if isinstance(one, _Failed):
                behind.call(self._wait if self.patient else self._fail, *one)
                continue
            if isinstance(one, _Kept):
                behind.call(self._keep, one.path)
                continue
            if isinstance(one, _Undamaged):
                behind.call(self._leave, *one, size=_size(one.picture))
                continue
            group.append(one)
            pixels += one.picture.height * one.picture.width
            history = self.showcase.wants_history
            most = GIF_PICTURES if history else GROUP_PICTURES
            most_pixels = GROUP_PIXELS_WITH_HISTORY if history else GROUP_PIXELS
            if len(group) >= most or pixels >= most_pixels:
                yield group
                group, pixels = [], 0
        if group:
            yield group

    def _complete(self, group: list[_Loaded], history: bool, beside: Beside, behind: Behind) -> None:
        """Searches a group, and has it blended and written."""
        paths, pictures, masks = zip(*group, strict=True)
        for path, searched in zip(paths, self.completer.search(pictures, masks, history), strict=True):
            behind.make_room()  # before it is blended: what waits to be written is bounded, too
            completed = beside.call(self.completer.finish, searched, beside.stopped)
            behind.call(self._settle, path, searched.picture, completed, size=_size(searched.picture))

    def _settle(self, path: Path, original: Picture, blended: Future[Completed]) -> None:
        """Writes a result and tells of it, or of why there is none."""
        target = self.plan.targets[path]
        try:
            completed = blended.result()
            if self.plan.maps:
                make_folder(self.plan.maps[target].parent)
                write_picture(Picture(show_uncertainty(completed.uncertainty)), self.plan.maps[target], "png")
            self.ledger.show(path, completed.mask)
            result = self.ledger.marked(completed.picture, completed.mask)
            data, written = self._encoded(result, target, completed.mask)
            write_result(target, data, partial(self.ledger.complete, path, completed, str(written), data))
            self._tell_lost(path, written)
        except InpaintxError as error:
            self._fail(path, error)
            return
        self.report.done[path] = target
        doubts = [chosen.doubt for chosen in completed.regions if chosen.doubt is not None]
        if doubts:
            self.report.doubts[path] = doubts[0]
        synthetic = self.plan.request.mask.name != "file"
        self.listeners.on_result(FolderResult(original, completed, target, synthetic))
        self.showcase.add(original, completed)

    def _leave(self, path: Path, picture: Picture) -> None:
        """Copies an undamaged picture to where its result would be, or leaves it out."""
        target = self.plan.targets[path]
        try:
            if self.plan.request.undamaged == "copy":
                same = target.suffix == path.suffix
                data, written = (path.read_bytes(), Written()) if same else self._encoded(picture, target)
                write_result(target, data, partial(self.ledger.leave, path, data))
                self._tell_lost(path, written)
        except (InpaintxError, OSError) as error:
            self._fail(path, error if isinstance(error, InpaintxError) else InpaintxError(str(error)))
            return
        self.report.undamaged.append(path)

    def _keep(self, path: Path) -> None:
        if path not in self.report.done:  # by this run, of a folder that is watched
            self.report.kept.append(path)

    def _wait(self, path: Path, error: InpaintxError) -> None:
        self.report.waiting[path] = str(error)

    def _encoded(
        self, picture: Picture, target: Path, known: np.ndarray | None = None
    ) -> tuple[bytes, Written]:
        format_ = self.plan.request.format
        return encode_picture(picture, target, None if format_ == "keep" else format_, known)

    def _tell_lost(self, path: Path, written: Written) -> None:
        if str(written):
            self.report.lost[path] = str(written)

    def _fail(self, path: Path, error: InpaintxError) -> None:
        self.report.done.pop(path, None)
        self.report.failures[path] = str(error)  # not the error, whose traceback holds the picture
        self.ledger.fail(path, str(error))
        self.listeners.on_failure(path, error)

    def _tell_progress(self) -> None:
        self.listeners.on_progress(self.report.settled)


def write_result(target: Path, data: bytes, record: Callable[[], None]) -> None:
    """Writes a result's file, whole or not at all, and records it when nothing is left but its name.

    Raises InpaintxError where either can't be.
    """
    make_folder(target.parent)
    with atomic_file(target) as file:
        file.write(data)
        file.flush()
        record()


def _size(thing: _Loaded | _Undamaged | _Kept | _Failed | Picture) -> int:
    """Of what waits for its turn, in pixels; no less than that of a picture in a full group of small ones."""
    least = GROUP_PIXELS // GROUP_PICTURES
    if isinstance(thing, (_Failed, _Kept)):
        return least
    picture = thing if isinstance(thing, Picture) else thing.picture
    return max(least, picture.height * picture.width)
