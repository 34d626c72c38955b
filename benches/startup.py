"""How long the command line takes to start, and where the time goes: ``python benches/startup.py``.

The commands take turns, so that other work on the machine meets them all; wall-clock and processor time (user
and system, of the process and its threads), as medians with quartiles. A busy machine lengthens the first.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from machine import cpu

COMPLETE = ["complete", "letters", "--model", "chars", "--mask-plugin", "center", "--out"]


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured: two of Python's own as a scale, then ours."""
    inpaintx = ["-m", "inpaintx"]
    return {
        "python -c pass": ["-c", "pass"],
        "python -c 'import torch'": ["-c", "import torch"],
        "inpaintx --help": [*inpaintx, "--help"],
        "inpaintx complete --help": [*inpaintx, "complete", "--help"],
        "inpaintx complete, one letter of 64 px": [*inpaintx, *COMPLETE, str(folder / "done"), "--overwrite"],
        "the same, --iterations 1": [
            *inpaintx,
            *COMPLETE,
            str(folder / "brief"),
            "--overwrite",
            *("--iterations", "1"),
        ],
    }


def measured(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, cwd=folder, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def spread(values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


@click.command()
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(min=2))
def main(rounds: int) -> None:
    """Print a table for docs/speed.md."""
    click.echo(f"{cpu()}; {rounds} rounds\n")
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        letters = ["-m", "inpaintx", "make-chars", "--out", "letters", "--split", "test", "--count", "1"]
        subprocess.run([sys.executable, *letters], check=True, cwd=folder, capture_output=True)
        rows = commands(folder)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for arguments in rows.values():
            measured(arguments, folder)  # so that all files are in memory
        for _ in range(rounds):
            for name, arguments in rows.items():
                times[name].append(measured(arguments, folder))
    click.echo("| command | seconds | of the processor |\n|---|---|---|")
    for name, pairs in times.items():
        wall, processor = zip(*pairs, strict=True)
        click.echo(f"| `{name}` | {spread(list(wall))} | {spread(list(processor))} |")


if __name__ == "__main__":
    main()
