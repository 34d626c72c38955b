"""A plan in parts, for processes that complete one each, and what came of them as of one run.

A part is done by the code that does a folder. Its results are whole or not there, and the same whoever makes
them: a part that was left unfinished is done again from its start. Its lines go to a manifest of its own
beside the run's, which takes it in: see :meth:`.Manifest.part`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import torch

from inpaintx.completion.completer import Completer
from inpaintx.completion.folder import GROUP_PICTURES, Run
from inpaintx.completion.ledger import Ledger
from inpaintx.completion.manifest import Manifest
from inpaintx.completion.plan import FolderPlan, FolderRequest, read_by
from inpaintx.completion.report import FolderReport, Listeners
from inpaintx.completion.showcase import Showcase
from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.devices import pick_device
from inpaintx.options import Control, SearchOptions
from inpaintx.plugins.blends import BlendPlugin
from inpaintx.plugins.masks import anew


@dataclass(frozen=True)
class Recipe:
    """What a completer is made of, so that other processes make the same.

    Attributes:
        model: the model's file.
        device: see :func:`.pick_device`.
        blend: see :class:`.Completer`, as the others.
        options: of the latent search.
        control: what fills.
        region: what of a picture the model sees.
    """

    model: Path
    device: str | torch.device
    blend: BlendPlugin
    options: SearchOptions
    control: Control = "model"
    region: str = "auto"

    def completer(self) -> Completer:
        """Loads the model. Raises InpaintxError: no such device, file or region."""
        model = checkpoint.load_model(self.model, pick_device(self.device))
        return Completer(model, self.blend, self.options, self.control, self.region)


@dataclass(frozen=True)
class Part:
    """Some pictures of a plan, and what the plan says of them.

    Attributes:
        targets: see :class:`.FolderPlan`, as the others.
        maps: their uncertainty maps.
        mask_files: their masks.
        manifest: the part's own, which knows what the run's says of these pictures.
        roots: the folders that they were found in.
    """

    targets: Mapping[Path, Path]
    maps: Mapping[Path, Path]
    mask_files: Mapping[Path, Path]
    manifest: Manifest | None
    roots: Mapping[Path, Path]


def divide(plan: FolderPlan, among: int) -> Iterator[Part]:
    """The parts of a plan, in its order: each what is searched together, or less, so that all have some.

    Args:
        plan: what is to be done.
        among: how many there are to do it, 1 or more.
    """
    pictures, out = iter(plan.targets), plan.request.out
    most = max(1, min(GROUP_PICTURES, -(-len(plan.targets) // among)))
    for number in count():
        targets = {picture: plan.targets[picture] for picture in islice(pictures, most)}
        if not targets:
            return
        results = targets.values()
        yield Part(
            targets,
            {result: plan.maps[result] for result in results if result in plan.maps},
            {result: plan.mask_files[result] for result in results if result in plan.mask_files},
            None
            if plan.manifest is None
            else plan.manifest.part(number, [result.relative_to(out).as_posix() for result in results]),
            {picture: plan.roots[picture] for picture in targets if picture in plan.roots},
        )


def request_for_parts(request: FolderRequest) -> FolderRequest:
    """What is asked for, as far as parts need it: no inputs, and a mask that remembers no folder."""
    return replace(
        request, inputs=(), mask=anew(request.mask), sheet=None, gif=None, manifest=None, besides=()
    )


def places(plan: FolderPlan, model: Path) -> list[Path]:
    """What whoever does a part must see: the model, what the mask plugin reads, and folders."""
    parents = (picture.parent for picture in plan.targets if picture not in plan.roots)
    seen = {model, *plan.roots.values(), *parents, *read_by(plan.request.mask), plan.request.out}
    if plan.manifest is not None:
        seen.add(plan.manifest.path.parent)
    return sorted(seen)


def complete_part(completer: Completer, request: FolderRequest, part: Part) -> FolderReport:
    """Completes the pictures of a part, as :func:`.complete_plan` does those of a plan.

    Args:
        completer: does it.
        request: from :func:`request_for_parts`.
        part: from :func:`divide`.

    Raises:
        InpaintxError: the part's manifest can't be written.
    """
    plan = FolderPlan(request, part.targets, part.maps, part.mask_files, part.manifest, part.roots)
    report = FolderReport()
    ledger = Ledger(plan, completer.described)
    Run(completer, plan, Showcase(None, None), ledger, Listeners(), report).complete()
    return report


def take_in(report: FolderReport, part: FolderReport, listeners: Listeners) -> None:
    """Adds what came of a part to what came of the run, and tells of it."""
    for name in ("done", "failures", "lost", "doubts"):
        getattr(report, name).update(getattr(part, name))
    report.undamaged.extend(part.undamaged)
    report.kept.extend(part.kept)
    for path, why in part.failures.items():
        listeners.on_failure(path, InpaintxError(why))
    listeners.on_progress(report.settled)


def put_in_order(report: FolderReport, pictures: Sequence[Path]) -> None:
    """Orders what came of pictures as they were planned, not as parts of them were done."""
    place = {picture: number for number, picture in enumerate(pictures)}
    for name in ("done", "failures", "lost", "doubts"):
        told = getattr(report, name)
        setattr(report, name, {path: told[path] for path in sorted(told, key=place.__getitem__)})
    for name in ("undamaged", "kept"):
        getattr(report, name).sort(key=lambda path: place.get(path, -1))
