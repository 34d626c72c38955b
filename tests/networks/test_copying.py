"""Tensors on their way to a device and back. The card is a stand-in: its calls are noted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from inpaintx.networks.copying import fetched, moved


class OnACard:
    """A tensor on a card, or on its way there."""

    def __init__(self, told: list[str], kind: str = "cuda", pinned: bool = False) -> None:
        self.told, self.device, self.pinned = told, torch.device(kind), pinned

    def pin_memory(self) -> OnACard:
        self.told.append("pin")
        return OnACard(self.told, "cpu", pinned=True)

    def to(self, device: Any, dtype: Any = None, non_blocking: bool = False) -> OnACard:
        kind = torch.device(device).type
        if kind != self.device.type:
            self.told.append(
                f"copy {'without waiting' if non_blocking else 'and wait'}, {self.device.type} to {kind}"
            )
        return OnACard(self.told, kind)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the tensors and the card's stream are told."""
    told: list[str] = []
    stream = SimpleNamespace(synchronize=lambda: told.append("wait"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    return told


def test_to_a_card_it_goes_by_pinned_memory_and_nobody_waits(told: list[str]) -> None:
    there: Any = moved(OnACard(told, "cpu"), torch.device("cuda"))  # type: ignore[arg-type]
    assert told == ["pin", "copy without waiting, cpu to cuda"]
    assert there.device.type == "cuda"


def test_what_is_on_the_card_stays_there(told: list[str]) -> None:
    moved(OnACard(told), torch.device("cuda"))  # type: ignore[arg-type]
    assert not told


def test_from_a_card_all_are_on_their_way_before_one_wait(told: list[str]) -> None:
    fetched(*[OnACard(told) for _ in range(3)])  # type: ignore[arg-type]
    assert told == [*["copy without waiting, cuda to cpu"] * 3, "wait"]


def test_on_the_cpu_nothing_is_copied(told: list[str]) -> None:
    tensor = torch.arange(6.0)
    assert moved(tensor, torch.device("cpu")) is tensor
    assert moved(tensor, torch.device("cpu"), torch.float64).dtype == torch.float64
    (same,) = fetched(tensor)
    assert same is tensor
    assert not told
