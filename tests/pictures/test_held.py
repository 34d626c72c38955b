"""Files that are in memory only: read like those on a disk, and leading to none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_cases import H, W, lying, samples, save
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures import read_picture
from inpaintx.pictures.files import encode_picture, kept_format, picture_size
from inpaintx.pictures.held import HeldFile
from inpaintx.pictures.picture import Picture


def held(path: Path) -> HeldFile:
    return HeldFile.of(path.name, path.read_bytes())


def deep_png(folder: Path) -> Path:
    (folder / "deep.png").write_bytes(encode_picture(Picture(samples(3, np.uint16)), Path("deep.png"))[0])
    return folder / "deep.png"


def planar_tiff(folder: Path) -> Path:
    tifffile.imwrite(
        folder / "a.tif", np.moveaxis(samples(3, np.uint16), 2, 0), planarconfig="separate", photometric="rgb"
    )
    return folder / "a.tif"


def big_tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "big.tif", samples(2, np.uint16), bigtiff=True, byteorder=">", extrasamples=[2])
    return folder / "big.tif"


MADE = {
    "png": lambda folder: save(Image.fromarray(samples(3)), folder / "a.png"),
    "png with alpha": lambda folder: save(Image.fromarray(samples(4)), folder / "a.png"),
    "jpeg on its side": lambda folder: save(Image.fromarray(samples(3)), folder / "a.jpg", exif=lying(6)),
    "16 bits of colour": deep_png,
    "tiff in planes": planar_tiff,
    "big-endian BigTIFF of gray with alpha": big_tiff,
    "jpeg 2000": lambda folder: save(Image.fromarray(samples(3)), folder / "a.jp2"),
    "ppm": lambda folder: save(Image.fromarray(samples(3)), folder / "a.ppm"),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_picture_in_memory_is_read_like_one_on_a_disk(kind: str, tmp_path: Path) -> None:
    path = MADE[kind](tmp_path)
    expected, found = read_picture(path), read_picture(held(path))
    assert found.array.dtype == expected.array.dtype
    assert (found.array == expected.array).all()
    assert (found.alpha is None) == (expected.alpha is None)
    assert expected.alpha is None or (found.alpha == expected.alpha).all()
    assert found.tags == expected.tags
    assert kept_format(held(path)) == kept_format(path)
    assert picture_size(path) == picture_size(held(path)) == (W, H)


def test_a_picture_in_memory_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    cut = save(Image.fromarray(samples(3)), tmp_path / "a.png").read_bytes()[:200]
    with pytest.raises(InpaintxError, match=r"can't read the picture: a\.png .*; is it whole\?"):
        read_picture(HeldFile.of("a.png", cut))
    for read in (read_picture, picture_size):
        with pytest.raises(InpaintxError, match=r"not a picture, or of an unknown format: b\.png"):
            read(HeldFile.of("b.png", b"text"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.png", "a.png"),
        ("/etc/a.png", "a.png"),
        ("..\\secret\\a.png", "a.png"),
        ("../..", "picture"),
        ("", "picture"),
        ("/", "picture"),
        ("a\0.png", "a.png"),
        ("~root", "~root"),
    ],
)
def test_of_a_name_the_last_part_is_kept(name: str, kept: str) -> None:
    assert str(HeldFile.of(name, b"")) == kept


def test_it_is_a_file_beside_which_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    file, other = HeldFile.of("a", b"1"), HeldFile.of("a", b"1")
    assert (file.exists(), file.is_file(), file.is_dir(), file.parent.is_dir()) == (True, True, False, False)
    assert file.samefile(file)
    assert not file.samefile(other)
    assert file.read_bytes() == file.open("rb").read() == b"1"


def test_a_size_beyond_what_pillow_opens_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = save(Image.fromarray(samples(3)), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(InpaintxError, match="million pixels"):
        picture_size(path)
