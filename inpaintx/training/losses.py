"""Losses of several steps, read from the device together: each reading makes the host wait."""

from __future__ import annotations

import torch
from torch import Tensor

#: Steps whose losses are read together where reading makes the host wait.
TOGETHER = 16


class Losses:
    """Losses that wait on the device until some are read in one transfer; on the CPU, each at once."""

    def __init__(self, device: torch.device) -> None:
        self._most = 1 if device.type == "cpu" else TOGETHER
        self._waiting: list[Tensor] = []

    def add(self, losses: Tensor) -> list[list[float]]:
        """Takes a step's losses, ``[n]``; gives those of the steps that wait, oldest first, or none yet."""
        self._waiting.append(losses)
        return self.read() if len(self._waiting) >= self._most else []

    def read(self) -> list[list[float]]:
        """Those of all steps that wait, oldest first."""
        waiting, self._waiting = self._waiting, []
        return torch.stack(waiting).tolist() if waiting else []
