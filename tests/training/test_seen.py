"""Colours under a transparent alpha are not learned: nobody sees them."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.training.collection import load_collection
from inpaintx.training.patches import Patches

SIDE = 64
GREEN, RED = (0, 128, 0), (255, 0, 0)


def hole(share: float) -> np.ndarray:
    """bool [64, 64], True in a hole in the middle of about this share."""
    side = round(SIDE * share**0.5)
    found = np.zeros((SIDE, SIDE), bool)
    start = (SIDE - side) // 2
    found[start : start + side, start : start + side] = True
    return found


def save_rgba(path: Path, hidden: np.ndarray) -> None:
    pixels = np.full((SIDE, SIDE, 4), (*GREEN, 255), np.uint8)
    pixels[hidden] = (*RED, 0)
    Image.fromarray(pixels).save(path)


def save_deep(path: Path, hidden: np.ndarray) -> None:
    colours = np.where(hidden[..., None], RED, GREEN).astype(np.uint16) * 257
    write_picture(Picture(colours, np.where(hidden, 0, 65535).astype(np.uint16)), path)


def save_palette(path: Path, hidden: np.ndarray) -> None:
    picture = Image.fromarray(hidden.astype(np.uint8)).convert("P")
    picture.putpalette([*GREEN, *RED, *[0] * 762])
    picture.save(path, transparency=1)
    assert Image.open(path).mode == "P"


def save_gray(path: Path, hidden: np.ndarray) -> None:
    """Gray of 4 bits whose value 15 is transparent, by tRNS."""
    packed = np.where(hidden, 15, 6).astype(np.uint8)
    rows = b"".join(b"\0" + bytes(row[::2] << 4 | row[1::2]) for row in packed)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 4, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", b"\0\x0f"), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))


KINDS = {"rgba": save_rgba, "deep": save_deep, "palette": save_palette, "gray": save_gray}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 64, 96])
@pytest.mark.parametrize("fit", ["crop", "patches"])
def test_what_is_hidden_is_filled_from_what_is_seen(tmp_path: Path, kind: str, size: int, fit: str) -> None:
    KINDS[kind](tmp_path / "a.png", hole(0.04 if fit == "crop" else 0.01))
    if fit == "patches" and size > SIDE:
        with pytest.raises(InpaintxError, match="no readable picture"):
            load_collection(tmp_path, size, fit=fit)  # type: ignore[arg-type]
        return
    collection = load_collection(tmp_path, size, fit=fit)  # type: ignore[arg-type]
    seen = [102] if kind == "gray" else list(GREEN)
    for image in collection.images:
        for plane, level in zip(image, seen, strict=True):
            assert plane.unique().tolist() == [level]
    assert collection.transparent == "1 picture has transparent parts: 1 filled there from what is around"
    assert collection.notes == [collection.transparent]
    assert collection.skipped == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_which_much_is_hidden_is_left_out_and_said(tmp_path: Path, kind: str) -> None:
    """The case of the reports: half of the picture is red that nobody sees."""
    half = np.arange(SIDE) >= SIDE // 2
    KINDS[kind](tmp_path / "hidden-red.png", np.broadcast_to(half, (SIDE, SIDE)))
    said = (
        "1 picture has transparent parts: 1 left out, more than 5% transparent (hidden-red.png); "
        "give them a background to have them"
    )
    with pytest.raises(InpaintxError) as refused:
        load_collection(tmp_path, 32)
    assert str(refused.value).endswith(said)  # the one advice, and no other
    Image.new("RGB", (SIDE, SIDE), (1, 2, 3)).save(tmp_path / "plain.png")
    collection = load_collection(tmp_path, 32)
    assert collection.transparent == said
    assert [path.name for path in collection.paths] == ["plain.png"]
    assert collection.images.amax((0, 2, 3)).tolist() == [1, 2, 3]


def test_only_what_is_learned_of_a_picture_counts(tmp_path: Path) -> None:
    """Beside the centred square all is transparent; of patches, those that show much of it are left out."""
    pixels = np.full((SIDE, 3 * SIDE, 4), (*RED, 0), np.uint8)
    pixels[:, SIDE : 2 * SIDE] = (*GREEN, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert load_collection(tmp_path, 64).images.amax((0, 2, 3)).tolist() == list(GREEN)
    patches = load_collection(tmp_path, 32, fit=Patches(count=200))
    assert 20 < len(patches.images) < 150
    assert (patches.images.amax((0, 2, 3)) - patches.images.amin((0, 2, 3))).tolist() == [0, 0, 0]
    assert patches.images.amax((0, 2, 3)).tolist() == list(GREEN)


def test_half_seen_is_seen_and_the_file_is_as_it_was(tmp_path: Path) -> None:
    """A soft edge keeps its colours, which are not premultiplied."""
    pixels = np.full((SIDE, SIDE, 4), (*GREEN, 128), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    collection = load_collection(tmp_path, 32)
    assert collection.images[0].flatten(1)[:, 0].tolist() == list(GREEN)
    assert collection.transparent is None
    assert (tmp_path / "a.png").read_bytes() == before
    assert read_picture(tmp_path / "a.png").alpha is not None


def test_what_is_opaque_is_read_as_without_alpha(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    (tmp_path / "plain").mkdir()
    (tmp_path / "alpha").mkdir()
    Image.fromarray(levels).save(tmp_path / "plain" / "a.png")
    opaque = np.dstack([levels, np.full((90, 70), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "alpha" / "a.png")
    plain, alpha = (load_collection(tmp_path / place, 32) for place in ("plain", "alpha"))
    assert plain.fingerprint == alpha.fingerprint
    assert alpha.transparent is None
