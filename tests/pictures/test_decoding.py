"""What becomes of the modes, depths and orientations of picture files."""

import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
import tifffile
from picture_cases import TURNED, H, W, lying, samples, save
from PIL import ExifTags, Image

from inpaintx import InpaintxError
from inpaintx.pictures import Picture, read_picture, write_picture


def test_of_several_frames_the_first(tmp_path: Path) -> None:
    frames = [Image.new("L", (W, H), level) for level in (40, 200)]
    for name in ("a.gif", "a.tif", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert (read_picture(tmp_path / name).array == 40).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_gray_and_rgb_are_read_as_they_are(tmp_path: Path, suffix: str) -> None:
    for channels in (1, 3):
        want = samples(channels)
        picture = read_picture(save(Image.fromarray(want), tmp_path / f"a{suffix}"))
        np.testing.assert_array_equal(picture.array, want)
        assert picture.array.dtype == np.uint8
        assert picture.alpha is None
        assert (picture.height, picture.width, picture.channels, picture.max_value) == (H, W, channels, 255)
        assert picture.path == tmp_path / f"a{suffix}"


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_apart_and_colours_under_it_as_they_are(tmp_path: Path, channels: int) -> None:
    want = samples(channels)
    want[0, 0, -1] = 0
    picture = read_picture(save(Image.fromarray(want), tmp_path / "a.png"))
    np.testing.assert_array_equal(picture.array, want[..., 0] if channels == 2 else want[..., :3])
    np.testing.assert_array_equal(picture.alpha, want[..., -1])


def test_bilevel_becomes_gray(tmp_path: Path) -> None:
    want = samples(1) > 127
    picture = read_picture(save(Image.fromarray(want), tmp_path / "a.png"))
    np.testing.assert_array_equal(picture.array, np.where(want, 255, 0))


def test_a_colour_palette_becomes_rgb_and_a_gray_one_gray(tmp_path: Path) -> None:
    colours = samples(3)
    colours[...] = np.where(samples(1)[..., None] > 99, [200, 10, 30], [0, 250, 60])
    picture = read_picture(save(Image.fromarray(colours).quantize(4), tmp_path / "a.png"))
    np.testing.assert_array_equal(picture.array, colours)

    grays = np.where(samples(1) > 99, 200, 30).astype(np.uint8)
    image = Image.fromarray(grays).convert("RGB").quantize(4)
    assert image.mode == "P"
    np.testing.assert_array_equal(read_picture(save(image, tmp_path / "b.png")).array, grays)


def test_a_transparent_palette_entry_becomes_alpha(tmp_path: Path) -> None:
    index = (samples(1) > 99).astype(np.uint8)
    image = Image.frombytes("P", (W, H), index.tobytes())
    image.putpalette([250, 20, 30, 9, 9, 90])
    for name in ("a.png", "a.gif"):
        picture = read_picture(save(image, tmp_path / name, transparency=1))
        np.testing.assert_array_equal(picture.alpha, np.where(index == 1, 0, 255))
        np.testing.assert_array_equal(picture.array[index == 0], [[250, 20, 30]] * (index == 0).sum())


@pytest.mark.parametrize(("mode", "key", "colour"), [("L", 7, 7), ("RGB", (1, 2, 3), (1, 2, 3)), ("1", 0, 0)])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, mode: str, key: object, colour: Any) -> None:
    image = Image.new(mode, (W, H), 255 if mode != "RGB" else (9, 9, 9))
    image.putpixel((3, 2), colour)
    alpha = read_picture(save(image, tmp_path / "a.png", transparency=key)).alpha
    assert alpha is not None
    assert alpha[2, 3] == 0
    assert (alpha == 255).sum() == H * W - 1


@pytest.mark.parametrize(
    ("mode", "suffix"), [("CMYK", ".tif"), ("YCbCr", ".tif"), ("LAB", ".tif"), ("CMYK", ".jpg")]
)
def test_other_colour_spaces_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    red = {"CMYK": (0, 255, 255, 0), "YCbCr": (76, 85, 255), "LAB": (136, 208, 195)}[mode]
    picture = read_picture(save(Image.new(mode, (W, H), red), tmp_path / f"a{suffix}"))
    assert picture.channels == 3
    colour = picture.array.reshape(-1, 3).astype(int)
    assert (colour[:, 0] > 200).all()
    assert (colour[:, 1:] < 60).all()


def test_premultiplied_alpha_is_divided_out(tmp_path: Path) -> None:
    half = np.full((H, W, 4), [100, 50, 25, 128], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", half, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(picture.array.astype(int), np.full((H, W, 3), [200, 100, 50]), atol=2)
    np.testing.assert_array_equal(picture.alpha, 128)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_gray_is_kept(tmp_path: Path, suffix: str) -> None:
    want = samples(1, np.uint16)
    want[0, 0] = 65535  # a PGM's own white
    cv2.imwrite(str(tmp_path / f"a{suffix}"), want)
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.array, want)
    assert (picture.array.dtype, picture.max_value) == (np.uint16, 65535)


@pytest.mark.parametrize(("suffix", "channels"), [(".png", 3), (".png", 4), (".tif", 3), (".tif", 4)])
def test_16_bit_colour_is_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    want = samples(channels, np.uint16)
    cv2.imwrite(
        str(tmp_path / f"a{suffix}"),
        cv2.cvtColor(want, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA),
    )
    picture = read_picture(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.array, want[..., :3])
    if channels == 4:
        np.testing.assert_array_equal(picture.alpha, want[..., 3])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bit_colour_of_either_byte_order_and_in_tiles(
    tmp_path: Path, byte_order: Literal["<", ">"]
) -> None:
    want = np.tile(samples(3, np.uint16), (3, 2, 1))
    tifffile.imwrite(tmp_path / "a.tif", want, photometric="rgb", byteorder=byte_order, tile=(16, 16))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").array, want)


def test_16_bit_colour_in_planes_is_read(tmp_path: Path) -> None:
    want = samples(3, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(want, 2, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").array, want)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_16_bit_colour_becomes_alpha(tmp_path: Path, channels: int) -> None:
    array = samples(channels, np.uint16)
    key = array[2, 3]
    write_picture(Picture(array), tmp_path / "a.png")
    add_png_chunk(tmp_path / "a.png", b"tRNS", np.atleast_1d(key).astype(">u2").tobytes())
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.array, array)
    expected = np.full((H, W), 65535, np.uint16)
    expected[2, 3] = 0
    np.testing.assert_array_equal(picture.alpha, expected)


def add_png_chunk(path: Path, kind: bytes, data: bytes) -> None:
    """Puts a chunk into the file, after its header."""
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    png, end_of_header = path.read_bytes(), 8 + 25
    path.write_bytes(png[:end_of_header] + chunk + png[end_of_header:])


def test_32_bit_integers_are_kept_where_16_bits_hold_them(tmp_path: Path) -> None:
    want = samples(1, np.uint16).astype(np.int32)
    picture = read_picture(save(Image.fromarray(want), tmp_path / "a.tif"))
    np.testing.assert_array_equal(picture.array, want)
    with pytest.raises(InpaintxError, match=r"more than 16 bits .*b\.tif"):
        read_picture(save(Image.fromarray(want + 65536), tmp_path / "b.tif"))


def test_floating_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"floating-point .*a\.tif"):
        read_picture(save(Image.fromarray(np.ones((H, W), np.float32)), tmp_path / "a.tif"))


# --- orientation ---


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    ("suffix", "options"), [(".png", {}), (".tif", {}), (".webp", {"lossless": True}), (".jpg", {})]
)
def test_what_lies_on_its_side_is_turned_upright(
    tmp_path: Path, suffix: str, options: dict[str, Any], orientation: int
) -> None:
    stored = Image.fromarray(samples(3))
    plain = read_picture(save(stored, tmp_path / f"a{suffix}", **options))
    lies = read_picture(save(stored, tmp_path / f"b{suffix}", exif=lying(orientation), **options))
    np.testing.assert_array_equal(lies.array, TURNED[orientation](plain.array))


@pytest.mark.parametrize("channels", [3, 4])
def test_deep_colour_and_alpha_are_turned_too(tmp_path: Path, channels: int) -> None:
    stored = samples(channels, np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        extrasamples=["unassalpha"] * (channels - 3),
        extratags=[(int(ExifTags.Base.Orientation), "H", 1, 6, True)],
    )
    write_picture(Picture(stored[..., :3], stored[..., 3] if channels == 4 else None), tmp_path / "a.png")
    add_png_chunk(tmp_path / "a.png", b"eXIf", lying(6).tobytes().removeprefix(b"Exif\0\0"))
    for name in ("a.tif", "a.png"):
        picture = read_picture(tmp_path / name)
        np.testing.assert_array_equal(picture.array, TURNED[6](stored[..., :3]))
        if channels == 4:
            np.testing.assert_array_equal(picture.alpha, TURNED[6](stored[..., 3]))


def test_broken_exif_data_is_left_alone(tmp_path: Path) -> None:
    path = save(Image.fromarray(samples(3)), tmp_path / "a.png")
    add_png_chunk(path, b"eXIf", b"neither II nor MM")
    np.testing.assert_array_equal(read_picture(path).array, samples(3))
