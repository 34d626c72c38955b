"""Folders of generated pictures and masks, completed, and whether all of it is as it has to be.

What is checked of each: nothing is raised, what is said of a failure is one line, every known pixel is what
another reader sees in the input, no input is changed, and nothing is left but whole results.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import cv2
import drawing
import layouts
import numpy as np
import tifffile
from click.testing import CliRunner
from drawing import Made, rgba
from PIL import Image

from inpaintx_cli.main import cli

QUICK = ("--candidates", "1", "--starts", "8", "--device", "cpu")
PLUGINS: list[list[str]] = [
    *(["center"], ["random"], ["random-patch"], ["left"], ["right"], ["top"], ["bottom"], ["lowres"]),
    *(
        ["grid"],
        ["pattern"],
        ["freeform"],
        ["center", "-o", "mask.size=0.9"],
        ["random", "-o", "mask.share=0.05"],
    ),
]
BLENDS = ("auto", "spline", "poisson", "biharmonic", "alpha", "none")


@dataclass
class Tally:
    """What came of generated pictures.

    Attributes:
        completed, refused: pictures.
        makers: how many of each maker were completed.
        wrong: what should not have been, a line each.
    """

    completed: int = 0
    refused: int = 0
    makers: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Folder:
    """Pictures to complete: where, with what flags, and what may come of each.

    Attributes:
        place: holds the folder ``in`` and whatever masks there are; results go to ``out``.
        made: pictures, and by whom.
        holes: bool ``[H, W]``, True = fill, of those where it is known.
        flags: of ``inpaintx complete``.
        unmarked: pictures that have no hole, so that they are refused or copied.
        soft: pictures whose mask may be refused: their alpha is neither black nor white.
    """

    place: Path
    made: dict[str, tuple[Made, str]] = field(default_factory=dict)
    holes: dict[str, np.ndarray] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    unmarked: set[str] = field(default_factory=set)
    soft: set[str] = field(default_factory=set)


def build(random: Random, place: Path, count: int, predicting: Path, makers: Sequence[str] = ()) -> Folder:
    """A folder of generated pictures, with masks of one kind for all.

    predicting: a model with a predictor, which can do without a search; the others take the shipped one.
    """
    folder = Folder(place)
    kind = random.choice(["files", "files", "files", "plugin", "alpha", "colour"])
    (place / "in").mkdir(parents=True)
    for number in range(count):
        inside = random.choice(["", "", "nested/", "nested/deeper ü/"])
        (place / "in" / inside).mkdir(parents=True, exist_ok=True)
        name = f"{inside}{number:03d}{random.choice(['', ' a', '.b', '_ß', '-(1)'])}"
        maker = random.choice(list(makers or layouts.MAKERS))
        made = layouts.MAKERS[maker](random, place / "in" / "plain.x")  # a name that every encoder can write
        made = replace(made, path=made.path.rename(place / "in" / f"{name}{made.path.suffix}"))
        folder.made[made.path.relative_to(place / "in").as_posix()] = made, maker
    _shared_flags(random, folder, predicting)
    {"files": _mask_files, "plugin": _plugin, "alpha": _alpha, "colour": _coloured}[kind](random, folder)
    return folder


def _shared_flags(random: Random, folder: Folder, predicting: Path) -> None:
    model, iterations = random.choice([("chars", "2"), (str(predicting), "2"), (str(predicting), "0")])
    folder.flags += ["--model", model, "--iterations", iterations]
    folder.flags += ["--feather", "3"] if random.random() < 0.15 else ["--blend", random.choice(BLENDS)]
    folder.flags += ["--format", random.choice(["keep", "keep", "png", "tiff"])]
    folder.flags += ["--region", random.choice(["auto", "auto", "whole"])]
    folder.flags += ["--no-record"] if random.random() < 0.2 else []


def _plugin(random: Random, folder: Folder) -> None:
    folder.flags += ["--mask-plugin", *random.choice(PLUGINS), "--seed", str(random.randrange(100))]


def _mask_files(random: Random, folder: Folder) -> None:
    """A mask file for each picture: in a tree of their own, or beside them."""
    beside, invert = random.random() < 0.3, random.random() < 0.3
    for name, (made, _) in folder.made.items():
        hole = drawing.hole(random, *made.seen.shape[:2])
        folder.holes[name] = hole
        path = folder.place / ("in" if beside else "masks") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ending = random.choice(["_mask", ".mask", "_mask001"] if beside else ["", "", "_mask"])
        if beside and made.alpha:  # which of the two marks the hole can't be told
            folder.soft.add(name)
        _save_mask(random, hole != invert, path.with_name(path.stem + ending + ".x"))
    folder.flags += ["--mask-invert"] * invert
    if not beside:
        folder.flags += ["--mask", "masks"]


def _save_mask(random: Random, white: np.ndarray, path: Path) -> None:
    levels = np.where(white, 255, 0).astype(np.uint8)
    kind = random.choice(
        ["png", "png", "bilevel", "rgb", "palette", "deep", "tiff", "fax", "opencv", "pgm", "bmp"]
    )
    image = Image.fromarray(levels)
    if kind == "bilevel":
        image.convert("1", dither=Image.Dither.NONE).save(path.with_suffix(".png"))
    elif kind == "rgb":
        image.convert("RGB").save(path.with_suffix(".png"))
    elif kind == "palette":
        indexed = Image.fromarray((levels // 255).astype(np.uint8), "P")
        indexed.putpalette([0, 0, 0, 255, 255, 255])
        indexed.save(path.with_suffix(random.choice([".png", ".gif"])))
    elif kind == "deep":
        Image.fromarray(levels.astype(np.uint16) * 257).save(path.with_suffix(".png"))
    elif kind == "tiff":
        tifffile.imwrite(path.with_suffix(".tif"), levels, photometric="minisblack", metadata=None)
    elif kind == "fax":
        fax = image.convert("1", dither=Image.Dither.NONE)
        fax.save(path.with_suffix(".tif"), compression=random.choice(["group4", "group3"]))
    elif kind == "opencv":
        cv2.imwrite(str(path.with_suffix(".png")), levels)
    else:
        image.save(path.with_suffix({"png": ".png", "pgm": ".pgm", "bmp": ".bmp"}[kind]))


def _alpha(random: Random, folder: Folder) -> None:
    """What the pictures themselves show as transparent."""
    for name, (made, _) in folder.made.items():
        alpha = made.seen[..., 3]
        hole = alpha < 32768
        folder.holes[name] = hole
        if ((alpha > 0) & (alpha < 65535)).any():
            folder.soft.add(name)
        if not hole.any() or hole.all():
            folder.unmarked.add(name)


def _coloured(random: Random, folder: Folder) -> None:
    """Masks in which red marks the hole, on anything else."""
    rng = np.random.default_rng(random.getrandbits(32))
    for name, (made, _) in folder.made.items():
        hole = drawing.hole(random, *made.seen.shape[:2])
        folder.holes[name] = hole
        painted = rng.integers(0, 200, (*hole.shape, 3), dtype=np.uint8)
        painted[hole] = 255, 0, 0
        path = (folder.place / "masks" / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painted).save(path)
    folder.flags += ["--mask", "masks", "--mask-color", "#ff0000"]


def check(folder: Folder, tally: Tally, in_process: bool = True) -> None:
    """Completes a folder, and notes what is not as it has to be."""
    place = folder.place
    before = hashes(place)
    words = ["complete", "in", "--out", "out", "--json", "--masks-out", "filled", *QUICK, *folder.flags]
    ended = run(words, place, in_process)
    where = f"{place.name}: inpaintx {' '.join(words)}"
    try:
        told = json.loads(ended.out.splitlines()[-1])
    except (ValueError, IndexError):
        tally.wrong.append(f"{where}: exit {ended.code}, said {ended.out[-200:]!r} {ended.err[-600:]!r}")
        return
    for name, digest in hashes(place).items():
        if before.get(name, digest) != digest or (
            name not in before and not name.startswith(("out/", "filled/"))
        ):
            tally.wrong.append(f"{where}: changed, or left, {name}")
    for name in before.keys() - hashes(place).keys():
        tally.wrong.append(f"{where}: lost {name}")
    lines = [
        line for line in ended.err.splitlines() if not line.startswith(("Error: ", "Warning: ", "completing"))
    ]
    if "Traceback" in ended.err or any(line.strip() for line in lines):
        tally.wrong.append(f"{where}: said {ended.err[-600:]!r}")
    failed = {Path(path).relative_to("in").as_posix(): why for path, why in told["failed"].items()}
    expected = 0 if not failed else 3 if told["completed"] or told.get("undamaged") else 1
    if ended.code != expected:
        tally.wrong.append(f"{where}: exit {ended.code}, not {expected}")
    results = _results(place, told)
    for name, (made, maker) in folder.made.items():
        why = failed.get(name)
        if why is not None:
            tally.refused += 1
            everything = "--mask-plugin" in folder.flags and "it hides everything" in why  # of a thin picture
            if "\n" in why or not (made.refusable or everything or name in folder.soft | folder.unmarked):
                tally.wrong.append(f"{where}: {name} ({maker}): {why}")
        elif name not in results:
            tally.wrong.append(f"{where}: {name} ({maker}): neither a result nor an error")
        else:
            undamaged = str(Path("in") / name) in told.get("undamaged", [])
            fault = (_compare_copy if undamaged else _compare)(folder, name, made, results[name])
            if fault:
                tally.wrong.append(f"{where}: {name} ({maker}): {fault}")
            tally.completed += 1
            tally.makers[maker] = tally.makers.get(maker, 0) + 1
    extra = set(hashes(place / "out")) - {"manifest.jsonl"}
    extra -= {path.relative_to(place / "out").as_posix() for path in results.values()}
    if extra:
        tally.wrong.append(f"{where}: left {extra}")


def _results(place: Path, told: dict[str, Any]) -> dict[str, Path]:
    """The result of each picture, by the rule that the manual states: the picture's name, another suffix."""
    inputs = [path.relative_to(place / "in") for path in sorted((place / "in").rglob("*")) if path.is_file()]
    found = {}
    for path in inputs:
        at = place / "out" / path
        same = [at.with_suffix(suffix) for suffix in (path.suffix, ".png", ".tiff", ".tif")] + [
            at.with_name(f"{at.name}{suffix}") for suffix in (".png", ".tiff")
        ]
        there = [result for result in same if result.is_file()]
        if there:
            found[path.as_posix()] = there[0]
    return found


def _compare(folder: Folder, name: str, made: Made, result: Path) -> str | None:
    """What is wrong with a result; None: nothing is."""
    got = read(result)
    if got is None:
        return f"{result.name} can't be read"
    if got.shape != made.seen.shape:
        return f"{result.name} is {got.shape[:2]}, not {made.seen.shape[:2]}"
    filled = _filled(folder.place, name, result)
    hole = folder.holes.get(name, filled)
    if hole is None or filled is None or not np.array_equal(hole, filled):
        return "filled is not what was marked"
    off = (got != made.seen).any(axis=2) & ~hole
    if off.any():
        return f"{np.count_nonzero(off)} known pixels changed, first {np.argwhere(off)[0].tolist()}"
    if (got[..., 3][hole] != 65535).any():
        return "what was filled is not opaque"
    return None


def _compare_copy(folder: Folder, name: str, made: Made, result: Path) -> str | None:
    """The same, of a picture that has no hole, as the project says."""
    if not (name in folder.unmarked or "--mask-plugin" in folder.flags):
        return "taken as undamaged"
    if result.suffix == made.path.suffix:
        return None if result.read_bytes() == made.path.read_bytes() else "a copy is not what was copied"
    got = read(result)
    return None if got is not None and np.array_equal(got, made.seen) else "a copy is not what was copied"


def _filled(place: Path, name: str, result: Path) -> np.ndarray | None:
    """The mask of what was filled, as the project says."""
    at = place / "filled" / result.relative_to(place / "out")
    for path in (at.with_suffix(".png"), at.with_name(f"{at.name}.png")):
        if path.is_file():
            levels = cv2.imread(os.fsdecode(path), cv2.IMREAD_UNCHANGED)
            return None if levels is None else levels > 127
    return None


def read(path: Path) -> np.ndarray | None:
    """A result as OpenCV or tifffile, which the project doesn't write with, see it: uint16 ``[H, W, 4]``."""
    if path.suffix.lower() in (".tif", ".tiff"):
        return _read_tiff(path)
    levels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None:
        return None
    return rgba(levels if levels.ndim == 2 else levels[..., [2, 1, 0, 3][: levels.shape[2]]])


def _read_tiff(path: Path) -> np.ndarray | None:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if int(page.photometric) not in (1, 2) or page.tags.valueof(drawing.ORIENTATION, 1) != 1:
            return None
        if page.compression in (1, 8, 32946):
            return rgba(page.asarray())
    levels = cv2.imread(os.fsdecode(path), cv2.IMREAD_UNCHANGED)
    return (
        None
        if levels is None
        else rgba(levels if levels.ndim == 2 else levels[..., [2, 1, 0, 3][: levels.shape[2]]])
    )


def hashes(place: Path) -> dict[str, str]:
    """SHA-256 of all files below a folder, by name."""
    return {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run(words: Sequence[str], place: Path, in_process: bool) -> Ended:
    """``inpaintx`` with these arguments, from a folder: in this process, or in one of its own."""
    if not in_process:
        made = subprocess.run(
            [sys.executable, "-m", "inpaintx", *words],
            cwd=place,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Ended(made.returncode, made.stdout, made.stderr)
    home = Path.cwd()
    os.chdir(place)
    try:
        result = CliRunner().invoke(cli, list(words))
    finally:
        os.chdir(home)
    return Ended(result.exit_code, result.stdout, result.stderr)
