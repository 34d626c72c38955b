"""Measures what is ours against what PyTorch has, and prints two tables.

The fused ops against eager PyTorch, torch.compile and a plain copy; an iteration of the search against the
usual loop, a loop with frozen parameters, that compiled, and its multiplications alone.

python benches/report.py [--only ops|engine] [--rounds N] [--threads N] [--json FILE]

In each round all contenders take their turns, in rotating order, so that whatever else the machine does falls
on all of them; a ratio is the median over the rounds, with its quartiles.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import torch
from contenders import BATCHES, DEVICES, OPS, Contest, contest
from iterations import ARCHITECTURE, ENGINES, flops, unavailable

from inpaintx.ops.library import native_info

# A contender's turn: long beside the clock's resolution, short beside the machine's moods. An iteration's
# turn is long enough to warm the caches, in which the turns of others leave nothing.
BURST_SECONDS = 0.003
ENGINE_BURST_SECONDS = 0.05
ENGINE_SHARE = 10  # an iteration is longer than an op, and its ratios are steadier: fewer rounds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["ops", "engine"], help="one of the tables; default: both")
    parser.add_argument("--rounds", type=int, default=200, help=f"for the engine one in {ENGINE_SHARE}")
    parser.add_argument("--threads", type=int, help="torch's threads; default: torch's own choice")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    facts = describe_machine()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    figures: dict[str, Any] = {"machine": facts}
    if options.only != "engine":
        figures["rows"] = report_ops(options.rounds)
    if options.only != "ops":
        figures["engine"] = report_engine(max(3, options.rounds // ENGINE_SHARE))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


def report_ops(rounds: int) -> list[dict[str, Any]]:
    """Prints the table of the ops, and gives its rows."""
    print("\n" + HEADER)
    rows = []
    for device in DEVICES:
        for op in OPS:
            for batch in BATCHES:
                rows.append(measure_op(contest(op, batch, device), rounds))
                print(line(rows[-1]), flush=True)
    print("\n" + LEGEND)
    return rows


def report_engine(rounds: int) -> list[dict[str, Any]]:
    """Prints the table of the iteration, and gives its rows."""
    a, rows = ARCHITECTURE, []
    print(f"\nAn iteration with the prior, {a.size}×{a.size}, {a.channels} channels, width {a.width}")
    for device in DEVICES:
        reasons = {name: unavailable(name, device) for name in ENGINES}
        print("".join(f"{reason}\n" for reason in reasons.values() if reason), end="")
        print(ENGINE_HEADER)
        for batch in BATCHES:
            contenders = {name: make(batch, device) for name, make in ENGINES.items() if not reasons[name]}
            row = {
                "batch": batch,
                "device": device,
                **measure(contenders, "ours", device, rounds, ENGINE_BURST_SECONDS),
            }
            row["flops"] = flops(batch)
            rows.append(row)
            print(engine_line(row), flush=True)
    print("\n" + ENGINE_LEGEND)
    return rows


def describe_machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": machine.cpu(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "instruction set": native_info().get("cpu", "reference"),
        "of the layers": native_info().get("cpu_layers", "reference"),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def measure_op(setting: Contest, rounds: int) -> dict[str, Any]:
    """A row of the ops' table."""
    return {
        "op": setting.op,
        "batch": setting.batch,
        "device": setting.device,
        "bytes": setting.moved,
        **measure(setting.contenders, "op", setting.device, rounds, BURST_SECONDS),
    }


def measure(
    contenders: dict[str, Callable[[], object]], base: str, device: str, rounds: int, seconds: float
) -> dict[str, dict[str, Any]]:
    """Each contender's median time in seconds, and quartiles of its ratio to the base in the same round."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    names = list(contenders)
    calls = {name: calls_in_burst(contenders[name], wait, seconds) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(burst(contenders[name], calls[name], wait))
    return {
        "seconds": {name: statistics.median(times[name]) for name in names},
        "ratio": {
            name: statistics.quantiles([t / b for t, b in zip(times[name], times[base], strict=True)])
            for name in names
        },
    }


def burst(call: Callable[[], object], calls: int, wait: Callable[[], None]) -> float:
    """Seconds for one call, over a burst of them."""
    wait()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    wait()
    return (time.perf_counter() - start) / calls


def calls_in_burst(call: Callable[[], object], wait: Callable[[], None], seconds: float) -> int:
    """How many calls fill a burst of so many seconds, after a warm-up."""
    call()  # compiles
    return max(1, round(seconds / min(burst(call, 1, wait) for _ in range(5))))


HEADER = (
    f"{'op':<15}{'batch':>5} {'device':<6}{'op µs':>9}{'eager µs':>10}{'comp. µs':>10}{'copy µs':>9}"
    f"   {'eager / op':<19}{'compiled / op':<19}{'copy / op':<19}{'GB/s':>7}"
)
LEGEND = """Times are medians. Ratios: median [quartiles] over the rounds; above 1 the op is faster.
GB/s: the bytes that the op must move over its time; copy moves the same bytes, into memory already there."""


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    times = {name: f"{seconds * 1e6:.1f}" for name, seconds in row["seconds"].items()}
    ratio = {
        name: "{1:.2f} [{0:.2f}, {2:.2f}]".format(*quartiles) for name, quartiles in row["ratio"].items()
    }
    return (
        f"{row['op']:<15}{row['batch']:>5} {row['device']:<6}"
        f"{times['op']:>9}{times['eager']:>10}{times['compiled']:>10}{times['copy']:>9}   "
        f"{ratio['eager']:<19}{ratio['compiled']:<19}{ratio['copy']:<19}"
        f"{row['bytes'] / row['seconds']['op'] / 1e9:>7.1f}"
    )


RATIOS = ["ours / matmuls", *(f"{name} / ours" for name in ENGINES if name not in ("ours", "matmuls"))]
ENGINE_HEADER = (
    f"{'batch':>5} {'device':<6}"
    + "".join(f"{name + ' ms':>12}" for name in ENGINES)
    + "   "
    + "".join(f"{ratio:<21}" for ratio in RATIOS)
)
ENGINE_LEGEND = """Times are medians. Ratios: median [quartiles] over the rounds, in which all take turns.
usual: autograd, parameters tracked. frozen: requires_grad_(False). compiled: that by torch.compile.
matmuls: the multiplications alone, at this machine's speed. bfloat16: ours, where the CPU multiplies it."""


def engine_line(row: dict[str, Any]) -> str:
    """A row of the iteration's table."""
    text = f"{row['batch']:>5} {row['device']:<6}"
    for name in ENGINES:
        text += f"{row['seconds'][name] * 1e3:>12.2f}" if name in row["seconds"] else f"{'–':>12}"
    low, middle, high = row["ratio"]["matmuls"]
    ratios = {**row["ratio"], "ours": [1 / high, 1 / middle, 1 / low]}
    text += "   "
    for name in (ratio.split()[0] for ratio in RATIOS):
        cell = "{1:.2f} [{0:.2f}, {2:.2f}]".format(*ratios[name]) if name in ratios else "–"
        text += f"{cell:<21}"
    return text


if __name__ == "__main__":
    main()
