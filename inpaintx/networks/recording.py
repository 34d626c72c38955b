"""Work recorded once as a CUDA graph, then replayed as one launch: with little to do, that takes longest.

No GPU has run this yet. The tests let its logic run on the CPU, with a stand-in for the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

#: Runs before the recording, in which libraries choose their algorithms and allocate what they need.
WARM_UP = 3


def memory_pool(device: torch.device) -> Any:
    """Memory that recordings on a CUDA device may share; None elsewhere, where nothing is recorded."""
    return torch.cuda.graph_pool_handle() if device.type == "cuda" else None


def record(
    work: Callable[[], None], device: torch.device, pool: Any = None, warm_up: int = WARM_UP
) -> Callable[[], None]:
    """Does the work some times to warm up, then gives what does it again on the same memory, as one launch.

    Args:
        work: what to do, in place.
        device: where the work happens, whichever device is the current one.
        pool: of :func:`memory_pool`; None: one of its own.
        warm_up: runs before the recording; 0 where the work has been done already.
    """
    with torch.cuda.device(device):
        # One stream for warming up and for capturing: torch's own for capturing is on whichever device was
        # the current one when it was first needed, and a recording made there would be empty.
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(warm_up):
                work()
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=aside, pool=pool):
            work()

    def replay() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return replay
