"""What a step of training is given, where it lies, and the step recorded: with a stand-in for the graph."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import Waits, recorder
from torch import Tensor
from training_cases import OPTIONS, SHAPE, drawn, make_trainer

from inpaintx.networks.recording import WARM_UP
from inpaintx.training import Team, Trainer, recorded, trainer
from inpaintx.training.batches import Batch, Batches
from inpaintx.training.collection import Collection
from inpaintx.training.determinism import deterministic
from inpaintx.training.store import Store, fits

ALL = replace(OPTIONS, flip=True, translate=0.2)


def _damaged() -> Collection:
    collection = drawn(12)
    known = torch.rand(12, 1, 32, 32, generator=torch.Generator().manual_seed(1)) > 0.3
    return replace(collection, known=known)


# --- where pictures lie ---


@pytest.mark.parametrize(
    ("size", "free", "fit"),
    [
        (20_000 * 3 * 64 * 64, 8 * 2**30, True),  # 234 MiB on a laptop's card
        (1_000_000 * 3 * 64 * 64, 8 * 2**30, False),
        (1_000_000 * 3 * 64 * 64, 80 * 2**30, True),
        (1, 0, False),
        (100, 400, True),
        (101, 400, False),
    ],
)
def test_a_collection_lies_on_a_card_if_it_leaves_most_of_it_free(size: int, free: int, fit: bool) -> None:
    assert fits(size, free) == fit


@pytest.mark.parametrize("free", [0, 10**9], ids=["host", "resident"])
def test_rows_are_the_same_wherever_they_lie(device: torch.device, free: int) -> None:
    rows = drawn(9).images
    store, index = Store(rows, device, free), torch.tensor([3, 3, 0, 8])
    assert store.resident == (free > 0)
    assert len(store) == 9
    given = store[index]
    assert (given.device.type, given.dtype) == (device.type, torch.uint8)
    assert torch.equal(given.cpu(), rows[index])


# --- batches ---


def _batches(collection: Collection, ahead: bool) -> Batches:
    return Batches(collection, make_trainer().generator, ALL, Team(), ahead)


def test_batches_read_ahead_are_those_made_when_asked_for() -> None:
    plain, ahead = (_batches(_damaged(), wanted) for wanted in (False, True))
    for step in (0, 1, 2, 7, 8):  # 12 pictures, five at a time; a step that nobody expected among them
        one, other = plain(step), ahead(step)
        assert len(one.tensors()) == 7
        for own, theirs in zip(one.tensors(), other.tensors(), strict=True):
            assert torch.equal(own, theirs)
        ahead.prepare(step + 1)


def test_the_next_batch_is_made_by_another_thread_while_this_one_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import threading

    threads: list[str] = []
    make = Batches._make

    def noted(self: Batches, step: int) -> Batch:
        threads.append(threading.current_thread().name)
        return make(self, step)

    monkeypatch.setattr(Batches, "_make", noted)
    batches = _batches(drawn(12), True)
    for step in range(3):
        batches(step)
        batches.prepare(step + 1)
    batches(3)
    assert threads[0] == "MainThread"
    assert [name.split("_")[0] for name in threads[1:]] == ["read-ahead"] * 3


def test_what_a_run_does_not_do_is_in_no_batch() -> None:
    options = replace(OPTIONS, translate=0)
    batch = Batches(drawn(12), make_trainer().generator, options, Team())(0)
    assert [name for name, value in vars(batch).items() if value is not None] == ["levels", "codes"]


# --- recorded ---


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets steps be recorded on the CPU: how often each recording was replayed."""
    replays: list[int] = []

    def record(work: Callable[[], None], device: torch.device, warm_up: int) -> Callable[[], None]:
        assert warm_up == 0  # a step that is done once more would be another run
        return recorder(replays)(work, device, warm_up=warm_up)

    monkeypatch.setattr(recorded, "record", record)
    monkeypatch.setattr(trainer, "can_record", lambda device: True)
    return replays


def _trained(steps: int, **changes: Any) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Losses and weights; all kinds of randomness on."""
    made = Trainer(_damaged(), SHAPE, replace(ALL, **changes), "crop")
    losses = [made.descend() for _ in range(steps)]
    return losses, {**made.generator.state_dict(), **made.average.state_dict(prefix="average.")}


@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16"}, {"translate": 0.0}], ids=str)
def test_recorded_training_is_training_to_the_bit(
    recordings: list[int], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    steps = WARM_UP + 4
    losses, weights = _trained(steps, **changes)
    assert recordings == [4]  # the first steps as they come, all others replayed: none is done twice
    monkeypatch.setattr(trainer, "can_record", lambda device: False)
    plain_losses, plain = _trained(steps, **changes)
    assert torch.equal(torch.stack(losses), torch.stack(plain_losses))
    assert all(torch.equal(weights[name], plain[name]) for name in plain)
    assert recordings == [4]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_recorded_training_on_a_card_is_training_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real recording."""
    runs = []
    for records in (True, False):
        monkeypatch.setattr(trainer, "can_record", lambda device, records=records: records)
        made = Trainer(_damaged(), SHAPE, ALL, "crop", Team(device=torch.device("cuda")))
        with deterministic(True):
            losses = [made.descend() for _ in range(WARM_UP + 4)]
        runs.append([*losses, *made.generator.state_dict().values()])
    assert all(torch.equal(*pair) for pair in zip(*runs, strict=True))


def test_a_step_waits_for_nothing() -> None:
    made = Trainer(_damaged(), SHAPE, ALL, "crop")
    made.descend()
    batch = made._batches(made.step)
    with Waits() as waits:
        made._descent(batch)
    assert waits.count == 0


def test_reading_the_losses_of_a_step_waits() -> None:
    """Or else the test above would count nothing."""
    made = make_trainer()
    with Waits() as waits:
        made.advance()
    assert waits.count > 0
