import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner, Result

from inpaintx import InpaintxError
from inpaintx.plugins import registry
from inpaintx_cli.plugins import command


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture
def same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask called like the blend `alpha`, for the time of a test."""

    @dataclass
    class Alpha:
        """Hides nothing yet."""

        name: ClassVar[str] = "alpha"
        folder: Path | None = field(default=None, metadata={"help": "where to look"})

        def mask(self, picture: object, rng: np.random.Generator) -> None: ...

    fresh = registry.Registry()
    for function in ("names", "get", "failures"):
        monkeypatch.setattr(registry, function, getattr(fresh, function))
    fresh.register("mask", Alpha)


def test_list_has_a_line_for_each_plugin() -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [kind, name] for kind in ("mask", "blend") for name in registry.names(kind)
    ]
    assert "mask   center        inpaintx_plugins  Hides a rectangle in the middle" in run("list").stdout


def test_list_as_json() -> None:
    found = json.loads(run("list", "--json").stdout)
    assert found["failures"] == registry.failures()
    (center,) = [plugin for plugin in found["plugins"] if plugin["name"] == "center"]
    assert center["kind"] == "mask"
    assert center["package"] == "inpaintx_plugins"
    assert center["description"] == registry.description(registry.get("mask", "center"))


def test_info_shows_options_as_the_command_line_takes_them() -> None:
    text = run("info", "freeform").stdout
    assert text.startswith("mask freeform (package inpaintx_plugins)\n\nHides brush strokes")
    assert text.endswith(
        "Options, with their defaults:\n"
        "  -o mask.brush=medium\n"
        "      how thick the strokes are (one of thin, medium, thick)\n"
    )


def test_info_of_a_plugin_without_options() -> None:
    assert run("info", "none").stdout.endswith("\nIt has no options.\n")


@pytest.mark.usefixtures("same_name")
def test_info_shows_both_where_a_mask_and_a_blend_share_a_name() -> None:
    found = json.loads(run("info", "alpha", "--json").stdout)
    assert [plugin["kind"] for plugin in found] == ["mask", "blend"]
    assert found[0]["options"] == [
        {"name": "folder", "takes": "a path or none", "default": "none", "help": "where to look"}
    ]
    text = run("info", "alpha").stdout
    assert text.index("mask alpha") < text.index("blend alpha")


def test_an_unknown_name_gets_the_nearest_of_either_kind() -> None:
    for wrong, near in (("freefrom", "freeform"), ("poison", "poisson")):
        with pytest.raises(
            InpaintxError, match=rf"no plugin '{wrong}' \(did you mean '{near}'\?\); `inpaintx"
        ):
            run("info", wrong)
