"""Iterations recorded once as a CUDA graph, then replayed: with few rows, launching kernels takes longest.

No GPU has run this yet. The tests let its logic run on the CPU, with a stand-in for the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks.frozen import Frozen
from inpaintx.options import SearchOptions
from inpaintx.search.rows import Rows

#: Recordings that are kept, each of another number of rows: of a full batch, and of what a folder ends with.
KEPT = 4
#: Runs before the recording, in which libraries choose their algorithms and allocate what they need.
WARM_UP = 3


def can_record(device: torch.device, options: SearchOptions) -> bool:
    """Whether iterations are the same work each time, on a device that records.

    With patience, rows finish at any time, and every batch size would be recorded; HMC and a prior that is
    asked now and then decide on the CPU what to do.
    """
    steady = not options.patience and options.prior_every == 1 and options.optimizer != "hmc"
    return device.type == "cuda" and steady


class Recordings:
    """An iteration, recorded for each number of rows that comes; of many, the one unused longest is dropped.

    Args:
        iterate: changes rows in place; what it does may not depend on their values.
        networks: whose memory the iteration writes to.
    """

    def __init__(self, iterate: Callable[[Rows], None], networks: Sequence[Frozen]) -> None:
        self._iterate, self._networks = iterate, networks
        self._made: dict[int, Replay] = {}  # by the number of rows, the one used last at the end
        self._pool: Any = None

    def __call__(self, rows: Rows, times: int) -> None:
        """So many iterations of these rows, none of which is finished. Errors as of :class:`Replay`."""
        replay = self._made.pop(len(rows), None)
        if replay is None:
            # One pool for all: they run one after the other, and what they leave lies outside of it.
            self._pool = self._pool or memory_pool(rows.z.device)
            replay = Replay(self._iterate, rows, self._networks, self._pool)
        self._made[len(rows)] = replay
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        replay(rows, times)


class Replay:
    """An iteration of so many rows, recorded.

    Args:
        iterate: as of :class:`Recordings`.
        rows: as many as there will be.
        networks: likewise.
        pool: what the recording's memory comes from.
    """

    def __init__(
        self, iterate: Callable[[Rows], None], rows: Rows, networks: Sequence[Frozen], pool: Any
    ) -> None:
        self._place = rows.clone()
        self._replay = record(lambda: iterate(self._place), rows.z.device, pool)
        self._proven = False
        # The recording writes there even when the networks have gone on to memory for another batch size.
        self._held: list[Tensor] = [tensor for network in networks for tensor in network.memory()]

    def __call__(self, rows: Rows, times: int) -> None:
        """So many iterations of these rows, none of which is finished.

        Raises:
            InpaintxError: they did nothing, the first time that the recording was replayed.
        """
        self._place.copy_(rows)
        for _ in range(times):
            self._replay()
        if not self._proven:  # once: looking waits for the device
            if torch.equal(self._place.step, rows.step):
                raise InpaintxError(
                    f"search: iterations recorded on {rows.z.device} did nothing when they were replayed; "
                    "search on another device, such as cpu, and report this"
                )
            self._proven = True
        rows.copy_(self._place)


def memory_pool(device: torch.device) -> Any:
    """Memory that recordings on a CUDA device may share; None elsewhere, where nothing is recorded."""
    return torch.cuda.graph_pool_handle() if device.type == "cuda" else None


def record(work: Callable[[], None], device: torch.device, pool: Any = None) -> Callable[[], None]:
    """Does the work some times, then gives what does it again on the same memory, as one launch.

    Args:
        work: what to do, in place.
        device: where the work happens, whichever device is the current one.
        pool: of :func:`memory_pool`; None: one of its own.
    """
    with torch.cuda.device(device):
        # One stream for warming up and for capturing: torch's own for capturing is on whichever device was
        # the current one when it was first needed, and a recording made there would be empty.
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                work()
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=aside, pool=pool):
            work()

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return replay
