"""What the shipped model's fill is worth: `python benches/fill_quality.py --out FOLDER`.

Renders letters in families that training never saw, completes them by `inpaintx complete` with the trained,
an untrained and a constant G (same search, same blend), and by OpenCV's two inpainting functions, all with
the same holes. Prints mean PSNR over the hole (8 bit, capped at 48 dB) with the standard error of the mean,
and the mean paired difference to the best of the others.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from inpaintx import registry
from inpaintx.masking import make_mask
from inpaintx.metrics import score
from inpaintx.pictures import Picture, find_pictures, read_picture

MASKS = ("random-patch", "left", "random", "center")
OURS = {"inpaintx": "model", "untrained G": "untrained", "constant G": "constant"}
OPENCV = {"Telea": cv2.INPAINT_TELEA, "Navier–Stokes": cv2.INPAINT_NS}
OPENCV_RADIUS = 3  # pixels, as in OpenCV's own sample


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the letters, the results and table.md"
    )
    parser.add_argument("--count", type=int, default=217, help="letters")
    parser.add_argument("--seed", type=int, default=1, help="of the letters and of the masks")
    parser.add_argument("--model", default="chars")
    parser.add_argument(
        "--data", type=Path, nargs="+", help="pictures or folders instead of rendered letters"
    )
    parser.add_argument("--masks", nargs="+", default=MASKS, help="mask plugins")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = options.data or [rendered(options.out / "letters", options.count, options.seed)]
    table = {mask: measured(data, mask, options) for mask in options.masks}
    (options.out / "scores.json").write_text(json.dumps(table))
    text = report(table, options)
    (options.out / "table.md").write_text(text)
    print(text)


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "inpaintx", *arguments], check=True)


def rendered(folder: Path, count: int, seed: int) -> Path:
    run("make-chars", "--out", str(folder), "--split", "test", "--count", str(count), "--seed", str(seed))
    return folder


def measured(data: list[Path], mask: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """PSNR over the hole of each picture, for each method."""
    scores = {}
    for name, fill in OURS.items():
        lines = options.out / f"{mask}-{fill}.jsonl"
        run(
            *("complete", *map(str, data), "--model", options.model, "--out", str(options.out / mask / fill)),
            *("--mask-plugin", mask, "--fill", fill, "--seed", str(options.seed), "--metrics", str(lines)),
            *("--sheet", str(options.out / f"{mask}-{fill}.png"), "--overwrite"),
        )
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        scores[name] = [row["psnr_hole"] for row in rows]
    plugin = registry.make("mask", mask)
    pictures = [read_picture(path) for path in find_pictures(data)]
    masks = [make_mask(plugin, picture, options.seed) for picture in pictures]
    for name, method in OPENCV.items():
        scores[name] = [opencv(picture, keep, method) for picture, keep in zip(pictures, masks, strict=True)]
    return scores


def opencv(picture: Picture, keep: np.ndarray, method: int) -> float:
    filled = cv2.inpaint(picture.array, np.uint8(~keep), OPENCV_RADIUS, method)
    return score(picture.array, filled, keep).psnr_hole


def report(table: dict[str, dict[str, list[float]]], options: argparse.Namespace) -> str:
    methods = [*OURS, *OPENCV]
    lines = [
        "| hole | " + " | ".join(methods) + " | better than the next by |",
        "|---" * (len(methods) + 2) + "|",
    ]
    for mask, scores in table.items():
        ours = np.array(scores["inpaintx"])
        others = {name: np.array(values) for name, values in scores.items() if name != "inpaintx"}
        best = max(others, key=lambda name: others[name].mean())
        cells = [spread(np.array(scores[name])) for name in methods]
        lines.append(f"| {mask} | " + " | ".join(cells) + f" | {spread(ours - others[best])} ({best}) |")
    count = len(next(iter(table.values()))["inpaintx"])
    lines += ["", f"{count} pictures, model {options.model}; mean dB ± standard error. {machine()}"]
    return "\n".join(lines) + "\n"


def spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {values.std(ddof=1) / len(values) ** 0.5:.2f}"


def machine() -> str:
    return f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}"


if __name__ == "__main__":
    main()
