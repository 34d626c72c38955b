import io
import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from inpaintx import InpaintxError
from inpaintx.pictures import Picture, atomic_file, find_pictures, read_picture, write_picture

H, W = 11, 17


def samples(channels: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    shape = (H, W) if channels == 1 else (H, W, channels)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


# --- the modes of Pillow ---


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


# --- 16 bit ---


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


def test_16_bit_colour_in_planes_is_refused_not_misread(tmp_path: Path) -> None:
    planes = np.moveaxis(samples(3, np.uint16), 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(InpaintxError, match=r"layout that isn't read: .*a\.tif"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_16_bit_colour_becomes_alpha(tmp_path: Path, channels: int) -> None:
    array = samples(channels, np.uint16)
    key = array[2, 3]
    write_picture(Picture(array), tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    plain = io.BytesIO(data)
    end_of_header = 8 + 25
    chunk = png_chunk(b"tRNS", np.atleast_1d(key).astype(">u2").tobytes())
    (tmp_path / "a.png").write_bytes(plain.read(end_of_header) + chunk + plain.read())
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.array, array)
    expected = np.full((H, W), 65535, np.uint16)
    expected[2, 3] = 0
    np.testing.assert_array_equal(picture.alpha, expected)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_32_bit_integers_are_kept_where_16_bits_hold_them(tmp_path: Path) -> None:
    want = samples(1, np.uint16).astype(np.int32)
    picture = read_picture(save(Image.fromarray(want), tmp_path / "a.tif"))
    np.testing.assert_array_equal(picture.array, want)
    with pytest.raises(InpaintxError, match=r"more than 16 bits .*b\.tif"):
        read_picture(save(Image.fromarray(want + 65536), tmp_path / "b.tif"))


def test_floating_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"floating-point .*a\.tif"):
        read_picture(save(Image.fromarray(np.ones((H, W), np.float32)), tmp_path / "a.tif"))


# --- what can't be read ---


def test_of_several_frames_the_first(tmp_path: Path) -> None:
    frames = [Image.new("L", (W, H), level) for level in (40, 200)]
    for name in ("a.gif", "a.tif", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert (read_picture(tmp_path / name).array == 40).all()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", {}),
        (".jpg", {}),
        (".gif", {}),
        (".bmp", {}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".webp", {"lossless": True}),
        (".ppm", {}),
        (".jp2", {}),
        (".tga", {}),
    ],
)
def test_a_truncated_picture_is_named_wherever_it_ends(
    tmp_path: Path, suffix: str, options: dict[str, object]
) -> None:
    whole = save(Image.fromarray(samples(3)), tmp_path / f"whole{suffix}", **options).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    for length in [*range(0, 64, 5), len(whole) // 3, len(whole) // 2]:
        cut.write_bytes(whole[:length])
        with pytest.raises(InpaintxError, match=f"cut{suffix}") as caught:
            read_picture(cut)
        assert "\n" not in str(caught.value)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(InpaintxError, match=r"not a picture.*a\.png"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(InpaintxError, match=r"no such picture: .*b\.png"):
        read_picture(tmp_path / "b.png")
    with pytest.raises(InpaintxError, match="can't read the picture"):
        read_picture(tmp_path)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(Image.fromarray(samples(1)), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(InpaintxError, match=r"more than .* million pixels: .*a\.png"):
        read_picture(path)


# --- writing ---


def pictures_of_all_kinds() -> list[Picture]:
    return [
        Picture(samples(channels, dtype), samples(1, dtype, seed=1) if alpha else None)
        for channels in (1, 3)
        for dtype in (np.uint8, np.uint16)
        for alpha in (False, True)
    ]


# Which of the kinds each format holds: (channels, bits, alpha).
EIGHT_BIT = {(1, 8, False), (3, 8, False), (1, 8, True), (3, 8, True)}
HELD = {
    ".png": EIGHT_BIT | {(1, 16, False), (3, 16, False), (1, 16, True), (3, 16, True)},
    ".TIF": EIGHT_BIT | {(1, 16, False)},
    ".webp": EIGHT_BIT,
    ".bmp": {(1, 8, False), (3, 8, False)},
}


@pytest.mark.parametrize("suffix", HELD)
def test_what_is_written_is_read_back_bit_for_bit_or_refused(tmp_path: Path, suffix: str) -> None:
    for number, picture in enumerate(pictures_of_all_kinds()):
        path = tmp_path / f"{number}{suffix}"
        kind = (picture.channels, 8 * picture.array.itemsize, picture.alpha is not None)
        if kind not in HELD[suffix]:
            with pytest.raises(InpaintxError, match=f"can't hold .*{number}{suffix}"):
                write_picture(picture, path)
            continue
        write_picture(picture, path)
        back = read_picture(path)
        # WebP has no gray, so there it comes back as three equal colours.
        np.testing.assert_array_equal(
            back.as_float(), np.broadcast_to(picture.as_float(), back.as_float().shape)
        )
        assert back.channels == picture.channels or suffix == ".webp"
        assert back.array.dtype == picture.array.dtype
        np.testing.assert_array_equal(back.alpha, picture.alpha)
    assert len(os.listdir(tmp_path)) == len(HELD[suffix])


def test_16_bit_pngs_are_read_by_others(tmp_path: Path) -> None:
    colour = samples(3, np.uint16)
    write_picture(Picture(colour), tmp_path / "a.png")
    other = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert other is not None
    np.testing.assert_array_equal(other[..., ::-1], colour)


def test_jpeg_only_when_asked(tmp_path: Path) -> None:
    smooth = Picture(np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1)))
    with pytest.raises(InpaintxError, match=r"JPEG would change known pixels: .*a\.jpg"):
        write_picture(smooth, tmp_path / "a.jpg")
    write_picture(smooth, tmp_path / "a.jpg", format="jpeg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"
        np.testing.assert_allclose(np.asarray(image).astype(int), smooth.array, atol=4)


@pytest.mark.parametrize(("name", "format"), [("a.xyz", None), ("a", None), ("a.png", "gif")])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str, format: str | None) -> None:
    with pytest.raises(InpaintxError, match=name):
        write_picture(Picture(samples(1)), tmp_path / name, format)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_trouble_with_another_file_is_not_put_on_the_one_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="other"), atomic_file(tmp_path / "a.png"):
        (tmp_path / "other").read_bytes()
    assert os.listdir(tmp_path) == []


def test_a_file_that_cant_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"can't write: .*missing.a\.png"):
        write_picture(Picture(samples(1)), tmp_path / "missing" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(InpaintxError, match=r"can't write: .*b\.png"):
        write_picture(Picture(samples(1)), tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["b.png"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_files_get_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_picture(Picture(samples(1)), tmp_path / "a.png")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a.png")}
    assert len(modes) == 1


# --- Picture ---


def test_as_float_spans_0_to_1() -> None:
    for picture in pictures_of_all_kinds():
        values = picture.as_float()
        assert values.dtype == np.float32
        assert values.shape == (H, W, picture.channels)
        np.testing.assert_allclose(values.squeeze() * picture.max_value, picture.array, rtol=1e-6)


def test_with_fill_changes_the_hole_only() -> None:
    mask = np.random.default_rng(3).random((H, W)) > 0.4
    for picture in pictures_of_all_kinds():
        filled = picture.as_float()
        filled[~mask] = 1.0 - filled[~mask]
        filled[mask] = np.nan  # never read where the pixels are known
        result = picture.with_fill(filled, mask)
        np.testing.assert_array_equal(result.array[mask], picture.array[mask])
        np.testing.assert_array_equal(result.array[~mask], picture.max_value - picture.array[~mask])
        assert result.array.dtype == picture.array.dtype
        if picture.alpha is not None and result.alpha is not None:
            np.testing.assert_array_equal(result.alpha[mask], picture.alpha[mask])
            assert (result.alpha[~mask] == picture.max_value).all()
        else:
            assert result.alpha is None


def test_an_unchanged_fill_gives_every_level_back() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for picture in (Picture(ramp), Picture((ramp % 256).astype(np.uint8))):
        back = picture.with_fill(picture.as_float(), np.zeros((256, 256), bool))
        np.testing.assert_array_equal(back.array, picture.array)


def test_with_fill_clips() -> None:
    picture = Picture(np.full((2, 2), 9, np.uint8))
    filled = np.array([[-3.0, 0.5], [1.0, 7.0]], np.float32)[..., None]
    result = picture.with_fill(filled, np.zeros((2, 2), bool))
    np.testing.assert_array_equal(result.array, [[0, 128], [255, 255]])


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Picture(np.zeros((4, 4), np.float32)),
        lambda: Picture(np.zeros((4, 4, 4), np.uint8)),
        lambda: Picture(np.zeros((0, 4), np.uint8)),
        lambda: Picture(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)),
        lambda: Picture(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)),
        lambda: Picture(np.zeros((4, 4), np.uint8)).with_fill(
            np.zeros((4, 4), np.float32), np.zeros((4, 4), bool)
        ),
        lambda: Picture(np.zeros((4, 4), np.uint8)).with_fill(
            np.zeros((4, 4, 1), np.float32), np.zeros((4, 4))
        ),
    ],
)
def test_wrong_arrays_are_refused(broken: Callable[[], Picture]) -> None:
    with pytest.raises(InpaintxError):
        broken()


# --- finding ---


def test_find_pictures_goes_into_folders_sorted_and_once(tmp_path: Path) -> None:
    names = ["b/2.png", "b/10.JPG", "a.pgm", "c/d/e.webp"]
    for name in [*names, "notes.txt", ".hidden.png", ".git/x.png", "b/chars.json", "film.mpg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    want = [tmp_path / name for name in sorted(names)]
    assert find_pictures([tmp_path]) == want
    assert find_pictures([tmp_path / "c", tmp_path]) == [want[-1], *want[:-1]]


def test_a_file_that_is_named_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "scan").touch()
    assert find_pictures([str(tmp_path / "scan")]) == [tmp_path / "scan"]


def test_missing_and_empty_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"no such picture or folder: .*nowhere"):
        find_pictures([tmp_path / "nowhere"])
    with pytest.raises(InpaintxError, match="no pictures in the folder"):
        find_pictures([tmp_path])
