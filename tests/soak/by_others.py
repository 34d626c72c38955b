"""Picture files that tifffile, OpenCV and ImageMagick write."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import tifffile
from drawing import ORIENTATION, TURNED, Made, draw, finish, rgba, seen_by_pillow

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
    return finish(path, rgba(want), orientation)


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
    return finish(path, seen, refusable=suffix == ".jp2" and deep and channels == 3)


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
    return finish(path, seen, orientation)


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
