import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_cases import H, W, samples, save
from PIL import Image, ImageCms

from inpaintx import InpaintxError
from inpaintx.pictures import Picture, encoding, find_pictures, read_picture, write_picture
from inpaintx.pictures.files import atomic_file

# --- what can't be read ---


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
    ".TIF": EIGHT_BIT | {(1, 16, False), (3, 16, False), (1, 16, True), (3, 16, True)},
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pngs_of_large_pictures_and_deep_ones_are_read_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, dtype: type
) -> None:
    """They are filtered here, in bands: across the edges of these, too, with rows of both kinds."""
    monkeypatch.setattr(encoding, "_LARGE", 1000)
    monkeypatch.setattr(encoding, "_ROWS", 16)
    noise = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (41, 31, channels), dtype)
    noise[:12] = noise[:1]  # rows that are those above them
    noise[20:32] = noise[20:32, :1]  # rows of one colour
    stored = noise[..., 0] if channels == 1 else noise
    write_picture(Picture.from_samples(stored), tmp_path / "a.png")
    other = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert other is not None
    np.testing.assert_array_equal(other if channels == 1 else other[..., [2, 1, 0, 3][:channels]], stored)
    read = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(read.array, stored[..., :3] if channels > 1 else stored)
    assert (tmp_path / "a.png").stat().st_size < 0.6 * stored.nbytes


def test_jpeg_only_when_asked(tmp_path: Path) -> None:
    smooth = Picture(np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1)))
    with pytest.raises(InpaintxError, match=r"JPEG would change known pixels: .*a\.jpg"):
        write_picture(smooth, tmp_path / "a.jpg")
    write_picture(smooth, tmp_path / "a.jpg", format="jpeg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"
        np.testing.assert_allclose(np.asarray(image).astype(int), smooth.array, atol=4)


@cache  # a profile says when it was made
def icc(space: bytes) -> bytes:
    """An ICC profile that says that its colours are of this space."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:16] + space + profile[20:]


@pytest.mark.parametrize(
    ("suffix", "format"),
    [(".png", None), (".tif", None), (".webp", None), (".bmp", None), (".jpg", "jpeg")],
)
def test_the_colour_profile_and_the_resolution_are_kept(
    tmp_path: Path, suffix: str, format: str | None
) -> None:
    kinds = [(3, np.uint8, b"RGB ")]
    if suffix in (".png", ".tif"):
        kinds += [(1, np.uint8, b"GRAY"), (1, np.uint16, b"GRAY")]
    if suffix in (".png", ".tif"):
        kinds += [(3, np.uint16, b"RGB ")]
    for channels, dtype, space in kinds:
        picture = Picture(samples(channels, dtype), None, None, icc(space), (600.0, 300.0))
        hole = picture.with_fill(picture.as_float(), np.zeros((H, W), bool))
        write_picture(hole, tmp_path / f"a{suffix}", format)
        back = read_picture(tmp_path / f"a{suffix}")
        assert back.profile == (None if suffix == ".bmp" else icc(space))
        assert back.dpi == pytest.approx((600, 300), abs=0.02)
        with Image.open(tmp_path / f"a{suffix}") as image:  # as others read it
            assert image.info.get("icc_profile") == back.profile


def test_a_profile_of_other_colours_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    inks = read_picture(
        save(Image.new("CMYK", (W, H)), tmp_path / "a.tif", icc_profile=icc(b"CMYK"), dpi=(204, 98))
    )
    assert inks.profile is None  # it is RGB now
    assert inks.dpi == (204, 98)
    assert str(write_picture(inks, tmp_path / "a.png")).startswith(
        "not kept: colour profile of other colours"
    )


def test_a_gray_palette_with_a_profile_of_rgb_stays_rgb(tmp_path: Path) -> None:
    palette = Image.fromarray(np.tile(np.uint8([9, 99]), (H, W))).convert("RGB").quantize(2)
    picture = read_picture(save(palette, tmp_path / "b.png", icc_profile=icc(b"RGB ")))
    assert picture.profile == icc(b"RGB ")
    assert picture.channels == 3


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
