"""Picture files that Pillow writes."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from drawing import ORIENTATION, TURNED, Made, draw, finish, rgba, seen_by_pillow
from PIL import Image


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
    return finish(path, seen, orientation)


def pillow_jpeg(random: Random, stem: Path) -> Made:
    image, _, _ = _of_mode(random, random.choice(["L", "RGB", "RGB", "CMYK", "YCbCr"]))
    orientation, lying = _lying(random)
    path = stem.with_suffix(random.choice([".jpg", ".JPG", ".jpeg"]))
    options: dict[str, Any] = {"quality": random.choice([5, 50, 75, 95, 100])}
    options |= {"progressive": random.random() < 0.3, "subsampling": random.choice([0, 1, 2])}
    image.save(path, **options, **lying)
    return finish(path, seen_by_pillow(path), orientation)


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
    return finish(path, seen, orientation)


def pillow_webp(random: Random, stem: Path) -> Made:
    image, seen, _ = _of_mode(random, random.choice(["RGB", "RGBA"]))
    orientation, lying = _lying(random)
    path = stem.with_suffix(".webp")
    lossless = random.random() < 0.6
    image.save(path, lossless=lossless, exact=True, quality=80, method=0, **lying)
    return finish(path, seen if lossless else seen_by_pillow(path), orientation)


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
    return finish(path, seen)


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
    return finish(path, seen_by_pillow(path))
