"""Picture files of every layout that somebody's program writes, and what another reader sees in them.

Each maker writes one file, by Pillow, tifffile, OpenCV or ImageMagick, and says what is to be seen: the
samples that it stored, or, where coding changes them, what Pillow shows. All choices come from a
``random.Random``, a seeded one or hypothesis's.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageSequence

ORIENTATION = int(ExifTags.Base.Orientation)
SIDES = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 57, 64)

#: What is seen of stored samples: the EXIF orientation says which side row 0 and column 0 are (CIPA DC-008).
TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class Made:
    """A file, and what is to be seen of it.

    Attributes:
        path: the file.
        seen: uint16 ``[H, W, 4]``, RGBA, upright.
        alpha: whether the file holds alpha.
        refusable: the project may say that it doesn't read this layout; else it has to read it.
    """

    path: Path
    seen: np.ndarray
    alpha: bool
    refusable: bool = False


def rgba(samples: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Gray, gray with alpha, RGB or RGBA, uint8 or uint16, as uint16 ``[H, W, 4]``; 255 becomes 65535."""
    white = int(np.iinfo(dtype or samples.dtype).max)
    deep = samples.astype(np.uint32).reshape(*samples.shape[:2], -1) * (65535 // white)
    channels = deep.shape[2]
    colours = deep[..., :3] if channels > 2 else np.repeat(deep[..., :1], 3, axis=2)
    alpha = deep[..., -1:] if channels in (2, 4) else np.full_like(deep[..., :1], 65535)
    return np.concatenate([colours, alpha], axis=2).astype(np.uint16)


def draw(random: Random, channels: int, dtype: Any = np.uint8, step: int = 1) -> np.ndarray:
    """Samples of a random size: noise, a slope, few levels or one colour; alpha is often a hole.

    step: what all samples are a multiple of.
    """
    height, width = random.choice(SIDES), random.choice(SIDES)
    if height * width == 1:
        width = 2
    rng = np.random.default_rng(random.getrandbits(32))
    white = int(np.iinfo(dtype).max)
    shape = (height, width, channels)
    kind = random.choice(["noise", "slope", "levels", "flat"])
    if kind == "noise":
        values = rng.integers(0, white, shape, endpoint=True)
    elif kind == "slope":
        ends = rng.uniform(0, white, (2, channels))
        along = np.linspace(0, 1, height)[:, None, None] * np.linspace(0.3, 1, width)[:, None]
        values = ends[0] * (1 - along) + ends[1] * along + rng.uniform(-0.03, 0.03, shape) * white
    elif kind == "levels":
        values = rng.integers(0, white, (3, channels))[rng.integers(0, 3, shape[:2])]
    else:
        values = np.broadcast_to(rng.integers(0, white, channels, endpoint=True), shape)
    samples = np.clip(np.rint(np.asarray(values, float) / step) * step, 0, white).astype(dtype)
    if channels in (2, 4) and random.random() < 0.7:
        samples[..., -1] = np.where(hole(random, height, width), 0, white)
    return samples[..., 0] if channels == 1 else samples


def hole(random: Random, height: int, width: int) -> np.ndarray:
    """bool ``[H, W]``, True = fill: a box anywhere, a frame, lone pixels, a side, all but one pixel."""
    rng = np.random.default_rng(random.getrandbits(32))
    marked = np.zeros((height, width), bool)
    kind = random.choice(["box", "box", "border box", "frame", "pixel", "dots", "side", "all but one"])
    if kind in ("box", "border box"):
        h, w = (int(rng.integers(1, max(2, side // 2 + 1))) for side in (height, width))
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        if kind == "border box":
            top, left = top if rng.random() < 0.5 else 0, 0
        marked[top : top + h, left : left + w] = True
    elif kind == "frame":
        marked[[0, -1]] = marked[:, [0, -1]] = True
    elif kind == "pixel":
        marked[rng.integers(height), rng.integers(width)] = True
    elif kind == "dots":
        marked = rng.random((height, width)) < 0.1
    elif kind == "side":
        marked[:, : width // 2] = True
    else:
        marked[:] = True
    if marked.all():
        marked.flat[int(rng.integers(marked.size))] = False
    if not marked.any():
        marked.flat[int(rng.integers(marked.size))] = True
    return marked


def seen_by_pillow(path: Path) -> np.ndarray:
    """The first frame of a file of 8 bits as Pillow shows it, not turned: uint16 ``[H, W, 4]``."""
    with Image.open(path) as opened:
        shown = next(iter(ImageSequence.Iterator(opened)))
        return rgba(np.asarray(shown.convert("RGBA")))


def _lying(random: Random) -> tuple[int, dict[str, Any]]:
    """An EXIF orientation, mostly 1, and what tells Pillow's encoders of it."""
    orientation = random.choice([1, 1, *TURNED])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if random.random() < 0.3:
        exif[270], exif[315] = "a described picture", "Ä"
    return orientation, {"exif": exif} if orientation != 1 or len(exif) > 1 else {}


def _of_mode(random: Random, mode: str) -> tuple[Image.Image, np.ndarray, dict[str, Any]]:
    """An image of one of Pillow's modes, what is seen of it (not turned), and options of its encoder."""
    if mode == "1":
        levels = np.where(draw(random, 1) > 127, 255, 0).astype(np.uint8)
        return Image.fromarray(levels).convert("1", dither=Image.Dither.NONE), rgba(levels), {}
    if mode == "P":
        return _of_palette(random)
    if mode == "I;16":
        levels = draw(random, 1, np.uint16)
        return Image.fromarray(levels), rgba(levels), {}
    if mode in ("CMYK", "YCbCr", "HSV"):
        image = Image.fromarray(draw(random, 3)).convert(mode)
        return image, rgba(np.asarray(image.convert("RGB"))), {}
    samples = draw(random, len(mode))
    return Image.fromarray(samples), rgba(samples), {}


def _of_palette(random: Random) -> tuple[Image.Image, np.ndarray, dict[str, Any]]:
    count = random.choice([2, 3, 4, 15, 16, 100, 256])
    rng = np.random.default_rng(random.getrandbits(32))
    colours = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    if random.random() < 0.2:
        colours[:] = colours[:, :1]
    indices = (draw(random, 1).astype(int) * count // 256).astype(np.uint8)
    image = Image.fromarray(indices, "L")
    image.putpalette(colours.tobytes())
    image = image if image.mode == "P" else image.convert("P")
    seen = colours[indices]
    if random.random() < 0.4:
        key = int(indices.flat[0])
        alpha = np.where(indices == key, 0, 255).astype(np.uint8)
        return image, rgba(np.dstack([seen, alpha])), {"transparency": key}
    return image, rgba(seen), {}


def _finish(path: Path, seen: np.ndarray, orientation: int = 1, **more: Any) -> Made:
    upright = np.ascontiguousarray(TURNED[orientation](seen))
    return Made(path, upright, bool((upright[..., 3] < 65535).any()), **more)


# --- Pillow ---


def pillow_png(random: Random, stem: Path) -> Made:
    image, seen, options = _of_mode(random, random.choice(["1", "L", "LA", "P", "P", "RGB", "RGBA", "I;16"]))
    orientation, lying = _lying(random)
    if image.mode in ("L", "RGB", "I;16") and random.random() < 0.25:  # one value that is transparent
        first = seen[0, 0, : 3 if image.mode == "RGB" else 1]
        values = tuple(int(value) // (1 if image.mode == "I;16" else 257) for value in first)
        options["transparency"] = values if image.mode == "RGB" else values[0]
        there = (seen[..., :3] == seen[0, 0, :3]).all(axis=2)
        seen = np.dstack([seen[..., :3], np.where(there, 0, 65535).astype(np.uint16)])
    path = stem.with_suffix(".png")
    image.save(path, optimize=random.random() < 0.2, dpi=(300, 72), **options, **lying)
    return _finish(path, seen, orientation)


def pillow_jpeg(random: Random, stem: Path) -> Made:
    image, _, _ = _of_mode(random, random.choice(["L", "RGB", "RGB", "CMYK", "YCbCr"]))
    orientation, lying = _lying(random)
    path = stem.with_suffix(random.choice([".jpg", ".JPG", ".jpeg"]))
    options: dict[str, Any] = {"quality": random.choice([5, 50, 75, 95, 100])}
    options |= {"progressive": random.random() < 0.3, "subsampling": random.choice([0, 1, 2])}
    image.save(path, **options, **lying)
    return _finish(path, seen_by_pillow(path), orientation)


def pillow_tiff(random: Random, stem: Path) -> Made:
    modes = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"]
    image, seen, _ = _of_mode(random, random.choice(modes))
    if image.mode == "P":
        seen[..., 3] = 65535
    orientation, lying = _lying(random)
    compressions = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"]
    compressions += ["group3", "group4", "group4"] if image.mode == "1" else []
    path = stem.with_suffix(random.choice([".tif", ".tiff", ".TIF"]))
    image.save(path, compression=random.choice(compressions), dpi=(300, 150), **lying)
    return _finish(path, seen, orientation)


def pillow_webp(random: Random, stem: Path) -> Made:
    image, seen, _ = _of_mode(random, random.choice(["RGB", "RGBA"]))
    orientation, lying = _lying(random)
    path = stem.with_suffix(".webp")
    lossless = random.random() < 0.6
    image.save(path, lossless=lossless, exact=True, quality=80, method=0, **lying)
    return _finish(path, seen if lossless else seen_by_pillow(path), orientation)


#: Formats without orientation: suffix, modes, whether Pillow shows what was stored; encoder's options.
_OTHERS: list[tuple[str, list[str], list[dict[str, Any]]]] = [
    (".bmp", ["1", "L", "P", "RGB"], [{}]),
    (".dib", ["RGB"], [{}]),
    (".ppm", ["1", "L", "RGB", "I;16"], [{}]),
    (".jp2", ["L", "LA", "RGB", "RGBA", "I;16"], [{"irreversible": False}]),
    (".tga", ["L", "LA", "P", "RGB", "RGBA"], [{"compression": "tga_rle"}, {"orientation": 1}, {}]),
    (".pcx", ["1", "L", "P", "RGB"], [{}]),
    (".sgi", ["L", "RGB", "RGBA"], [{}]),
    (".dds", ["L", "LA", "RGB", "RGBA"], [{}]),
    (".qoi", ["RGB", "RGBA"], [{}]),
    (".msp", ["1"], [{}]),
    (".xbm", ["1"], [{}]),
]


def pillow_other(random: Random, stem: Path) -> Made:
    suffix, modes, options = random.choice(_OTHERS)
    image, seen, _ = _of_mode(random, random.choice(modes))
    path = stem.with_suffix(suffix)
    image.save(path, **random.choice(options))
    if image.mode == "P":  # transparency isn't stored
        seen[..., 3] = 65535
    return _finish(path, seen)


def pillow_lossy(random: Random, stem: Path) -> Made:
    """GIF (some with several frames, which Pillow's own palette changes), AVIF and lossy JPEG 2000."""
    suffix = random.choice([".gif", ".gif", ".avif", ".j2k"])
    image, _, options = _of_mode(random, random.choice(["L", "P", "RGB"]) if suffix == ".gif" else "RGB")
    path = stem.with_suffix(suffix)
    if suffix == ".gif" and random.random() < 0.4:
        options |= {"save_all": True, "append_images": [image.rotate(180)]}
    elif suffix == ".avif":
        options |= {"quality": 60, "speed": 10}
    elif suffix == ".j2k":
        options |= {"irreversible": True, "quality_mode": "dB", "quality_layers": [40]}
    image.save(path, **options)
    return _finish(path, seen_by_pillow(path))


# --- tifffile ---


def tifffile_tiff(random: Random, stem: Path) -> Made:
    photometric = random.choice(["minisblack", "miniswhite", "rgb", "rgb"])
    dtype: Any = random.choice([np.uint8, np.uint16])
    colours, alpha = 3 if photometric == "rgb" else 1, random.random() < 0.4
    want = draw(random, colours + alpha, dtype)
    stored = want.copy()
    if photometric == "miniswhite":
        shown = stored[..., :1] if alpha else stored
        shown[...] = np.iinfo(dtype).max - shown
    in_planes = stored.ndim == 3 and random.random() < 0.3
    compression = random.choice([None, "zlib"])
    tile = (16, 16) if random.random() < 0.3 else None
    orientation = random.choice([1, *TURNED])
    path = stem.with_suffix(".tif")
    with tifffile.TiffWriter(
        path, bigtiff=random.random() < 0.25, byteorder=random.choice(["<", ">"])
    ) as tiff:
        for page in range(random.choice([1, 1, 1, 2])):
            tiff.write(
                np.moveaxis(stored, 2, 0) if in_planes else stored,
                photometric=photometric,
                planarconfig=("separate" if in_planes else "contig") if stored.ndim == 3 else None,
                extrasamples=["unassalpha"] * alpha,
                compression=compression,
                predictor=compression is not None and random.random() < 0.5,
                tile=tile,
                rowsperstrip=random.choice([None, 1, 4]) if tile is None else None,
                extratags=[(ORIENTATION, "H", 1, orientation, True)],
                subfiletype=1 if page else 0,
                metadata=None,
            )
    return _finish(path, rgba(want), orientation)


# --- OpenCV ---


def opencv_file(random: Random, stem: Path) -> Made:
    suffix = random.choice(
        [".png", ".png", ".tiff", ".tiff", ".jp2", ".webp", ".bmp", ".ppm", ".pgm", ".ras"]
    )
    deep = suffix in (".png", ".tiff", ".jp2", ".ppm", ".pgm") and random.random() < 0.5
    channels = {".pgm": 1, ".ppm": 3}.get(suffix) or random.choice(
        [1, 3, 4] if suffix in (".png", ".tiff", ".bmp") else [3] if suffix in (".webp", ".ras") else [1, 3]
    )
    samples = draw(random, channels, np.uint16 if deep else np.uint8)
    stored = samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][:channels]]
    options: list[int] = []
    if suffix == ".jp2" and min(samples.shape[:2]) < 32:  # too small for its resolutions
        suffix = ".png"
    if suffix == ".tiff":
        options = [cv2.IMWRITE_TIFF_COMPRESSION, random.choice([1, 5, 8, 32946, 32773])]
        options += [cv2.IMWRITE_TIFF_PREDICTOR, random.choice([1, 2]) if options[1] in (5, 8, 32946) else 1]
    elif suffix == ".png":
        options = [cv2.IMWRITE_PNG_COMPRESSION, random.choice([0, 1, 9])]
        options += [cv2.IMWRITE_PNG_STRATEGY, random.choice([0, 1, 2, 3, 4])]
    elif suffix == ".jp2":
        options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]
    elif suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, 101]  # lossless
    path = stem.with_suffix(suffix)
    if not cv2.imwrite(str(path), np.ascontiguousarray(stored), options):
        raise OSError(f"OpenCV can't write {path.name}")
    seen = rgba(samples)
    if suffix == ".bmp":  # OpenCV's alpha in a BMP counts where Pillow says so
        seen = seen_by_pillow(path)
    return _finish(path, seen, refusable=suffix == ".jp2" and deep and channels == 3)


# --- ImageMagick ---

#: Format, options, depths, channels. What is seen is what was given, but where it names none.
_MAGICK: list[tuple[str, list[list[str]], list[int], str]] = [
    ("PNG24:.png", [[], ["-interlace", "PNG"]], [8], "rgb"),
    ("PNG48:.png", [[], ["-interlace", "PNG"]], [16], "rgb"),
    ("PNG32:.png", [[], ["-interlace", "PNG"]], [8], "rgba"),
    ("PNG64:.png", [[], ["-interlace", "PNG"]], [16], "rgba"),
    ("PNG:.png", [[], ["-interlace", "PNG"], ["-quality", "05"]], [8, 16], "gray"),
    ("PNG:.png", [["-define", "png:color-type=0", "-depth", "2"]], [2], "gray"),
    ("PNG:.png", [["-define", "png:color-type=0", "-depth", "4"]], [4], "gray"),
    ("PNG:.png", [["-define", "png:color-type=4"]], [8, 16], "graya"),
    ("TIFF:.tif", [["-depth", "4"]], [4], "gray"),
    ("TIFF:.tif", [["-depth", "2"]], [2], "gray"),
    # Asked for white that is zero, it says so and stores what it would have stored.
    ("TIFF:.tif", [["-negate", "-define", "quantum:polarity=min-is-white"], []], [8, 16], "gray"),
    ("TIFF:.tif", [[], ["-define", "tiff:alpha=unassociated"]], [8, 16], "rgb"),
    ("TIFF:.tif", [["-define", "tiff:alpha=unassociated"]], [8, 16], "rgba"),
    ("BMP:.bmp", [[]], [8], "rgb"),
    ("BMP3:.bmp", [[], ["-type", "TrueColor"]], [8], "rgb"),
    ("BMP2:.bmp", [["-type", "TrueColor"]], [8], "rgb"),
    # It writes the lowest row last where it says that it comes first.
    ("TGA:.tga", [["-flip"], ["-flip", "-compress", "RLE"], ["-orient", "TopLeft"]], [8], "rgb"),
    ("PCX:.pcx", [["-type", "TrueColor"]], [8], "rgb"),
    ("SGI:.sgi", [[], ["-compress", "RLE"]], [8], "rgb"),
    ("JP2:.jp2", [["-quality", "0"]], [8], "rgb"),
    ("PPM:.ppm", [[]], [8, 16], "rgb"),
    ("PGM:.pgm", [[]], [8, 16], "gray"),
    ("SUN:.ras", [["-type", "TrueColor"]], [8], "rgb"),
    ("PSD:.psd", [[], ["-compress", "RLE"]], [8], "rgb"),
    ("DDS:.dds", [["-define", "dds:compression=none"]], [8], "rgb"),
    ("WEBP:.webp", [["-define", "webp:lossless=true"]], [8], "rgb"),
]
#: As Pillow shows them.
_MAGICK_SHOWN: list[tuple[str, list[list[str]]]] = [
    ("GIF:.gif", [[], ["-interlace", "GIF"]]),
    ("PNG8:.png", [["-dither", "None"]]),
    ("XPM:.xpm", [["-colors", "16"]]),
    ("PCX:.pcx", [["-type", "Palette"]]),
    ("BMP3:.bmp", [["-colors", "16", "-type", "Palette"], ["-type", "Palette", "-compress", "RLE"]]),
    ("TIFF:.tif", [["-type", "Palette"], ["-type", "Bilevel", "-compress", "Group4"]]),
    ("TIFF:.tif", [["-type", "Bilevel", "-compress", "Fax"], ["-type", "Bilevel", "-depth", "1"]]),
    ("JPEG:.jpg", [["-interlace", "Plane"], ["-sampling-factor", "4:1:1"], ["-colorspace", "Gray"]]),
    ("JPEG:.jpg", [["-colorspace", "CMYK"]]),
    ("PBM:.pbm", [[], ["-compress", "None"]]),
]
_TIFF_WAYS: list[list[str]] = [
    *([], ["-endian", "MSB"], ["-endian", "LSB"], ["-define", "tiff:rows-per-strip=3"]),
    *(["-define", "tiff:tile-geometry=16x16"], ["-define", "tiff:fill-order=msb"]),
]
_COMPRESSIONS = ("None", "LZW", "Zip", "RLE", "LZMA", "ZSTD")
_ORIENTED = {
    **{1: "TopLeft", 2: "TopRight", 3: "BottomRight", 4: "BottomLeft"},
    **{5: "LeftTop", 6: "RightTop", 7: "RightBottom", 8: "LeftBottom"},
}


def magick_file(random: Random, stem: Path) -> Made:
    shown = random.random() < 0.25
    if shown:
        (target, ways), depth, kind = random.choice(_MAGICK_SHOWN), 8, "rgb"
    else:
        target, ways, depths, kind = random.choice(_MAGICK)
        depth = random.choice(depths)
    dtype: Any = np.uint16 if depth == 16 else np.uint8
    samples = draw(
        random, {"gray": 1, "graya": 2, "rgb": 3, "rgba": 4}[kind], dtype, {2: 85, 4: 17}.get(depth, 1)
    )
    name, suffix = target.split(":")
    words = list(random.choice(ways))
    orientation = 1
    if name == "TIFF" and not shown:
        ways = (
            _TIFF_WAYS if depth >= 8 else _TIFF_WAYS[:4]
        )  # its tiles of fewer bits are not what it reads back
        words += [*random.choice(ways), "-compress", random.choice(_COMPRESSIONS)]
        if random.random() < 0.4:
            orientation = random.choice(list(_ORIENTED))
            words += ["-orient", _ORIENTED[orientation]]
    path = stem.with_suffix(suffix)
    _convert(samples, words, f"{name}:{path}")
    seen = seen_by_pillow(path) if shown else rgba(samples)
    return _finish(path, seen, orientation)


def _convert(samples: np.ndarray, words: list[str], target: str) -> None:
    """ImageMagick's `convert`, given the samples in a TIFF of tifffile's plainest kind."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    height, width = samples.shape[:2]
    source = Path(f"{target.split(':', 1)[1]}.source")
    if channels == 2:  # gray with alpha: as RGBA, which it stores as it is told to
        samples = samples[..., [0, 0, 0, 1]]
    depth = 8 * samples.dtype.itemsize
    kind = {1: "gray", 2: "rgba", 3: "rgb", 4: "rgba"}[channels]
    source.write_bytes(np.ascontiguousarray(samples).tobytes())
    subprocess.run(
        [
            *("convert", "-limit", "thread", "1", "-size", f"{width}x{height}", "-depth", str(depth)),
            *("-endian", "LSB", f"{kind}:{source}", *words, target),
        ],
        check=True,
        capture_output=True,
    )
    source.unlink()


MAKERS: dict[str, Callable[[Random, Path], Made]] = {
    "Pillow's PNG": pillow_png,
    "Pillow's JPEG": pillow_jpeg,
    "Pillow's TIFF": pillow_tiff,
    "Pillow's WebP": pillow_webp,
    "Pillow's other formats": pillow_other,
    "Pillow's lossy formats": pillow_lossy,
    "tifffile": tifffile_tiff,
    "OpenCV": opencv_file,
}
if shutil.which("convert"):
    MAKERS["ImageMagick"] = magick_file


def make(random: Random, stem: Path) -> Made:
    """A file of a random maker."""
    return MAKERS[random.choice(list(MAKERS))](random, stem)
