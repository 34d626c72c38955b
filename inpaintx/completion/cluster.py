"""A plan's pictures over the machines of a Ray cluster: parts of it go through Ray Data to workers.

A worker is one process with a core of its own, or a GPU. It sees the same files by the same names as who
started the run, and writes results itself; only what became of them comes back. Where a worker dies, Ray
starts another and gives it the part again: it is done as if nothing had been.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.atomic import clear_leftovers
from inpaintx.completion.completer import Completer
from inpaintx.completion.connection import Cluster, connected, ray_data
from inpaintx.completion.folder import make_folders
from inpaintx.completion.ledger import differences
from inpaintx.completion.parts import (
    Part,
    Recipe,
    complete_part,
    divide,
    places,
    put_in_order,
    request_for_parts,
    take_in,
)
from inpaintx.completion.plan import FolderPlan, FolderRequest
from inpaintx.completion.report import FolderReport, Listeners
from inpaintx.errors import InpaintxError
from inpaintx.plugins.calls import allow_seconds, allowed_seconds

#: How often a part is tried again whose worker died: a picture that kills every worker ends the run.
RETRIES = 3


def complete_on_cluster(
    cluster: Cluster, recipe: Recipe, plan: FolderPlan, listeners: Listeners, report: FolderReport
) -> None:
    """Completes the pictures of a plan as :func:`.complete_plan` does, on the workers of a cluster.

    The results and the manifest are those of a run on this machine, but for the times in the manifest, where
    the workers' processors compute as this one's. Listeners hear of failures and progress, not of results.

    Args:
        cluster: who does it.
        recipe: of the workers' completers; a device ``"auto"`` is the GPU where the cluster has any.
        plan: from :func:`.plan_folder`, without a sheet or a GIF.
        listeners: who is told, part by part.
        report: is filled as it goes, so that there is one where the run is interrupted, too.

    Raises:
        InpaintxError: the extra ``ray`` is missing; no such cluster, or too small a one; a worker that can't
            see what it needs or has other versions; the workers died over the same pictures again and again;
            a folder or the manifest can't be written.
    """
    ray_data()
    request = plan.request
    if request.sheet is not None or request.gif is not None:
        raise InpaintxError("a sheet or a GIF can't be made on a cluster; leave it out")
    described = replace(recipe, device="cpu").completer().described
    report.left_out = plan.left_out
    report.kept.extend(plan.kept)
    make_folders(request)
    try:
        if plan.targets:
            with connected(cluster) as resources:
                workers, device = _workers(cluster, str(recipe.device), resources)
                recipe, seen = replace(recipe, device=device), places(plan, recipe.model)
                task = Task(recipe, request_for_parts(request), described, seen)
                for number, done in _completed(task, list(divide(plan, workers)), workers):
                    if plan.manifest is not None and done.recorded(request):
                        plan.manifest.take_in(number)
                    take_in(report, done, listeners)
    finally:  # the workers have ended, in one way or another
        put_in_order(report, list(plan.targets))
        for folder in {target.parent for target in plan.targets.values()}:
            clear_leftovers(folder)
        if plan.manifest is not None:
            plan.manifest.take_in_left()
    if plan.manifest is not None:
        plan.manifest.close()


@dataclass
class Task:
    """What every worker is told.

    Attributes:
        recipe: of its completer.
        request: from :func:`.request_for_parts`.
        described: what the completer must be: see :func:`~inpaintx.completion.ledger.describe`.
        places: what it must see.
        folder: what names without a root are meant from.
        plugin_seconds: see :func:`.allow_seconds`.
        source_date: SOURCE_DATE_EPOCH, if it is set.
    """

    recipe: Recipe
    request: FolderRequest
    described: Mapping[str, Any]
    places: Sequence[Path]
    folder: Path = field(default_factory=Path.cwd)
    plugin_seconds: float = field(default_factory=lambda: allowed_seconds(1))
    source_date: str | None = field(default_factory=lambda: os.environ.get("SOURCE_DATE_EPOCH"))

    def begin(self) -> Completer:
        """Makes this process a worker: gives what it completes with.

        Raises:
            InpaintxError: it can't see what it must, or its model or versions are others.
        """
        host = socket.gethostname()
        if any(not place.is_absolute() for place in self.places):
            self._see(self.folder, host)
            os.chdir(self.folder)
        for place in self.places:
            self._see(place, host)
        if self.source_date is not None:
            os.environ["SOURCE_DATE_EPOCH"] = self.source_date
        allow_seconds(self.plugin_seconds)
        completer = self.recipe.completer()
        other = differences(self.described, completer.described)
        if other:
            raise InpaintxError(
                f"a worker on {host} would make other results, by {other}; make them the same"
            )
        return completer

    def _see(self, place: Path, host: str) -> None:
        if not place.exists():
            raise InpaintxError(
                f"a worker on {host} can't see {place}; every machine needs the same files by the same names"
            )


class Worker:
    """Completes parts; a process of its own holds it, and loads the model at its first part."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._completer: Completer | None = None

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What came of a part: its number, and a report or the error that ends the run."""
        number, part = pickle.loads(batch["part"][0])
        try:
            self._completer = self._completer or self._task.begin()
            outcome: FolderReport | str = complete_part(self._completer, self._task.request, part)
        except InpaintxError as error:
            outcome = str(error)
        told = np.empty(1, object)
        told[0] = pickle.dumps((number, outcome))
        return {"outcome": told}


def _completed(task: Task, parts: Sequence[Part], workers: int) -> Iterator[tuple[int, FolderReport]]:
    """The parts' numbers and reports, as they are done."""
    ray = ray_data()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_consecutive_actor_init_deaths = RETRIES * workers
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [{"part": pickle.dumps(numbered)} for numbered in enumerate(parts)]
    on_gpu = str(task.recipe.device) == "cuda"
    pool = ray.data.ActorPoolStrategy(
        min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of max_restarts and max_task_retries, which have no other name yet
        outcomes = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Worker,
            fn_constructor_args=(task,),
            batch_size=1,
            compute=pool,
            num_cpus=1,
            num_gpus=1 if on_gpu else None,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
    try:
        for row in outcomes.iter_rows():
            number, outcome = pickle.loads(row["outcome"])
            if isinstance(outcome, str):
                raise InpaintxError(outcome)
            yield number, outcome
    except ray.exceptions.RayError as error:
        raise InpaintxError(_in_a_line(error)) from error


def _in_a_line(error: Exception) -> str:
    import ray

    if isinstance(error, ray.exceptions.ActorDiedError | ray.exceptions.ActorUnavailableError):
        return (
            f"a worker died {RETRIES + 1} times over the same pictures; find which by --shard and without a "
            "cluster, or give a worker more memory; what is done stays: go on with --skip-done"
        )
    last = str(error).strip().splitlines()[-1]
    return f"Ray gave up: {last}; what is done stays: go on with --skip-done"


def _workers(cluster: Cluster, device: str, resources: Mapping[str, float]) -> tuple[int, str]:
    """How many workers there will be, and the device of each."""
    gpus, cpus = (int(resources.get(name, 0)) for name in ("GPU", "CPU"))
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    if device not in ("cpu", "cuda"):
        raise InpaintxError(f"on a cluster each worker has a GPU of its own: --device cuda, not {device}")
    room, what = (min(gpus, cpus), "GPUs") if device == "cuda" else (cpus, "cores")
    workers = cluster.workers or room
    if not 1 <= workers <= room:
        raise InpaintxError(
            f"the cluster at {cluster.address} has {what} for {room} workers, not for {workers or 'one'}; "
            "choose --ray-workers or --device to fit"
        )
    return workers, device
