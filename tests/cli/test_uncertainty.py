"""`inpaintx complete --uncertainty`: maps of where the candidates disagree."""

import json
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_SEARCH, Cli
from PIL import Image

CENTRE = (slice(10, 30), slice(10, 30))


@pytest.fixture
def run(cli: Cli, model: Path, photos: Path, tmp_path: Path):
    def complete(*arguments: object, code: int = 0) -> str:
        ended = cli(
            *("complete", "photos", "--model", model, "--out", "out", "--mask-plugin", "center"),
            *("-o", "mask.size=0.5", *TINY_SEARCH, *arguments),
            folder=tmp_path,
        )
        assert ended.code == code, ended
        return ended.err

    return complete


def test_a_map_for_each_result(run, tmp_path: Path) -> None:
    run("--uncertainty", "maps", "--metrics", "m.jsonl", "--format", "tiff")
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["0.png", "1.png", "2.png"]
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines):
        shown = np.asarray(Image.open(tmp_path / "maps" / f"{number}.png"))
        assert (shown.dtype, shown.shape) == (np.uint8, (40, 40))
        hole = np.zeros((40, 40), bool)
        hole[CENTRE] = True
        assert not shown[~hole].any()
        assert shown.max() < 255
        assert shown[hole].mean() / 255 * 0.25 == pytest.approx(line["uncertainty"], abs=0.001)


def test_one_candidate_disagrees_with_nobody(run, tmp_path: Path) -> None:
    run("--uncertainty", "maps", "--candidates", "1")
    assert not np.asarray(Image.open(tmp_path / "maps" / "0.png")).any()


def test_the_sheet_gets_a_row(run, tmp_path: Path) -> None:
    run("--sheet", "without.png")
    run("--sheet", "with.png", "--uncertainty", "maps", "--overwrite")
    heights = [Image.open(tmp_path / name).height for name in ("without.png", "with.png")]
    assert heights[1] > 1.25 * heights[0]


def test_maps_do_not_land_on_results_or_among_the_inputs(run) -> None:
    assert "two things would be written to" in run("--uncertainty", "out", code=1)
    assert "is, or is in, that of the input" in run("--uncertainty", "photos/maps", code=1)
