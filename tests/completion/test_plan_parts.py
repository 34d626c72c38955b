"""A plan in parts, done by workers: the folder and the report of a run on one machine; without Ray."""

import json
import pickle
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from completion_cases import OPTIONS, make_blend, make_picture

from inpaintx.completion import FolderReport, FolderRequest, complete_folder
from inpaintx.completion.cluster import Task, Worker
from inpaintx.completion.manifest import Manifest
from inpaintx.completion.parts import (
    Part,
    Recipe,
    divide,
    places,
    put_in_order,
    request_for_parts,
    take_in,
)
from inpaintx.completion.plan import FolderPlan, plan_folder
from inpaintx.completion.report import Listeners
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import Picture, write_picture
from inpaintx.plugins import registry

NAMES = ["0.png", "1.png", "2.png", "deep/3.png", "deep/4.png", "deep/5.png", "6.png"]
SEARCH = replace(OPTIONS, iterations=2)

Plans = Callable[..., FolderPlan]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven pictures with holes, but that one has none and one is no picture."""
    for number, name in enumerate(NAMES):
        picture = make_picture(20, 20, seed=number)
        opaque = np.full((20, 20), 255, np.uint8)
        if number != 4:
            opaque[6:12, 5:14] = 0
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        write_picture(Picture(picture.array, opaque), tmp_path / "photos" / name)
    (tmp_path / "photos" / NAMES[1]).write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture
def recipe(model: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """Of completers with the small model."""
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    loaded = replace(model, source=file)
    monkeypatch.setattr("inpaintx.networks.checkpoint.load_model", lambda path, device: loaded)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return Recipe(file, torch.device("cpu"), make_blend(), SEARCH)


@pytest.fixture
def planned(photos: Path, recipe: Recipe, tmp_path: Path) -> Plans:
    """The plan for the photos, into a folder that is there."""

    def plan(out: str = "out", **more: Any) -> FolderPlan:
        (tmp_path / out).mkdir(exist_ok=True)
        mask = registry.make("mask", "file")
        request = FolderRequest(
            [photos], tmp_path / out, mask, manifest=tmp_path / out / "manifest.jsonl", **more
        )
        return plan_folder(request, recipe.model)

    return plan


def task_of(recipe: Recipe, plan: FolderPlan) -> Task:
    described = recipe.completer().described
    return Task(recipe, request_for_parts(plan.request), described, places(plan, recipe.model))


def told_by(worker: Worker, number: int, part: Part) -> FolderReport | str:
    """What a worker says of a part, through the bytes that it is sent and sends."""
    sent = np.empty(1, object)
    sent[0] = pickle.dumps((number, part))
    answered, outcome = pickle.loads(worker({"part": sent})["outcome"][0])
    assert answered == number
    return outcome


def in_parts(recipe: Recipe, plan: FolderPlan, among: int, again: int = 0) -> tuple[FolderReport, list[str]]:
    """Has the parts done, the last first, by two workers in turns; one part as often again as is said."""
    report, failed = FolderReport(), []
    listeners = Listeners(on_failure=lambda path, error: failed.append(f"{path.name}: {error}"))
    workers = [Worker(task_of(recipe, plan)) for _ in range(2)]
    assert plan.manifest is not None
    parts = list(enumerate(divide(plan, among)))
    for number, part in reversed(parts):
        for attempt in range(1 + (again if number == 1 else 0)):
            done = told_by(workers[(number + attempt) % 2], number, part)
            assert isinstance(done, FolderReport)
        if done.recorded(plan.request):
            plan.manifest.take_in(number)
        take_in(report, done, listeners)
    put_in_order(report, list(plan.targets))
    plan.manifest.close()
    return report, failed


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("among", [1, 3, 100])
def test_parts_make_the_folder_and_the_report_of_one_run(
    planned: Plans, recipe: Recipe, tmp_path: Path, among: int
) -> None:
    plan = planned("parts", masks=tmp_path / "masks", uncertainty=tmp_path / "maps")
    report, failed = in_parts(recipe, plan, among, again=1)
    beside = {name: bytes_in(tmp_path / name) for name in ("masks", "maps")}
    alone = planned("alone", masks=tmp_path / "masks 2", uncertainty=tmp_path / "maps 2").request
    expected = complete_folder(recipe.completer(), alone)
    assert bytes_in(tmp_path / "parts") == bytes_in(tmp_path / "alone")
    assert beside == {"masks": bytes_in(tmp_path / "masks 2"), "maps": bytes_in(tmp_path / "maps 2")}
    assert list(report.done) == list(expected.done)
    assert len(report.done) == 5
    assert (report.failures, report.undamaged) == (expected.failures, expected.undamaged)
    assert len(failed) == 1
    assert failed[0].startswith("1.png: not a picture")


def test_a_list_of_files_is_done_in_parts(
    planned: Plans, recipe: Recipe, photos: Path, tmp_path: Path
) -> None:
    whole = planned("parts")
    listed = [photos / NAMES[6], photos / NAMES[3], photos / NAMES[0]]
    plan = plan_folder(replace(whole.request, inputs=listed), recipe.model)
    report, _ = in_parts(recipe, plan, 3)
    assert list(report.done) == listed
    complete_folder(recipe.completer(), replace(planned("alone").request, inputs=listed))
    assert bytes_in(tmp_path / "parts") == bytes_in(tmp_path / "alone")


def test_each_part_has_some_and_no_more_than_is_searched_together(
    planned: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned()
    assert [len(part.targets) for part in divide(plan, 2)] == [4, 3]
    monkeypatch.setattr("inpaintx.completion.parts.GROUP_PICTURES", 3)
    parts = list(divide(plan, 2))
    assert [len(part.targets) for part in parts] == [3, 3, 1]
    assert [picture for part in parts for picture in part.targets] == list(plan.targets)


def test_what_a_killed_run_left_in_a_part_is_gone_on_with(
    planned: Plans, recipe: Recipe, tmp_path: Path
) -> None:
    plan = planned()
    worker = Worker(task_of(recipe, plan))
    first = next(iter(divide(plan, 3)))
    assert isinstance(told_by(worker, 0, first), FolderReport)
    left = tmp_path / "out" / "manifest.part-0.jsonl"
    with left.open("ab") as file:
        file.write(b'{"result": "deep/3')  # a kill cut it off
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    again = planned(skip_done=True)
    before = bytes_in(tmp_path / "out")
    report, _ = in_parts(recipe, again, 3)
    assert [path.name for path in report.kept] == ["0.png", "2.png"]
    assert not left.exists()
    complete_folder(recipe.completer(), planned("alone").request)
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "alone")
    assert bytes_in(tmp_path / "out")["0.png"] == before["0.png"]


def test_a_run_on_one_machine_takes_a_part_in(planned: Plans, recipe: Recipe, tmp_path: Path) -> None:
    plan = planned()
    told_by(Worker(task_of(recipe, plan)), 0, next(divide(plan, 3)))
    complete_folder(recipe.completer(), planned(skip_done=True).request)
    complete_folder(recipe.completer(), planned("alone").request)
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "alone")


def test_a_worker_says_what_it_cant_see(planned: Plans, recipe: Recipe, photos: Path) -> None:
    plan = planned()
    task = task_of(recipe, plan)
    assert task.places == sorted({photos, recipe.model, plan.request.out})
    part = next(divide(plan, 3))
    elsewhere = replace(task, places=[*task.places, photos / "gone"])
    assert told_by(Worker(elsewhere), 0, part) == (
        f"a worker on {socket.gethostname()} can't see {photos / 'gone'}; "
        "every machine needs the same files by the same names"
    )
    assert bytes_in(plan.request.out) == {}


def test_a_worker_of_another_version_does_nothing(planned: Plans, recipe: Recipe) -> None:
    plan = planned()
    task = task_of(recipe, plan)
    described = json.loads(json.dumps(task.described))
    described["settings"] = task.described["settings"]
    described["versions"]["torch"] = "0.1"
    described["model"]["sha256"] = "another"
    told = told_by(Worker(replace(task, described=described)), 0, next(divide(plan, 3)))
    assert isinstance(told, str)
    assert f"would make other results, by model, torch {torch.__version__} instead of 0.1" in told
    assert bytes_in(plan.request.out) == {}


def test_a_worker_that_writes_elsewhere_is_found_out(planned: Plans) -> None:
    plan = planned()
    assert isinstance(plan.manifest, Manifest)
    with pytest.raises(InpaintxError, match=r"manifest\.part-7\.jsonl: every machine has to write into the"):
        plan.manifest.take_in(7)
