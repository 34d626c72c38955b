"""The long versions of the suites of faults: `make soak`, or `python tests/soak/soak.py --pictures 500`.

Generates pictures and masks and completes them, damages files, kills processes; prints the figures that
`docs/limits.md` states, and what went wrong, which makes the exit code 1. A share of the folders goes through
the command line in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # of the writers, whose files are to be read

import damage
import folders
import kills
import torch

import inpaintx_cli.complete
import inpaintx_cli.train  # noqa: F401 (loaded before a process is forked)

TOGETHER = 25  # pictures in a folder
BY_COMMAND_LINE = 10  # one folder in so many, in a process of its own


def soak_pictures(place: Path, count: int, seed: int, predicting: Path) -> list[str]:
    """Generates and completes pictures; gives what went wrong."""
    tally, start = folders.Tally(), time.monotonic()
    for number in range(-(-count // TOGETHER)):
        random = Random(f"pictures {seed} {number}")
        here = place / f"pictures-{number:04d}"
        before = len(tally.wrong)
        folder = folders.build(random, here, min(TOGETHER, count - number * TOGETHER), predicting)
        folders.check(folder, tally, in_process=number % BY_COMMAND_LINE != 0)
        _tidy(here, len(tally.wrong) > before)
    made = ", ".join(f"{many} of {who}" for who, many in sorted(tally.makers.items()))
    _tell(
        f"{count} pictures and masks: {tally.completed} completed ({made}), {tally.refused} refused",
        tally.wrong,
        start,
    )
    return tally.wrong


def soak_damaged(place: Path, count: int, seed: int) -> list[str]:
    """Reads and completes damaged files; gives what went wrong."""
    outcome, start = damage.Outcome(), time.monotonic()
    for number in range(-(-count // TOGETHER)):
        here = place / f"damaged-{number:04d}"
        before = len(outcome.wrong)
        outcome.add(
            damage.attack(Random(f"damaged {seed} {number}"), here, min(TOGETHER, count - number * TOGETHER))
        )
        _tidy(here, len(outcome.wrong) > before)
    _tell(
        f"{count} damaged files: {outcome.read} read, {outcome.refused} refused, "
        f"{outcome.memory / 2**20:.0f} MiB at most, {outcome.seconds:.1f} s for the slowest",
        outcome.wrong,
        start,
    )
    return outcome.wrong


def soak_kills(place: Path, count: int, seed: int, taken: dict[str, float]) -> list[str]:
    """Kills training, folders and saving; gives what went wrong."""
    start = time.monotonic()
    killed = kills.kill(Random(f"kills {seed}"), place, taken, count)
    _tell(f"{killed.kills} kills of {killed.chains} runs, folders and savings", killed.wrong, start)
    return killed.wrong


def _tidy(place: Path, keep: bool) -> None:
    if not keep:
        shutil.rmtree(place)


def _tell(what: str, wrong: list[str], start: float) -> None:
    print(f"{what}; failures: {len(wrong)}; {time.monotonic() - start:.0f} s", flush=True)
    for line in wrong:
        print(f"  {line}", flush=True)


def main() -> None:
    """Does what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--damaged", type=int, default=3_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="new folder for what went wrong")
    options = parser.parse_args()
    torch.set_num_threads(1)
    place = Path(tempfile.mkdtemp()) if options.keep is None else options.keep
    place.mkdir(parents=True, exist_ok=True)
    try:
        taken = kills.prepare(place)  # its run is the model with a predictor
        wrong = soak_damaged(place, options.damaged, options.seed)
        wrong += soak_pictures(place, options.pictures, options.seed, place / "run")
        wrong += soak_kills(place, options.kills, options.seed, taken)
    finally:
        if options.keep is None:
            shutil.rmtree(place)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
