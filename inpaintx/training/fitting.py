"""The loop that the encoder's and the predictor's training share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from inpaintx.training.losses import Losses


def fit(
    loss_of: Callable[[], Tensor],
    steps: int,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    on_step: Callable[[float], bool],
) -> bool:
    """So many steps of an optimizer; False where ``on_step``, told of each step's loss, gave training up."""
    losses: Losses | None = None
    for _ in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses = losses or Losses(loss.device)
        if not all(on_step(told) for [told] in losses.add(loss.detach()[None])):
            return False
    return losses is None or all(on_step(told) for [told] in losses.read())
