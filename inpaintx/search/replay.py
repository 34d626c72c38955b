"""Iterations recorded once as CUDA graphs, then replayed: with few rows, launching kernels takes longest.

No GPU has run this yet. The tests let its logic run on the CPU, with a stand-in for the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks.frozen import Frozen
from inpaintx.networks.recording import memory_pool, record
from inpaintx.options import SearchOptions
from inpaintx.search.rows import Rows

#: Numbers of rows whose recordings are kept: of a full batch, and of what a folder ends with.
KEPT = 4

#: An iteration of rows, in place. The same work for the same kind, whatever the rows hold.
Iterate: TypeAlias = Callable[[Rows, Any], None]


def can_record(device: torch.device, options: SearchOptions) -> bool:
    """Whether the device records, and batches keep their sizes.

    With patience, rows finish at any time, and every size would be recorded.
    """
    return device.type == "cuda" and not options.patience


class Recordings:
    """Iterations, recorded for each number of rows that comes; of many, those unused longest are dropped.

    Args:
        iterate: changes rows.
        networks: whose memory it writes to.
    """

    def __init__(self, iterate: Iterate, networks: Sequence[Frozen]) -> None:
        self._iterate, self._networks = iterate, networks
        self._made: dict[int, Replay] = {}  # by the number of rows, the one used last at the end
        self._pool: Any = None

    def __call__(self, rows: Rows, kinds: Sequence[Hashable]) -> None:
        """Iterations of these kinds, of rows none of which is finished. Errors as of :class:`Replay`."""
        replay = self._made.pop(len(rows), None)
        if replay is None:
            # One pool for all: they run one after the other, and what they leave lies outside of it.
            self._pool = self._pool or memory_pool(rows.z.device)
            replay = Replay(self._iterate, rows, self._networks, self._pool)
        self._made[len(rows)] = replay
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        replay(rows, kinds)


class Replay:
    """Iterations of so many rows, recorded: those in a row that are of one kind are one launch.

    Args:
        iterate: as of :class:`Recordings`.
        rows: as many as there will be.
        networks: likewise.
        pool: what the recordings' memory comes from.
    """

    def __init__(self, iterate: Iterate, rows: Rows, networks: Sequence[Frozen], pool: Any) -> None:
        self._iterate, self._networks, self._pool = iterate, networks, pool
        self._place = rows.clone()
        self._recorded: dict[tuple[Hashable, int], Callable[[], None]] = {}  # by kind, and how many in a row
        # Recordings write there even when the networks have gone on to memory for another batch size.
        self._held: dict[int, Tensor] = {}  # by address

    def __call__(self, rows: Rows, kinds: Sequence[Hashable]) -> None:
        """Iterations of these kinds, of rows none of which is finished.

        Raises:
            InpaintxError: they did nothing, the first time that a recording was replayed.
        """
        runs = [(kind, len(list(alike))) for kind, alike in groupby(kinds)]
        unproven = False
        for run in runs:
            if run not in self._recorded:  # before the rows are there, since recording works on what is
                self._recorded[run] = self._record(*run)
                unproven = True
        self._place.copy_(rows)
        for run in runs:
            self._recorded[run]()
        if unproven and torch.equal(self._place.step, rows.step):  # once: looking waits for the device
            raise InpaintxError(
                f"search: iterations recorded on {rows.z.device} did nothing when they were replayed; "
                "search on another device, such as cpu, and report this"
            )
        rows.copy_(self._place)

    def _record(self, kind: Hashable, times: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(times):
                self._iterate(self._place, kind)

        replay = record(work, self._place.z.device, self._pool)
        for network in self._networks:
            self._held |= {tensor.data_ptr(): tensor for tensor in network.memory()}
        return replay
