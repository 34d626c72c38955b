"""How the candidates of an image came to be what they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inpaintx.search.rows import Rows


@dataclass(frozen=True)
class History:
    """What the candidates of one image were at each of L looks, in the order of :class:`Found`.

    A candidate that ended early stands still while the others go on. Holds codes only: their images, which
    take so much more memory, are drawn look by look when they are asked for.

    Attributes:
        steps: int64 ``[L, K]``, gradient steps that each had taken.
        codes: ``[L, K, nz]``, the best code that each had found.
        seconds: float64 ``[L, K]``, from the start of the search to each look, by the host's clock.
        draw: codes ``[n, nz]`` to images ``[n, C, S, S]`` in [−1, 1].
    """

    steps: Tensor
    codes: Tensor
    seconds: Tensor
    draw: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def images(self) -> Iterator[Tensor]:
        """For each look, ``[K, C, S, S]`` in [−1, 1]."""
        for codes in self.codes:
            yield self.draw(codes)


class Recorder:
    """Notes the rows of a search at each look.

    draw: as of :class:`History`.
    """

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        self._draw = draw
        self._start = time.perf_counter()
        self._seen: dict[int, list[tuple[int, Tensor, float]]] = {}  # by the numbers of the rows

    def look(self, rows: Rows) -> None:
        """Keeps what the rows under way are now."""
        now = time.perf_counter() - self._start
        # Copied to the host before the rows move on; on the CPU that is no copy yet.
        codes = rows.best_z.cpu().clone()
        for number, step, code in zip(rows.index.tolist(), rows.step.tolist(), codes, strict=True):
            self._seen.setdefault(number, []).append((step, code, now))

    def history(self, numbers: Sequence[int]) -> History:
        """Of these rows, which are one image's candidates."""
        paths = [self._seen[number] for number in numbers]
        looks = [
            list(zip(*(path[min(look, len(path) - 1)] for path in paths), strict=True))
            for look in range(max(map(len, paths)))
        ]
        steps, codes, seconds = zip(*looks, strict=True)
        return History(
            torch.tensor(steps),
            torch.stack([torch.stack(list(at_once)) for at_once in codes]),
            torch.tensor(seconds, dtype=torch.float64),
            self._draw,
        )
