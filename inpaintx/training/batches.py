"""What a step of training is given: drawn from random numbers of its own, and read ahead of it.

Nothing of a batch depends on the networks, so that the host prepares the next one while the device works.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from inpaintx.networks.base import Generator
from inpaintx.networks.copying import moved
from inpaintx.options import TrainOptions
from inpaintx.training.collection import Collection
from inpaintx.training.determinism import generator_for
from inpaintx.training.store import Store
from inpaintx.training.team import Team


@dataclass(frozen=True)
class Batch:
    """Of one process, B rows; on its device.

    Attributes:
        levels: uint8 ``[B, C, S, S]``, pictures of the collection.
        codes: ``[B, nz]``.
        known: bool ``[B, 1, S, S]``, True = known, of damaged pictures; None: all is.
        mirrored: bool ``[B]``, which of the pictures to mirror; None: none.
        shifts: int64 ``[3, B, 2]``, as :func:`.shift` takes them: of the pictures, and of G's images twice,
            as D's step sees them and as G's does; None: none are moved.
        holes: like ``known``, for G's images.
        holes_mirrored: like ``mirrored``, of these.
    """

    levels: Tensor
    codes: Tensor
    known: Tensor | None = None
    mirrored: Tensor | None = None
    shifts: Tensor | None = None
    holes: Tensor | None = None
    holes_mirrored: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """Those that there are, always in the same order."""
        return [tensor for field in fields(self) if (tensor := getattr(self, field.name)) is not None]

    def clone(self) -> Batch:
        """A copy in memory of its own."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.clone() for name, value in values.items() if value is not None})

    def copy_(self, other: Batch) -> None:
        """Writes another one of the same run over this one, in place."""
        for own, theirs in zip(self.tensors(), other.tensors(), strict=True):
            own.copy_(theirs)


class Batches:
    """The batches of a run; that of a step is a function of the run's seed and the step.

    Args:
        collection: what is learned from.
        generator: whose codes are drawn.
        options: of the run.
        team: the processes that share a batch.
        ahead: a thread prepares the next one; None: where the device is a card.
    """

    def __init__(
        self,
        collection: Collection,
        generator: Generator,
        options: TrainOptions,
        team: Team,
        ahead: bool | None = None,
    ) -> None:
        self._options, self._team, self._generator = options, team, generator
        self._reach = round(options.translate * generator.architecture.size)
        self._images = Store(collection.images, team.device)
        self._known = None if collection.known is None else Store(collection.known, team.device)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)
        wanted = team.device.type == "cuda" if ahead is None else ahead
        self._thread = ThreadPoolExecutor(1, "read-ahead") if wanted else None
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        """That of a step."""
        if self._next is not None:
            expected, batch = self._next
            self._next = None
            made = batch.result()
            if expected == step:
                return made
        return self._make(step)

    def prepare(self, step: int) -> None:
        """Has the batch of a step made while others work, where a thread does."""
        if self._thread is not None:
            self._next = step, self._thread.submit(self._make, step)

    def _make(self, step: int) -> Batch:
        options, device, share = self._options, self._team.device, self._team.share
        noise, batch = generator_for(options.seed, 1, step), options.batch
        index = share(self._index(step))
        # Drawn in this order ever since, on which a run's bits depend.
        mirrored = share(torch.rand(batch, generator=noise) < 0.5) if options.flip else None
        codes = share(self._generator.sample_codes(batch, noise))
        shifts = None
        if self._reach:
            draws = [torch.randint(2 * self._reach + 1, (batch, 2), generator=noise) for _ in range(3)]
            shifts = torch.stack([share(draw) for draw in draws])
        known = holes = holes_mirrored = None
        if self._known is not None:
            known, noise = self._known[index], generator_for(options.seed, 6, step)
            holes = self._known[share(torch.randint(len(self._known), (batch,), generator=noise))]
            if options.flip:
                holes_mirrored = share(torch.rand(batch, generator=noise) < 0.5)
        drawn = (None if each is None else moved(each, device) for each in (mirrored, shifts, holes_mirrored))
        mirrored, shifts, holes_mirrored = drawn
        return Batch(
            self._images[index], moved(codes, device), known, mirrored, shifts, holes, holes_mirrored
        )

    def _index(self, step: int) -> Tensor:
        """Which pictures: every one once an epoch, each epoch in an order of its own."""
        batch, count = self._options.batch, len(self._images)
        positions = range(step * batch, (step + 1) * batch)
        return torch.stack([self._permutation(p // count)[p % count] for p in positions])

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            noise = generator_for(self._options.seed, 2, epoch)
            self._order, self._epoch = torch.randperm(len(self._images), generator=noise), epoch
        return self._order
