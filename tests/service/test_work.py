"""What does the jobs, with the shipped model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from service_cases import SIDE, form, hole, png, shape

from inpaintx.completion import Completer
from inpaintx.errors import InpaintxError
from inpaintx.pictures.held import HeldFile
from inpaintx.service.form import form_of, read_values
from inpaintx.service.job import InsideError, Job
from inpaintx.service.jobs import Queue
from inpaintx.service.limits import Limits
from inpaintx.service.models import Models
from inpaintx.service.tasks import Settings, Task, read_task
from inpaintx.service.work import Completing, TooLong

pytestmark = pytest.mark.slow
LIMITS = Limits(together=8)
HOLES = (np.s_[20:36, 24:44], np.s_[2:20, 30:60], np.s_[:, 40:], np.s_[30:33, 5:60])


def task(number: int, **fields: str) -> Task:
    """What a client asks for; another picture and hole for each number."""
    sent = form(number, **fields)
    files = {name: HeldFile.of(*file) for name, file in sent["files"].items()}
    files["mask"] = HeldFile.of("mask.png", png(hole(SIDE, HOLES[number % len(HOLES)])))
    return read_task(files, read_values(form_of(LIMITS, ("chars",)), sent["data"]), "chars", LIMITS)


def filled(job: Job) -> np.ndarray:
    assert job.state == "done", job.error
    return job.result.filled.array


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many pictures each search was given."""
    sizes: list[int] = []
    search = Completer.search

    def spied(self: Completer, pictures: Sequence[Any], *arguments: Any, **options: Any) -> Any:
        sizes.append(len(pictures))
        return search(self, pictures, *arguments, **options)

    monkeypatch.setattr(Completer, "search", spied)
    return sizes


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"estimate": "mean", "candidates": "6"},
        {"optimizer": "hmc", "lr": "0.001", "seed": "7"},
        {"guess": "false"},
    ],
    ids=str,
)
def test_what_is_done_together_comes_out_as_alone(
    models: Models, searched: list[int], fields: dict[str, str]
) -> None:
    worker = Completing(models, LIMITS)
    together = [Job(task(number, **fields)) for number in range(6)]
    alone = [Job(task(number, **fields)) for number in range(6)]
    worker.do(together)
    for job in alone:
        worker.do([job])
    assert searched == [6, 1, 1, 1, 1, 1, 1]
    for number, (one, other) in enumerate(zip(together, alone, strict=True)):
        assert (filled(one) == filled(other)).all(), number
        np.testing.assert_allclose(one.result.disagreement, other.result.disagreement, atol=1)
    assert len({filled(job).tobytes() for job in together}) == 6


def test_what_waits_with_the_same_settings_is_searched_together(models: Models, searched: list[int]) -> None:
    queue = Queue(Completing(models, LIMITS), LIMITS)
    jobs = [queue.submit(task(number, seed=seed)) for number, seed in enumerate("001010")]
    queue.start()
    while not all(job.is_over for job in jobs):
        time.sleep(0.01)
    queue.stop()
    assert searched == [4, 2]
    assert {job.state for job in jobs} == {"done"}


def test_one_that_can_not_be_completed_takes_no_other_with_it(models: Models) -> None:
    good, bad = task(0, region="16,16,40,40"), task(1, region="16,16,40,40")  # of which the second leaves it
    jobs = [Job(good), Job(bad), Job(good)]
    Completing(models, LIMITS).do(jobs)
    assert [job.state for job in jobs] == ["done", "failed", "done"]
    assert "does not reach around the hole" in str(jobs[1].error)


def test_a_search_for_which_nobody_waits_is_given_up(models: Models) -> None:
    worker, jobs = Completing(models, LIMITS), [Job(task(number, iterations="2000")) for number in range(2)]
    jobs[0].gone.set()
    looks = []

    def leave() -> None:
        looks.append(jobs[1].iteration)
        if jobs[1].iteration >= 30:
            jobs[1].gone.set()

    jobs[1].listen(leave)
    worker.do(jobs)
    assert looks[-1] == 30
    assert not any(job.is_over for job in jobs)  # whoever left has ended them


def test_a_search_that_takes_too_long_ends_with_an_error(models: Models) -> None:
    worker, job = Completing(models, Limits(seconds=0.2)), Job(task(0, iterations="2000", candidates="64"))
    start = time.monotonic()
    with pytest.raises(TooLong, match=r"longer than 0\.2 seconds"):
        worker.do([job])
    assert time.monotonic() - start < 20


def test_progress_is_told_of_each_picture(models: Models) -> None:
    jobs = [Job(task(number, iterations="40")) for number in range(2)]
    seen: list[tuple[int, int]] = []
    for job in jobs:
        job.listen(lambda job=job: seen.append((job.iteration, job.iterations)))  # type: ignore[misc]
    Completing(models, LIMITS).do(jobs)
    told = [steps for steps, most in seen if most == 40]
    assert set(told) >= {10, 20, 30, 40}
    assert told == sorted(told)


def test_completers_are_kept_while_settings_stay_the_same(models: Models) -> None:
    worker = Completing(models, LIMITS)
    made = [worker._completer(task(0, seed=seed).settings) for seed in "0011220"]
    assert made[0] is made[1]
    assert made[2] is made[3]
    assert made[0] is not made[2]
    assert made[6] is not made[0]  # it had to make room
    assert len(worker._completers) == 2


def test_a_model_that_is_gone_is_not_told_with_its_place(
    models: Models, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(name: str) -> Any:
        raise InpaintxError("no such model: /srv/models/chars.safetensors; give a run folder")

    monkeypatch.setattr(models, "load", gone)
    with pytest.raises(
        InsideError, match=r"^it failed inside \(InpaintxError\); the service's log says where$"
    ):
        Completing(models, LIMITS).do([Job(task(0))])
    assert "/srv/models/chars.safetensors" in caplog.text


@pytest.mark.parametrize(
    ("limits", "fields", "expected"),
    [
        ({}, {}, (4, 512, None)),
        ({"most_candidates": 4, "most_starts": 16, "most_iterations": 3}, {}, (4, 16, 3)),
        ({"most_iterations": 80}, {}, (4, 512, 60)),
        ({"most_iterations": 80}, {"iterations": "80"}, (4, 512, 80)),
        ({}, {"preset": "bamos"}, (1, 1, 1000)),
    ],
    ids=str,
)
def test_limits_hold_for_what_a_client_does_not_say(
    limits: dict[str, int], fields: dict[str, str], expected: tuple[int, int, int | None]
) -> None:
    found = settings_of(Limits(**limits), fields).search
    assert (found.candidates, found.starts, found.iterations) == expected


def test_a_preset_beyond_the_limits_is_refused() -> None:
    with pytest.raises(
        InpaintxError, match="iterations is 1000, more than the 999 that are taken; send fewer"
    ):
        settings_of(Limits(most_iterations=999), {"preset": "bamos"})


@pytest.mark.parametrize("name", ["depth_iterations", "adapt"])
def test_steps_after_the_code_have_the_limit_of_those_on_it(name: str) -> None:
    with pytest.raises(InpaintxError):
        settings_of(Limits(most_iterations=9), {name: "10"})
    assert getattr(settings_of(Limits(most_iterations=9), {name: "9"}).search, name) == 9


def settings_of(limits: Limits, fields: dict[str, str]) -> Settings:
    """What a request asks for that says this and nothing else of its search."""
    files = {name: HeldFile.of(*file) for name, file in form()["files"].items()}
    return read_task(files, read_values(form_of(limits, ("chars",)), fields), "chars", limits).settings


def test_candidates_are_the_ones_that_were_found(models: Models) -> None:
    job = Job(task(0, candidates="4"))
    Completing(models, LIMITS).do([job])
    result = job.result
    fills = [result.encoded("png", candidate).data for candidate in range(4)]
    assert len(set(fills)) == 4
    assert fills[0] != result.encoded("png").data  # the record says which
    assert shape(0).shape == result.filled.array.shape
