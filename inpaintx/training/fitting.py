"""The loop that the encoder's and the predictor's training share."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from inpaintx.training.course import Course
from inpaintx.training.losses import Losses
from inpaintx.training.score import Best

WARM_UP = 100  # steps


def fit(
    network: nn.Module,
    loss_of: Callable[[], Tensor],
    course: Course,
    optimizer: torch.optim.Optimizer,
    on_step: Callable[[float], bool],
) -> bool:
    """Trains a network to the end of its course, and leaves it as it was when it scored best.

    The learning rate warms up, and falls to nothing along half a cosine.

    Args:
        network: in training mode.
        loss_of: the loss of a batch of its own.
        course: how long.
        optimizer: of the network.
        on_step: told of each step's loss; where it returns False, training is given up.

    Returns:
        False where training was given up, or there was no time for a step.
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, *course.place(step)))
    losses: Losses | None = None
    best = None if course.score is None else Best(network, course.score)
    step = 0
    while not course.over(step):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        step += 1
        losses = losses or Losses(loss.device)
        if not all(on_step(told) for [told] in losses.add(loss.detach()[None])):
            return False
        if best is not None and course.look_due(step):
            best.look(step)
    course.taken = step
    if losses is None or not all(on_step(told) for [told] in losses.read()):
        return False
    if best is not None:
        best.look(step)
        best.restore()
    return True


def _rate(step: int, done: float, whole: float) -> float:
    """Of the learning rate, after so much of the whole."""
    return min(1.0, (step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * done / whole)) + 0.01)
