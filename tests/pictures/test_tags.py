"""What files say beside their pixels, from every format that says it to every format that is written."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from picture_cases import H, W, samples, save
from PIL import ExifTags, Image, PngImagePlugin

from inpaintx import InpaintxError
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.pictures.files import kept_format
from inpaintx.pictures.tags import JpegCoding, Tags

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
UPRIGHT_XMP = XMP.replace(b'"6"', b'"1"')


def exif_of(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "A. Painter"
    exif[int(ExifTags.IFD.Exif)] = {
        int(ExifTags.Base.DateTimeOriginal): "2001:02:03 04:05:06",
        int(ExifTags.Base.ExifImageWidth): W,
        int(ExifTags.Base.ExifImageHeight): H,
    }
    exif[int(ExifTags.IFD.GPSInfo)] = {1: "N", 2: (47.0, 22.0, 1.5)}
    return exif


def save_png(image: Image.Image, path: Path) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Title", "Grüße")
    info.add_text("Comment", "long " * 99, zip=True)
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    image.save(path, pnginfo=info, exif=exif_of(), dpi=(300, 150))
    return path


def save_tiff(image: Image.Image, path: Path) -> Path:
    exif = exif_of()
    exif[700], exif[270] = XMP, "a scan"
    image.save(path, exif=exif.tobytes(), dpi=(300, 150))
    return path


def save_jpeg(image: Image.Image, path: Path) -> Path:
    image.save(path, exif=exif_of(), xmp=XMP, comment=b"a scan", dpi=(300, 150), quality=70)
    return path


def save_webp(image: Image.Image, path: Path) -> Path:
    image.save(path, exif=exif_of(), xmp=XMP, lossless=True)
    return path


SOURCES: dict[str, Callable[[Image.Image, Path], Path]] = {
    "a.png": save_png,
    "a.tif": save_tiff,
    "a.jpg": save_jpeg,
    "a.webp": save_webp,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["b.png", "b.tif", "b.webp", "b.jpg"])
def test_exif_and_xmp_go_from_format_to_format_upright(tmp_path: Path, source: str, target: str) -> None:
    picture = read_picture(SOURCES[source](Image.fromarray(samples(3)), tmp_path / source))
    assert (picture.height, picture.width) == (W, H)
    write_picture(picture, tmp_path / target, "jpeg" if target.endswith("jpg") else None)
    back = read_picture(tmp_path / target)
    assert (back.height, back.width) == (W, H)  # not turned twice
    assert back.tags.xmp == UPRIGHT_XMP
    with Image.open(tmp_path / target) as other:  # as others read it
        exif = other.getexif()
        assert exif[ExifTags.Base.Orientation] == 1
        assert exif[ExifTags.Base.Artist] == "A. Painter"
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "2001:02:03 04:05:06"
        assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (H, W)
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (47.0, 22.0, 1.5)
    if source != "a.webp":  # of a picture that was turned, the resolutions are, too
        assert back.dpi == pytest.approx((150, 300), abs=0.02)


def test_comments_are_kept_where_there_is_a_place_and_else_that_is_said(tmp_path: Path) -> None:
    picture = read_picture(save_png(Image.fromarray(samples(3)), tmp_path / "a.png"))
    assert picture.tags.comments == (("Title", "Grüße"), ("Comment", "long " * 99))
    assert not write_picture(picture, tmp_path / "b.png").lost
    assert read_picture(tmp_path / "b.png").tags.comments == picture.tags.comments
    write_picture(picture, tmp_path / "b.jpg", "jpeg")
    assert read_picture(tmp_path / "b.jpg").tags.comments[0][1].startswith("Title: Grüße\nComment: long")
    assert "comments" in write_picture(picture, tmp_path / "b.webp").lost
    lost = write_picture(picture, tmp_path / "b.bmp").lost
    assert {"EXIF", "XMP", "comments", "gAMA"} == set(lost)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gamma_is_kept_in_png_and_else_that_is_said(tmp_path: Path, dtype: type) -> None:
    chunks = ((b"gAMA", (100000).to_bytes(4, "big")), (b"cHRM", struct.pack(">8I", *range(8))))
    picture = Picture(samples(3, dtype), tags=Tags(colour_chunks=chunks))
    assert not write_picture(picture, tmp_path / "a.png").lost
    assert read_picture(tmp_path / "a.png").tags.colour_chunks == chunks
    if dtype == np.uint8:
        with Image.open(tmp_path / "a.png") as other:
            assert other.info["gamma"] == 1.0
    assert write_picture(picture, tmp_path / "a.tif").lost == ("gAMA, cHRM",)
    taken_for_granted = Tags(colour_chunks=((b"sRGB", b"\0"), (b"gAMA", (45455).to_bytes(4, "big"))))
    assert not write_picture(Picture(samples(3, dtype), tags=taken_for_granted), tmp_path / "b.tif").lost


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_tiffs_are_written_with_their_tags_and_read_by_others(tmp_path: Path, channels: int) -> None:
    picture = Picture.from_samples(samples(channels, np.uint16))
    tags = Tags(exif=exif_of(1).tobytes()[6:], xmp=UPRIGHT_XMP, comments=(("", "a scan"),))
    written = write_picture(
        Picture(picture.array, picture.alpha, dpi=(300.0, 150.0), tags=tags), tmp_path / "a.tif"
    )
    assert written.lost == ("EXIF but for its texts",)
    back = read_picture(tmp_path / "a.tif")
    assert (back.dpi, back.tags.xmp) == ((300, 150), UPRIGHT_XMP)
    with tifffile.TiffFile(tmp_path / "a.tif") as other:
        page = other.pages.first
        np.testing.assert_array_equal(page.asarray(), samples(channels, np.uint16))
        assert page.tags.valueof("Artist") == "A. Painter"
        assert page.tags.valueof("ImageDescription") == "a scan"
    if channels == 3:
        opened = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED)
        assert opened is not None
        np.testing.assert_array_equal(opened[..., ::-1], picture.array)


def test_more_frames_and_iptc_are_said_to_be_lost(tmp_path: Path) -> None:
    frames = [Image.new("L", (W, H), level) for level in (40, 200, 90)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert write_picture(read_picture(tmp_path / "a.tif"), tmp_path / "b.tif").lost == ("2 more frames",)
    save(frames[0], tmp_path / "c.tif", tiffinfo={33723: b"\x1c\x02\x05\x00\x01x"})
    assert str(write_picture(read_picture(tmp_path / "c.tif"), tmp_path / "d.png")) == "not kept: IPTC"


# --- what an encoder refuses ---


def test_what_an_encoder_refuses_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        InpaintxError, match=r"WEBP can't hold this picture: .*wide\.webp .*write a \.png"
    ) as caught:
        write_picture(Picture(np.zeros((8, 17000), np.uint8)), tmp_path / "wide.webp")
    assert str(caught.value).isprintable()
    with pytest.raises(InpaintxError, match=r"JPEG can't hold this picture: .*wide\.jpg"):
        write_picture(Picture(np.zeros((1, 65536), np.uint8)), tmp_path / "wide.jpg", "jpeg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg", ".webp"])
@pytest.mark.parametrize("dpi", [(4294967295.0, 4294967295.0), (1e-6, 72.0), (72.5, 98.25)])
def test_a_resolution_out_of_range_is_left_out_and_that_is_said(
    tmp_path: Path, suffix: str, dpi: tuple[float, float]
) -> None:
    picture = Picture(samples(3), dpi=dpi)
    written = write_picture(picture, tmp_path / f"a{suffix}", "jpeg" if suffix == ".jpg" else None)
    back = read_picture(tmp_path / f"a{suffix}")
    if "resolution" in written.lost:
        assert dpi[0] != 72.5
        assert back.dpi is None
    else:
        assert back.dpi == pytest.approx(dpi, rel=0.01)


# --- formats kept ---


def test_the_format_of_a_result_is_its_own_where_that_is_lossless(tmp_path: Path) -> None:
    image = Image.fromarray(samples(3))
    want = {"a.png": "png", "a.TIF": "tiff", "a.webp": "webp", "a.bmp": "bmp", "a.jpg": "png", "a.gif": "png"}
    for name, format in want.items():
        assert kept_format(save(image, tmp_path / name)) == format
    assert kept_format(tmp_path / "a.jpg", same=True) == "jpeg"
    assert (
        kept_format(save(Image.fromarray(samples(4)).convert("CMYK"), tmp_path / "c.jpg"), same=True) == "png"
    )
    (tmp_path / "lies.png").write_bytes((tmp_path / "a.TIF").read_bytes())
    assert kept_format(tmp_path / "lies.png") == "tiff"
    tifffile.imwrite(tmp_path / "planes.tif", np.zeros((2, 5, 6), np.uint16), planarconfig="separate")
    assert kept_format(tmp_path / "planes.tif") == "tiff"
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert kept_format(tmp_path / "broken.png") == "png"


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_stays_one_is_coded_as_it_was(tmp_path: Path, mode: str, subsampling: int) -> None:
    yy, xx = np.mgrid[:64, :96]
    smooth = np.dstack([xx * 2, yy * 3, xx + yy]).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(smooth).convert(mode).save(path, quality=37, subsampling=subsampling)
    picture = read_picture(path)
    known = np.ones((64, 96), bool)
    known[16:32, 16:32] = False
    filled = picture.with_fill(1 - picture.as_float(), known)
    written = write_picture(filled, tmp_path / "b.jpg", "same", known)
    with Image.open(path) as before, Image.open(tmp_path / "b.jpg") as after:
        assert before.quantization == after.quantization  # type: ignore[attr-defined]
    back = read_picture(tmp_path / "b.jpg")
    assert back.tags.jpeg == picture.tags.jpeg
    assert (tmp_path / "b.jpg").stat().st_size < 1.7 * path.stat().st_size
    off = np.abs(back.array.astype(int) - filled.array).reshape(64, 96, -1).max(axis=2)[known]
    assert (written.changed, written.most) == ((off > 0).sum(), off.max())
    assert ("known pixels changed" in str(written)) == bool(written.changed)


def test_same_is_lossless_for_what_was_no_jpeg(tmp_path: Path) -> None:
    picture = read_picture(save(Image.fromarray(samples(3)), tmp_path / "a.png"))
    written = write_picture(picture, tmp_path / "b.png", "same")
    assert (written.changed, str(written)) == (0, "")
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png").array, picture.array)
    assert picture.tags.jpeg is None
    assert isinstance(
        read_picture(save(Image.fromarray(samples(3)), tmp_path / "c.jpg")).tags.jpeg, JpegCoding
    )


def test_formats_of_the_extra_are_read(tmp_path: Path) -> None:
    heif: Any = pytest.importorskip("pillow_heif")
    pytest.importorskip("pillow_jxl")
    read_picture(save(Image.fromarray(samples(3)), tmp_path / "first.png"))  # which registers them
    image = Image.fromarray(samples(3)).resize((64, 48))
    for name, options in (("a.heic", {"quality": -1, "chroma": 444}), ("a.jxl", {"lossless": True})):
        picture = read_picture(save(image, tmp_path / name, **options))
        off = np.abs(picture.array.astype(int) - np.asarray(image)).max()
        assert off <= (2 if name == "a.heic" else 0)
    deep = heif.from_bytes("RGB;16", (64, 64), bytes(64 * 64 * 6))
    deep.save(tmp_path / "deep.heic")
    with pytest.raises(InpaintxError, match=r"HEIF of 10 bits would be cut to 8: .*deep\.heic"):
        read_picture(tmp_path / "deep.heic")
