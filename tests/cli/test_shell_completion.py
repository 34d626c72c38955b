"""What shells complete, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from inpaintx_cli.main import cli

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
SHELLS = ("bash", "zsh", "fish")
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_inpaintx_completion inpaintx
printf '%s\\n' "${COMPREPLY[@]}"
"""
# zsh completes at a prompt only: what its completion functions are given is printed in their place.
ZSH = """
compdef() { }
_describe() { print -l -- "${(@P)3}" }
compadd() { print -l -- "${(@P)5}" }
source "$1"; shift
words=("$@"); CURRENT=$#
_inpaintx_completion inpaintx
"""


def completed(shell: str, script: Path, *words: str, folder: Path | None = None) -> list[str]:
    """What the shell offers for the last of the words, sorted, as fish does."""
    if shell == "fish":
        typed = " ".join(words)
        command = ["fish", "--no-config", "-c", f"source {script}; complete -C '{typed}'"]
    else:
        options = {"bash": ["--norc", "-c", BASH], "zsh": ["-f", "-c", ZSH]}[shell]
        command = [shell, *options, shell, str(script), *words]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=folder, check=True
    )
    assert ended.stderr == ""
    # fish and zsh show what an option is for beside it.
    separator = {"bash": "\n", "fish": "\t", "zsh": ":"}[shell]
    return sorted(line.partition(separator)[0] for line in ended.stdout.splitlines() if line)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A shell, and the script that `inpaintx completion` prints for it."""
    if shutil.which(request.param) is None or not (BIN / "inpaintx").exists():
        pytest.skip(f"needs {request.param}, and inpaintx beside this Python")
    script = tmp_path_factory.mktemp("completion") / f"inpaintx.{request.param}"
    printed = CliRunner().invoke(cli, ["completion", request.param])
    assert printed.exit_code == 0, printed
    script.write_text(printed.stdout)
    return request.param, script


def test_a_shell_completes_commands_plugins_and_their_options(
    shell: tuple[str, Path], tmp_path: Path
) -> None:
    assert completed(*shell, "inpaintx", "comp") == ["complete", "completion"]
    assert completed(*shell, "inpaintx", "complete", "--mask-plugin", "ran") == ["random", "random-patch"]
    named = ("inpaintx", "complete", "--mask-plugin", "freeform", "--blend", "alpha", "-o")
    assert completed(*shell, *named, "mask.br") == [
        "mask.brush=medium",
        "mask.brush=thick",
        "mask.brush=thin",
    ]
    assert completed(*shell, *named, "blend.w") == ["blend.width=4.0"]
    (tmp_path / "runs" / "chairs").mkdir(parents=True)
    (tmp_path / "runs" / "chairs" / "checkpoint.safetensors").touch()
    models = completed(*shell, "inpaintx", "generate", "--model", "", folder=tmp_path)
    assert models == ["chars", "runs/chairs"]


def test_completing_loads_nothing_heavy() -> None:
    asked = {"COMP_WORDS": "inpaintx complete --mask-plugin ", "COMP_CWORD": "3"}
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "inpaintx"],
        env=os.environ | asked | {"_INPAINTX_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plain,freeform" in ended.stdout
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "click" in loaded
    assert not {"torch", "scipy", "matplotlib", "skimage", "safetensors"} & loaded


def test_a_plugin_that_is_not_there_offers_no_options() -> None:
    asked = {"COMP_WORDS": "inpaintx complete --mask-plugin nothing -o ", "COMP_CWORD": "5"}
    ended = CliRunner().invoke(cli, prog_name="inpaintx", env=asked | {"_INPAINTX_COMPLETE": "bash_complete"})
    assert (ended.exit_code, ended.output.strip()) == (0, "")
