"""The README's Python runs as it stands, but for how long it trains and searches."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintx.plugins import registry
from inpaintx.plugins.testing import check_mask_plugin

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
SHORTER = {"candidates=16": "candidates=4, iterations=2", "steps=8000": "steps=2, batch=2"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a picture of a letter and a few scans."""
    letter = np.full((64, 64), 255, np.uint8)
    letter[10:54, 28:36] = 0
    Image.fromarray(letter).save(tmp_path / "letter.png")
    (tmp_path / "scans").mkdir()
    for number in range(3):
        shutil.copy(tmp_path / "letter.png", tmp_path / "scans" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(word: str) -> dict:
    """Runs the one block that holds ``word``; gives its names."""
    (code,) = [block for block in BLOCKS if word in block]
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    names: dict = {"__name__": "readme"}
    exec(code, names)
    return names


def test_completing_a_picture(folder: Path) -> None:
    names = run("Completer(")
    known = names["mask"]
    result = np.asarray(Image.open(folder / "completed.png"))
    assert (result[known] == np.asarray(Image.open(folder / "letter.png"))[known]).all()


def test_training_on_a_folder(folder: Path) -> None:
    run("Trainer(")
    assert (folder / "run" / "checkpoint.safetensors").is_file()


def test_a_mask_of_ones_own(folder: Path) -> None:
    names = run("class Stripes")
    assert "stripes" in registry.names("mask")
    check_mask_plugin(names["Stripes"], height=8)


def test_every_block_is_run() -> None:
    assert len(BLOCKS) == 3
    assert all(any(long in block for block in BLOCKS) for long in SHORTER)
