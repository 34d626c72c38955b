"""Recorded iterations. On the CPU, with a stand-in for the graph: NO GPU HAS RUN THE REAL ONE YET."""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from device_cases import each_device, recorder, second_card
from search_cases import QUICK, images_of, masks_of, run_search

from inpaintx.errors import InpaintxError
from inpaintx.networks import recording
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.frozen import fill_up
from inpaintx.networks.recording import WARM_UP
from inpaintx.options import SearchOptions
from inpaintx.search import Found, Search, descent, replay
from inpaintx.search.replay import can_record

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
FOUND = ("codes", "fills", "contextual", "prior", "iterations", "candidates", "blind_to")


def _unrecorded(model: Networks, options: SearchOptions, *images_and_masks: torch.Tensor) -> Found:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "can_record", lambda device, options: False)
        return run_search(model, options, *images_and_masks)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets searches record on the CPU: how often each recording was replayed."""
    replays: list[int] = []
    monkeypatch.setattr(replay, "record", recorder(replays))
    monkeypatch.setattr(descent, "can_record", lambda device, options: can_record(CUDA, options))
    return replays


every_kind = pytest.mark.parametrize(
    "options",
    [
        QUICK,
        replace(QUICK, prior=0.0, optimizer="lbfgs", norm="l2"),
        replace(QUICK, optimizer="nesterov", lr=0.001),
        replace(QUICK, prior_every=4),
        replace(QUICK, optimizer="hmc", prior=0.0, norm="l2", lr=0.002, iterations=103),
    ],
    ids=["adam", "lbfgs", "nesterov", "prior now and then", "hmc"],
)


@every_kind
def test_recorded_search_is_the_search(model: Networks, recorded: list[int], options: SearchOptions) -> None:
    """Eleven candidates and a batch of four: two sizes, the larger one twice."""
    options = replace(options, candidates=11, batch=4)
    images, masks = images_of(model, 1), masks_of(1)
    found = run_search(model, options, images, masks)
    assert sum(recorded) == 3 * sum(len(runs) for runs in _runs(options))
    plain = _unrecorded(model, options, images, masks)
    for name in FOUND:
        assert torch.equal(getattr(found, name), getattr(plain, name)), name


def _runs(options: SearchOptions) -> list[list[tuple[bool, bool]]]:
    """Of each stride, the iterations of one kind in a row: whether D is asked, and a trajectory begins."""
    last, hmc = options.plan(False).iterations, options.optimizer == "hmc"
    kinds = [
        (options.prior > 0 and step % options.prior_every == 0, hmc and step % 100 == 0)
        for step in range(last + 1)
    ]
    strides = [kinds[first : first + descent.STRIDE] for first in range(0, last + 1, descent.STRIDE)]
    return [[kind for kind, _ in groupby(stride)] for stride in strides]


def test_a_stride_is_one_launch_where_its_iterations_are_alike(model: Networks, recorded: list[int]) -> None:
    """25 iterations, and one more look: two of ten, and one of six."""
    run_search(model, QUICK, images_of(model, 1), masks_of(1))
    assert recorded == [2, 1]


def test_a_prior_asked_now_and_then_takes_a_recording_with_it_and_one_without(
    model: Networks, recorded: list[int]
) -> None:
    """With every fifth, four without it lie between; ten iterations begin with one that asks."""
    run_search(model, replace(QUICK, prior_every=5, iterations=99), images_of(model, 1), masks_of(1))
    assert recorded == [20, 20]


@each_device
@every_kind
def test_recorded_equals_eager_to_the_bit_in_float32(
    model: Networks, options: SearchOptions, device: torch.device, request: pytest.FixtureRequest
) -> None:
    """Where a GPU is, by real recordings; else by the stand-in."""
    if device.type == "cpu":
        request.getfixturevalue("recorded")
    options = replace(options, candidates=5, batch=4)
    images, masks = images_of(model, 2), masks_of(2)
    search = Search(model.generator, model.discriminator, options)
    found, again = search(images, masks), search(images, masks)
    assert search._descent._recorded is not None
    plain = _unrecorded(model, options, images, masks)
    for name in FOUND:
        assert torch.equal(getattr(found, name), getattr(plain, name)), name
        assert torch.equal(getattr(again, name), getattr(plain, name)), name


@second_card
@every_kind
def test_recorded_on_a_second_card_while_the_first_is_the_current_one(
    model: Networks, options: SearchOptions
) -> None:
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    images, masks = images_of(model, 2), masks_of(2)
    found = []
    for device in (first, second):
        model.generator.to(device)
        assert model.discriminator is not None
        model.discriminator.to(device)
        with torch.cuda.device(first):
            found.append(run_search(model, options, images, masks))
        assert found[-1].codes.device == device
        plain = _unrecorded(model, options, images, masks)
        assert torch.equal(found[-1].codes, plain.codes)
    assert (found[1].iterations == options.plan(False).iterations).all()


def test_recordings_serve_the_next_call_with_other_images(model: Networks, recorded: list[int]) -> None:
    options = replace(QUICK, candidates=3)
    one = Search(model.generator, model.discriminator, options)
    images, masks = images_of(model, 2), masks_of(2)
    first, second = one(images[:1], masks[:1]), one(images[1:], masks[1:])
    assert len(recorded) == 2  # of a stride, and of what is left
    again = Search(model.generator, model.discriminator, options)(images[1:], masks[1:])
    assert torch.equal(second.codes, again.codes)
    assert not torch.equal(first.codes, second.codes)


def test_memory_of_a_recording_is_held_when_the_networks_move_on(
    model: Networks, recorded: list[int]
) -> None:
    options = replace(QUICK, candidates=5, batch=3)
    one = Search(model.generator, model.discriminator, options)
    one(images_of(model, 1), masks_of(1))
    recordings = one._descent._recorded
    assert recordings is not None
    three, two = (recordings._made[size] for size in (3, 2))
    for rows, recorded_rows in ((3, three), (2, two)):  # filled up, so that each thread has as many
        assert {len(tensor) for tensor in recorded_rows._held.values()} <= {
            rows,
            len(fill_up(torch.empty(rows, 1))),
        }
    assert len(three._held) == 3  # one of G's, two of D's


def test_few_recordings_are_kept_those_used_last_and_all_share_one_pool(
    model: Networks, recorded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = []
    inner = replay.record

    def record(work: Callable[[], None], device: torch.device, pool: Any) -> Callable[[], None]:
        pools.append(pool)
        return inner(work, device, pool)

    monkeypatch.setattr(replay, "record", record)
    monkeypatch.setattr(replay, "memory_pool", lambda device: ("pool", len(pools)))
    one = Search(model.generator, model.discriminator, replace(QUICK, candidates=1, batch=9))
    images, masks = images_of(model, 9), masks_of(9)
    for size in (1, 2, 3, 1, 4, 5):
        one(images[:size], masks[:size])
    recordings = one._descent._recorded
    assert recordings is not None
    assert list(recordings._made) == [3, 1, 4, 5]
    assert pools == [("pool", 0)] * 5 * 2  # a stride, and what is left


@pytest.mark.parametrize(
    ("device", "options", "records"),
    [
        (CUDA, SearchOptions(), True),
        (CPU, SearchOptions(), False),
        (CUDA, SearchOptions(patience=5), False),
        (CUDA, SearchOptions(optimizer="hmc"), True),
        (CUDA, SearchOptions(prior=0.1, prior_every=2), True),
    ],
)
def test_what_waits_for_the_device_is_not_recorded(
    device: torch.device, options: SearchOptions, records: bool
) -> None:
    assert can_record(device, options) == records


@pytest.mark.parametrize("batch", [2, 64])
def test_recording_that_holds_nothing_is_told(
    model: Networks, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """As where the work went to another device than the recording: no search without end, no result."""
    replays: list[None] = []

    def record(work: Callable[[], None], device: torch.device, pool: Any) -> Callable[[], None]:
        for _ in range(WARM_UP):
            work()
        return lambda: replays.append(None)

    monkeypatch.setattr(replay, "record", record)
    monkeypatch.setattr(descent, "can_record", lambda device, options: can_record(CUDA, options))
    with pytest.raises(InpaintxError, match=r"recorded on cpu did nothing.*another device") as caught:
        run_search(model, replace(QUICK, batch=batch), images_of(model, 2), masks_of(2))
    assert "\n" not in str(caught.value)
    assert len(replays) == 1


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_recording_is_made_where_the_work_is_done(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """Whichever device is the current one; in the order that torch's documentation of CUDA graphs asks for.

    The calls are stand-ins.
    """
    told: list[str] = []

    class Scope:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            told.append(f"enter {self.name}")

        def __exit__(self, *_: object) -> None:
            told.append(f"leave {self.name}")

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_stream(self, other: "Stream") -> None:
            told.append(f"{self.name} waits for {other.name}")

    fake = SimpleNamespace(
        device=lambda device: Scope(str(device)),
        Stream=lambda device: Stream(f"aside of {device}"),
        current_stream=lambda device: Stream(f"main of {device}"),
        stream=lambda stream: Scope(stream.name),
        CUDAGraph=lambda: SimpleNamespace(replay=lambda: told.append("replay")),
        graph=lambda graph, stream, pool: Scope(f"graph on {stream.name} in {pool}"),
        graph_pool_handle=lambda: "the pool",
    )
    monkeypatch.setattr(torch, "cuda", fake)
    pool = recording.memory_pool(torch.device(device))
    recording.record(lambda: told.append("work"), torch.device(device), pool)()
    assert told == [
        f"enter {device}",
        f"aside of {device} waits for main of {device}",
        f"enter aside of {device}",
        *["work"] * WARM_UP,
        f"leave aside of {device}",
        f"main of {device} waits for aside of {device}",
        f"enter graph on aside of {device} in the pool",
        "work",
        f"leave graph on aside of {device} in the pool",
        f"leave {device}",
        f"enter {device}",
        "replay",
        f"leave {device}",
    ]
