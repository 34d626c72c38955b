"""Renders a collection like Chars74K's font letters: single letters, dark on white, tightly cropped.

The classes, their numbers and the file names follow T. E. de Campos, B. R. Babu and M. Varma, "Character
recognition in natural images", VISAPP 2009. A font gives few looks of a letter, so weight, width and slant
are varied at four times the final resolution, before the letter is scaled down.
"""

import importlib.util
import json
import math
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from inpaintx.errors import InpaintxError

CLASSES = string.digits + string.ascii_uppercase + string.ascii_lowercase

# The shipped model's split of matplotlib's fonts: a serif and a sans that training never sees.
TEST_FAMILIES = ("STIXGeneral", "cmss10")
TRAIN_FAMILIES = ("DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif", "cmb10", "cmr10", "cmti10", "cmtt10")

MANIFEST = "chars.json"

_FONT_SUFFIXES = (".ttf", ".otf")
# Of matplotlib's: symbols in the letters' places (cmex, cmsy), digits that look like o and I (cmmi).
_NOT_LETTERS = ("cmex10", "cmmi10", "cmsy10")
_OVERSAMPLING = 4


@dataclass(frozen=True)
class CharsOptions:
    """What to render.

    Attributes:
        fonts: a folder of .ttf and .otf files, searched with its sub folders; None: the fonts of matplotlib.
        families: names of families to use; None: all that are found.
        count: how many pictures; the 62 classes take turns.
        size: side of the square pictures in pixels.
        seed: the look of a picture depends on the seed and its index, not on how many are rendered.
    """

    fonts: Path | None = None
    families: tuple[str, ...] | None = None
    count: int = 10_000
    size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InpaintxError(f"nothing to render: count is {self.count}; give 1 or more")
        if not 8 <= self.size <= 512:
            raise InpaintxError(f"letters can't be {self.size} pixels large; give a size of 8 to 512")
        if self.seed < 0:
            raise InpaintxError(f"a seed can't be negative: {self.seed}; give 0 or more")


@dataclass(frozen=True)
class _Look:
    """How one picture looks; lengths are shares of the picture's side, angles are in radians."""

    letter: int
    family: str
    font: Path
    weight: float  # −1: as thin as goes, 1: as heavy as goes
    width: float
    slant: float
    rotation: float
    extent: float  # longer side of the letter
    shift: tuple[float, float]  # x and y, from the middle


def font_families(fonts: Path | None = None) -> dict[str, list[Path]]:
    """Finds the fonts that have all 62 letters.

    Args:
        fonts: a folder, searched with its sub folders; None: the fonts of matplotlib.

    Returns:
        The files of each family, both sorted by name.

    Raises:
        InpaintxError: the folder is missing or no font in it has the letters.
    """
    folder = _matplotlib_fonts() if fonts is None else fonts
    if not folder.is_dir():
        raise InpaintxError(f"no such folder of fonts: {folder}; give one that holds .ttf or .otf files")
    families: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _FONT_SUFFIXES or path.stem in _NOT_LETTERS:
            continue
        family = _family_with_letters(path)
        if family is not None:
            families.setdefault(family, []).append(path)
    if not families:
        raise InpaintxError(f"no font with letters in {folder}; put .ttf or .otf files there")
    return dict(sorted(families.items()))


def render_chars(
    options: CharsOptions, out_dir: Path, progress: Callable[[int], object] | None = None
) -> list[Path]:
    """Renders letters into ``out_dir``, as 8-bit gray PNGs, one sub folder a family.

    Files are named as in Chars74K: ``img011-00021.png`` is the 21st picture of class 11 (``A``; classes count
    from 1: 0–9, A–Z, a–z). ``chars.json`` beside them lists them all with the options. An earlier render in
    the folder is replaced.

    Args:
        options: what to render.
        out_dir: the folder.
        progress: called with 1 after each picture.

    Returns:
        The files in the order they were rendered.

    Raises:
        InpaintxError: a family is not there, or the folder holds other files.
    """
    families = _chosen_families(options)
    looks = [_draw_look(options.seed, index, families) for index in range(options.count)]
    paths = [
        out_dir / look.family / f"img{look.letter + 1:03d}-{index // len(CLASSES) + 1:05d}.png"
        for index, look in enumerate(looks)
    ]
    _clear_earlier_render(out_dir)
    for family in {look.family for look in looks}:
        (out_dir / family).mkdir(parents=True, exist_ok=True)
    # Before the pictures, so that a render that was cut short is known as one.
    _write_manifest(options, paths, out_dir)
    for look, path in zip(looks, paths, strict=True):
        _render_look(look, options.size).save(path)
        if progress is not None:
            progress(1)
    return paths


def _matplotlib_fonts() -> Path:
    # Found, not imported: matplotlib takes long to load, and only its files are wanted.
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise InpaintxError(
            "matplotlib is not installed, whose fonts are used: install it, or name a folder of fonts"
        )
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def _family_with_letters(path: Path) -> str | None:
    """The font's family, or None where it is no font or lacks letters."""
    try:
        font = ImageFont.truetype(path, 24)
    except OSError:
        return None
    glyphs = {bytes(font.getmask(letter)) for letter in CLASSES}
    # What is missing is blank or one and the same box; capitals that look like small letters are letters.
    if b"" in glyphs or not all(map(any, glyphs)) or len(glyphs) < 36:
        return None
    return font.getname()[0]


def _chosen_families(options: CharsOptions) -> dict[str, list[Path]]:
    found = font_families(options.fonts)
    if options.families is None:
        return found
    for family in options.families:
        if family not in found:
            raise InpaintxError(f"no font family {family!r}; there are: {', '.join(found)}")
    return {family: found[family] for family in options.families}


def _draw_look(seed: int, index: int, families: dict[str, list[Path]]) -> _Look:
    rng = np.random.default_rng((seed, index))
    family = list(families)[rng.integers(len(families))]
    fonts = families[family]
    return _Look(
        letter=index % len(CLASSES),
        family=family,
        font=fonts[rng.integers(len(fonts))],
        weight=rng.uniform(-1.0, 1.0),
        width=math.exp(rng.uniform(-0.22, 0.22)),
        slant=rng.uniform(-0.12, 0.15),
        rotation=math.radians(rng.uniform(-4.0, 4.0)),
        extent=rng.uniform(0.72, 0.92),
        # Less than the margin that the largest extent leaves.
        shift=(rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)),
    )


def _render_look(look: _Look, size: int) -> Image.Image:
    em = _OVERSAMPLING * size
    font = _load_font(look.font, em)
    ink = _warp(_glyph(font, CLASSES[look.letter]), look)
    ink = _change_weight(ink, _weight_steps(font, look.weight))
    left, top, right, bottom = ink.getbbox() or (0, 0, *ink.size)
    side = max(right - left, bottom - top) / look.extent
    x = (left + right - side) / 2 - look.shift[0] * side
    y = (top + bottom - side) / 2 - look.shift[1] * side
    square = ink.crop((round(x), round(y), round(x + side), round(y + side)))
    return square.resize((size, size), Image.Resampling.BOX).point(lambda level: 255 - level)


@lru_cache(maxsize=64)
def _load_font(path: Path, em: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, em)


def _glyph(font: ImageFont.FreeTypeFont, letter: str) -> Image.Image:
    """The letter's ink, white on black, cropped to it."""
    mask, _ = font.getmask2(letter, mode="L")
    return Image.frombytes("L", mask.size, bytes(mask))


def _warp(ink: Image.Image, look: _Look) -> Image.Image:
    """Stretches, slants and turns the letter, on a canvas that has room for it to grow heavier too."""
    cos, sin = math.cos(look.rotation), math.sin(look.rotation)
    forward = np.array([[cos, -sin], [sin, cos]]) @ np.array([[look.width, -look.slant], [0.0, 1.0]])
    source_size = np.array(ink.size)
    size = np.ceil(np.abs(forward) @ source_size + 0.25 * source_size.max()).astype(int)
    backward = np.linalg.inv(forward)
    offset = source_size / 2 - backward @ (size / 2)
    coefficients = (*backward[0], offset[0], *backward[1], offset[1])
    return ink.transform(
        (int(size[0]), int(size[1])), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )


@lru_cache(maxsize=64)
def _stem(font: ImageFont.FreeTypeFont) -> int:
    """Width of the font's upright strokes in pixels: the ink in the middle row of its ``l``."""
    rows = np.asarray(_glyph(font, "l"))
    return int((rows[len(rows) // 2] > 127).sum())


def _weight_steps(font: ImageFont.FreeTypeFont, weight: float) -> int:
    """Pixels to add on (or take off) each side of a stroke: hairlines must survive, counters stay open."""
    stem = _stem(font)
    if weight < 0:
        return round(weight * stem / 10)
    return round(weight * max(0.0, min(stem / 3, (0.2 * font.size - stem) / 2)))


def _change_weight(ink: Image.Image, steps: int) -> Image.Image:
    """Dilates (steps > 0) or erodes the ink by an octagon: crosses and squares in turn."""
    extreme = np.maximum if steps > 0 else np.minimum
    levels = np.asarray(ink)
    for step in range(abs(steps)):
        padded = np.pad(levels, 1)
        middle = padded[1:-1, 1:-1]
        if step % 2:
            rows = extreme(extreme(padded[:-2], padded[2:]), padded[1:-1])
            levels = extreme(extreme(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
        else:
            across = extreme(padded[1:-1, :-2], padded[1:-1, 2:])
            levels = extreme(extreme(across, middle), extreme(padded[:-2, 1:-1], padded[2:, 1:-1]))
    return Image.fromarray(levels)


def _clear_earlier_render(out_dir: Path) -> None:
    """Removes an earlier render, and refuses where anything else is in the folder.

    The file names alone prove nothing, since Chars74K's own are the same: only what the manifest lists goes.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise InpaintxError(f"not a folder: {out_dir}; name a new folder")
    there = {path for path in out_dir.rglob("*") if not path.is_dir()}
    manifest = out_dir / MANIFEST
    ours = {manifest, *(out_dir / name for name in _listed_files(manifest))} & there
    if there - ours:
        raise InpaintxError(f"the folder holds other files: {out_dir}; name a new or an empty folder")
    for path in ours:
        path.unlink()
    for folder in {path.parent for path in ours} - {out_dir}:
        folder.rmdir()


def _listed_files(manifest: Path) -> list[str]:
    try:
        return list(json.loads(manifest.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write_manifest(options: CharsOptions, paths: list[Path], out_dir: Path) -> None:
    manifest = {
        "made by": "inpaintx make-chars",
        "seed": options.seed,
        "size": options.size,
        "files": [path.relative_to(out_dir).as_posix() for path in paths],
    }
    (out_dir / MANIFEST).write_text(json.dumps(manifest, indent=0), encoding="utf-8")
