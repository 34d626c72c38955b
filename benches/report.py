"""Measures the fused ops against eager PyTorch, torch.compile and a plain copy, and prints a table.

python benches/report.py [--rounds N] [--threads N] [--json FILE]

In each round all contenders take their turns, in rotating order, so that whatever else the machine does falls
on all of them; a ratio is the median over the rounds, with its quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from contenders import BATCHES, DEVICES, OPS, Contest, contest

from inpaintx import ops

BURST_SECONDS = (
    0.003  # a contender's turn: long beside the clock's resolution, short beside the machine's moods
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, help="torch's threads; default: torch's own choice")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    machine = describe_machine()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()), end="\n\n")
    print(HEADER)
    rows = []
    for device in DEVICES:
        for op in OPS:
            for batch in BATCHES:
                rows.append(measure(contest(op, batch, device), options.rounds))
                print(line(rows[-1]), flush=True)
    print("\n" + LEGEND)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


def describe_machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
        cpu = model[1] if model else cpu
    return {
        "cpu": f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "instruction set": ops.native_info().get("cpu", "reference"),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def measure(setting: Contest, rounds: int) -> dict[str, Any]:
    """Each contender's median time in seconds, and the quartiles of its ratio to the op in the same round."""
    wait = torch.cuda.synchronize if setting.device == "cuda" else lambda: None
    names = list(setting.contenders)
    calls = {name: calls_in_burst(setting.contenders[name], wait) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name].append(burst(setting.contenders[name], calls[name], wait))
    return {
        "op": setting.op,
        "batch": setting.batch,
        "device": setting.device,
        "bytes": setting.moved,
        "seconds": {name: statistics.median(times[name]) for name in names},
        "ratio": {
            name: statistics.quantiles([t / o for t, o in zip(times[name], times["op"], strict=True)])
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


def calls_in_burst(call: Callable[[], object], wait: Callable[[], None]) -> int:
    """How many calls fill a burst, after a warm-up."""
    return max(1, round(BURST_SECONDS / min(burst(call, 5, wait) for _ in range(5))))


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


if __name__ == "__main__":
    main()
