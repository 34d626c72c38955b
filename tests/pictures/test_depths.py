"""Every mode × depth × orientation × compression of TIFF, and depths that Pillow would cut to 8 bits."""

import logging
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_cases import TURNED, lying, samples, save
from PIL import ExifTags, Image

from inpaintx import InpaintxError
from inpaintx.pictures import read_picture
from inpaintx.pictures.kinds import take

ORIENTATION = int(ExifTags.Base.Orientation)


@pytest.mark.skipif(shutil.which("convert") is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("compression", ["None", "LZW", "Zip", "RLE"])
def test_colour_in_planes_by_another_program_is_read_or_refused(
    tmp_path: Path, compression: str, depth: int
) -> None:
    """Each channel of its own; of 16 bits in LZW only the refusal is right."""
    stored = samples(3)
    source, path = save(Image.fromarray(stored), tmp_path / "a.png"), tmp_path / "a.tif"
    options = ["-depth", str(depth), "-interlace", "plane", "-compress", compression]
    subprocess.run(["convert", source, *options, path], check=True)
    with tifffile.TiffFile(path) as file:
        assert int(file.pages.first.planarconfig) == 2
        assert file.pages.first.bitspersample == depth
    if (compression, depth) == ("LZW", 16):
        with pytest.raises(InpaintxError, match=r"isn't read: .*a\.tif; convert it to a 16-bit PNG"):
            read_picture(path)
        return
    wanted = stored if depth == 8 else stored.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_picture(path).array, wanted)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_tiffs_of_pillow_stand_upright(tmp_path: Path, mode: str, orientation: int, compression: str) -> None:
    if mode.startswith("I"):
        stored = Image.fromarray(samples(1, np.uint16))
        stored = stored if mode == "I;16" else Image.fromarray(samples(1, np.uint16).astype(np.int32))
    else:
        stored = Image.fromarray(samples(4)).convert("RGB" if mode in ("YCbCr", "LAB") else mode)
        stored = (
            stored if mode not in ("YCbCr", "LAB") else Image.frombytes(mode, stored.size, stored.tobytes())
        )
    options: dict[str, Any] = {"compression": compression}
    plain = read_picture(save(stored, tmp_path / "a.tif", **options))
    lies = read_picture(save(stored, tmp_path / "b.tif", exif=lying(orientation), **options))
    np.testing.assert_array_equal(lies.array, TURNED[orientation](plain.array))
    if plain.alpha is not None:
        assert lies.alpha is not None
        np.testing.assert_array_equal(lies.alpha, TURNED[orientation](plain.alpha))
    with Image.open(tmp_path / "b.tif") as image:  # as a program hands it over
        np.testing.assert_array_equal(take(image).picture.array, lies.array)


@given(
    photometric=st.sampled_from(["minisblack", "miniswhite", "rgb"]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    alpha=st.booleans(),
    in_planes=st.booleans(),
    orientation=st.sampled_from(list(TURNED)),
    compression=st.sampled_from([None, "zlib"]),
    predictor=st.booleans(),
    byteorder=st.sampled_from(["<", ">"]),
    tile=st.sampled_from([None, (16, 16)]),
    bigtiff=st.booleans(),
    rows=st.sampled_from([None, 1, 4]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=150)
def test_tiffs_of_tifffile_are_what_was_stored(
    tmp_path_factory: pytest.TempPathFactory,
    photometric: Any,
    dtype: Any,
    alpha: bool,
    in_planes: bool,
    orientation: int,
    compression: Any,
    predictor: bool,
    byteorder: Any,
    tile: Any,
    bigtiff: bool,
    rows: int | None,
    seed: int,
) -> None:
    colours = 3 if photometric == "rgb" else 1
    want = samples(colours + alpha, dtype, seed)
    stored = want.copy()
    if photometric == "miniswhite":
        if alpha:
            stored[..., 0] = np.iinfo(dtype).max - stored[..., 0]
        else:
            stored = np.iinfo(dtype).max - stored
    in_planes = in_planes and stored.ndim == 3
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    tifffile.imwrite(
        path,
        np.moveaxis(stored, 2, 0) if in_planes else stored,
        photometric=photometric,
        planarconfig=("separate" if in_planes else "contig") if stored.ndim == 3 else None,
        extrasamples=["unassalpha"] * alpha,
        compression=compression,
        predictor=predictor and compression is not None,
        byteorder=byteorder,
        tile=tile,
        bigtiff=bigtiff,
        rowsperstrip=rows if tile is None else None,
        extratags=[(ORIENTATION, "H", 1, orientation, True)],
        metadata=None,
    )
    picture = read_picture(path)
    turned = TURNED[orientation](want)
    np.testing.assert_array_equal(picture.array, turned if not alpha else turned[..., :-1].squeeze())
    assert picture.array.dtype == dtype
    if alpha:
        np.testing.assert_array_equal(picture.alpha, turned[..., -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_planes_that_end_too_early_are_no_black(tmp_path: Path, compression: Any) -> None:
    planes = np.moveaxis(samples(3, np.uint16), 2, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", compression=compression
    )
    whole = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        start, count = tiff.pages.first.dataoffsets[-1], tiff.pages.first.databytecounts[-1]
    for end in (start, start + count // 2, start + count - 1):
        (tmp_path / "a.tif").write_bytes(whole[:end])
        with pytest.raises(InpaintxError, match=r"a\.tif"):
            read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_white_is_zero_is_no_negative(tmp_path: Path, bits: int) -> None:
    levels = samples(1, np.uint16) >> (16 - bits)
    for name, photometric, stored in (("w", 0, 2**bits - 1 - levels), ("b", 1, levels)):
        (tmp_path / f"{name}.tif").write_bytes(gray_tiff(stored, bits, photometric))
    white, black = (read_picture(tmp_path / f"{name}.tif").array for name in "wb")
    np.testing.assert_array_equal(white, black)
    full = 65535 if bits == 16 else 255
    np.testing.assert_array_equal(black, levels.astype(np.uint32) * full // (2**bits - 1))


def test_12_bit_gray_has_its_own_white(tmp_path: Path) -> None:
    levels = samples(1, np.uint16)[:, :16] >> 4
    levels[0, :2] = 0, 4095
    (tmp_path / "a.tif").write_bytes(gray_tiff(levels, 12, 1))
    array = read_picture(tmp_path / "a.tif").array
    assert array[0, :2].tolist() == [0, 65535]
    np.testing.assert_array_equal(array >> 4, levels)


def test_signed_bytes_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples(1).astype(np.int8), photometric="minisblack")
    with pytest.raises(InpaintxError, match=r"signed samples .*a\.tif"):
        read_picture(tmp_path / "a.tif")


def gray_tiff(levels: np.ndarray, bits: int, photometric: int) -> bytes:
    """A gray TIFF of one strip with so many bits a sample."""
    height, width = levels.shape
    planes = (levels[..., None] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(planes.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    if bits == 16:
        rows = levels.astype("<u2").tobytes()
    entries = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (277, 1),
        (278, height),
    ]
    entries += [(273, 8 + 2 + 12 * 9 + 4), (279, len(rows))]
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries))
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + tags + bytes(4) + rows


def test_inks_of_16_bits_keep_them(tmp_path: Path) -> None:
    inks = samples(4, np.uint16)
    inks[0, 0] = (0, 65535, 0, 0)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    light = (
        np.prod([(65535.0 - inks[..., :3]), np.repeat(65535.0 - inks[..., 3:], 3, axis=2)], axis=0) / 65535
    )
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.array, np.rint(light))
    assert picture.array[0, 0].tolist() == [65535, 0, 65535]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [1, 3])
def test_premultiplied_alpha_is_divided_out_at_any_depth(tmp_path: Path, dtype: Any, colours: int) -> None:
    white = np.iinfo(dtype).max
    stored = np.full((5, 6, colours + 1), white // 4, dtype)
    stored[..., -1] = white // 2
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb" if colours == 3 else "minisblack",
        extrasamples=["assocalpha"],
    )
    picture = read_picture(tmp_path / "a.tif")
    assert np.abs(picture.array.astype(int) - white // 2).max() <= 2
    np.testing.assert_array_equal(picture.alpha, white // 2)


# --- what other formats hold ---


@pytest.mark.parametrize("white", [65535, 1023])
def test_colour_of_16_bits_in_netpbm_is_kept(tmp_path: Path, white: int) -> None:
    levels = (samples(3, np.uint16) % (white + 1.0)).astype(np.uint16)
    height, width = levels.shape[:2]
    (tmp_path / "a.ppm").write_bytes(
        b"P6 %d %d %d\n" % (width, height, white) + levels.astype(">u2").tobytes()
    )
    picture = read_picture(tmp_path / "a.ppm")
    np.testing.assert_array_equal(picture.array, np.rint(levels * (65535 / white)))
    assert picture.array.dtype == np.uint16
    (tmp_path / "b.ppm").write_bytes((tmp_path / "a.ppm").read_bytes()[:-1])
    with pytest.raises(InpaintxError, match=r"b\.ppm"):
        read_picture(tmp_path / "b.ppm")


def test_colour_of_16_bits_that_would_be_cut_to_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.ppm").write_bytes(b"P3 1 1 65535\n1 2 3\n")
    save(Image.fromarray(samples(3)), tmp_path / "deep.sgi", bpc=2)
    save(Image.fromarray(samples(3)), tmp_path / "deep.jp2")
    coded = bytearray((tmp_path / "deep.jp2").read_bytes())
    sizes = coded.index(b"\xff\x4f\xff\x51") + 4 + 38
    coded[sizes] = 15  # 16 bits, less one
    (tmp_path / "deep.jp2").write_bytes(coded)
    deep = np.zeros((16, 16, 3), np.uint16)
    assert cv2.imwrite(str(tmp_path / "deep.avif"), deep, [cv2.IMWRITE_AVIF_DEPTH, 10])
    for name in ("text.ppm", "deep.sgi", "deep.jp2", "deep.avif"):
        with pytest.raises(InpaintxError, match=rf"1[06] bits.*{name}"):
            read_picture(tmp_path / name)


def test_the_same_formats_of_8_bits_are_read(tmp_path: Path) -> None:
    want = samples(3)
    for name, options in (("a.ppm", {}), ("a.sgi", {}), ("a.jp2", {"irreversible": False})):
        picture = read_picture(save(Image.fromarray(want), tmp_path / name, **options))
        np.testing.assert_array_equal(picture.array, want)
    assert read_picture(save(Image.fromarray(want), tmp_path / "a.avif")).array.shape == want.shape


@pytest.mark.parametrize("kind", ["gray", "palette"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_transparent_value_of_few_bits_becomes_alpha(
    tmp_path: Path, kind: str, bits: int, interlaced: bool
) -> None:
    values = np.tile(np.arange(64) % 2**bits, (8, 1))
    if interlaced:  # the whole of the first pass, and nothing in the others
        values = values[:1, :1] + 1
    planes = (values[..., None] >> np.arange(bits)[::-1]) & 1
    packed = np.packbits(planes.reshape(len(values), -1).astype(np.uint8), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", *values.shape[::-1], bits, 0 if kind == "gray" else 3, 0, 0, interlaced)
    chunks = [(b"IHDR", header)]
    if kind == "palette":
        chunks += [(b"PLTE", np.arange(2**bits * 3).astype(np.uint8).tobytes())]
    chunks += [
        (b"tRNS", b"\0\1" if kind == "gray" else b"\xff\0"),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha, np.where(values == 1, 0, 255))
    if kind == "gray":
        np.testing.assert_array_equal(picture.array, values * (255 // (2**bits - 1)))


def test_a_bomb_in_a_layout_that_pillow_does_not_know_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", samples(2, np.uint16), photometric="minisblack", extrasamples=["unassalpha"]
    )
    assert read_picture(tmp_path / "a.tif").alpha is not None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(InpaintxError, match=r"more than .* million pixels: .*a\.tif"):
        read_picture(tmp_path / "a.tif")


def test_nothing_is_logged_of_a_broken_file_where_nobody_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # pytest's own, which would take what is logged
    whole = gray_tiff(samples(1, np.uint16), 16, 1)
    count = struct.pack("<HHI", 277, 4, 1)  # of the samples a pixel
    (tmp_path / "a.tif").write_bytes(
        whole.replace(count + struct.pack("<I", 1), count + struct.pack("<I", 1027))
    )
    with pytest.raises(InpaintxError, match=r"a\.tif"):
        read_picture(tmp_path / "a.tif")
    assert capsys.readouterr().err == ""
