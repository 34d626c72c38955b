"""What counts as a picture in a folder, and what is said of the rest."""

from pathlib import Path

import pytest

from inpaintx import InpaintxError
from inpaintx.pictures import find_pictures, read_picture, search_pictures
from inpaintx.pictures.finding import counted


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_pictures([root])]


def test_folders_that_are_links_are_followed_once(tmp_path: Path) -> None:
    root = tmp_path / "in"
    touch(root, "a.png", "deep/b.png")
    touch(tmp_path / "elsewhere", "c.png", "d/e.png")
    (root / "away").symlink_to("../elsewhere")
    (root / "again").symlink_to("../elsewhere/d")
    (root / "deep" / "loop").symlink_to("..")
    (root / "self").symlink_to(".")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    found = names(root)
    assert found in (
        ["a.png", "again/e.png", "away/c.png", "deep/b.png"],
        ["a.png", "away/c.png", "away/d/e.png", "deep/b.png"],
    )
    assert names(root) == found
    assert sum("searched anyway" in why for why in search_pictures([root]).left_out.values()) == 4


def test_a_folder_wins_over_a_link_to_it(tmp_path: Path) -> None:
    touch(tmp_path, "z/1.png")
    (tmp_path / "a").symlink_to("z")
    assert names(tmp_path) == ["z/1.png"]


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a.png",
        "x.CR2",
        "y.nef",
        "notes.txt",
        ".hidden.png",
        ".DS_Store",
        ".git/x.png",
        "a_mask.png",
    )
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "folder.png").mkdir()
    found = search_pictures([tmp_path])
    assert found.pictures == [tmp_path / "a.png"]
    assert {path.name: why for path, why in found.left_out.items()} == {
        ".hidden.png": "hidden",
        "a_mask.png": "masks of other pictures",
        "gone.png": "links to nothing",
        "notes.txt": "no pictures by their suffix",
        "x.CR2": "raw files of cameras",
        "y.nef": "raw files of cameras",
    }
    summary = found.summary()
    assert summary is not None
    assert summary.startswith("6 files left out: ")
    assert "2 raw files of cameras (x.CR2, …)" in summary
    assert search_pictures([tmp_path / "a.png"]).summary() is None


def test_of_many_reasons_those_of_most_files_are_named() -> None:
    reasons = {Path(f"{number}.png"): f"reason {number}" for number in range(400)}
    reasons |= {Path(f"{number}.tif"): "not a picture" for number in range(2)}
    assert counted(reasons) == (
        "2 not a picture (0.tif, …), 1 reason 0 (0.png), 1 reason 1 (1.png), 1 reason 2 (2.png), "
        "1 reason 3 (3.png), 396 for other reasons"
    )


def test_a_name_of_two_lines_is_shown_on_one(tmp_path: Path) -> None:
    (tmp_path / "two\nlines\x1b[31m.png").write_bytes(b"not a picture")
    touch(tmp_path, "in/a.png", "in/no\npicture.txt")
    with pytest.raises(InpaintxError) as caught:
        read_picture(tmp_path / "two\nlines\x1b[31m.png")
    assert r"two\nlines\x1b[31m.png" in str(caught.value)
    assert str(caught.value).isprintable()
    summary = search_pictures([tmp_path / "in"]).summary()
    assert summary is not None
    assert r"no\npicture.txt" in summary


def test_masks_without_their_picture_are_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "face_mask.png", "other/face.png", "_mask.png", "masked.png", "mask.png")
    assert len(names(tmp_path)) == 5


def test_a_raw_file_is_refused_by_name_though_its_preview_could_be_read(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "a.tif")
    (tmp_path / "a.tif").rename(tmp_path / "a.DNG")
    with pytest.raises(InpaintxError, match=r"a camera's raw file: .*a\.DNG; develop it"):
        read_picture(tmp_path / "a.DNG")


def test_a_folder_with_nothing_but_other_files_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "x.CR2")
    with pytest.raises(InpaintxError, match=r"no pictures in the folder: .*1 raw files of cameras"):
        find_pictures([tmp_path])
