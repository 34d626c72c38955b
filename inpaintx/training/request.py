"""What a run of training is asked for, and how it begins: anew, or where it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.options import Architecture, Fit, TrainOptions
from inpaintx.outputs import check_apart, make_folder
from inpaintx.pictures import find_pictures
from inpaintx.training.collection import Collection, load_collection
from inpaintx.training.damaged import Damaged, load_damaged
from inpaintx.training.holdout import HeldOut, keep_back
from inpaintx.training.logs import HELD_OUT_NAME, LOG_NAME, SCORES_NAME, is_log
from inpaintx.training.patches import Patches
from inpaintx.training.recipe import choose, go_on
from inpaintx.training.team import ALONE, Team
from inpaintx.training.trainer import Trainer

SAMPLES = "samples"  # the folder of all sample sheets; the newest is beside it, as a .png


@dataclass(frozen=True)
class TrainRequest:
    """A run of training.

    Attributes:
        folder: the pictures, nested folders included.
        run: the folder of the run.
        resume: go on from the checkpoint in the run's folder; what is not given stays as it was.
        fit: how a picture becomes a square; None: ``"crop"``, or as it was.
        scales: of ``"patches"``: pixels of the pictures to one of the model's; None: 1, or as they were.
        channels: 1 for gray, 3 for RGB; None: RGB if any picture has colour, or as it was.
        mask: what tells the holes of damaged pictures, see :class:`~inpaintx.training.damaged.Damaged`; None:
            they are intact.
        exclude: patterns of pictures to leave out, by their paths in the folder.
        architecture: fields of :class:`~inpaintx.options.Architecture` that are given.
        options: fields of :class:`~inpaintx.options.TrainOptions` that are given.
    """

    folder: Path
    run: Path
    resume: bool = False
    fit: Fit | None = None
    scales: Sequence[int] | None = None
    channels: int | None = None
    mask: Path | Literal["alpha"] | None = None
    exclude: Sequence[str] = ()
    architecture: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def begin(
    request: TrainRequest,
    team: Team = ALONE,
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Trainer:
    """Reads the collection, makes the run's folder, and gives the trainer where it begins.

    Args:
        request: what is asked for.
        team: the processes that train together, and what this one trains on.
        progress: wraps the list of files while it is gone through, e.g. ``tqdm``.

    Raises:
        InpaintxError: there is no readable picture; the run's folder holds a run already, or none to resume;
            an option is out of range, or not that of the run that is resumed.
    """
    file = request.run / checkpoint.FILE_NAME
    start = _resumed(file) if request.resume else _fresh(request.run)
    size = replace(start.architecture, **request.architecture).size
    seed = replace(start.options, **request.options).seed
    fit = request.fit or start.fit
    check_apart(request.run, [request.folder])
    find_pictures([request.folder])  # where there are none, no empty folder of a run is left behind
    make_folder(request.run)
    channels = request.channels or start.channels
    scales = request.scales or start.scales
    if request.scales and fit != "patches":
        raise InpaintxError(
            f"scales are of patches, and the fit is {fit}; give --fit patches, or no --scales"
        )
    fitted = Patches(tuple(scales), seed=seed) if fit == "patches" else fit
    collection = _read(request, size, channels, fitted, progress)
    if request.resume:
        options = go_on(start.options, request.options)
        architecture = replace(start.architecture, **request.architecture)
    else:
        pictures = len(set(collection.paths))
        options, architecture = choose(request.options, request.architecture, pictures, team.device)
    chosen = not request.resume and "hold_out" not in request.options
    collection, held_out, options = _kept_back(collection, options, request.folder, chosen)
    architecture = replace(architecture, channels=collection.images.shape[1])
    trainer = Trainer(collection, architecture, options, fit, team, held_out)
    if request.resume:
        trainer.restore(file)
    return trainer


def _read(
    request: TrainRequest,
    size: int,
    channels: int | None,
    fit: Fit | Patches,
    progress: Callable[[list[Path]], Iterable[Path]],
) -> Collection:
    if request.mask is None:
        return load_collection(request.folder, size, channels, fit, request.exclude, progress)
    damaged = Damaged(request.folder, request.mask)
    return load_damaged(damaged, size, channels, fit, request.exclude, progress)


def _kept_back(
    collection: Collection, options: TrainOptions, folder: Path, chosen: bool
) -> tuple[Collection, HeldOut | None, TrainOptions]:
    """What is learned from, and what is not; where nobody asked for it, none of a collection of copies."""
    if not options.hold_out:
        return collection, None, options
    try:
        return *keep_back(collection, options.hold_out, options.seed, folder), options
    except InpaintxError:
        if not chosen:
            raise
        return collection, None, replace(options, hold_out=0)


@dataclass(frozen=True)
class _Start:
    """What holds where nothing else is asked for."""

    architecture: Architecture
    options: TrainOptions
    channels: int | None
    fit: Fit
    scales: Sequence[int] = (1,)


def _fresh(run: Path) -> _Start:
    """Raises InpaintxError where the folder holds a file that a run would write.

    A log alone is of a run that was stopped before its first checkpoint: there is nothing to lose.
    """
    if os.path.lexists(run / checkpoint.FILE_NAME):
        raise InpaintxError(
            f"{run} holds a run already ({checkpoint.FILE_NAME}); "
            "go on with --resume, or choose another --out"
        )
    for name in (LOG_NAME, SCORES_NAME, HELD_OUT_NAME, SAMPLES, f"{SAMPLES}.png"):
        if os.path.lexists(run / name) and not (name == LOG_NAME and is_log(run / name)):
            raise InpaintxError(
                f"{run} holds {name}, but no {checkpoint.FILE_NAME} to go on from; "
                "move it away, or choose another --out"
            )
    return _Start(Architecture(), TrainOptions(), None, "crop")


def _resumed(file: Path) -> _Start:
    """Raises InpaintxError where there is no whole checkpoint of a run."""
    if not file.is_file():
        raise InpaintxError(f"nothing to resume: there is no {file}; leave out --resume, or check --out")
    with checkpoint.opened(file) as stored:
        architecture, options = checkpoint.described(stored), checkpoint.run_options(stored)
    header = stored.header
    return _Start(architecture, options, architecture.channels, header["fit"], header.get("scales", (1,)))
