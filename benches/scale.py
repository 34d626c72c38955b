"""How the cost of `inpaintx complete` grows with the pictures: `python benches/scale.py`.

Completes 100, 1,000 and 10,000 letters that it renders itself, or as many of your own pictures (--pictures),
by the real command in a process of its own, and prints a Markdown table of time and memory. By default with
the shipped model and a search so short that the largest run takes minutes: what is measured is all that goes
on around the search, too. The last line tells how time grows: the slope of its logarithm over that of the
pictures, 1 where each costs the same; and the slope without what the first picture takes alone, which is
mostly loading torch and the model.
"""

# No torch and no numpy here: until a child runs its own program, the memory of this one counts as its own.
from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import machine


class Cost(NamedTuple):
    """What a run took.

    Attributes:
        pictures: how many it completed.
        seconds: wall time, from the start of the process to its end.
        mebibytes: the most of its memory that was resident.
        processor: seconds of processor time, of all its threads.
    """

    pictures: int
    seconds: float
    mebibytes: float
    processor: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1_000, 10_000], help="pictures")
    parser.add_argument("--pictures", type=Path, help="folder of your own; default: rendered letters")
    parser.add_argument("--model", default="chars")
    parser.add_argument("--mask-plugin", default="center")
    for name, default in (("iterations", 20), ("candidates", 1), ("starts", 1)):
        parser.add_argument(f"--{name}", type=int, default=default, help="of the search")
    options = parser.parse_args()
    flags = ["--model", options.model, "--mask-plugin", options.mask_plugin]
    for name in ("iterations", "candidates", "starts"):
        flags += [f"--{name}", str(getattr(options, name))]
    with tempfile.TemporaryDirectory() as work:
        pictures = files_in(options.pictures or letters(max(options.counts), Path(work)))
        print(header(), flush=True)
        costs = []
        for count in sorted({1, *options.counts}):
            folder = sample(pictures, count, Path(work) / f"{count} pictures")
            costs.append(measured(folder, Path(work) / f"{count} results", flags))
            print(row(costs[-1]), flush=True)
    print(f"\nFlags: {' '.join(flags)}\n{growth(costs)}")


def letters(count: int, work: Path) -> Path:
    """A folder of so many letters."""
    folder = work / "letters"
    command = [sys.executable, "-m", "inpaintx", "make-chars", "--out", str(folder), "--split", "test"]
    subprocess.run([*command, "--count", str(count)], check=True, stdout=subprocess.DEVNULL)
    return folder


def files_in(folder: Path) -> list[Path]:
    """The pictures in a folder, nested ones too: what has a suffix, but is no text of any kind."""
    others = {".json", ".jsonl", ".md", ".txt"}
    return sorted(
        path for path in folder.rglob("*.*") if path.is_file() and path.suffix.lower() not in others
    )


def sample(pictures: Sequence[Path], count: int, folder: Path) -> Path:
    """A folder that links so many of the pictures, taken evenly."""
    if count > len(pictures):
        sys.exit(f"there are {len(pictures)} pictures, not {count}; give smaller --counts")
    folder.mkdir()
    for number in range(count):
        source = pictures[number * len(pictures) // count].resolve()
        (folder / f"{number:06d}{source.suffix}").symlink_to(source)
    return folder


def measured(folder: Path, out: Path, flags: Sequence[str], python: str = sys.executable) -> Cost:
    """What completing the pictures in the folder costs; all of them must come out.

    python: the interpreter whose inpaintx it is.
    """
    command = [python, "-m", "inpaintx", "complete", str(folder), "--out", str(out), *flags]
    start = time.monotonic()
    # Safe path: an inpaintx in the folder where the bench is started is not that of the interpreter.
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    done, wanted = (len(files_in(place)) if place.exists() else 0 for place in (out, folder))
    if process.returncode or done != wanted:
        sys.exit(f"{done} of {wanted} pictures, exit code {process.returncode}: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    return Cost(done, seconds, usage.ru_maxrss * unit / 2**20, usage.ru_utime + usage.ru_stime)


def growth(costs: Sequence[Cost]) -> str:
    """How time grows, in words; the first cost is that of one picture."""
    first, *others = costs
    if len(others) < 2:
        return "Give two --counts above 1 for a slope."
    beyond = [Cost(cost.pictures - 1, cost.seconds - first.seconds, 0) for cost in others]
    return (
        f"Slope of log time over log pictures: {slope(others):.2f}; without the {first.seconds:.1f} s of the "
        f"first picture: {slope(beyond):.2f}"
    )


def slope(costs: Sequence[Cost]) -> float:
    """Of log seconds over log pictures, by least squares; NaN where a run took no time."""
    if any(cost.seconds <= 0 for cost in costs):
        return math.nan
    return statistics.linear_regression(
        [math.log(cost.pictures) for cost in costs], [math.log(cost.seconds) for cost in costs]
    ).slope


def header() -> str:
    """What the figures depend on, and the head of the table."""
    threads = os.environ.get("OMP_NUM_THREADS")
    shown = (f"OMP_NUM_THREADS={threads}, " if threads else "") + machine.cpu()
    return f"{shown}\n\n| pictures | seconds | ms a picture | peak memory, MiB |\n|---:|---:|---:|---:|"


def row(cost: Cost) -> str:
    """A row of the table."""
    each = 1000 * cost.seconds / cost.pictures
    return f"| {cost.pictures:,} | {cost.seconds:.1f} | {each:.1f} | {cost.mebibytes:.0f} |"


if __name__ == "__main__":
    main()
