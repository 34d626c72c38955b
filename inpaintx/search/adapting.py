"""G fitted to one picture: its last layers learn what is known of it, once the search has ended.

What is found stays as it is, and what draws it gives way (Roich et al., "Pivotal Tuning for Latent-based
Editing of Real Images", 2021). Each row gets layers of its own, by autograd over a copy: G's own weights
never change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.networks.base import Generator
from inpaintx.options import SearchOptions

LR = 0.001  # of Adam, on weights of about 0.02 to 0.1


class Adapting:
    """Draws rows by last layers that are fitted to each.

    Args:
        generator: G in evaluation mode.
        options: of the search: how deep it goes, its contextual loss, and how many steps to take.

    Raises:
        InpaintxError: an architecture that can't be divided.
    """

    def __init__(self, generator: Generator, options: SearchOptions) -> None:
        self._options = options
        self._first, self._last = generator.divided(options.depth)

    def __call__(
        self, found: Tensor, y: Tensor, w: Tensor, looks: Sequence[Callable[[None], object]] = ()
    ) -> Tensor:
        """Images, ``[n, C, S, S]`` in [−1, 1].

        Args:
            found: codes ``[n, nz]``, or, of a search that goes deeper, the activations at its depth,
                ``[n, F, s, s]``.
            y: ``[n, C, S, S]``, what to fit.
            w: ``[n, 1, S, S]``, what the loss weights the pixels by.
            looks: called before each row; what they raise ends the search.
        """
        images = [y[:0]]
        for row in zip(found.split(1), y.split(1), w.split(1), strict=True):
            for look in looks:
                look(None)
            images.append(self._fitted(*row))
        return torch.cat(images)

    def _fitted(self, found: Tensor, y: Tensor, w: Tensor) -> Tensor:
        """Of one row: the image, of all that came up, that has the lowest loss."""
        options = self._options
        with torch.no_grad():
            maps = self._first(found)
        last = deepcopy(self._last).requires_grad_()
        adam = torch.optim.Adam(last.parameters(), LR)
        best, lowest = torch.empty_like(y), torch.inf
        for step in range(options.adapt + 1):
            with torch.enable_grad():
                before = last(maps)
            x = before.detach().tanh()
            loss, grad = ops.context_loss(x, y, w, None, options.norm, options.delta)
            if step == 0 or loss.item() < lowest:
                best, lowest = x, loss.item()
            if step < options.adapt:
                adam.zero_grad()
                before.backward(grad)
                adam.step()
        return best
