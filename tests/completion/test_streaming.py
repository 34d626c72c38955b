"""Threads ahead of a loop and behind it: order, bounds, overlap, errors, ends. Events, never times."""

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from inpaintx.completion.streaming import Ahead, Behind, Beside, cores

SECONDS = 30  # until a test that waits for what does not come fails


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class Thing:
    """Something that a weak reference can follow."""


def one(thing: object) -> int:
    return 1


def until(happened: threading.Event) -> None:
    assert happened.wait(SECONDS)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --- ahead ---


@pytest.mark.parametrize("room", [1, 3, 100])
def test_things_come_in_order(room: int) -> None:
    with Ahead(range(20), one, room) as ahead:
        assert list(ahead) == list(range(20))
        assert list(ahead) == []


def test_no_things() -> None:
    with Ahead(list[int](), one, 1) as ahead:
        assert list(ahead) == []


class Drawn:
    """An iterable that tells when it has given its n-th thing, and how many it has given."""

    def __init__(self, count: int) -> None:
        self.given = [threading.Event() for _ in range(count)]
        self.threads: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[int]:
        for number, event in enumerate(self.given):
            self.threads.add(threading.current_thread())
            event.set()
            yield number

    @property
    def count(self) -> int:
        return sum(event.is_set() for event in self.given)


def test_things_are_drawn_before_they_are_asked_for_in_a_thread() -> None:
    drawn = Drawn(3)
    with Ahead(drawn, one, 3) as ahead:
        until(drawn.given[2])
        assert threading.main_thread() not in drawn.threads
        assert next(ahead) == 0


def comes_to_rest(ahead: Ahead, size: int) -> None:
    """Waits until what waits has this size, which leaves no room."""
    wait_for(lambda: ahead._size == size)


def test_as_much_waits_as_there_is_room_for() -> None:
    """Sizes 1, 2, 3, …: nothing is drawn while 4 or more wait."""
    drawn = Drawn(10)
    # Things taken: drawn then, since sizes of 1 + 2 + 3, 2 + 3, 3 + 4, 4 and 5 fill it.
    expected = {0: 3, 1: 3, 2: 4, 3: 4, 4: 5}
    with Ahead(drawn, lambda thing: thing + 1, 4) as ahead:
        for taken, count in expected.items():
            if taken:
                next(ahead)
            until(drawn.given[count - 1])
            comes_to_rest(ahead, sum(range(taken + 1, count + 1)))
            assert drawn.count == count


def test_no_more_than_the_room_is_alive() -> None:
    """The consumer's own apart. The thread keeps none that was taken."""
    alive: weakref.WeakSet[Thing] = weakref.WeakSet()
    most = 0

    def load(_: int) -> Thing:
        nonlocal most
        thing = Thing()
        alive.add(thing)
        most = max(most, len(alive))
        return thing

    with Ahead(map(load, range(200)), one, 3) as ahead:
        for _ in range(200):
            next(ahead)
    gc.collect()
    assert most <= 3 + 1  # and the one on its way to the consumer
    assert not alive


def test_the_thread_lets_go_of_what_was_taken() -> None:
    alive: weakref.WeakSet[Thing] = weakref.WeakSet()
    dropped = threading.Event()
    seen = []

    def load(number: int) -> Thing:
        if number:
            until(dropped)
        seen.append(len(alive))
        thing = Thing()
        alive.add(thing)
        return thing

    with Ahead(map(load, range(2)), one, 1) as ahead:
        next(ahead)
        dropped.set()
        next(ahead)
    assert seen == [0, 0]


def test_what_the_iterable_raises_comes_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("unplugged")

    seen: list[int] = []
    with pytest.raises(OSError, match="unplugged"), Ahead(broken(), one, 10) as ahead:
        seen.extend(ahead)
    assert seen == [1, 2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_leaving_ends_the_thread_while_it_waits_for_room(error: type[BaseException]) -> None:
    drawn = Drawn(50)
    with pytest.raises(error), Ahead(drawn, one, 2) as ahead:  # noqa: PT012 (it is about the block)
        next(ahead)
        raise error
    assert drawn.count <= 1 + 2


def test_leaving_waits_for_the_thing_under_way_and_draws_no_other() -> None:
    begun, go_on, drawn = threading.Event(), threading.Event(), []

    def slow() -> Iterator[int]:
        for number in range(5):
            begun.set()
            until(go_on)
            drawn.append(number)
            yield number

    with Ahead(slow(), one, 5) as ahead:
        until(begun)
        leaving = threading.Thread(target=ahead.__exit__)
        leaving.start()
        wait_for(lambda: ahead._ended)
        go_on.set()
        leaving.join(SECONDS)
    assert drawn == [0]


# --- behind ---


def test_calls_are_made_in_order_in_one_other_thread() -> None:
    made, threads = [], set()

    def note(number: int) -> None:
        made.append(number)
        threads.add(threading.current_thread())

    with Behind(3) as behind:
        for number in range(20):
            behind.call(note, number, size=1)
    assert made == list(range(20))
    assert len(threads) == 1
    assert threading.main_thread() not in threads


def test_calls_are_made_while_the_loop_goes_on() -> None:
    """A call that can't end before the loop has gone on: one after the other, they would wait for ever."""
    went_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        until(went_on)
        ended.set()

    with Behind(2) as behind:
        behind.call(work, size=1)
        went_on.set()
        until(ended)


def test_no_more_than_the_room_is_under_way() -> None:
    alive: weakref.WeakSet[Thing] = weakref.WeakSet()
    most = 0

    def make() -> Thing:
        nonlocal most
        thing = Thing()
        alive.add(thing)
        most = max(most, len(alive))
        return thing

    def work(thing: Thing) -> None:
        pass

    with Behind(3) as behind:
        for _ in range(200):
            behind.call(work, make(), size=1)
        behind.wait()
    gc.collect()
    assert most <= 3 + 1 + 1  # one just made, and one just done that the thread is about to let go
    assert not alive


def test_where_there_is_no_room_the_loop_waits() -> None:
    order: list[str] = []
    release = threading.Event()

    def first() -> None:
        until(release)
        order.append("first made")

    with Behind(2) as behind:
        behind.call(first, size=2)
        threading.Timer(0.05, release.set).start()
        behind.call(order.append, "second made", size=1)
        order.append("second asked for")
        behind.wait()
    assert order[0] == "first made"


def test_a_call_that_holds_nothing_needs_no_room() -> None:
    went_on = threading.Event()
    made: list[int] = []
    with Behind(1) as behind:
        behind.call(until, went_on, size=5)
        behind.call(made.append, 1)
        went_on.set()
    assert made == [1]


@pytest.mark.parametrize("end", [lambda behind: behind.wait(), lambda behind: None], ids=["wait", "leave"])
def test_all_calls_are_made_in_the_end(end: Callable[[Behind], None]) -> None:
    made: list[int] = []
    with Behind(100) as behind:
        for number in range(50):
            behind.call(made.append, number, size=1)
        end(behind)
    assert made == list(range(50))


def fail() -> None:
    raise OSError("disk full")


def test_what_a_call_raises_is_raised_by_leaving() -> None:
    with pytest.raises(OSError, match="disk full"), Behind(10) as behind:
        behind.call(fail)


def test_what_a_call_raises_is_raised_by_the_next_one() -> None:
    failed = threading.Event()

    def fail_and_tell() -> None:
        try:
            fail()
        finally:
            failed.set()

    reached = False
    with pytest.raises(OSError, match="disk full"), Behind(10) as behind:  # noqa: PT012
        behind.call(fail_and_tell)
        until(failed)
        wait_for(behind._under_way[0][0].done)
        behind.call(int)
        reached = True
    assert not reached


def test_an_interrupt_waits_for_the_call_under_way_and_drops_the_others() -> None:
    begun, release, made = threading.Event(), threading.Event(), []

    def work(number: int) -> None:
        begun.set()
        until(release)
        made.append(number)

    def release_once_dropped() -> None:
        wait_for(behind._under_way[-1][0].cancelled)
        release.set()

    releasing = threading.Thread(target=release_once_dropped)
    with pytest.raises(KeyboardInterrupt), Behind(10) as behind:  # noqa: PT012
        for number in range(5):
            behind.call(work, number, size=1)
        until(begun)
        releasing.start()
        raise KeyboardInterrupt
    releasing.join(SECONDS)
    assert made == [0]


def test_room_is_made_before_something_is_begun() -> None:
    go = threading.Event()
    with Behind(2) as behind:
        for _ in range(2):
            behind.call(until, go, size=1)
        threading.Timer(0.05, go.set).start()
        behind.make_room()
        assert go.is_set()


# --- beside ---


def test_calls_run_beside_each_other_and_tell_what_they_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three waits for the others."""
    monkeypatch.setattr("inpaintx.completion.streaming.cores", lambda: 3)
    barrier = threading.Barrier(3, timeout=SECONDS)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    with Beside() as beside:
        calls = [beside.call(meet, number) for number in range(6)]
        assert [call.result() for call in calls] == list(range(6))
        assert not beside.stopped.is_set()
    assert not beside.stopped.is_set()


def test_an_error_is_that_of_the_call() -> None:
    with Beside() as beside:
        bad, good = beside.call(int, "no number"), beside.call(int, "7")
        with pytest.raises(ValueError, match="no number"):
            bad.result()
        assert good.result() == 7


def test_an_error_in_the_block_tells_what_is_under_way_and_begins_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inpaintx.completion.streaming.cores", lambda: 1)
    begun = threading.Event()

    def long(stopped: threading.Event) -> bool:
        begun.set()
        return stopped.wait(SECONDS)

    calls = []

    def interrupted() -> None:
        with Beside() as beside:
            calls.extend(beside.call(long, beside.stopped) for _ in range(2))
            until(begun)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    first, second = calls
    assert first.result(0)
    assert second.cancelled()


def test_cores_are_those_of_this_process() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
