"""The flags that are made from the library's options, and what `--help` says of them and loads for it."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from inpaintx.options import SearchOptions
from inpaintx_cli.main import cli


@pytest.mark.parametrize(
    "command", ["", "make-chars", "train", "generate", "detect", "complete", "export", "plugins", "info"]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "inpaintx", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.startswith(f"Usage: inpaintx {command}".rstrip())
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "click" in loaded
    assert not {"torch", "scipy", "matplotlib", "skimage", "safetensors"} & loaded


def test_help_says_the_defaults() -> None:
    def help_of(command: str) -> str:
        return " ".join(CliRunner().invoke(cli, [command, "--help"], terminal_width=200).stdout.split())

    options = SearchOptions()
    assert f"Distance on the known pixels (l2: squares), summed. [default: {options.norm}]" in help_of(
        "complete"
    )
    assert "Learning rate; left out: 0.05 from guesses, 0.2 from random codes. --momentum" in help_of(
        "complete"
    )
    assert f"Codes searched for each image. [default: {options.candidates}]" in help_of("complete")
    assert "no mirror images. [default: no-flip]" in help_of("train")
    assert "[default: (32, on a GPU 64; 64 with --steps)]" in help_of("train")  # what it chooses itself
