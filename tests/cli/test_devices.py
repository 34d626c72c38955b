"""The command line on each device that this machine has: trains, completes, draws."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cli_tools import TINY_RUN, TINY_SEARCH, blob
from click.testing import CliRunner
from device_cases import second_card
from PIL import Image

from inpaintx_cli.main import cli as in_process


def _succeeds(*arguments: object) -> None:
    ended = CliRunner().invoke(in_process, [str(argument) for argument in arguments])
    assert ended.exit_code == 0, ended.output


def _trains_completes_and_draws(folder: Path, device: str) -> None:
    """Every command that takes a device."""
    pictures, run, out = folder / "pictures", folder / "run", folder / "out"
    pictures.mkdir()
    for number in range(8):
        blob(number).save(pictures / f"{number}.png")
    there = ("--device", device)
    _succeeds("train", pictures, "--out", run, *TINY_RUN, "--steps", 4, *there)
    _succeeds(
        "complete", pictures, "--model", run, "--mask-plugin", "center", "--out", out, *TINY_SEARCH, *there
    )
    _succeeds("generate", "--model", run, "--count", 4, "--out", folder / "drawn.png", *there)
    hole = (slice(10, 30), slice(10, 30))
    for picture in pictures.iterdir():
        before, after = (np.asarray(Image.open(place / picture.name)) for place in (pictures, out))
        known = np.ones(before.shape, bool)
        known[hole] = False
        assert (before[known] == after[known]).all()
        assert (before[hole] != after[hole]).mean() > 0.5


@pytest.mark.slow
def test_commands_on_each_device(tmp_path: Path, device: torch.device) -> None:
    _trains_completes_and_draws(tmp_path, str(device))


@second_card
@pytest.mark.slow
def test_commands_on_a_second_card(tmp_path: Path) -> None:
    _trains_completes_and_draws(tmp_path, "cuda:1")
