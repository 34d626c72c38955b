"""A second package, installed by pip, adds plugins; a broken one beside it takes nothing down."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[1] / "stranger"


class Site:
    """A Python with further packages."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "PYTHONPATH": str(folder)}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

    def output(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Both packages, built from copies (a build writes into its sources) and installed without a network."""
    folder = tmp_path_factory.mktemp("site")
    sources = tmp_path_factory.mktemp("sources") / "stranger"
    shutil.copytree(SOURCES, sources)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    pip += ["--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run([*pip, str(sources), str(sources / "broken")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Site(folder)


def test_the_list_names_a_strangers_plugins_beside_the_built_in_ones(site: Site) -> None:
    done = site.run("-m", "inpaintx", "plugins", "list")
    assert done.returncode == 0
    rows = [line.split(maxsplit=4) for line in done.stdout.splitlines()]
    assert ["mask", "stripes", "stranger", "1.0", "Hides every other stripe."] in rows
    assert [
        "blend",
        "offset",
        "stranger",
        "1.0",
        "Shifts the fill's brightness to that of the known pixels.",
    ] in rows
    assert ["mask", "center", "inpaintx"] in [row[:3] for row in rows]


def test_broken_plugins_are_named_with_their_reason_and_package(site: Site) -> None:
    done = site.run("-m", "inpaintx", "plugins", "list")
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert lines[0].startswith(
        "Broken: blend spilt: ModuleNotFoundError: No module named 'broken_stranger_parts'"
    )
    assert lines[1] == (
        "Broken: mask center of broken-stranger: "
        "inpaintx has a mask plugin of the same name, which is used instead"
    )
    assert lines[2] == (
        "Broken: mask shattered: RuntimeError: a part of this package is missing "
        "(broken_stranger:Shattered of package broken-stranger)"
    )
    found = json.loads(site.output("-m", "inpaintx", "plugins", "list", "--json"))
    assert set(found["failures"]) == {"blend spilt", "mask center of broken-stranger", "mask shattered"}


def test_asking_for_a_broken_plugin_is_one_line(site: Site) -> None:
    done = site.run("-m", "inpaintx", "plugins", "info", "shattered")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: mask plugin 'shattered' doesn't work: RuntimeError: a part of this")
    assert done.stderr.count("\n") == 1


def test_info_shows_a_strangers_options(site: Site) -> None:
    (found,) = json.loads(site.output("-m", "inpaintx", "plugins", "info", "stripes", "--json"))
    assert found["package"] == "stranger"
    assert found["options"] == [
        {"name": "width", "takes": "a whole number", "default": "3", "help": "a stripe's width in pixels"},
        {
            "name": "run",
            "takes": "one of down, across",
            "default": "down",
            "help": "which way the stripes run",
        },
    ]


def test_a_strangers_mask_is_made_with_options_from_strings(site: Site, tmp_path: Path) -> None:
    code = f"""
import numpy as np
from inpaintx import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.pictures import Picture

picture = Picture(np.zeros((12, 10), np.uint8))
np.save({str(tmp_path / "mask.npy")!r}, make_mask(
    registry.make("mask", "stripes", {{"width": "2", "run": "across"}}), picture, 0))
for options in ({{"width": "wide"}}, {{"width": "0"}}, {{"wdith": "2"}}):
    try:
        registry.make("mask", "stripes", options)
    except InpaintxError as error:
        print(error)
"""
    errors = site.output("-c", code).splitlines()
    assert errors == [
        "option 'width' of mask plugin 'stripes': expected a whole number, got 'wide'",
        "mask plugin 'stripes': option 'width' must be 1 or more, is 0",
        "mask plugin 'stripes' has no option 'wdith' (did you mean 'width'?); it has width, run",
    ]
    mask = np.load(tmp_path / "mask.npy")
    assert mask.shape == (12, 10)
    assert (mask == mask[:, :1]).all()  # the stripes run across
    changes = np.flatnonzero(np.diff(mask[:, 0]))
    assert (np.diff(changes) == 2).all()
    assert len(changes) >= 5


def test_a_strangers_plugins_pass_the_conformance_kit(site: Site) -> None:
    site.output(
        "-c",
        """
from stranger import Offset, Stripes
from inpaintx.plugins.testing import check_blend_plugin, check_mask_plugin
check_mask_plugin(Stripes)
check_mask_plugin(Stripes, width=5, run="across")
check_blend_plugin(Offset)
""",
    )
