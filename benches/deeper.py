"""What a shorter or a deeper search is worth: `python benches/deeper.py FOLDER --model MODEL --out FILE.md`.

The same pictures and holes for every setting, in turns of a few pictures, so that what else the machine does
falls on all alike. Give pictures that no training saw. For each setting, the sample's and the mean's PSNR in
the hole, dB (8 bit, capped at 48), and their perceptual distance; below them how much more than with the
first setting, with an interval of 95 % over whole groups; and the seconds of processor time for a picture.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion import Completer
from inpaintx.judge.features import perceptual_distance
from inpaintx.judge.judging import held_out_from
from inpaintx.judge.metrics import score
from inpaintx.judge.protocol import HeldOut, masks_for
from inpaintx.judge.statistics import paired
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture, find_pictures
from inpaintx.pictures.arrays import to_values
from inpaintx.plugins import registry

FAMILIES = ("center", "random-patch", "left", "freeform thick")
TURN = 8  # pictures that one setting completes before the next one does
MEASURES = {"sample PSNR": 2, "sample distance": 4, "mean PSNR": 2, "mean distance": 4}

#: What is changed: options of the search. All are held against the first.
SETTINGS: dict[str, dict[str, Any]] = {
    "the code": {},
    "the code, as long as depth 1": {"iterations": 90},
    "8 candidates": {"candidates": 8},
    "4 candidates": {"candidates": 4},
    "8 candidates, 30 iterations": {"candidates": 8, "iterations": 30},
    "4 candidates, 30 iterations": {"candidates": 4, "iterations": 30},
    "depth 1": {"depth": 1},
    "depth 1, as long as the code": {"iterations": 30, "depth": 1},
    "depth 2": {"depth": 2},
    "adapted": {"adapt": 20},
    "depth 1, adapted": {"depth": 1, "adapt": 20},
    "no predictor": {"predict": False},
    "no predictor, depth 1": {"predict": False, "depth": 1},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, help="pictures, a folder each group if there are any"
    )
    parser.add_argument("--model", default="chars")
    parser.add_argument("--only", type=Path, help="a list of names: of those in the folders, these only")
    parser.add_argument("--count", type=int, default=48, help="pictures")
    parser.add_argument("--families", nargs="+", default=FAMILIES, help="of holes")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--out", type=Path, required=True, help="the table, Markdown")
    options = parser.parse_args()
    model, paths = load_model(options.model), options.folders
    if options.only is not None:
        names = set(options.only.read_text(encoding="utf-8").splitlines())
        paths = [path for path in find_pictures(paths) if path.name in names]
    held_out = held_out_from(paths, model, options.count)
    settings = {name: SETTINGS[name] for name in options.settings}
    lines = [f"| | {' | '.join(MEASURES)} | s/picture |", "|---" * (len(MEASURES) + 2) + "|"]
    for family in options.families:
        lines += table(family, held_out, compared(model, held_out, family, settings))
        print("\n".join(lines[-2 * len(settings) :]), flush=True)
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def compared(
    model: Networks, held_out: HeldOut, family: str, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, np.ndarray]]:
    """For each setting, of each picture, each of :data:`MEASURES`, and ``"seconds"`` of the search."""
    blend = registry.make("blend", "auto")
    completers = {
        name: [
            Completer(model, blend, SearchOptions(**changes, estimate=estimate), region="whole")
            for estimate in ("sample", "mean")
        ]
        for name, changes in settings.items()
    }
    masks = masks_for(family, held_out, seed=0)
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in settings}
    for first in range(0, len(masks), TURN):
        part = slice(first, first + TURN)
        for name, both in completers.items():
            for measure, value in completed(*both, held_out.images[part], masks[part]):
                found[name][measure].append(value)
    return {
        name: {measure: np.array(values) for measure, values in each.items()} for name, each in found.items()
    }


def completed(
    sample: Completer, mean: Completer, images: np.ndarray, masks: np.ndarray
) -> Iterator[tuple[str, float]]:
    """What is measured of each picture, as sample and as mean of one search; its time is the sample's."""
    pictures = [Picture(image[..., 0] if image.shape[2] == 1 else image) for image in images]
    start = time.process_time()
    searched = sample.search(pictures, list(masks))
    seconds = (time.process_time() - start) / len(images)
    for kind, completer in (("sample", sample), ("mean", mean)):
        done = [completer.finish(each).picture.array for each in searched]
        filled = np.stack(done).reshape(images.shape)
        distances = perceptual_distance(to_values(images), to_values(filled), masks)
        for original, result, mask, distance in zip(images, filled, masks, distances, strict=True):
            yield f"{kind} PSNR", score(original, result, mask).psnr_hole
            yield f"{kind} distance", float(distance)
    yield from (("seconds", seconds) for _ in images)


def table(family: str, held_out: HeldOut, found: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """Lines of the table: each setting, and how much more than with the first."""
    first, lines = next(iter(found)), []
    for name, values in found.items():
        means = " | ".join(f"{values[measure].mean():.{digits}f}" for measure, digits in MEASURES.items())
        lines.append(f"| {family}: {name} | {means} | {values['seconds'].mean():.2f} |")
        if name == first:
            continue
        more = [
            f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
            for measure, digits in MEASURES.items()
            for mean, low, high in [paired(values[measure], found[first][measure], held_out.groups)]
        ]
        lines.append(f"| | {' | '.join(more)} | |")
    return lines


if __name__ == "__main__":
    main()
