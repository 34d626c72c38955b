"""How well damage is found: `python benches/detect.py`.

Plants scratches, dust, stains and burnt-out spots, one kind at a time and then all of them, into the
photographs that come inside scikit-image and into letters that it renders itself, and prints Markdown tables
of precision and recall, at the pixel and at the blob. Found and planted pixels within one pixel of each other
are the same. Detection looks for the kind that was planted, with the options as they are; with a model, it
always looks for all. The rival is a threshold on the distance to a median filter, whose window and threshold
are those with the best F1 on other pictures, for each kind of damage by itself. What is found in the pictures
before they are damaged is in the last table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import machine
import numpy as np
from damage import KINDS, Counts, count
from PIL import Image
from skimage import __version__ as skimage_version

from inpaintx.detection import DetectOptions, find_damage
from inpaintx.detection.residual import ModelDetector
from inpaintx.letters.chars import TEST_FAMILIES, TRAIN_FAMILIES, CharsOptions, render_chars
from inpaintx.networks import checkpoint
from inpaintx.networks.devices import pick_device
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.pictures.regions import resample
from inpaintx.pictures.sheets import show_hole

# What detection and the rival were tuned on, and what the tables are of.
TUNED = ("camera.png", "chelsea.png", "rocket.jpg", "page.png", "brick.png", "motorcycle_left.png", "ihc.png")
JUDGED = (
    *("coffee.png", "astronaut.png", "moon.png", "text.png", "coins.png", "gravel.png", "retina.jpg"),
    "clock_motion.png",
)
WINDOWS = (5, 11, 21, 41)
THRESHOLDS = np.linspace(0.04, 0.8, 20)

Finder = Callable[[str, Sequence[np.ndarray]], list[np.ndarray]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=31, help="how many")
    parser.add_argument("--repeats", type=int, default=1, help="damages of a kind to a photograph")
    parser.add_argument("--seed", type=int, default=1000, help="of the damage")
    parser.add_argument("--look-for", choices=KINDS, help="kind of damage; default: what was planted")
    parser.add_argument("--figure", type=Path, help="only write this JPEG: damaged, planted, found")
    options = parser.parse_args()
    if options.figure is not None:
        figure(options.figure)
        return
    print(f"{machine.cpu()}; scikit-image {skimage_version}\n", flush=True)
    morphology = partial(no_model, options.look_for)
    tuned, judged = ([photograph(name) for name in names] * options.repeats for names in (TUNED, JUDGED))
    undamaged = {"photographs": table("photographs", tuned, judged, {"no model": morphology}, options.seed)}
    with TemporaryDirectory() as folder:
        tuned = letters(options.letters, 1, TRAIN_FAMILIES, Path(folder) / "tuned")
        judged = letters(options.letters, 2, TEST_FAMILIES, Path(folder) / "judged")
    model = ModelDetector(checkpoint.load_model("chars", pick_device("cpu")))
    finders = {"no model": morphology, "model `chars`": partial(with_model, model)}
    undamaged["letters"] = table("letters", tuned, judged, finders, options.seed)
    print("| undamaged | looked for | finder | pixels found | pictures with any |\n|---|---|---|---|---|")
    for name, lines in undamaged.items():
        for line in lines:
            print(f"| {name} | {line}")


def table(
    name: str,
    tuned: Sequence[np.ndarray],
    judged: Sequence[np.ndarray],
    finders: dict[str, Finder],
    seed: int,
) -> list[str]:
    """Prints the table of some pictures; gives the lines of what is found where nothing was planted."""
    print(f"| {name} | finder | precision, pixel | recall, pixel | precision, blob | recall, blob |")
    print("|---|---|---|---|---|---|", flush=True)
    rivals = {}
    for kind in KINDS:
        rivals[kind] = best_rival(planted(kind, tuned, seed + 1))
        cases = planted(kind, judged, seed)
        for finder, find in [*finders.items(), (rivals[kind][0], rivals[kind][1])]:
            found = find(kind, [values for values, _ in cases])
            total = summed(found, [truth for _, truth in cases])
            print(f"| {kind} | {finder} | " + " | ".join(f"{share:.2f}" for share in total.shares) + " |")
    print(flush=True)
    lines = []
    undamaged = list({id(values): values for values in judged}.values())
    for kind, (rival, find_rival) in rivals.items():
        for finder, find in [*finders.items(), (rival, find_rival)]:
            shares = np.array([mask.mean() for mask in find(kind, undamaged)])
            some = f"{(shares > 0).sum()} of {len(shares)}"
            lines.append(f"{kind} | {finder} | {100 * shares.mean():.3f} % | {some} |")
    return lines


def no_model(look_for: str | None, kind: str, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What detection finds by morphology: bool ``[H, W]`` each, True = damaged."""
    options = DetectOptions(kind=look_for or kind)
    return [~find_damage(as_picture(values), options) for values in pictures]


def with_model(model: ModelDetector, kind: str, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What it finds with a model, likewise."""
    return [~mask for mask in model([as_picture(values) for values in pictures])]


def best_rival(cases: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[str, Finder]:
    """The window and the threshold of a median filter that find these best: its name, and what it finds."""
    truths = [truth for _, truth in cases]
    best = (-1.0, 0, 0.0)
    for window in WINDOWS:
        apart = [off_median(values, window) for values, _ in cases]
        for threshold in THRESHOLDS:
            found = summed([each > threshold for each in apart], truths, blobs=False)
            best = max(best, (found.f1, window, float(threshold)))
    _, window, threshold = best

    def find(kind: str, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [off_median(values, window) > threshold for values in pictures]

    return f"median {window}×{window}, > {threshold:.2f}", find


def off_median(values: np.ndarray, window: int) -> np.ndarray:
    """Distance to the median filtered picture, the most of all channels."""
    levels = to_levels(values)
    medians = np.dstack([cv2.medianBlur(plane.copy(), window) for plane in np.moveaxis(levels, 2, 0)])
    return np.abs(to_values(levels) - to_values(medians)).max(axis=2)


def planted(kind: str, pictures: Sequence[np.ndarray], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each picture with damage of a kind, as 8 bits hold it, and where it is."""
    cases = [
        KINDS[kind](values, np.random.default_rng([seed, number])) for number, values in enumerate(pictures)
    ]
    return [(to_values(to_levels(values)), truth) for values, truth in cases]


def summed(found: Sequence[np.ndarray], truths: Sequence[np.ndarray], blobs: bool = True) -> Counts:
    total = Counts()
    for mask, truth in zip(found, truths, strict=True):
        total = total.plus(count(mask, truth, blobs))
    return total


def figure(path: Path) -> None:
    """Two photographs of the table, a row each: damaged; what was planted; what is found without a model."""
    rows = []
    for number, name in enumerate(("coffee.png", "astronaut.png")):
        [(values, truth)] = planted("all", [photograph(name)], 3 + number)
        picture = as_picture(values)
        shown = [picture.array, *(show_hole(picture.array, mask) for mask in (~truth, find_damage(picture)))]
        height = round(320 * picture.height / picture.width)
        rows.append(np.hstack([resample(to_values(image), height, 320) for image in shown]))
    write_picture(Picture(to_levels(np.vstack(rows))), path, "jpeg")


def as_picture(values: np.ndarray) -> Picture:
    levels = to_levels(values)
    return Picture(levels if levels.shape[2] == 3 else levels[..., 0])


def photograph(name: str) -> np.ndarray:
    """One that comes inside scikit-image, float32 ``[H, W, C]`` in [0, 1]."""
    image = Image.open(BytesIO((files("skimage") / "data" / name).read_bytes()))
    levels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return to_values(levels.reshape(*levels.shape[:2], -1))


def letters(number: int, seed: int, families: tuple[str, ...], folder: Path) -> list[np.ndarray]:
    """Rendered letters, float32 ``[64, 64, 1]`` in [0, 1]."""
    options = CharsOptions(families=families, count=number, seed=seed)
    return [read_picture(path).as_float() for path in render_chars(options, folder)]


if __name__ == "__main__":
    main()
