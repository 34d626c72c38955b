"""`complete --region` and `train --fit patches`, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_RUN, TINY_SEARCH, Cli
from PIL import Image
from safetensors import safe_open


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A picture of 120 × 90 with two small holes, and its mask beside it."""
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    Image.fromarray(rng.integers(0, 255, (90, 120), np.uint8)).save(tmp_path / "scans" / "a.png")
    hole = np.zeros((90, 120), np.uint8)
    hole[10:18, 12:20] = hole[70:78, 100:108] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    return tmp_path


def test_a_model_of_patches_says_its_scales_and_completes_at_them(cli: Cli, scan: Path) -> None:
    patches = ("--fit", "patches", "--scales", "1,2")
    ended = cli("train", "scans", "--out", "run", *TINY_RUN, *patches, folder=scan)
    assert ended.code == 0, ended
    with safe_open(scan / "run" / "checkpoint.safetensors", framework="np") as file:
        header = json.loads(file.metadata()["inpaintx"])
    assert (header["fit"], header["scales"]) == ("patches", [1, 2])
    search = ("--model", "run", "--mask", "hole.png", *TINY_SEARCH, "--metrics", "lines.jsonl")
    ended = cli("complete", "scans", "--out", "out", *search, folder=scan)
    assert ended.code == 0, ended
    line = json.loads((scan / "lines.jsonl").read_text())
    assert [each["holes"] for each in line["regions"]] == [1, 1]
    assert {each["scale"] for each in line["regions"]} <= {1.0, 2.0}
    doubts = [each["doubt"] for each in line["regions"] if each["doubt"]]
    assert bool(doubts) == ended.err.startswith("Warning: the model can't speak for scans/a.png (")
    assert ended.err.count("\n") == bool(doubts)
    known = np.asarray(Image.open(scan / "hole.png")) == 0
    before, after = (np.asarray(Image.open(scan / name / "a.png")) for name in ("scans", "out"))
    assert np.array_equal(before[known], after[known])
    assert not np.array_equal(before[~known], after[~known])


def test_a_region_far_from_what_was_trained_on_is_warned_of_in_one_line(
    cli: Cli, model: Path, scan: Path
) -> None:
    Image.new("L", (900, 900), 90).save(scan / "scans" / "a.png")
    arguments = ("--model", model, "--mask-plugin", "center", "--region", "whole", *TINY_SEARCH)
    ended = cli("complete", "scans", "--out", "out", *arguments, folder=scan)
    assert ended.code == 0, ended
    scale = 900 / 32
    assert ended.err == (
        f"Warning: the model can't speak for scans/a.png (a pixel of the model covers {scale:.3g} of the "
        "picture's); --metrics says for which holes\n"
    )


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("0,0,40,40", "scans/a.png: the region 0,0,40,40 does not reach around the hole"),
        ("nowhere", "no region 'nowhere'; choose auto, whole, or X,Y,W,H in pixels"),
    ],
)
def test_a_region_that_will_not_do_is_refused_in_one_line(
    cli: Cli, model: Path, scan: Path, region: str, message: str
) -> None:
    arguments = ("--model", model, "--mask", "hole.png", "--region", region, *TINY_SEARCH)
    ended = cli("complete", "scans", "--out", "out", *arguments, folder=scan)
    assert ended.code == 1
    assert message in ended.err
    assert not list(scan.glob("out/*.png"))


def test_scales_go_with_patches(cli: Cli, scan: Path) -> None:
    ended = cli("train", "scans", "--out", "run", *TINY_RUN, "--scales", "2", folder=scan)
    assert ended.code == 1
    assert "scales are of patches, and the fit is crop" in ended.err
    ended = cli("train", "scans", "--out", "run", *TINY_RUN, "--fit", "patches", "--scales", "x", folder=scan)
    assert ended.code == 2
    assert "--scales x: give whole numbers from 1 on" in ended.err
