"""How a search stands while it is under way, for who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from inpaintx.search.rows import Rows


class Standing:
    """What the search has come to for each of its images; kept up to date look by look.

    Args:
        images: how many there are.
        candidates: of each.
        most: gradient steps that a candidate takes at most.
        draw: codes ``[n, nz]`` to images ``[n, C, S, S]`` in [−1, 1].

    Attributes:
        steps: for each image, the gradient steps that its furthest candidate has taken.
        most: as above.
    """

    def __init__(self, images: int, candidates: int, most: int, draw: Callable[[Tensor], Tensor]) -> None:
        self.steps, self.most = [0] * images, most
        self._candidates, self._draw = candidates, draw
        self._losses = [float("inf")] * images
        self._codes: dict[int, Tensor] = {}

    def look(self, rows: Rows) -> None:
        """Takes in what the rows under way are now."""
        lines = zip(rows.index.tolist(), rows.step.tolist(), rows.best_loss.tolist(), strict=True)
        for place, (number, step, loss) in enumerate(lines):
            image = number // self._candidates
            self.steps[image] = max(self.steps[image], step)
            if loss <= self._losses[image]:
                self._losses[image], self._codes[image] = loss, rows.best_z[place].clone()

    @torch.no_grad()
    def images(self, numbers: Sequence[int]) -> dict[int, Tensor]:
        """The best image yet, ``[C, S, S]`` in [−1, 1], of those of these images that have one."""
        there = [number for number in numbers if number in self._codes]
        if not there:
            return {}
        drawn = self._draw(torch.stack([self._codes[number] for number in there]))
        return dict(zip(there, drawn, strict=True))


#: Told of how a search stands; what it raises ends the search.
Watch: TypeAlias = Callable[[Standing], object]
