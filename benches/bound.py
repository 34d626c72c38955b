"""What an iteration can take at best on a GPU, from the model's own shapes, beside what it takes here.

    python benches/bound.py

An iteration as in iterations.py (batch 64, 64×64 RGB, width 64), with the prior and without. For each pass
through a layer: its multiplications, and the bytes that it must move if every map and weight is read or
written once. What is slower of the two is its bound, and their sum that of an iteration: launches take
nothing, and nothing is done twice. Cards by their vendor's data sheets. Where torch sees a GPU, the last
column is measured on it: recorded and replayed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from iterations import ARCHITECTURE, ours

from inpaintx.networks.recording import record

#: Terabytes a second, and trillions of operations a second of bfloat16 (dense, tensor cores) and of float32.
CARDS = {
    "A100 SXM 80 GB": (2.039, 312.0, 19.5),
    "H100 SXM": (3.35, 989.4, 66.9),
    "H200 SXM": (4.8, 989.4, 66.9),
}
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
TIMES = 200


@dataclass(frozen=True)
class Pass:
    """One way through one layer: operations (a multiply-add counts two) and bytes."""

    name: str
    flops: int
    bytes: int


def passes(batch: int, size: int, prior: bool = True) -> Iterator[Pass]:
    """Of an iteration, whose maps and weights take so many bytes an element; images and codes take four."""
    a = ARCHITECTURE
    wide = a.widths[0] * a.base**2
    ends = [("G project", a.nz, wide), ("D logit", wide, 1)]
    for name, inputs, outputs in ends[: 1 + prior]:
        moved = batch * (4 * min(inputs, outputs) + size * wide) + size * inputs * outputs
        for way in ("there", "back"):
            yield Pass(f"{name}, {way}", 2 * batch * inputs * outputs, moved)
    for level, (wide, narrow) in enumerate(pairwise([*a.widths, a.channels])):
        side = a.base << level
        small, large = batch * wide * side**2, batch * narrow * (2 * side) ** 2
        image = narrow == a.channels
        maps = size * small + (4 if image else size) * large
        weights = (4 if image else size) * wide * narrow * a.kernel**2
        flops = 2 * batch * side**2 * wide * narrow * a.kernel**2
        # Without the prior the image itself is never written: its loss and gradient are made at once.
        fused = 0 if prior or not image else 4 * large
        for network in "GD"[: 1 + prior]:
            yield Pass(f"{network} {side} to {2 * side}, there", flops, maps + weights - fused)
            # Back, the narrower maps of the way there are read, too: they are the gate.
            yield Pass(f"{network} {side} to {2 * side}, back", flops, maps + weights + size * small)
    # Contextual loss: image, target, weights and the prior's gradient in, a gradient out.
    pixels = batch * a.size**2
    yield Pass("contextual loss", 0, 4 * pixels * ((4 if prior else 2) * a.channels + 1))
    yield Pass("step of the codes", 0, 4 * batch * a.nz * 7)


def bound(each_pass: Iterable[Pass], terabytes: float, teraflops: float) -> float:
    """Milliseconds."""
    return 1e3 * sum(
        max(each.flops / (teraflops * 1e12), each.bytes / (terabytes * 1e12)) for each in each_pass
    )


def launches(hidden: int, narrow: bool, prior: bool) -> int:
    """Ops of an iteration of the search, beside what cuDNN adds; tests/search/test_launches.py lists them.

    Args:
        hidden: convolutions of G between its projection and its image.
        narrow: maps are in bfloat16, and codes come and go in float32.
        prior: whether D is asked.
    """
    layers = (
        2 * 2 * hidden - 1
    )  # a kernel after each convolution, but for the last maps, which the image reads
    own = layers + 2 + 2 * narrow + 4  # projection, casts; image there and back, books, step
    return own + (4 * hidden + 11 + narrow if prior else 0)


def measured(batch: int, dtype: torch.dtype, prior: bool) -> str:
    """Milliseconds of an iteration, recorded, on the GPU that is here."""
    if not torch.cuda.is_available():
        return "not yet run"
    device = torch.device("cuda", torch.cuda.current_device())
    replay = record(ours(batch, str(device), dtype, prior), device)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(TIMES):
        replay()
    end.record()
    end.synchronize()
    return f"{begin.elapsed_time(end) / TIMES:.3f} ({torch.cuda.get_device_name(device)})"


def table(batch: int) -> str:
    """For the page "On a GPU"."""
    lines = [
        "| maps in | prior | launches | GFLOP | MB moved | "
        + " | ".join(f"{card}, ms" for card in CARDS)
        + " | measured, ms |",
        "|" + "---|" * (6 + len(CARDS)),
    ]
    for (name, dtype), prior in product(DTYPES.items(), (False, True)):
        every = list(passes(batch, dtype.itemsize, prior))
        bounds = [
            bound(every, terabytes, quick if name == "bfloat16" else full)
            for terabytes, quick, full in CARDS.values()
        ]
        cells = [
            name,
            "on" if prior else "off",
            str(launches(len(ARCHITECTURE.widths) - 1, name == "bfloat16", prior)),
            f"{sum(each.flops for each in every) / 1e9:.1f}",
            f"{sum(each.bytes for each in every) / 1e6:.0f}",
            *(f"{each:.3f}" for each in bounds),
            measured(batch, dtype, prior),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64)
    print(table(parser.parse_args().batch))
