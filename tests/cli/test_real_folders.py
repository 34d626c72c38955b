"""Folders as users have them: masks in trees and beside, what is undamaged, left out or can't be kept."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_SEARCH, Cli, Ended, blob, files_in
from PIL import Image, PngImagePlugin

from inpaintx.pictures import read_picture

Run = Callable[..., Ended]


@pytest.fixture
def run(cli: Cli, model: Path, tmp_path: Path) -> Run:
    """Runs `inpaintx complete` quickly, from `tmp_path`."""

    def complete(*arguments: object) -> Ended:
        return cli("complete", *arguments, "--model", model, *TINY_SEARCH, folder=tmp_path)

    return complete


def save(image: Image.Image, path: Path, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def hole_at(top: int, side: int = 8) -> np.ndarray:
    """uint8 [40, 40], white where the hole is."""
    hole = np.zeros((40, 40), np.uint8)
    hole[top : top + side, 10 : 10 + side] = 255
    return hole


def changed(before: Path, after: Path) -> np.ndarray:
    return np.asarray(read_picture(before).array != read_picture(after).array)


def test_each_picture_of_a_tree_has_the_mask_of_its_own_place(run: Run, tmp_path: Path) -> None:
    for number, place in enumerate(("", "s1/", "s2/")):
        save(blob(number), tmp_path / "in" / place / "1.png")
        save(Image.fromarray(hole_at(8 * number + 2)), tmp_path / "masks" / place / "1.png")
    (tmp_path / "masks" / "1.json").write_text("{}")
    ended = run("in", "--mask", "masks", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    for number, place in enumerate(("", "s1/", "s2/")):
        different = changed(tmp_path / "in" / place / "1.png", tmp_path / "out" / place / "1.png")
        assert different.any()
        assert not different[hole_at(8 * number + 2) == 0].any()


def test_masks_beside_their_pictures_and_undamaged_pictures(run: Run, tmp_path: Path) -> None:
    for name in ("torn", "whole"):
        save(blob(1), tmp_path / "in" / f"{name}.png")
    save(Image.fromarray(hole_at(8)), tmp_path / "in" / "torn_mask001.png")
    save(Image.fromarray(hole_at(8, 0)), tmp_path / "in" / "whole.mask.png")
    for arguments in (("--mask", "in"), ()):
        out = "given" if arguments else "found"
        ended = run("in", *arguments, "--out", out)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [
            f"1 pictures in {out}; 1 undamaged, copied; "
            "2 files left out: 2 masks of other pictures (torn_mask001.png, …)",
        ]
        files = files_in(tmp_path / out)
        assert set(files) == {"torn.png", "whole.png"}
        assert files["whole.png"] == (tmp_path / "in" / "whole.png").read_bytes()
    assert "1 undamaged, left out" in run("in", "--out", "skipped", "--undamaged", "skip").out
    assert set(files_in(tmp_path / "skipped")) == {"torn.png"}


def test_nothing_is_written_outside_of_the_output_folder(run: Run, tmp_path: Path) -> None:
    save(blob(1), tmp_path / "a" / "1.png")
    save(blob(2), tmp_path / "b" / "2.png")
    save(blob(3), tmp_path / "1.png")
    (tmp_path / "a" / "sub").mkdir()
    before = files_in(tmp_path)
    (tmp_path / "here").symlink_to("a/sub")
    ended = run("here/..", "b/../b", "--out", "res/deep", "--mask-plugin", "center", "--overwrite")
    assert (ended.code, ended.err) == (0, "")
    after = files_in(tmp_path)
    assert set(after) - set(before) == {"res/deep/a/1.png", "res/deep/b/2.png"}
    assert {name: after[name] for name in before} == before


def test_what_an_encoder_refuses_fails_by_name_and_the_others_go_on(run: Run, tmp_path: Path) -> None:
    save(Image.new("L", (17000, 8)), tmp_path / "in" / "1-wide.png")
    save(blob(2), tmp_path / "in" / "2.png")
    (tmp_path / "in" / "3\nlines.png").write_bytes(b"not a picture")
    ended = run("in", "--out", "out", "--mask-plugin", "center", "--format", "webp")
    assert ended.code == 3
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert any("WEBP can't hold this picture: out/1-wide.webp" in line for line in lines)
    assert any("in/3\\nlines.png" in line for line in lines)
    assert set(files_in(tmp_path / "out")) == {"2.webp"}


def test_what_is_lost_and_left_out_is_said(run: Run, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    for name in ("a.png", "b.png"):
        save(blob(1), tmp_path / "in" / name, pnginfo=info)
    for name in ("x.CR2", "notes.txt"):
        (tmp_path / "in" / name).touch()
    arguments = ("in", "--mask-plugin", "center", "--fill", "constant")
    assert "not kept" not in run(*arguments, "--out", "kept").out
    assert read_picture(tmp_path / "kept" / "a.png").tags.colour_chunks == ((b"gAMA", b"\0\x01\x86\xa0"),)
    assert run(*arguments, "--out", "tiffs", "--format", "tiff").out.splitlines() == [
        "2 pictures in tiffs; "
        "2 files left out: 1 no pictures by their suffix (notes.txt), 1 raw files of cameras (x.CR2)",
        "a.png and 1 more: not kept: gAMA",
    ]
    summary = json.loads(run(*arguments, "--out", "webps", "--format", "webp", "--json").out)
    assert summary["lost"] == {f"in/{name}.png": "not kept: gAMA" for name in "ab"}
    assert summary["left_out"].startswith("2 files left out")


def test_a_jpeg_stays_one_if_asked_and_what_changed_is_said(run: Run, tmp_path: Path) -> None:
    save(blob(1, 64, 64), tmp_path / "in" / "a.jpg", quality=40)
    ended = run("in", "--out", "out", "--format", "same", "--mask-plugin", "center")
    assert ended.code == 0
    assert set(files_in(tmp_path / "out")) == {"a.jpg"}
    with Image.open(tmp_path / "in" / "a.jpg") as before, Image.open(tmp_path / "out" / "a.jpg") as after:
        assert before.quantization == after.quantization  # type: ignore[attr-defined]
    different = changed(tmp_path / "in" / "a.jpg", tmp_path / "out" / "a.jpg")
    different[16:48, 16:48] = False
    said = [line for line in ended.out.splitlines() if "known pixels changed" in line]
    assert said[0].startswith(f"a.jpg: {different.sum()} known pixels changed, by ")


def test_flags_of_masks(run: Run, tmp_path: Path) -> None:
    painted = np.dstack([np.asarray(blob(1))] * 3)
    painted[hole_at(8) > 0] = (255, 0, 255)
    save(Image.fromarray(painted), tmp_path / "in" / "a.png")
    ended = run("in/a.png", "--out", "out", "--mask-color", "#ff00ff", "--mask-grow", 1, "--feather", 3)
    assert (ended.code, ended.err) == (0, "")
    different = changed(tmp_path / "in" / "a.png", tmp_path / "out" / "a.png").any(axis=2)
    assert different[hole_at(8) > 0].all()
    different[7:17, 9:19] = False  # a pixel more all around
    assert not different.any()
    soft = np.minimum(hole_at(8), 128)
    save(Image.fromarray(soft), tmp_path / "soft.png")
    assert "brightest value is 128 of 255" in run("in/a.png", "--out", "x", "--mask", "soft.png").error
    assert run("in/a.png", "--out", "x", "--mask", "soft.png", "--mask-threshold", 0.4).code == 0
    wrong = run("in", "--out", "y", "--mask-plugin", "center", "--mask-grow", 2)
    assert (wrong.code, "--mask-grow goes with --mask" in wrong.err) == (2, True)
    wrong = run("in", "--out", "y", "--mask-plugin", "center", "--feather", 2, "--blend", "none")
    assert (wrong.code, "--feather is the blend alpha's width" in wrong.err) == (2, True)
