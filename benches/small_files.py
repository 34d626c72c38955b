"""A folder in one call, against a call a file: `python benches/small_files.py`.

Completes 100, 500 and 1,000 small letters that it renders itself, in nested folders, by the real command,
each run in a process of its own; and, between these, single files, a call each. A call a file is measured so
often as --calls says, which is enough to tell what a thousand would take: they have nothing to do with each
other.
Prints a Markdown table of time and memory, and how many times a call a file takes as long as a picture of the
folder, by the clock and by processor time (which other work on the machine changes less).
"""

# No torch and no numpy here: until a child runs its own program, the memory of this one counts as its own.
from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import scale

FOLDERS = (7, 5)  # in the tree, and in each of those


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 500, 1_000], help="pictures")
    parser.add_argument("--calls", type=int, default=100, help="of one file each")
    parser.add_argument(
        "--flags", default="--model chars --mask-plugin center", help="of `inpaintx complete`"
    )
    options = parser.parse_args()
    flags = options.flags.split()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        pictures = scale.files_in(scale.letters(max(options.counts), work))
        print(f"Flags: {options.flags}\n{scale.header()}", flush=True)
        costs, calls = [], []
        shares = list(split(pictures[: options.calls], len(options.counts)))
        for count, share in zip(sorted(options.counts), shares, strict=True):
            costs.append(
                scale.measured(tree(pictures[:count], work / f"{count}"), work / f"{count} out", flags)
            )
            print(scale.row(costs[-1]), flush=True)
            for number, picture in enumerate(share):
                place = work / f"call {count} {number}"
                calls.append(scale.measured(tree([picture], place), work / f"{place.name} out", flags))
    print(f"\n{times(costs[-1], calls)}")


def split(pictures: Sequence[Path], parts: int) -> Iterator[Sequence[Path]]:
    """Parts of about the same length."""
    for part in range(parts):
        yield pictures[part::parts]


def tree(pictures: Sequence[Path], folder: Path) -> Path:
    """A folder of folders of links to the pictures."""
    for number, picture in enumerate(pictures):
        place = folder / str(number % FOLDERS[0]) / str(number % FOLDERS[1])
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06d}{picture.suffix}").symlink_to(picture.resolve())
    return folder


def times(folder: scale.Cost, calls: Sequence[scale.Cost]) -> str:
    """How a call a file compares with a folder, in words: medians, and from the first to the last quarter."""
    said = []
    for what, each, all_ in (
        ("by the clock", [call.seconds for call in calls], folder.seconds),
        ("of processor time", [call.processor for call in calls], folder.processor),
    ):
        low, middle, high = statistics.quantiles(each, n=4)
        share = all_ / folder.pictures
        said.append(
            f"{what}: {middle:.2f} s a call [{low:.2f}, {high:.2f}], {1000 * share:.1f} ms a picture of "
            f"{folder.pictures:,}: {middle / share:.0f} times [{low / share:.0f}, {high / share:.0f}]"
        )
    return f"{len(calls)} calls; " + "; ".join(said)


if __name__ == "__main__":
    main()
