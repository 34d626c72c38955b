"""The samples of a search that are under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass
class Samples:
    """Each tensor has a row a sample."""

    index: Tensor  # int64, which sample of the whole search this is
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
    best_loss: Tensor
    best_z: Tensor

    def keep(self, rows: Tensor) -> Samples:
        return self._each(lambda tensor: tensor[rows])

    def join(self, other: Samples) -> Samples:
        return self._each(lambda *pair: torch.cat(pair), other)

    def clone(self) -> Samples:
        return self._each(torch.clone)

    def copy_(self, other: Samples) -> None:
        """Writes the other ones' rows, as many, over these: in place, as an iteration changes them."""
        self._each(Tensor.copy_, other)

    def _each(self, change: Callable[..., Tensor], *others: Samples) -> Samples:
        changed: dict[str, Any] = {}
        for field in fields(self):
            values = [getattr(samples, field.name) for samples in (self, *others)]
            if field.name == "memory":
                changed["memory"] = [change(*tensors) for tensors in zip(*values, strict=True)]
            else:
                changed[field.name] = change(*values)
        return Samples(**changed)

    def __len__(self) -> int:
        return len(self.index)
