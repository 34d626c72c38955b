"""Where the pictures of a collection lie while networks learn from them: on the card, where they fit."""

from __future__ import annotations

import torch
from torch import Tensor

from inpaintx.networks.copying import moved

#: Of a card's free memory, what a collection may take: the rest is for networks, maps and their gradients.
SHARE = 0.25


def fits(size: int, free: int) -> bool:
    """Whether so many bytes may lie on a card that has so many free."""
    return size <= SHARE * free


def free_memory(device: torch.device) -> int:
    """Bytes that a card has free; 0 of what is none, where pictures lie in the host's memory anyway."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


class Store:
    """Rows of a tensor for a device, as they are stored: uint8, bool.

    Args:
        rows: ``[N, ...]``, in the host's memory.
        device: that wants them.
        free: bytes that it has free; None: as it says.
    """

    def __init__(self, rows: Tensor, device: torch.device, free: int | None = None) -> None:
        self.device = device
        self.resident = fits(rows.nbytes, free_memory(device) if free is None else free)
        self._rows = rows.to(device) if self.resident else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Some of the rows, on the device; ``index``: int64, on the CPU."""
        if self.resident:
            return self._rows[moved(index, self.device)]
        return moved(self._rows[index], self.device)
