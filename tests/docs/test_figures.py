"""What the front page says is what the pages say, and they can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUALITY = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
COLLECTIONS = ("## Letters", "### Street letters", "### Faces")
ROWS = {
    "biharmonic interpolation": ("biharmonic", "biharmonic"),
    "PPCA of the same collection": ("PPCA", "PPCA"),
    "mean of its 8 nearest pictures": ("8 nearest", "8 nearest"),
    "**inpaintx**": ("inpaintx mean", "inpaintx sample"),
}


def rows(text: str) -> list[list[str]]:
    """The cells of each row of a page's tables."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def figure(collection: str, measure: str, method: str) -> str:
    """What `quality` says of a method in holes of kind `random-patch`."""
    part = QUALITY.split(f"{collection}\n", 1)[1]
    table = rows(part)
    start = next(index for index, row in enumerate(table) if row[0] == measure)
    column = table[start].index("random-patch")
    row = next(row for row in table[start:] if row[0] == method)
    return re.findall(r"\d+\.\d+", row[column])[0]


@pytest.mark.parametrize("method", ROWS)
def test_the_readmes_table_is_that_of_quality(method: str) -> None:
    (row,) = [row for row in rows(README) if row[0] == method]
    psnr, distance = ROWS[method]
    for cell, collection in zip(row[1:], COLLECTIONS, strict=True):
        assert re.findall(r"\d+\.\d+", cell) == [
            figure(collection, "PSNR, hole", psnr),
            figure(collection, "perceptual distance", distance),
        ]


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"])
def test_links_to_files_lead_somewhere(page: str) -> None:
    """Those of the pages under docs/ are checked by `make docs`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
