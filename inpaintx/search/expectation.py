"""What a search is told to expect in the hole, by whoever knows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from inpaintx.networks.copying import moved

KNOWN = 0.5  # least weight of a known pixel, so that all of them count beside what is expected in the hole


@dataclass(frozen=True)
class Expectation:
    """What is expected in the holes of images, and how much that counts.

    Number 0 was found with all known pixels, and the other F each without those of a fold.

    Attributes:
        image: ``[B, 1 + F, C, S, S]`` in [−1, 1]; it counts only where a pixel is not seen.
        weight: ``[B, 1 + F, 1, S, S]``, 0 or more, of the contextual loss where a pixel is not seen; a seen
            one counts as far as the options say, and :data:`KNOWN` more.
    """

    image: Tensor
    weight: Tensor

    def target(self, y: Tensor, masks: Tensor, w: Tensor, folds: bool) -> tuple[Tensor, Tensor]:
        """What to fit, ``[n, C, S, S]``, and by what weights, ``[n, 1, S, S]``.

        Args:
            y: ``[n, C, S, S]``; read where seen.
            masks: ``[n, 1, S, S]``, 1 = seen.
            w: like ``masks``: what the loss weights the seen pixels by.
            folds: the n are the B·F images with a fold hidden from each, not the B with all seen.
        """
        image, weight = (
            moved(each[:, 1:].flatten(0, 1) if folds else each[:, 0], y.device, y.dtype)
            for each in (self.image, self.weight)
        )
        seen = masks > 0
        return torch.where(seen, y, image), torch.where(seen, w + KNOWN, weight)
