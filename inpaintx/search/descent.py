"""The iterations of the search: gradient descent on the codes of all rows that are under way.

Every row is a problem of its own: what becomes of it does not depend on its batch mates.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from inpaintx import ops
from inpaintx.networks.multiplication import multiplying
from inpaintx.options import Plan, SearchOptions
from inpaintx.search.optimizers import Codes, make_optimizer
from inpaintx.search.precision import FrozenPair
from inpaintx.search.replay import Recordings, can_record
from inpaintx.search.rows import Rows

#: Iterations between looks at which rows are finished.
STRIDE = 10


class Kind(NamedTuple):
    """What an iteration has to do, which the host knows beforehand: so it need not wait for the device.

    asks: D may be asked against some row; begins: as of :class:`.Optimizer`, some row may be where that does
    more. Without patience they are so.
    """

    asks: bool
    begins: bool


class Descent:
    """Takes rows from their first code to the best one that it finds.

    Args:
        networks: what draws the codes, and says how real that looks.
        options: of the search.
        plan: what follows from where it starts.
        unlikely: weight of half a code's sum of squares, in the place of the prior loss: of codes that D is
            not asked of, and that are standardised.
    """

    def __init__(
        self, networks: FrozenPair, options: SearchOptions, plan: Plan, unlikely: float = 0.0
    ) -> None:
        self._generator, self._discriminator = networks.generator, networks.discriminator
        self._options, self._plan, self._unlikely = options, plan, unlikely
        self._optimizer = make_optimizer(options, plan.lr, self._generator.architecture.bound)
        drawn = [network for network in (self._generator, self._discriminator) if network]
        self._recorded = Recordings(self._iterate, drawn) if can_record(networks.device, options) else None

    @property
    def iterations(self) -> int:
        """Gradient steps that a row takes at most."""
        return self._plan.iterations

    def begin(self, index: Tensor, y: Tensor, w: Tensor, z: Tensor) -> Rows:
        """Fresh rows.

        Args:
            index: int64 ``[n]``, their numbers: image · candidates + candidate.
            y: ``[n, C, S, S]``, what they are to look like.
            w: ``[n, 1, S, S]``, what the loss weights the pixels by.
            z: ``[n, nz]``, their first codes.
        """
        zeros = torch.zeros_like(index)
        losses = torch.float64 if z.dtype == torch.float64 else torch.float32
        # What was not evaluated, or gives NaN, is never the best.
        infinite = z.new_full((len(z),), torch.inf, dtype=losses)
        return Rows(
            index=index,
            y=y,
            w=w,
            z=z,
            memory=self._optimizer.memory(z),
            step=zeros,
            seed=self._options.seed * 1_000_003 % 2**62 + index % self._options.candidates,
            mark=infinite,
            stale=zeros.clone(),
            evaluated=zeros.bool(),
            prior=torch.zeros_like(infinite),
            turn=zeros.clone(),
            best_loss=infinite.clone(),
            best_z=z.clone(),
        )

    def advance(self, rows: Rows) -> None:
        """Iterations to the next look."""
        kinds = self._kinds(rows)
        with multiplying(tf32=self._options.precision == "tf32"):
            if self._recorded is not None:
                self._recorded(rows, kinds)
            else:
                for kind in kinds:
                    self._iterate(rows, kind)
        rows.age += len(kinds)

    def part(self, rows: Rows) -> tuple[Rows, Rows]:
        """The finished rows, and those that go on.

        Without patience all came together and finish together: their age says so, and the device need not
        be waited for.
        """
        if not self._options.patience:
            finished = len(rows) if rows.age > self._plan.iterations else 0
            return rows.keep(slice(finished)), rows.keep(slice(finished, None))
        done = rows.evaluated & ~self._active(rows)
        return rows.keep(done.nonzero()[:, 0]), rows.keep((~done).nonzero()[:, 0])

    def _kinds(self, rows: Rows) -> list[Kind]:
        """Of the iterations to the next look: those left to the slowest row, and one for its last code."""
        # Without patience all rows have taken as many steps as they are old, which the host knows.
        steps = turns = {rows.age}
        if self._options.patience:
            steps, turns = map(set, torch.stack([rows.step, rows.turn]).tolist())
        times = min(STRIDE, self._plan.iterations - min(steps) + 1)
        return [self._kind(steps, turns, later) for later in range(times)]

    def _kind(self, steps: set[int], turns: set[int], later: int) -> Kind:
        """Of the iteration that comes so much later, of rows with so many steps and turns each by now."""
        every, period = self._options.prior_every, self._optimizer.period
        # A row whose loss falls after all goes on again: it may have taken fewer steps meanwhile, not turns.
        pauses = self._options.patience > 0
        return Kind(
            self._discriminator is not None and any((turn + later) % every == 0 for turn in turns),
            period > 0
            and any(-step % period <= later if pauses else (step + later) % period == 0 for step in steps),
        )

    def _active(self, rows: Rows) -> Tensor:
        active = rows.step < self._plan.iterations
        if self._options.patience:
            active &= rows.stale < self._options.patience
        return active

    def _iterate(self, rows: Rows, kind: Kind) -> None:
        """Evaluates every row's code, remembers the best one, and takes a step where one is due.

        All of it in place, and the same work for the same kind, so that it can be recorded.
        """
        options = self._options
        fit = (rows.y, rows.w)
        if kind.asks or self._takes_turns:  # who is not asked gets the same bits as where another one is
            x = self._generator.forward(rows.z)
            prior_grad = self._ask(rows, x) if kind.asks else None
            contextual, grad = ops.context_loss(x, *fit, prior_grad, options.norm, options.delta)
        else:
            contextual, grad = self._generator.loss(rows.z, *fit, options.norm, options.delta)
        if self._unlikely:  # summed so that a row's sum doesn't depend on how many there are
            rows.prior.copy_(rows.z.double().square().sum(1) / 2)
        loss, active = ops.keep_best_(
            rows.z,
            contextual,
            rows.prior,
            rows.step,
            rows.mark,
            rows.stale,
            rows.evaluated,
            rows.best_loss,
            rows.best_z,
            weight=self._unlikely or options.prior,
            iterations=self._plan.iterations,
            patience=options.patience,
        )
        if self._takes_turns:
            rows.turn += 1
        codes = Codes(rows.z, rows.step, rows.seed, active)
        grad = self._generator.vjp(grad)
        if self._unlikely:
            grad.add_(rows.z, alpha=self._unlikely)
        self._optimizer(codes, rows.memory, loss, grad, kind.begins)

    @property
    def _takes_turns(self) -> bool:
        """Whether D is asked against some rows in one iteration and against others in another."""
        return self._options.patience > 0 and self._options.prior_every > 1

    def _ask(self, rows: Rows, x: Tensor) -> Tensor:
        """What D says against the rows that are due, and the gradient of λ·L_p with respect to ``x``."""
        assert self._discriminator is not None
        every = self._options.prior_every
        prior, grad = self._discriminator.prior(x)
        if not self._takes_turns:
            rows.prior.copy_(prior)
            return grad.mul_(self._options.prior * every)
        due = rows.turn % every == 0
        rows.prior.copy_(torch.where(due, prior, rows.prior))
        return grad.mul_((self._options.prior * every * due)[:, None, None, None])
