"""The code of the README and of the pages runs as it stands, in an empty folder with a few letters.

Nothing of a page's text is replaced. What would take long is made short from outside, by :data:`QUICK`: click
reads from the environment what flags don't say. A block that no test can run follows `<!-- skip: next -->`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sybil import Document, Example, Region
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.myst.lexers import DirectiveLexer

import inpaintx
from inpaintx.letters.chars import CharsOptions, render_chars
from inpaintx.options import PRESETS
from inpaintx_cli.main import cli

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LETTERS = 12
QUICK_TRAINING = {"steps": 2, "batch": 2, "width": 4, "encoder_steps": 2, "predictor_steps": 2}
QUICK = {
    **{f"INPAINTX_TRAIN_{name.upper()}": str(value) for name, value in QUICK_TRAINING.items()},
    "INPAINTX_EVAL_ITERATIONS": "2",
    "INPAINTX_EVAL_FAMILIES": "center",
    "INPAINTX_EVAL_SLOW_COUNT": "2",
}
SITE = Path("site")  # where pip installs, and what is searched for packages, too
NO_NETWORK = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_TARGET": str(SITE)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a page starts from: scans, a damaged one with its mask, and one letter."""
    for name, value in {**QUICK, **NO_NETWORK, "PYTHONPATH": str(SITE)}.items():
        monkeypatch.setenv(name, value)
    for name, preset in PRESETS.items():  # eval compares with a thousand iterations of each
        monkeypatch.setitem(PRESETS, name, replace(preset, iterations=2))
    letters = render_chars(CharsOptions(count=LETTERS, size=64), tmp_path / "rendered")
    for name in ("scans", "damaged", "masks"):
        (tmp_path / name).mkdir()
    for number, letter in enumerate(letters):  # by names that no judge takes for letters
        letter.rename(tmp_path / "scans" / f"{number:02d}.png")
    letters = sorted((tmp_path / "scans").iterdir())
    damaged = np.asarray(Image.open(letters[0])).copy()
    damaged[20:40, 20:40] = 128
    hole = np.zeros_like(damaged)
    hole[20:40, 20:40] = 255
    Image.fromarray(damaged).save(tmp_path / "damaged" / "page.png")
    Image.fromarray(hole).save(tmp_path / "masks" / "page.png")
    Image.open(letters[1]).save(tmp_path / "letter.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_process(arguments: list[str]) -> None:
    """Runs `inpaintx` without the seconds that a new Python takes to load torch."""
    done = CliRunner().invoke(cli, arguments, prog_name="inpaintx", auto_envvar_prefix="INPAINTX")
    assert done.exit_code == 0, done.output


def in_shell(command: str) -> None:
    """Runs a line as a user's shell would, with this Python's commands first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def run_shell(example: Example) -> None:
    """Runs a block's lines in turn; `inpaintx` in this process, until a page has installed packages."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["inpaintx"] and not SITE.exists():
            in_process(words[1:])
        elif words:
            in_shell(line)


def write_file(example: Example) -> None:
    """Writes a block that has a file's name as its caption."""
    path = Path(example.region.lexemes["options"]["caption"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(example.parsed, encoding="utf-8")


def files(document: Document) -> list[Region]:
    """The blocks that are files."""
    regions = []
    for region in DirectiveLexer(directive="code-block", arguments=".+")(document):
        assert "caption" in region.lexemes["options"], f"{document.path}: a code-block without a file's name"
        region.parsed, region.evaluator = region.lexemes["source"], write_file
        regions.append(region)
    return regions


def python_blocks(document: Document) -> list[Region]:
    """The blocks that run as Python, in one namespace a page."""
    return [region for region in PythonCodeBlockParser()(document) if "options" not in region.lexemes]


PARSERS = (SkipParser(), python_blocks, CodeBlockParser("shell", run_shell), files)


def run_page(name: str) -> dict:
    """Runs a page's blocks from top to bottom; gives the names that they made."""
    document = Document.parse(str(ROOT / name), *PARSERS)
    for example in document:
        example.evaluate()
    return document.namespace


def gray(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_the_readme(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPAINTX_COMPLETE_ITERATIONS", "2")  # of 62 letters
    names = run_page("README.md")
    assert len(list((folder / "repaired").glob("*/*.png"))) == 62
    kept = names["completed"].mask
    assert not kept.all()
    assert (gray(folder / "completed.png")[kept] == gray(folder / "letter.png")[kept]).all()
    known = gray(folder / "masks" / "page.png") == 0
    for result in ("mended/page.png", "page.png"):
        assert (gray(folder / result)[known] == gray(folder / "damaged" / "page.png")[known]).all()
        assert (gray(folder / result)[~known] != 128).any()


def test_start(folder: Path) -> None:
    run_page("docs/start.md")
    held_out = (folder / "held-out.txt").read_text().splitlines()
    assert len(held_out) == 4
    assert (folder / "run" / "checkpoint.safetensors").is_file()
    known = gray(folder / "masks" / "page.png") == 0
    for result in ("repaired/page.png", "likely/page.png", "page.png"):
        assert (gray(folder / result)[known] == gray(folder / "damaged" / "page.png")[known]).all()
    assert (gray(folder / "likely" / "page.png") == gray(folder / "page.png")).all()
    assert (folder / "verdict" / "eval.html").is_file()


def test_install(folder: Path) -> None:
    run_page("docs/install.md")
    assert {path.name for path in folder.glob("*.*")} >= {"chars.safetensors", "generator.pt2"}


def test_plugins(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render_chars(CharsOptions(count=2, size=64), folder / "letters")
    start = time.monotonic()
    run_page("docs/plugins.md")
    seconds = time.monotonic() - start
    with capsys.disabled():
        print(f"\ndocs/plugins.md, from nothing to a plugin in use: {seconds:.0f} s")
    assert seconds < 300  # of five minutes, what is left is for reading and typing
    (result,) = sorted((folder / "repaired").rglob("img002*.png"))
    before = gray(next((folder / "letters").rglob("img002*.png")))
    assert gray(result).shape == before.shape
    assert (gray(result) == before).mean() > 0.5  # three scratches are hidden, no more


def test_python_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpaintx, "train", partial(inpaintx.train, **QUICK_TRAINING))
    names = run_page("docs/python.md")
    assert list(names["report"].done.values()) == [Path("repaired/page.png")]
    known = gray(folder / "masks" / "page.png") == 0
    result, damaged = (gray(folder / place / "page.png") for place in ("repaired", "damaged"))
    assert (result[known] == damaged[known]).all()
    assert names["images"].shape == (16, 64, 64, 1)
