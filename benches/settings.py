"""How the defaults were chosen: `python benches/settings.py --model RUN --out FILE.md`.

Completes letters that were not in the training set (the shipped model's own families, another seed, so that
the families it is judged on stay unseen) with the default settings and with one setting changed at a time.
Prints mean PSNR over the hole, dB (8 bit, capped at 48), and the seconds of processor time for a letter.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion import Completer
from inpaintx.judge.metrics import score
from inpaintx.letters.chars import TRAIN_FAMILIES, CharsOptions, render_chars
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture, find_pictures, read_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import family_masks

MASKS = ("random-patch", "left", "random", "center")
SEED = 7  # of the letters and holes; the training set has 0, the judged one 1

#: The estimate that is judged by PSNR.
BASE = SearchOptions(estimate="mean")

#: What is changed, and how: settings of the search, or the blend.
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "estimate sample": {"estimate": "sample"},
    "blend none": {"blend": "none"},
    "blend alpha": {"blend": "alpha"},
    "blend poisson": {"blend": "poisson"},
    "blend biharmonic": {"blend": "biharmonic"},
    "blend spline": {"blend": "spline"},
    "prior 0.1": {"prior": 0.1},
    "prior 0.1 every 4": {"prior": 0.1, "prior_every": 4},
    "prior 1": {"prior": 1.0},
    "weight mask": {"weight": "mask"},
    "window 7": {"window": 7},
    "window 21": {"window": 21},
    "norm l2": {"norm": "l2"},
    "norm huber": {"norm": "huber"},
    "lr 0.02": {"lr": 0.02},
    "lr 0.02, 100 iterations": {"lr": 0.02, "iterations": 100},
    "lr 0.1": {"lr": 0.1},
    "10 iterations": {"iterations": 10},
    "30 iterations": {"iterations": 30},
    "100 iterations": {"iterations": 100},
    "200 iterations": {"iterations": 200},
    "one candidate": {"candidates": 1},
    "8 candidates": {"candidates": 8},
    "16 candidates": {"candidates": 16},
    "no bank": {"bank": False},
    "no bank, spread 0.15": {"bank": False, "spread": 0.15},
    "no bank, spread 0.5": {"bank": False, "spread": 0.5},
    "random codes": {"guess": False},
    "random codes, 200 iterations": {"guess": False, "iterations": 200},
    "random codes, one start": {"guess": False, "starts": 1},
    "float32": {"precision": "float32"},
    "stochastic clipping": {"clip": "stochastic"},
    "nesterov, lr 0.01": {"optimizer": "nesterov", "lr": 0.01},
    "lbfgs": {"optimizer": "lbfgs"},
    "lbfgs, squares": {"optimizer": "lbfgs", "norm": "l2"},
    "hmc, lr 0.001": {"optimizer": "hmc", "lr": 0.001},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="chars")
    parser.add_argument("--count", type=int, default=62, help="letters")
    parser.add_argument("--out", type=Path, required=True, help="the table, Markdown")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS), help="variants")
    options = parser.parse_args()
    model, pictures = load_model(options.model), letters(options.count)
    lines = ["| setting | " + " | ".join(MASKS) + " | s/letter |", "|---" * (len(MASKS) + 2) + "|"]
    for name in options.only:
        values, seconds = measured(model, pictures, VARIANTS[name])
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + f" | {seconds:.2f} |")
        print(lines[-1], flush=True)
        options.out.write_text("\n".join(lines) + "\n")


def letters(count: int, families: tuple[str, ...] = TRAIN_FAMILIES, seed: int = SEED) -> list[Picture]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "letters"
        render_chars(CharsOptions(families=families, count=count, seed=seed), out)
        return [read_picture(path) for path in find_pictures([out])]


def measured(model: Networks, pictures: list[Picture], changes: dict[str, Any]) -> tuple[list[float], float]:
    """Mean PSNR over the hole for each kind of mask, and processor seconds for each completion."""
    search = {name: value for name, value in changes.items() if name != "blend"}
    blend = registry.make("blend", changes.get("blend", "auto"))
    completer = Completer(model, blend, replace(BASE, **search))
    means = []
    start = time.process_time()
    for kind in MASKS:
        masks = family_masks(kind, pictures, SEED)
        done = completer(pictures, list(masks))
        scores = [
            score(before.array, after.picture.array, after.mask).psnr_hole
            for before, after in zip(pictures, done, strict=True)
        ]
        means.append(float(np.mean(scores)))
    return means, (time.process_time() - start) / (len(MASKS) * len(pictures))


if __name__ == "__main__":
    main()
