"""What regions bring, and what a large photograph takes: `python benches/regions.py --out DIR`.

Letters of families that the shipped model has not seen, and a hole in each, are laid into photographs that
come inside scikit-image, 640 pixels a side. The same model fills them from the whole picture (`whole`), from
the part that it knows best (`auto`), and from where the letter was laid (`placed`), by the sharp sample and
the mean of the same candidates; beside these stands interpolation. DIR gets the tables, as Markdown, and
pictures of some of the scenes. `--holes LOW HIGH` are sides of the hole, as shares of the letter's width.
`--model MODEL --things FOLDER ...` lays in pictures of your own that a model of yours has not seen. `inpaintx
eval --full-size` makes the same table of photographs as they are.

With `--large`, instead: a photograph of 24 megapixels with five holes of 300 pixels, through the command
line; prints the seconds and the most memory that it took.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inpaintx.completion import Completer
from inpaintx.judge.full_size import FullSize
from inpaintx.judge.metrics import score
from inpaintx.letters.chars import TEST_FAMILIES, CharsOptions, render_chars
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.options import Estimate, SearchOptions
from inpaintx.pictures import Picture, find_pictures, read_picture
from inpaintx.pictures.arrays import fit_channels, to_levels
from inpaintx.pictures.regions import Region
from inpaintx.plugins import registry

BACKGROUNDS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "moon",
    "rocket",
)
SIDE = 640  # of a photograph
SEED = 12  # of letters, places and holes
SHOWN = 6
ESTIMATES: tuple[Estimate, ...] = ("sample", "mean")


class Scene:
    """A thing in a photograph, and a hole in the thing.

    Attributes:
        picture: gray.
        mask: bool ``[H, W]``, True = keep.
        placed: where the thing is.
    """

    def __init__(
        self, thing: np.ndarray, number: int, holes: tuple[float, float], rng: np.random.Generator
    ) -> None:
        photograph = _photograph(number, SIDE, SIDE)
        side = int(rng.integers(100, 201))
        sides = round(side * thing.shape[0] / thing.shape[1]), side
        top, left = (int(rng.integers(0, SIDE - length)) for length in sides)
        self.placed = Region(top, left, *sides)
        self.placed.of(photograph)[...] = Image.fromarray(thing).resize(sides[::-1], Image.Resampling.BICUBIC)
        hole = round(rng.uniform(*holes) * side)
        down, right = (int(rng.integers(0.1 * length, 0.9 * length - hole + 1)) for length in sides)
        self.picture, self.mask = Picture(photograph), np.ones((SIDE, SIDE), bool)
        Region(top + down, left + right, hole, hole).of(self.mask)[...] = False


def _photograph(number: int, height: int, width: int) -> np.ndarray:
    """Gray, uint8 ``[height, width]``, from the middle of one of scikit-image's."""
    from skimage import data

    image = Image.fromarray(getattr(data, BACKGROUNDS[number % len(BACKGROUNDS)])()).convert("L")
    scale = min(image.width / width, image.height / height)
    wide, tall = scale * width, scale * height
    left, top = (image.width - wide) / 2, (image.height - tall) / 2
    box = (left, top, left + wide, top + tall)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC, box))


def letters(count: int) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "letters"
        render_chars(CharsOptions(families=TEST_FAMILIES, count=count, seed=SEED), out)
        return [read_picture(path).array for path in find_pictures([out])]


def things(folders: list[Path], count: int) -> list[np.ndarray]:
    """So many of the pictures in folders, evenly spread over them, gray."""
    paths = find_pictures(folders)
    spread = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [to_levels(fit_channels(read_picture(paths[number]).as_float(), 1))[..., 0] for number in spread]


def completers(model: Networks, region: str | Region) -> dict[Estimate, Completer]:
    blend = registry.make("blend", "auto")
    return {
        estimate: Completer(model, blend, SearchOptions(estimate=estimate), region=region)
        for estimate in ESTIMATES
    }


def measured(model: Networks, scenes: list[Scene]) -> dict[Estimate, dict[str, list[Picture]]]:
    """What each way makes of the scenes, by either estimate: one search serves both."""
    plain = Completer(model, registry.make("blend", "biharmonic"), control="constant")
    interpolated = [plain([scene.picture], [scene.mask])[0].picture for scene in scenes]
    made: dict[Estimate, dict[str, list[Picture]]] = {
        estimate: {"interpolation": interpolated} for estimate in ESTIMATES
    }
    for way in ("whole", "auto", "placed"):
        start = time.process_time()
        usual = None if way == "placed" else completers(model, way)
        for scene in scenes:
            by = usual or completers(model, scene.placed)
            [searched] = by["sample"].search([scene.picture], [scene.mask])
            for estimate, completer in by.items():
                made[estimate].setdefault(way, []).append(completer.finish(searched).picture)
        print(f"{way}: {(time.process_time() - start) / len(scenes):.2f} s of processor time a picture")
    return made


def table(scenes: list[Scene], made: dict[str, list[Picture]]) -> str:
    found = {
        name: np.array(
            [
                score(scene.picture.array, result.array, scene.mask).psnr_hole
                for scene, result in zip(scenes, results, strict=True)
            ]
        )
        for name, results in made.items()
    }
    return FullSize(found, np.arange(len(scenes)), [str(number) for number in range(len(scenes))]).table()


def sheet(scenes: list[Scene], made: dict[str, list[Picture]]) -> Image.Image:
    """A row a scene: the picture with its hole in red, then as each way fills it, near the thing."""
    names, cell, head = ["damaged", *made, "truth"], 200, 26
    drawn = Image.new("RGB", (cell * len(names), cell * min(SHOWN, len(scenes)) + head), "white")
    font = ImageFont.load_default(16)
    for column, name in enumerate(names):
        ImageDraw.Draw(drawn).text((cell * column + 6, 3), name, "black", font)
    for row, scene in enumerate(scenes[:SHOWN]):
        colours = np.repeat(scene.picture.array[..., None], 3, axis=2)
        hidden = np.where(scene.mask[..., None], colours, np.uint8([214, 60, 60]))
        around, side = scene.placed, max(scene.placed.height, scene.placed.width) + 60
        down, right = ((length - side) // 2 for length in (around.height, around.width))
        near = Region(around.top + down, around.left + right, side, side).within(SIDE, SIDE)
        for column, array in enumerate([hidden, *(results[row].array for results in made.values()), colours]):
            tile = Image.fromarray(np.ascontiguousarray(near.of(array))).resize((cell - 4, cell - 4))
            drawn.paste(tile, (cell * column, cell * row + head))
    return drawn


def large() -> None:
    """A photograph of 24 megapixels, through the command line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        gray = _photograph(0, 4000, 6000).astype(np.int16)
        photograph = np.stack([gray + rng.integers(-3, 4, gray.shape, np.int16) for _ in range(3)], -1)
        hole = np.zeros(gray.shape, np.uint8)
        for top, left in ((500, 700), (600, 4800), (1900, 2800), (3200, 900), (3300, 5000)):
            hole[top : top + 300, left : left + 300] = 255
        Image.fromarray(photograph.clip(0, 255).astype(np.uint8)).save(folder / "photo.png", compress_level=1)
        Image.fromarray(hole).save(folder / "hole.png")
        program = Path(sys.executable).with_name("inpaintx")
        line = "complete photo.png --model chars --mask hole.png --out done --metrics metrics.jsonl"
        start = time.monotonic()
        subprocess.run([program, *line.split()], cwd=folder, check=True)
        seconds = time.monotonic() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
            f"{used.ru_maxrss / 2**20:.2f} GiB at most; {os.cpu_count()} cores"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="chars")
    parser.add_argument("--things", type=Path, nargs="+", help="folders of pictures to lay in, not letters")
    parser.add_argument("--count", type=int, default=62, help="letters, or things")
    parser.add_argument(
        "--holes", type=float, nargs=2, default=(0.3, 0.5), help="least and largest share of a thing's width"
    )
    parser.add_argument("--out", type=Path, help="folder for the table and the picture")
    parser.add_argument("--large", action="store_true", help="time and memory of 24 megapixels instead")
    options = parser.parse_args()
    if options.large:
        large()
        return
    if options.out is None:
        parser.error("--out says where the table and the picture go")
    rng = np.random.default_rng(SEED)
    laid = things(options.things, options.count) if options.things else letters(options.count)
    holes = min(options.holes), max(options.holes)
    scenes = [Scene(thing, number, holes, rng) for number, thing in enumerate(laid)]
    made = measured(load_model(options.model), scenes)
    options.out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(f"{estimate}\n\n{table(scenes, made[estimate])}" for estimate in ESTIMATES)
    print(text)
    (options.out / "regions.md").write_text(text + "\n")
    for estimate in ESTIMATES:
        sheet(scenes, made[estimate]).save(options.out / f"regions-{estimate}.png")


if __name__ == "__main__":
    main()
