"""How codes move from one iteration of the search to the next: what an optimizer remembers, and its step.

Each row is a problem of its own. All of it happens in place, and only to active rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.ops import reference
from inpaintx.options import SearchOptions

#: Of L-BFGS: how many of its last steps it learns the curvature from.
HISTORY = 8
#: Of HMC, as in Amos's complete.py: steps of a trajectory, and the loss's weight in the energy.
TRAJECTORY, INVERSE_TEMPERATURE = 100, 0.2


@dataclass(frozen=True)
class Codes:
    """The rows that move. ``z``: [n, nz]; ``step``, ``seed``: int64 [n]; ``active``: bool [n]."""

    z: Tensor
    step: Tensor
    seed: Tensor
    active: Tensor


class Optimizer(Protocol):
    """One optimizer."""

    #: Steps from one that needs more work to the next; 0: all are alike.
    period: ClassVar[int]

    def memory(self, z: Tensor) -> list[Tensor]:
        """What it remembers of fresh rows: tensors with a line for each."""

    def __call__(
        self, codes: Codes, memory: list[Tensor], loss: Tensor, grad: Tensor, begins: bool = True
    ) -> None:
        """A step.

        Args:
            codes: of the rows.
            memory: of these rows.
            loss: ``[n]``, at ``codes.z``.
            grad: ``[n, nz]``, its gradient.
            begins: whether a step of an active row may be a multiple of ``period``. It is known to the host,
                so that nothing waits for the device to say so.
        """


def make_optimizer(options: SearchOptions, lr: float, bound: float) -> Optimizer:
    """The optimizer that the options name, with this learning rate, in this box of codes."""
    kinds: dict[str, type[_LBFGS] | type[_HMC]] = {"lbfgs": _LBFGS, "hmc": _HMC}
    return kinds.get(options.optimizer, _FirstOrder)(options, lr, bound)


@dataclass(frozen=True)
class _FirstOrder:
    """Adam or Nesterov's momentum: the fused op."""

    options: SearchOptions
    lr: float
    bound: float
    period: ClassVar[int] = 0

    def memory(self, z: Tensor) -> list[Tensor]:
        return [torch.zeros_like(z), torch.zeros_like(z)]

    def __call__(
        self, codes: Codes, memory: list[Tensor], loss: Tensor, grad: Tensor, begins: bool = True
    ) -> None:
        m, v = memory
        ops.latent_step_(
            codes.z,
            grad,
            m,
            v,
            codes.step,
            codes.seed,
            codes.active,
            optimizer=self.options.optimizer,
            lr=self.lr,
            beta1=self.options.momentum,
            bound=self.bound,
            clip=self.options.clip,
        )


@dataclass(frozen=True)
class _LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, "Numerical optimization", algorithm 7.4), with no line search.

    A step is no longer than ``lr`` in the root mean square of its elements: a trust region instead of a line
    search, which would need evaluations of its own for each row. Steps that show no positive curvature are
    forgotten.
    """

    options: SearchOptions
    lr: float
    bound: float
    period: ClassVar[int] = 0

    def memory(self, z: Tensor) -> list[Tensor]:
        history = z.new_zeros(len(z), HISTORY, z.shape[1])  # steps, and how the gradient changed; newest last
        return [history, history.clone(), torch.zeros_like(z), torch.zeros_like(z)]

    def __call__(
        self, codes: Codes, memory: list[Tensor], loss: Tensor, grad: Tensor, begins: bool = True
    ) -> None:
        steps, changes, last_z, last_grad = memory
        step, change = codes.z - last_z, grad - last_grad
        useful = (step * change).sum(1) > 1e-8 * (change * change).sum(1)
        useful &= (codes.step > 0) & codes.active
        for history, new in ((steps, step), (changes, change)):
            longer = torch.cat([history[:, 1:], new[:, None]], 1)
            history.copy_(torch.where(useful[:, None, None], longer, history))
        last_z.copy_(codes.z)
        last_grad.copy_(grad)
        _take_step(codes, self._direction(grad, steps, changes), self.options, self.bound)

    def _direction(self, grad: Tensor, steps: Tensor, changes: Tensor) -> Tensor:
        radius = self.lr * math.sqrt(grad.shape[1])
        curvature = (steps * changes).sum(2)  # [n, HISTORY]; 0 where nothing is remembered yet
        inverse = torch.where(curvature > 0, 1 / curvature, 0)
        d, shares = -grad, []
        for i in reversed(range(HISTORY)):
            share = inverse[:, i] * (steps[:, i] * d).sum(1)
            d = d - share[:, None] * changes[:, i]
            shares.append(share)
        newest = changes[:, -1].square().sum(1)
        scale = torch.where(newest > 0, curvature[:, -1] / newest, radius / _length(grad))
        d = d * scale[:, None]
        for i, share in enumerate(reversed(shares)):
            d = d + (share - inverse[:, i] * (changes[:, i] * d).sum(1))[:, None] * steps[:, i]
        return d * (radius / _length(d)).clamp(max=1)[:, None]


@dataclass(frozen=True)
class _HMC:
    """Hamiltonian Monte Carlo as in Amos's complete.py, the step size being ``lr`` (0.001 there).

    A trajectory of leapfrog steps is accepted or taken back as a whole (Neal, "MCMC using Hamiltonian
    dynamics", 2011, section 3.2); that and its first velocity are functions of the row's seed and step.
    """

    options: SearchOptions
    lr: float
    bound: float
    period: ClassVar[int] = TRAJECTORY

    def memory(self, z: Tensor) -> list[Tensor]:
        # Velocity; where the trajectory began, the gradient there, and [loss, energy].
        return [torch.zeros_like(z), z.clone(), torch.zeros_like(z), z.new_zeros(len(z), 2)]

    def __call__(
        self, codes: Codes, memory: list[Tensor], loss: Tensor, grad: Tensor, begins: bool = True
    ) -> None:
        velocity, first_z, first_grad, first = memory
        half = 0.5 * self.lr * INVERSE_TEMPERATURE
        velocity -= half * grad
        if begins:
            start = (codes.step % TRAJECTORY == 0) & codes.active
            normal, uniform = _chance(codes, velocity.dtype)
            energy = INVERSE_TEMPERATURE * loss + 0.5 * velocity.square().sum(1)
            accepted = (codes.step == 0) | (uniform.log() < first[:, 1] - energy)
            back = (start & ~accepted)[:, None]
            codes.z.copy_(torch.where(back, first_z, codes.z))
            grad = torch.where(back, first_grad, grad)
            loss = torch.where(back[:, 0], first[:, 0].to(loss.dtype), loss)
            velocity.copy_(torch.where(start[:, None], normal, velocity))
            energy = INVERSE_TEMPERATURE * loss + 0.5 * velocity.square().sum(1)
            now = torch.stack([loss, energy], 1).to(first.dtype)
            for begun, new in ((first_z, codes.z), (first_grad, grad), (first, now)):
                begun.copy_(torch.where(start[:, None], new, begun))
        velocity -= half * grad
        _take_step(codes, self.lr * velocity, self.options, self.bound)


def _take_step(codes: Codes, by: Tensor, options: SearchOptions, bound: float) -> None:
    """A step of the active rows, clipped to the box of codes."""
    t = codes.step + codes.active
    new = reference.clipped(codes.z + by, options.clip, bound, codes.seed, t)
    codes.z.copy_(torch.where(codes.active[:, None], new, codes.z))
    codes.step.copy_(t)


def _length(rows: Tensor) -> Tensor:
    return rows.square().sum(1).sqrt().clamp(min=torch.finfo(rows.dtype).tiny)


def _chance(codes: Codes, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Numbers of N(0, 1), ``[n, nz]``, and of U(0, 1), ``[n]``, for these seeds and steps."""
    words = reference.random_words(codes.seed, codes.step, codes.z.shape[1])
    one, other, third = ((word.double() + 0.5) * 2.0**-32 for word in words[1:])
    normal = (-2 * one.log()).sqrt() * torch.cos(2 * math.pi * other)  # Box and Muller, 1958
    return normal.to(dtype), third[:, 0].to(dtype)
