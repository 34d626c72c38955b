"""Processes that train one model together, as torchrun starts them: each has its share of every batch.

G and D see the joint batch: what is random is drawn for all of it by each process, batch norm takes its
statistics over all of it, and DistributedDataParallel averages the gradients. So two processes make the run
that one would make, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from inpaintx.errors import InpaintxError
from inpaintx.networks.devices import pick_device
from inpaintx.options import TrainOptions

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Team:
    """The processes of a run.

    Attributes:
        rank: which of them this is, from 0 on.
        size: how many they are.
        device: what this one trains on.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes, shows, and trains what the others don't."""
        return self.rank == 0

    def check(self, options: TrainOptions) -> None:
        """Raises InpaintxError where a run of several processes can't have such options."""
        if self.size == 1:
            return
        if options.minutes is not None:
            raise InpaintxError(
                f"training: {self.size} processes have no clock in common; give --steps, not --minutes"
            )
        if options.batch % self.size:
            raise InpaintxError(
                f"training: {self.size} processes can't share a batch of {options.batch}; "
                "choose a multiple for --batch"
            )

    def share(self, joint: Tensor) -> Tensor:
        """This process's rows of what is of the joint batch."""
        return joint.chunk(self.size)[self.rank] if self.size > 1 else joint

    def joined(self, network: N) -> N:
        """The network, to be called in training: batch norms and gradients are of the joint batch.

        Its parameters and buffers are those of the network that is given.
        """
        if self.size == 1:
            return network
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = JointBatchNorm
        # What it would broadcast, the running statistics, is alike on all: it is of the joint batch.
        return cast(N, nn.parallel.DistributedDataParallel(network, broadcast_buffers=False))

    def mean(self, values: Tensor) -> Tensor:
        """Over the processes, element by element."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def any(self, flag: bool) -> bool:
        """Whether any of the processes says so."""
        if self.size == 1:
            return flag
        said = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(said)
        return bool(said.item())

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Says in one line where another process of the run is gone, and what to do."""
        try:
            yield
        except RuntimeError as error:
            if self.size == 1:
                raise
            raise InpaintxError(
                f"training: process {self.rank} of {self.size} can't go on, since another one ended; "
                "the last good checkpoint is kept: start the run again with --resume"
            ) from error


ALONE = Team()


@contextmanager
def joining(device: str) -> Iterator[Team]:
    """The team that torchrun started this process for; one alone, where it was started by itself.

    Args:
        device: as for :func:`.pick_device`; with several processes ``"auto"`` and ``"cuda"`` give each a GPU
            of its own.

    Raises:
        InpaintxError: there is no such device, or the others can't be reached.
    """
    rank, local, size = (int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
    if size < 2:
        yield Team(device=pick_device(device))
        return
    picked = pick_device(device)
    if picked.type == "cuda" and picked.index is None:
        picked = pick_device(f"cuda:{local}")
    try:
        dist.init_process_group("nccl" if picked.type == "cuda" else "gloo", device_id=_nccl_device(picked))
    except (RuntimeError, ValueError) as error:
        raise InpaintxError(
            f"training: process {rank} of {size} can't reach the others: {' '.join(str(error).split())[:200]}"
        ) from error
    try:
        yield Team(rank, size, picked)
    finally:
        dist.destroy_process_group()


def _nccl_device(device: torch.device) -> torch.device | None:
    return device if device.type == "cuda" else None


class JointBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics in training are those of the joint batch; every process has as many rows.

    torch's own, SyncBatchNorm, is for GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same; gradients reach the other processes' rows, too."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        variances, means = torch.var_mean(wide, (0, 2, 3), correction=0)
        told = _of_all(torch.stack([means, variances]))
        mean = told[:, 0].mean(0)
        # Within the processes and between them (Chan, Golub and LeVeque, 1979), without cancellation.
        variance = (told[:, 1] + (told[:, 0] - mean) ** 2).mean(0)
        self._note(mean.detach(), variance.detach(), len(told) * x.numel() // x.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _note(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Into the running statistics, as BatchNorm2d does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), momentum)


def _of_all(own: Tensor) -> Tensor:
    """Each process's, ``[processes, *own.shape]``; gradients go back to where each came from."""
    size, rank = dist.get_world_size(), dist.get_rank()
    placed = torch.stack([own if other == rank else torch.zeros_like(own) for other in range(size)])
    return all_reduce(placed)
