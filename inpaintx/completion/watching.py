"""A folder that is watched: what arrives is completed when it is whole.

A file is taken for whole when it has not changed for a while and can be read. What can't be read, or has no
mask yet, waits until something in the folders changes; it is no failure.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from inpaintx.completion.completer import Completer
from inpaintx.completion.folder import Run, make_folders
from inpaintx.completion.ledger import Ledger
from inpaintx.completion.manifest import Manifest
from inpaintx.completion.plan import FolderRequest, check_plan, plan_results, plan_targets, read_by
from inpaintx.completion.report import FolderReport, Listeners
from inpaintx.completion.showcase import Showcase
from inpaintx.errors import InpaintxError
from inpaintx.pictures.finding import counted, mask_owners, search_folder
from inpaintx.plugins.masks import anew

SETTLED = 1.0  # seconds without a change, after which a file is taken for whole
LOOK = 0.25  # seconds from one look at files that may still grow to the next

_Signature = tuple[int, int]


def watch_folder(
    completer: Completer,
    request: FolderRequest,
    showcase: Showcase,
    listeners: Listeners,
    report: FolderReport,
    stop: Event | None = None,
) -> None:
    """Completes the pictures of folders, and what arrives in them, until it is stopped.

    A picture whose result is there is not done again, unless its file, its mask or the settings have changed
    since, as the manifest tells. An interrupt leaves whole files only.

    Args:
        completer: does it.
        request: its inputs are folders, which may be empty; with ``skip_done`` or ``overwrite``.
        showcase: collects what it shows, and is not written.
        listeners: who is told how it goes.
        report: is filled as it goes; it is whole when this ends, by an interrupt or an error, too.
        stop: ends it when set; None: an interrupt does.

    Raises:
        InpaintxError: an input is no folder; see also :func:`.plan_folder`; a folder can't be written; the
            extra ``watch`` is not installed.
        KeyboardInterrupt: it was interrupted.
    """
    changes = _watcher()
    watch = _Watch(completer, request, showcase, listeners, report)
    try:
        for changed in changes(
            *watch.places,
            watch_filter=None,
            stop_event=stop,
            rust_timeout=round(1000 * LOOK),
            debounce=round(1000 * LOOK),
            yield_on_timeout=True,
        ):
            watch.look(bool(changed))
    finally:
        watch.close()


def _watcher() -> Any:
    try:
        from watchfiles import watch
    except ImportError as error:
        raise InpaintxError("watching needs the extra 'watch'; pip install 'inpaintx[watch]'") from error
    return watch


class _Watch:
    """What is known of the folders' pictures.

    Attributes:
        places: to watch: the folders, and those of masks.
    """

    def __init__(
        self,
        completer: Completer,
        request: FolderRequest,
        showcase: Showcase,
        listeners: Listeners,
        report: FolderReport,
    ) -> None:
        for given in request.inputs:
            if not given.is_dir():
                raise InpaintxError(f"only a folder can be watched: {given}; name one that is there")
        self._completer, self._request, self._showcase = completer, request, showcase
        self._listeners, self._report = listeners, report
        self._manifest = None if request.manifest is None else Manifest(request.manifest)
        check_plan(plan_targets(request, {}, {}, self._manifest), completer.source)
        make_folders(request)
        self.places = [*request.inputs, *(path for path in read_by(request.mask) if path.exists())]
        self._targets = {} if self._manifest is None else self._manifest.results(request.out)
        self._seen: dict[Path, tuple[_Signature, float]] = {}  # and since when
        self._settled: dict[Path, _Signature] = {}  # as they were when they were looked at last
        self._looked = False

    def look(self, changed: bool) -> None:
        """Completes what is whole by now; changed: something in the folders did, or it is the first look."""
        report = self._report
        retry = changed or not self._looked
        if not retry and all(self._settled.get(path) == seen[0] for path, seen in self._seen.items()):
            return
        self._looked = True
        roots = self._find()
        now = time.monotonic()
        ready = []
        for path in roots:
            signature = _signature(path)
            if signature is None:
                continue
            if path not in self._seen or self._seen[path][0] != signature:
                self._seen[path] = signature, now
            known = self._settled.get(path) == signature and not (retry and path in report.waiting)
            if not known and now - self._seen[path][1] >= SETTLED:
                ready.append(path)
        for gone in self._seen.keys() - roots.keys():
            del self._seen[gone]
            self._settled.pop(gone, None)
            report.waiting.pop(gone, None)
        if ready:
            self._complete({path: roots[path] for path in ready})

    def close(self) -> None:
        """Says what is not done, and leaves a manifest of one line a picture."""
        report = self._report
        ended = {*report.done, *report.kept, *report.undamaged, *report.failures}
        for path, (signature, since) in self._seen.items():
            if self._settled.get(path) != signature and path not in ended:
                settled = time.monotonic() - since >= SETTLED
                report.waiting[path] = "interrupted" if settled else "not whole yet"
        if self._manifest is not None:
            self._manifest.close()

    def _find(self) -> dict[Path, Path]:
        """The pictures that are there, and the folder of each; what is named as a mask is none."""
        roots: dict[Path, Path] = {}
        left_out: dict[Path, str] = {}
        for given in self._request.inputs:
            found = search_folder(given)
            left_out |= found.left_out
            for path in found.pictures:
                if any(mask_owners(path.stem)):  # its picture may come later
                    left_out[path] = "masks of other pictures"
                else:
                    roots.setdefault(path, given)
        number = len(left_out)
        said = f"{number} {'file' if number == 1 else 'files'} left out: {counted(left_out)}"
        self._report.left_out = said if left_out else None
        return roots

    def _complete(self, roots: dict[Path, Path]) -> None:
        report, signatures = self._report, {path: self._seen[path][0] for path in roots}
        for path in roots:
            report.waiting.pop(path, None)
            report.failures.pop(path, None)
            if path in report.undamaged:
                report.undamaged.remove(path)
        request = replace(self._request, mask=anew(self._request.mask))
        try:
            targets = self._results(roots)
            plan = plan_targets(request, targets, dict(roots), self._manifest)
            check_plan(plan, self._completer.source)
        except InpaintxError as error:  # of names that can't be: a later file may not end the watch
            for path in roots:
                report.failures[path] = str(error)
                self._listeners.on_failure(path, error)
            self._settled |= signatures
            return
        known = {*report.done, *report.kept}
        report.kept.extend(path for path in plan.kept if path not in known)
        ledger = Ledger(plan, self._completer.described)
        Run(self._completer, plan, self._showcase, ledger, self._listeners, report, patient=True).complete()
        self._settled |= signatures

    def _results(self, roots: dict[Path, Path]) -> dict[Path, Path]:
        """Where each result goes: where it went before; else as in a run over those that are whole now.

        A name that another picture's result has is made longer.
        """
        new = {path: root for path, root in roots.items() if path not in self._targets}
        taken = set(self._targets.values())
        request = self._request
        for path, target in plan_results(request.inputs, new, request.out, request.format).items():
            longer = target.with_name(f"{path.name}{target.suffix}")
            self._targets[path] = longer if target in taken else target
        return {path: self._targets[path] for path in roots}


def _signature(path: Path) -> _Signature | None:
    """What changes when a file does; None: it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
