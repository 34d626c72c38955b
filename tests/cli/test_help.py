"""The flags that are made from the library's options, and what `--help` says of them and loads for it."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from inpaintx.options import SearchOptions
from inpaintx_cli.main import cli


@pytest.mark.parametrize(
    "command",
    [
        *("", "make-chars", "train", "generate", "detect", "complete", "gallery", "eval", "check", "export"),
        *("models", "plugins", "completion", "info"),
    ],
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


def test_help_shows_the_options_of_the_plugins_named_before_it() -> None:
    def help_of(*arguments: str) -> str:
        ended = CliRunner().invoke(cli, ["complete", *arguments, "--help"], terminal_width=200)
        assert ended.exit_code == 0
        return ended.stdout

    named = help_of("--mask-plugin", "freeform", "--blend", "alpha")
    assert "Options of the mask freeform, with their defaults:\n  -o mask.brush=medium" in named
    assert "(one of thin, medium, thick)" in named
    assert "Options of the blend alpha, with their defaults:\n  -o blend.width=4.0" in named
    assert "Options of the" not in help_of()
    assert "Options of the" not in help_of("--mask-plugin", "no-such")


def errors_of(arguments: list[str], terminal: bool, **environment: str) -> str:
    """What a command says on stderr: a terminal, or a pipe."""
    command = [sys.executable, "-m", "inpaintx", *arguments]
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
    if not terminal:
        return subprocess.run(command, env=variables, capture_output=True, text=True).stderr
    reader, writer = os.openpty()
    try:
        subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, stderr=writer)
        return os.read(reader, 10_000).decode()
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.slow
def test_colours_are_for_terminals_and_for_who_wants_them() -> None:
    wrong = ["plugins", "check", "./nowhere.py"]
    plain = errors_of(wrong, terminal=False)
    assert plain.startswith("Error: ")
    assert "\x1b" not in plain
    assert errors_of(wrong, terminal=True).startswith("\x1b[31m\x1b[1mError:\x1b[0m ")
    assert errors_of(wrong, terminal=True, NO_COLOR="1").strip() == plain.strip()


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
