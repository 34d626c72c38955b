"""What the benches of the frozen networks compare: an iteration of the search, and how else it can be had.

All contenders take the same step: images of the codes, weighted L1 and λ = 0.1 of the prior loss, gradients
with respect to the codes, Adam, clamping. 64×64 RGB, width 64, untrained weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.networks.dcgan import Discriminator, FrozenDiscriminator, FrozenGenerator, Generator
from inpaintx.networks.devices import multiplies_bfloat16
from inpaintx.options import Architecture

ARCHITECTURE = Architecture(size=64, channels=3, width=64)
PRIOR, LR = 0.1, 0.01

Call = Callable[[], object]


@dataclass(frozen=True)
class Inputs:
    """What an iteration works on."""

    z: Tensor
    y: Tensor
    w: Tensor


def inputs(batch: int, device: str) -> Inputs:
    g = torch.Generator().manual_seed(0)
    shape = (batch, ARCHITECTURE.channels, ARCHITECTURE.size, ARCHITECTURE.size)
    y = torch.rand(shape, generator=g) * 2 - 1
    w = (torch.rand((batch, 1, *shape[2:]), generator=g) < 0.7).float()
    z = torch.rand(batch, ARCHITECTURE.nz, generator=g) * 2 - 1
    return Inputs(z.to(device), y.to(device), w.to(device))


def networks(device: str) -> tuple[Generator, Discriminator]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Generator(ARCHITECTURE).to(device).eval(), Discriminator(ARCHITECTURE).to(device).eval()
    return made


def ours(batch: int, device: str, dtype: torch.dtype = torch.float32, prior: bool = True) -> Call:
    """The frozen networks and the fused ops; without the prior as a search does it that leaves D out."""
    generator, discriminator = networks(device)
    g, d = FrozenGenerator(generator, dtype), FrozenDiscriminator(discriminator, dtype)
    given = inputs(batch, device)
    z, m, v = given.z, torch.zeros_like(given.z), torch.zeros_like(given.z)
    step, seed = (torch.zeros(batch, dtype=torch.int64, device=device) for _ in range(2))
    active = torch.ones(batch, dtype=torch.bool, device=device)

    def iterate() -> None:
        if prior:
            x = g.forward(z)
            _, prior_grad = d.prior(x)
            prior_grad *= PRIOR
            _, grad = ops.context_loss(x, given.y, given.w, prior_grad)
        else:
            _, grad = g.loss(z, given.y, given.w, "l1", 1.0)
        ops.latent_step_(z, g.vjp(grad), m, v, step, seed, active, lr=LR)

    return iterate


def ours_bfloat16(batch: int, device: str) -> Call:
    """The same, with the feature maps in bfloat16."""
    return ours(batch, device, torch.bfloat16)


def usual(batch: int, device: str) -> Call:
    """The loop that most write: autograd through the modules, whose parameters get gradients as well."""
    return _autograd(*networks(device), inputs(batch, device), _loss)


def frozen(batch: int, device: str) -> Call:
    """The same with parameters that require no gradient."""
    return _autograd(*_frozen_networks(device), inputs(batch, device), _loss)


def compiled(batch: int, device: str) -> Call:
    """That, the loss and its gradient by torch.compile."""
    torch._dynamo.reset()
    loss = torch.compile(_loss, fullgraph=True, dynamic=False)
    return _autograd(*_frozen_networks(device), inputs(batch, device), loss)


def _frozen_networks(device: str) -> tuple[Generator, Discriminator]:
    generator, discriminator = networks(device)
    return generator.requires_grad_(False), discriminator.requires_grad_(False)


def _loss(generator: nn.Module, discriminator: nn.Module, z: Tensor, y: Tensor, w: Tensor) -> Tensor:
    x = generator(z)
    return (w * (x - y).abs()).sum() + PRIOR * F.softplus(-discriminator(x)).sum()


def _autograd(
    generator: Generator, discriminator: Discriminator, given: Inputs, loss: Callable[..., Tensor]
) -> Call:
    z = given.z.requires_grad_()
    optimizer = torch.optim.Adam([z], lr=LR)

    def iterate() -> None:
        optimizer.zero_grad()
        loss(generator, discriminator, z, given.y, given.w).backward()
        optimizer.step()
        with torch.no_grad():
            z.clamp_(-1, 1)

    return iterate


def products(batch: int) -> list[tuple[int, int, int]]:
    """The multiplications of an iteration, [m, k] · [k, n]: of each layer of G and D, there and back."""
    a = ARCHITECTURE
    layers = [
        (batch * (a.base << level) ** 2, inputs, outputs * a.kernel**2)
        for level, (inputs, outputs) in enumerate(pairwise([*a.widths, a.channels]))
    ]
    there = [*layers, *layers, (batch, a.nz, a.widths[0] * a.base**2), (batch, a.widths[0] * a.base**2, 1)]
    return [product for m, k, n in there for product in ((m, k, n), (m, n, k))]


def multiplications(batch: int, device: str) -> Call:
    """Nothing but those, at the speed that this machine multiplies matrices of these shapes."""
    matrices = [
        (torch.rand(m, k, device=device), torch.rand(k, n, device=device), torch.empty(m, n, device=device))
        for m, k, n in products(batch)
    ]

    def multiply() -> None:
        for a, b, c in matrices:
            torch.mm(a, b, out=c)

    return multiply


ENGINES: dict[str, Callable[[int, str], Call]] = {
    "ours": ours,
    "usual": usual,
    "frozen": frozen,
    "compiled": compiled,
    "matmuls": multiplications,
    "bfloat16": ours_bfloat16,
}


def unavailable(name: str, device: str) -> str | None:
    """Why a contender cannot take part here, in one line; None where it can."""
    if name == "bfloat16" and device == "cpu":
        quick = multiplies_bfloat16(torch.device("cpu"))
        return None if quick else "bfloat16: this CPU has no instructions for it"
    if name == "compiled":
        try:
            torch._dynamo.reset()
            torch.compile(lambda x: x.sin() + 1)(torch.zeros(8, device=device))
        except Exception as error:  # whatever a missing compiler makes of it
            return f"compiled: torch.compile does not work here ({str(error).splitlines()[0]})"
    return None


def flops(batch: int) -> int:
    """Of the multiplications; a multiply-add counts two."""
    return sum(2 * m * k * n for m, k, n in products(batch))
