"""A step of training, recorded once as a CUDA graph and replayed as one launch.

No GPU has run this yet. The tests let its logic run on the CPU, with a stand-in for the graph.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inpaintx.networks.recording import WARM_UP, record
from inpaintx.training.batches import Batch


def can_record(device: torch.device) -> bool:
    """Whether work on it can be recorded."""
    return device.type == "cuda"


class RecordedStep:
    """Does the first steps as they come, in which libraries and optimisers allocate what they need.

    Then it records one, which does not count, and replays that for each further step. What changes from step
    to step besides the batch must lie in the memory that the work changes.

    Args:
        work: a step: from its batch to its losses.
        device: where it happens.
    """

    def __init__(self, work: Callable[[Batch], Tensor], device: torch.device) -> None:
        self._work, self._device = work, device
        self._done = 0
        self._place: Batch | None = None
        self._losses = torch.empty(0)
        self._replay: Callable[[], None] | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """A step; gives its losses, in memory of their own."""
        if self._done < WARM_UP:
            self._done += 1
            return self._work(batch)
        if self._place is None or self._replay is None:
            self._place = batch.clone()
            self._replay = record(self._once, self._device, warm_up=0)
        self._place.copy_(batch)
        self._replay()
        return self._losses.clone()

    def _once(self) -> None:
        assert self._place is not None
        self._losses = self._work(self._place)
