"""Iterations recorded once as a CUDA graph, then replayed: with few samples, launching kernels takes longest.

No GPU has run this yet. The tests let its logic run on the CPU, with a stand-in for the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inpaintx.networks.frozen import Frozen
from inpaintx.options import SearchOptions
from inpaintx.search.samples import Samples

#: Runs before the recording, in which libraries choose their algorithms and allocate what they need.
WARM_UP = 3


def can_record(device: torch.device, options: SearchOptions) -> bool:
    """Whether iterations are the same work each time, on a device that records.

    With patience, samples finish at any time, and every batch size would be recorded; HMC and a prior that is
    asked now and then decide on the CPU what to do.
    """
    steady = not options.patience and options.prior_every == 1 and options.optimizer != "hmc"
    return device.type == "cuda" and steady


class Replay:
    """An iteration of so many samples, recorded.

    Args:
        iterate: changes samples in place; what it does may not depend on their values.
        samples: as many as there will be.
        networks: whose memory the iteration writes to.
    """

    def __init__(
        self, iterate: Callable[[Samples], None], samples: Samples, networks: Sequence[Frozen]
    ) -> None:
        self._place = samples.clone()
        self._replay = record(lambda: iterate(self._place))
        # The recording writes there even when the networks have gone on to memory for another batch size.
        self._held: list[Tensor] = [tensor for network in networks for tensor in network.memory()]

    def __call__(self, samples: Samples, times: int) -> None:
        """So many iterations of these samples."""
        self._place.copy_(samples)
        for _ in range(times):
            self._replay()
        samples.copy_(self._place)


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Does the work some times, then gives what does it again on the same memory, as one launch."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
