"""Do the C++ tests notice an op that is wrong? Puts small faults into it, one at a time, and tests each.

    python tests/csrc/mutants                    all of them
    python tests/csrc/mutants layers --every 5   each fifth of one op's
    python tests/csrc/mutants --list             what would be changed

A fault is noticed where a check fails, the shim throws, a sanitizer speaks, the run has no end, or the
compiler refuses it. alike.yaml names those that are none, other ways to the same result, with the reason.
Ends with an error where another survives, and where what alike.yaml names is noticed, or is not there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from faults import Fault
from program import CORES, Program, ops, sources_of, with_faults

ROOT = Path(__file__).parents[3]
SURVIVES = "survives"
OUTCOMES = ("fails", "without end", "refused", "alike", SURVIVES)

#: How alike.yaml names a fault: by its file, the function, and the line with it.
Place = tuple[str, str, str]


def judged(root: Path, chosen: list[str], every: int) -> dict[Fault, str]:
    """What becomes of each n-th of the ops' faults: noticed if the tests of any op notice it."""
    outcomes: dict[Fault, str] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CORES) as pool:
        programs = {op: Program(root, op, Path(folder) / op) for op in chosen}
        chosen_faults = {op: program.faults[::every] for op, program in programs.items()}
        asked = {
            op: {fault for fault in chosen_faults[op] if program.asks_for(fault)}
            for op, program in programs.items()
        }
        # Those that no test asks for as it runs, the compiler does, if any: they are built one by one. Not
        # what other ops share, though: most of that they alone use, and a run of them all asks for it.
        unasked = {fault for faults in chosen_faults.values() for fault in faults}.difference(*asked.values())
        own = {f for f in unasked if f.file.parent.name in chosen or not in_other_ops(root, f, chosen)}
        built = {op: own.intersection(faults) for op, faults in chosen_faults.items()}
        for how, waiting in (("built at once", asked), ("built one by one", built)):
            for op, program in programs.items():
                start = time.monotonic()
                faults = [fault for fault in program.faults if fault in waiting[op]]
                faults = [fault for fault in faults if outcomes.get(fault, SURVIVES) == SURVIVES]
                for fault, outcome in zip(faults, pool.map(program.outcome, faults), strict=True):
                    outcomes[fault] = outcome
                    if outcome == SURVIVES:
                        print(f"{op} does not notice {fault}", file=sys.stderr, flush=True)
                seconds = time.monotonic() - start
                print(f"{op}: {len(faults)} {how}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return outcomes


def in_other_ops(root: Path, fault: Fault, chosen: list[str]) -> bool:
    """Is it in what ops share, and may the tests of one that is not chosen notice it?"""
    return any(fault.file in sources_of(root, op) for op in ops(root) if op not in chosen)


def alike(path: Path) -> dict[Place, str]:
    """Why each fault that alike.yaml names is none."""
    named = yaml.safe_load(path.read_text()) if path.exists() else {}
    return {
        (file, function, after): why
        for file, functions in named.items()
        for function, lines in functions.items()
        for after, why in lines.items()
    }


def place(fault: Fault) -> Place:
    return str(fault.file), fault.function, fault.after


def report(outcomes: dict[Fault, str], chosen: list[str]) -> None:
    """A line for each op, and one for what ops share."""
    rows: dict[str, Counter[str]] = {op: Counter() for op in [*chosen, "common"]}
    for fault, outcome in outcomes.items():
        folder = fault.file.parent.name
        rows[folder if folder in rows else "common"][outcome] += 1
    print("| op | faults | " + " | ".join(OUTCOMES) + " |\n|---|" + "---:|" * (1 + len(OUTCOMES)))
    for op, counts in rows.items():
        cells = [op, counts.total(), *(counts[outcome] for outcome in OUTCOMES)]
        print("| " + " | ".join(map(str, cells)) + " |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ops", nargs="*", help="which ops; else all")
    parser.add_argument("--every", type=int, default=1, help="only each n-th fault")
    parser.add_argument("--list", action="store_true", help="name the faults, and test none")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the project")
    asked = parser.parse_args()
    root, chosen = asked.root, asked.ops or ops(asked.root)
    if asked.list:
        faults = [fault for op in chosen for source in with_faults(root, op) for fault in source.faults]
        print("\n".join(map(str, dict.fromkeys(faults).keys())))
        return 0
    outcomes = judged(root, chosen, asked.every)
    named = alike(root / "tests" / "csrc" / "mutants" / "alike.yaml")
    # Two faults of a function may read alike, and one of them be noticed.
    surviving = {place(fault) for fault, outcome in outcomes.items() if outcome == SURVIVES}
    complaints = []
    for fault, outcome in list(outcomes.items()):
        if outcome == SURVIVES and place(fault) in named:
            outcomes[fault] = "alike"
        elif outcome == SURVIVES and in_other_ops(root, fault, chosen):
            del outcomes[fault]
        elif outcome == SURVIVES:
            complaints.append(f"survives: {fault}")
        elif asked.every == 1 and place(fault) in named and place(fault) not in surviving:
            complaints.append(f"{outcome}, though alike.yaml names it: {fault}")
    if not asked.ops and asked.every == 1:
        gone = set(named) - {place(fault) for fault in outcomes}
        complaints += [f"alike.yaml names what is not there: {' '.join(names)}" for names in sorted(gone)]
    report(outcomes, chosen)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
