"""What the op benches compare: each fused op, what a PyTorch user would write, that compiled, a plain copy.

The eager versions do less than the ops, in their own favour: context_loss multiplies where the op selects (so
NaN under the hole would leak), latent_step_ knows no finished samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from inpaintx import ops

BATCHES = (1, 8, 64)
CHANNELS, SIZE, NZ = 3, 64, 100
DEVICES = ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))


@dataclass(frozen=True)
class Contest:
    """One op at one batch size on one device: its contenders, and the bytes that it must move."""

    op: str
    batch: int
    device: str
    contenders: dict[str, Callable[[], object]]
    moved: int


def contest(op: str, batch: int, device: str) -> Contest:
    """Contenders "op", "eager", "compiled", "copy": plain calls that allocate outputs as in real use."""
    torch._dynamo.reset()
    generator = torch.Generator().manual_seed(0)
    run, eager, moved = OPS[op](batch, generator, device)
    source = torch.rand(moved // 8, generator=generator).to(
        device
    )  # read once and written once: the same bytes
    target = torch.empty_like(source)
    contenders: dict[str, Callable[[], object]] = {
        "op": run,
        "eager": eager,
        "compiled": torch.compile(eager, fullgraph=True),
        "copy": lambda: target.copy_(source),
    }
    for call in contenders.values():
        call()  # compiles
    return Contest(op, batch, device, contenders, moved)


Made = tuple[Callable[[], object], Callable[[], object], int]


def _context_loss(batch: int, generator: torch.Generator, device: str) -> Made:
    shape = (batch, CHANNELS, SIZE, SIZE)
    x = torch.rand(shape, generator=generator).to(device) * 2 - 1
    y = torch.rand(shape, generator=generator).to(device) * 2 - 1
    prior = torch.randn(shape, generator=generator).to(device)
    w = ops.context_weight(_mask(batch, generator, device))

    def eager() -> tuple[Tensor, Tensor]:
        d = x - y
        return (w * d.abs()).sum((1, 2, 3)), (w * d.sign() + prior) * (1 - x * x)

    return lambda: ops.context_loss(x, y, w, prior), eager, 4 * (4 * x.numel() + w.numel())


def _latent_step(batch: int, generator: torch.Generator, device: str) -> Made:
    z, grad, m, v = (torch.randn(batch, NZ, generator=generator).to(device) for _ in range(4))
    v = v.square()
    step = torch.zeros(batch, dtype=torch.int64, device=device)
    seed, active = torch.arange(batch, device=device), torch.ones(batch, dtype=torch.bool, device=device)

    def eager() -> None:
        step.add_(1)
        m.mul_(0.9).add_(grad, alpha=0.1)
        v.mul_(0.999).addcmul_(grad, grad, value=0.001)
        count = step[:, None]
        z.sub_(0.01 / (1 - 0.9**count) * m / ((v / (1 - 0.999**count)).sqrt() + 1e-8)).clamp_(-1, 1)

    return lambda: ops.latent_step_(z, grad, m, v, step, seed, active, lr=0.01), eager, 4 * 7 * z.numel()


def _context_weight(batch: int, generator: torch.Generator, device: str) -> Made:
    mask = _mask(batch, generator, device)

    def eager() -> Tensor:
        return mask * (1 - torch.nn.functional.avg_pool2d(mask, 7, 1, 3, count_include_pad=False))

    return lambda: ops.context_weight(mask), eager, 4 * 2 * mask.numel()


def _mask(batch: int, generator: torch.Generator, device: str) -> Tensor:
    return (torch.rand(batch, 1, SIZE, SIZE, generator=generator) < 0.7).float().to(device)


OPS: dict[str, Callable[[int, torch.Generator, str], Made]] = {
    "context_loss": _context_loss,
    "latent_step_": _latent_step,
    "context_weight": _context_weight,
}
