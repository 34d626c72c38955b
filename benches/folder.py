"""What a picture of a folder costs in several versions: `python benches/folder.py A/bin/python B/bin/python`.

Each version is named by the interpreter that it is installed for. They complete the same letters in turns, by
the real command in a process of its own, so that what else the machine does slows them alike. The cost of a
run over one picture, which is mostly loading torch and the model, is taken off. Prints a Markdown table:
medians over the turns, and the least and the most.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import machine
import scale


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pythons", nargs="+", metavar="PYTHON", help="interpreters, one a version")
    parser.add_argument("--count", type=int, default=256, help="pictures")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="folder of your own; default: rendered letters")
    parser.add_argument(
        "--flags", default="--model chars --mask-plugin center", help="of `inpaintx complete`"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        pictures = scale.files_in(options.pictures or scale.letters(options.count, Path(work)))
        one = scale.sample(pictures, 1, Path(work) / "one")
        all_ = scale.sample(pictures, options.count, Path(work) / "all")
        print(f"{machine.cpu()}\n{options.count} pictures, {options.turns} turns: {options.flags}\n")
        costs: dict[str, list[scale.Cost]] = {python: [] for python in options.pythons}
        for turn in range(options.turns):
            for number, python in enumerate(options.pythons):
                first, cost = (
                    scale.measured(
                        folder,
                        Path(work) / f"{folder.name} {turn} {number}",
                        options.flags.split(),
                        python,
                    )
                    for folder in (one, all_)
                )
                costs[python].append(without(first, cost))
    print("| version | ms a picture | ms of processor time | cores busy | peak memory, MiB |")
    print("|---|---:|---:|---:|---:|")
    for python, found in costs.items():
        print(row(python, found))


def without(first: scale.Cost, cost: scale.Cost) -> scale.Cost:
    """The cost of all pictures but the first."""
    return scale.Cost(
        cost.pictures - first.pictures,
        cost.seconds - first.seconds,
        cost.mebibytes,
        cost.processor - first.processor,
    )


def row(name: str, costs: Sequence[scale.Cost]) -> str:
    """A row of the table."""
    cells = [
        spread([1000 * cost.seconds / cost.pictures for cost in costs], 1),
        spread([1000 * cost.processor / cost.pictures for cost in costs], 1),
        spread([cost.processor / cost.seconds for cost in costs], 2),
        spread([cost.mebibytes for cost in costs], 0),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def spread(values: Sequence[float], digits: int) -> str:
    """The median, the least and the most."""
    middle, least, most = (f"{f(values):,.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} ({least} to {most})"


if __name__ == "__main__":
    main()
