"""`inpaintx generate`, as users meet it."""

from pathlib import Path

import numpy as np
from cli_tools import Cli, files_in
from PIL import Image


def test_single_files_into_a_folder(cli: Cli, model: Path, tmp_path: Path) -> None:
    ended = cli("generate", "--model", model, "--count", 70, "--out", tmp_path / "new" / "ones")
    assert (ended.code, ended.err) == (0, "")
    files = files_in(tmp_path / "new" / "ones")
    assert list(files) == [f"{number:05d}.png" for number in range(70)]
    assert len(set(files.values())) == 70  # each of another code
    with Image.open(tmp_path / "new" / "ones" / "00069.png") as picture:
        assert (picture.mode, picture.size) == ("L", (32, 32))


def test_a_sheet_holds_the_same_pictures(cli: Cli, model: Path, tmp_path: Path) -> None:
    cli("generate", "--model", model, "--count", 4, "--out", tmp_path / "ones")
    assert cli("generate", "--model", model, "--count", 4, "--out", tmp_path / "sheet.png").code == 0
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    last = np.asarray(Image.open(tmp_path / "ones" / "00003.png"))
    side = (sheet.shape[0] - 3 * 6) // 2  # two by two, with gaps of 6 pixels
    times = side // 32
    corner = 6 + side + 6
    assert (sheet[corner : corner + side : times, corner : corner + side : times] == last).all()
    assert cli("generate", "--model", model, "--count", 4, "--out", tmp_path / "sheet.jpg").code == 0
    assert Image.open(tmp_path / "sheet.jpg").format == "JPEG"


def test_the_seed_decides(cli: Cli, model: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        cli("generate", "--model", model, "--count", 3, "--seed", seed, "--out", tmp_path / name)
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    assert not set(files_in(tmp_path / "a").values()) & set(files_in(tmp_path / "c").values())


def test_overwrite_replaces(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "00000.png").write_text("earlier")
    ended = cli("generate", "--model", model, "--count", 1, "--out", tmp_path, "--overwrite")
    assert ended.code == 0
    assert Image.open(tmp_path / "00000.png").size == (32, 32)
