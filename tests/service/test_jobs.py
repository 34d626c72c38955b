"""The queue, with a worker that does nothing but what the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from service_cases import Hand, finish, task

from inpaintx.errors import InpaintxError
from inpaintx.service.job import InsideError, Job, NoSuchJob, QueueFull, Stopping
from inpaintx.service.jobs import TOGETHER_PIXELS, Queue
from inpaintx.service.limits import Limits


def over(job: Job) -> Job:
    """The job when it is over."""
    ended = time.monotonic() + 10
    while not job.is_over:
        assert time.monotonic() < ended
        time.sleep(0.002)
    return job


def test_jobs_wait_in_order_and_say_where(queue: Queue, hand: Hand) -> None:
    first = queue.submit(task())
    hand.wait()
    waiting = [queue.submit(task(seed)) for seed in (1, 2, 3)]
    assert first.state == "running"
    assert [queue.position(job) for job in (first, *waiting)] == [0, 1, 2, 3]
    assert queue.waiting == 3
    hand.go_on()
    for job in waiting:
        assert hand.wait() == [job]
        hand.go_on()
    assert [over(job).state for job in waiting] == ["done"] * 3
    assert len({job.id for job in (first, *waiting)}) == 4


def test_jobs_of_the_same_settings_are_done_together_with_the_first(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    jobs = [queue.submit(task(seed)) for seed in (1, 2, 1, 1)]
    for expected in ([jobs[0], jobs[2], jobs[3]], [jobs[1]]):
        hand.go_on()
        assert hand.wait() == expected


def test_no_more_than_the_limits_are_done_together(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    jobs = [queue.submit(task(1)) for _ in range(4)]
    for expected in (jobs[:3], jobs[3:]):
        hand.go_on()
        assert hand.wait() == expected


def test_large_pictures_are_done_alone(queue: Queue, hand: Hand) -> None:
    side = int(TOGETHER_PIXELS**0.5)
    queue.submit(task(9))
    hand.wait()
    jobs = [queue.submit(task(1, side)), queue.submit(task(1, side))]
    for job in jobs:
        hand.go_on()
        assert hand.wait() == [job]


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    jobs = [queue.submit(task(seed)) for seed in range(4)]
    with pytest.raises(QueueFull, match="4 jobs wait already"):
        queue.submit(task())
    queue.drop(jobs[1])
    assert queue.position(queue.submit(task())) == 4


def test_places_that_were_promised_count_until_they_are_given_back(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    places = [queue.promise() for _ in range(4)]
    with pytest.raises(QueueFull):
        queue.promise()
    with places[0]:
        pass
    with queue.promise() as place:
        place.submit(task())
    with pytest.raises(QueueFull):
        queue.promise()


def test_pixels_that_wait_are_limited_too(hand: Hand) -> None:
    queue = Queue(hand, Limits(held_megapixels=0.0002))
    queue.submit(task(side=40))  # alone, one of any size may wait
    with pytest.raises(QueueFull, match="pixels"):
        queue.submit(task())


def test_a_job_that_is_dropped_is_not_begun(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    dropped, other = queue.submit(task(1)), queue.submit(task(1))
    queue.drop(dropped)
    assert (dropped.state, dropped.gone.is_set()) == ("cancelled", True)
    with pytest.raises(NoSuchJob):
        queue.get(dropped.id)
    hand.go_on()
    assert hand.wait() == [other]


def test_a_job_that_is_dropped_while_it_is_done_stays_cancelled(queue: Queue, hand: Hand) -> None:
    job = queue.submit(task())
    hand.wait()
    queue.drop(job)
    other = queue.submit(task())
    hand.go_on()
    hand.wait()
    hand.go_on()
    assert over(other).state == "done"
    assert (job.state, job.result) == ("cancelled", None)


def failing(*errors: Exception) -> Callable[[Sequence[Job]], object]:
    """Raises these in turn, then does jobs as they should be."""
    left = list(errors)

    def do(jobs: Sequence[Job]) -> None:
        if left:
            raise left.pop(0)
        finish(jobs)

    return do


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (InpaintxError("no such region; choose another"), InpaintxError, "no such region; choose another"),
        (
            ValueError("/home/me/odd"),
            InsideError,
            "it failed inside (ValueError); the service's log says where",
        ),
    ],
)
def test_a_job_that_fails_does_not_take_the_queue_down(
    queue: Queue, hand: Hand, error: Exception, kind: type, said: str
) -> None:
    hand.what = failing(error)
    job, other = queue.submit(task(1)), queue.submit(task(2))
    hand.go_on()
    hand.go_on()
    assert over(job).state == "failed"
    assert type(job.error) is kind
    assert str(job.error) == said
    assert over(other).state == "done"


def test_where_several_fail_together_each_is_done_again_alone(queue: Queue, hand: Hand) -> None:
    queue.submit(task(9))
    hand.wait()
    jobs = [queue.submit(task(1)) for _ in range(3)]

    def odd(done: Sequence[Job]) -> None:
        if jobs[1] in done:
            raise ValueError("it is this one")
        finish(done)

    hand.what = odd
    for _ in range(5):
        hand.go_on()
    assert [over(job).state for job in jobs] == ["done", "failed", "done"]
    assert hand.groups[1:] == [jobs, *([job] for job in jobs)]


def test_a_job_that_a_worker_leaves_undone_fails(queue: Queue, hand: Hand) -> None:
    hand.what = lambda jobs: None
    job = queue.submit(task())
    hand.go_on()
    assert over(job).state == "failed"
    assert isinstance(job.error, InsideError)


def test_a_stop_finishes_what_is_done_and_refuses_what_waits(queue: Queue, hand: Hand) -> None:
    running = queue.submit(task(1))
    hand.wait()
    waiting, place = queue.submit(task(2)), queue.promise()
    queue.stop()
    assert (waiting.state, type(waiting.error)) == ("failed", Stopping)
    assert "send it again later" in str(waiting.error)
    for late in (lambda: queue.submit(task()), lambda: place.submit(task())):
        with pytest.raises(Stopping):
            late()
    assert not queue.join(0.05)
    assert not queue.ready
    hand.go_on()
    assert queue.join(10)
    assert running.state == "done"


def test_results_go_after_their_time(hand: Hand) -> None:
    queue = Queue(hand, Limits(kept=0.2))
    queue.start()
    job = queue.submit(task())
    hand.go_on()
    over(job)
    assert queue.get(job.id) is job
    time.sleep(0.25)
    with pytest.raises(NoSuchJob, match="dropped"):
        queue.get(job.id)
    queue.stop()


def test_results_go_without_anyone_asking(hand: Hand) -> None:
    queue = Queue(hand, Limits(kept=0.05))
    queue.start()
    hand.go_on()
    over(queue.submit(task()))
    ended = time.monotonic() + 10
    while queue._jobs:
        assert time.monotonic() < ended
        time.sleep(0.01)
    queue.stop()


@pytest.mark.parametrize(("limit", "kept"), [({"results": 3}, 3), ({"held_megapixels": 0.00013}, 2)])
def test_of_too_many_results_the_oldest_go(hand: Hand, limit: dict[str, Any], kept: int) -> None:
    queue = Queue(hand, Limits(**limit))
    queue.start()
    jobs = []
    for _ in range(5):  # 64 pixels each
        hand.go_on()
        jobs.append(over(queue.submit(task())))
    for job in jobs[-kept:]:
        assert queue.get(job.id) is job
    for job in jobs[:-kept]:
        with pytest.raises(NoSuchJob):
            queue.get(job.id)
    queue.stop()


def test_who_listens_is_told_of_each_change_until_they_leave(queue: Queue, hand: Hand) -> None:
    job = queue.submit(task())
    hand.wait()
    states: list[str] = []

    def note() -> None:
        states.append(f"{job.state} {job.iteration}")

    job.listen(note)
    job.tell(iteration=3)
    hand.go_on()
    over(job)
    job.tell(iteration=4)  # what is over stays as it is
    job.leave(note)
    assert states == ["running 3", "done 3"]
    assert job.iteration == 3


def test_each_end_is_told_once_whoever_comes_first(hand: Hand) -> None:
    queue = Queue(hand, Limits())
    ends: list[str] = []
    queue.on_over = lambda job: ends.append(job.state)
    job = queue.submit(task())
    start = threading.Barrier(8)

    def end() -> None:
        start.wait()
        job.tell(state="done")
        queue.drop(job)

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [job.state]


def test_a_worker_that_can_not_be_made_ready_is_told_of(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise InpaintxError("damaged checkpoint: run; train anew")

    monkeypatch.setattr(hand, "prepare", broken)
    queue, told = Queue(hand, Limits()), threading.Event()
    queue.start(told.set)
    assert told.wait(10)
    assert queue.join(10)
    assert str(queue.failure) == "damaged checkpoint: run; train anew"
    assert not queue.ready


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"waiting": 0}, "waiting is 0"),
        ({"seconds": 0}, "seconds is 0"),
        ({"megabytes": -1}, "megabytes is -1"),
    ],
)
def test_limits_that_can_not_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InpaintxError, match=f"^service: {said}; choose"):
        Limits(**options)
