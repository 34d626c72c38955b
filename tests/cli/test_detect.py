"""`inpaintx detect`: masks for the user to look at, in a process of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_SEARCH, Cli, blob, files_in
from PIL import Image

from inpaintx.pictures import read_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask

Refused = Callable[..., str]


def ramp(side: int = 96) -> np.ndarray:
    rows, columns = np.indices((side, side))
    return (60 + rows / 2 + columns / 3).astype(np.uint8)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with a scratched picture, one with a speck in a folder below, and one that is whole."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    scratched, dusty = ramp(), np.repeat(ramp()[..., None], 3, axis=2)
    scratched[40:42, 5:90] = 255
    dusty[20:24, 30:34] = 255
    Image.fromarray(scratched).save(folder / "scratched.png")
    Image.fromarray(dusty).save(folder / "more" / "dusty.tif")
    Image.fromarray(ramp()).save(folder / "whole.jpg", quality=95)
    return folder


def test_masks_are_written_where_complete_finds_them(
    cli: Cli, scans: Path, model: Path, tmp_path: Path
) -> None:
    before = files_in(scans)
    ended = cli("detect", scans, "--out", tmp_path / "masks")
    assert ended.code == 0, ended
    assert files_in(scans) == before
    masks = {path.name: np.asarray(Image.open(path)) for path in (tmp_path / "masks").rglob("*.png")}
    assert sorted(files_in(tmp_path / "masks")) == ["more/dusty.png", "scratched.png", "whole.png"]
    assert (masks["scratched.png"][40:42, 5:90] == 255).mean() > 0.95
    assert (masks["dusty.png"][20:24, 30:34] == 255).all()
    assert not masks["whole.png"].any()
    assert all(set(np.unique(mask)) <= {0, 255} for mask in masks.values())
    assert [masks[name].astype(bool).mean() < 0.06 for name in masks] == [True] * 3
    lines = ended.out.splitlines()
    assert f"nothing found, empty mask {tmp_path / 'masks' / 'whole.png'}" in ended.out
    assert any(line.startswith(f"{scans / 'scratched.png'}: ") and " %, " in line for line in lines)
    assert lines[-1] == f"3 masks in {tmp_path / 'masks'}, 1 of them empty"

    flags = ("--mask", tmp_path / "masks", "--out", tmp_path / "out", *TINY_SEARCH)
    completed = cli("complete", scans / "scratched.png", "--model", model, *flags)
    assert completed.code == 0, completed
    result = np.asarray(Image.open(tmp_path / "out" / "scratched.png"))
    known = masks["scratched.png"] == 0
    assert np.array_equal(result[known], np.asarray(Image.open(scans / "scratched.png"))[known])
    assert np.abs(result[40:42, 10:80].astype(int) - ramp()[40:42, 10:80]).mean() < 60


def test_json_and_overlays(cli: Cli, scans: Path, tmp_path: Path) -> None:
    out, overlays = tmp_path / "masks", tmp_path / "overlays"
    flags = ("--overlay", overlays, "--kind", "scratches", "--grow", 0, "--json")
    ended = cli("detect", scans, "--out", out, *flags)
    assert ended.code == 0, ended
    summary = json.loads(ended.out)
    assert summary["failed"] == {}
    assert summary["empty"] == 2
    shares = {Path(found["picture"]).name: found["share"] for found in summary["found"]}
    assert shares["dusty.tif"] == shares["whole.jpg"] == 0
    mask = np.asarray(Image.open(out / "scratched.png")) > 0
    assert shares["scratched.png"] == pytest.approx(mask.mean())
    shown = np.asarray(Image.open(overlays / "scratched.png"))
    assert (shown[mask] == shown[mask][0]).all()
    assert np.array_equal(shown[~mask][:, 0], np.asarray(Image.open(scans / "scratched.png"))[~mask])
    assert sorted(files_in(overlays)) == sorted(files_in(out))


def test_a_broken_picture_does_not_stop_the_others(cli: Cli, scans: Path, tmp_path: Path) -> None:
    (scans / "broken.png").write_bytes(b"no picture")
    ended = cli("detect", scans, "--out", tmp_path / "masks", "--json")
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith(f"Error: not a picture, or of an unknown format: {scans / 'broken.png'}")
    summary = json.loads(ended.out)
    assert list(summary["failed"]) == [str(scans / "broken.png")]
    assert len(summary["found"]) == 3
    alone = cli("detect", scans / "broken.png", "--out", tmp_path / "other")
    assert alone.code == 1


def test_with_a_model(cli: Cli, scans: Path, model: Path, tmp_path: Path) -> None:
    ended = cli("detect", scans, "--out", tmp_path / "masks", "--model", model, "--device", "cpu")
    assert ended.code == 0, ended
    mask = np.asarray(Image.open(tmp_path / "masks" / "scratched.png")) > 0
    assert mask[40:42, 5:90].mean() > 0.95  # by morphology, which the coarse model adds to


def test_nothing_is_replaced_unless_asked(cli: Cli, refused: Refused, scans: Path, tmp_path: Path) -> None:
    picture = scans / "scratched.png"
    assert cli("detect", picture, "--out", tmp_path / "masks").code == 0
    assert refused("detect", picture, "--out", "masks").startswith("file exists already: masks/scratched.png")
    again = cli("detect", picture, "--out", tmp_path / "masks", "--overwrite", "--grow", 4)
    assert again.code == 0, again


def test_what_can_not_be_is_refused(refused: Refused, scans: Path, tmp_path: Path) -> None:
    out = ("--out", "masks")
    assert refused("detect", "nowhere", *out).startswith("no such picture or folder: nowhere")
    assert "sensitivity is -1.0; choose more than 0" in refused("detect", scans, *out, "--sensitivity", -1)
    assert "grow is 101; choose 0 to 100" in refused("detect", scans, *out, "--grow", 101)
    assert refused("detect", scans, "--out", scans / "masks").startswith("the output folder")
    assert refused("detect", scans, *out, "--overlay", scans).startswith("the output folder")
    assert "two things would be written" in refused("detect", scans, *out, "--overlay", "masks")
    assert refused("detect", scans, *out, "--model", "nosuch").startswith("no such model: nosuch")


def test_the_plugin_hides_what_the_command_finds(cli: Cli, scans: Path, model: Path, tmp_path: Path) -> None:
    picture = read_picture(scans / "scratched.png")
    assert cli("detect", picture.path, "--out", tmp_path / "masks").code == 0
    written = np.asarray(Image.open(tmp_path / "masks" / "scratched.png")) == 0
    assert np.array_equal(make_mask(registry.make("mask", "detect", {}), picture, 0), written)
    flags = ("--mask-plugin", "detect", "-o", "mask.kind=dust", *TINY_SEARCH)
    ended = cli("complete", scans, "--model", model, "--out", tmp_path / "out", *flags)
    assert ended.code == 3, ended  # dust is in one only
    assert sorted(files_in(tmp_path / "out")) == ["more/dusty.tif"]
    assert f"no damage found in {scans / 'whole.jpg'}" in ended.err


def test_pictures_of_a_collection_are_mostly_whole(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    for number in range(6):
        blob(number).save(tmp_path / "blobs" / f"{number}.png")
    ended = cli("detect", tmp_path / "blobs", "--out", tmp_path / "masks", "--json")
    found = json.loads(ended.out)["found"]
    assert len(found) == 6
    assert np.mean([each["share"] for each in found]) < 0.02


def test_control_characters_in_names_are_not_printed(cli: Cli, tmp_path: Path) -> None:
    """A name could clear the terminal, or look like another line."""
    (tmp_path / "in").mkdir()
    Image.fromarray(ramp()).save(tmp_path / "in" / "two\nlines\x1b[2J.png")
    ended = cli("detect", "in", "--out", "ma\x1bsks", folder=tmp_path)
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 2
    assert "\x1b" not in ended.out
    assert "two\\nlines\\x1b[2J.png" in ended.out
    assert "1 masks in ma\\x1bsks" in ended.out
