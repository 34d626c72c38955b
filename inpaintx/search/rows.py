"""The rows of a search that are under way: a candidate of an image each, a problem of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass
class Rows:
    """Each tensor has a line for each row."""

    index: Tensor  # int64, which row of the whole search this is
    y: Tensor
    w: Tensor
    z: Tensor
    memory: list[Tensor]  # the optimizer's
    step: Tensor
    seed: Tensor
    mark: Tensor  # the loss when it last fell by a thousandth
    stale: Tensor  # iterations since then
    evaluated: Tensor  # bool: the code of the last step has been looked at, too
    prior: Tensor  # when D was last asked
    turn: Tensor  # int64, iterations so far, also those that it paused; counted where D is asked by them
    best_loss: Tensor
    best_z: Tensor
    age: int = 0  # iterations since the last of them came; counted on the host

    def keep(self, places: Tensor | slice) -> Rows:
        """Those at some places. A slice gives a view, and nothing waits for the device."""
        return self._each(lambda tensor: tensor[places], self.age)

    def join(self, fresh: Rows) -> Rows:
        """These, and after them rows that have just begun."""
        return self._each(lambda *pair: torch.cat(pair), 0, fresh)

    def clone(self) -> Rows:
        """A copy in memory of its own."""
        return self._each(torch.clone, self.age)

    def copy_(self, other: Rows) -> None:
        """Writes the other ones, as many, over these: in place, as an iteration changes them."""
        self._each(Tensor.copy_, self.age, other)

    def _each(self, change: Callable[..., Tensor], age: int, *others: Rows) -> Rows:
        changed: dict[str, Any] = {"age": age}
        for field in fields(self):
            values = [getattr(rows, field.name) for rows in (self, *others)]
            if field.name == "memory":
                changed["memory"] = [change(*tensors) for tensors in zip(*values, strict=True)]
            elif field.name != "age":
                changed[field.name] = change(*values)
        return Rows(**changed)

    def __len__(self) -> int:
        return len(self.index)
