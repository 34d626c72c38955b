import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from inpaintx import InpaintxError, __version__
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
    for function in ("names", "get", "source", "failures"):
        monkeypatch.setattr(registry, function, getattr(fresh, function))
    fresh.register("mask", Alpha)


def test_list_has_a_line_for_each_plugin() -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [kind, name] for kind in ("mask", "blend") for name in registry.names(kind)
    ]
    assert (
        f"mask   center        inpaintx  {__version__}  Hides a rectangle in the middle" in run("list").stdout
    )


def test_list_as_json() -> None:
    found = json.loads(run("list", "--json").stdout)
    assert found["failures"] == registry.failures()
    (center,) = [plugin for plugin in found["plugins"] if plugin["name"] == "center"]
    assert center["kind"] == "mask"
    assert (center["package"], center["version"]) == ("inpaintx", __version__)
    assert center["description"] == registry.description(registry.get("mask", "center"))


def test_info_shows_options_as_the_command_line_takes_them() -> None:
    text = run("info", "freeform").stdout
    assert text.startswith(f"mask freeform (package inpaintx {__version__})\n\nHides brush strokes")
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


SPOILT = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass
class Spoilt:
    \"\"\"Changes what it is given.\"\"\"

    name: ClassVar[str] = "spoilt"

    def mask(self, picture, rng):
        picture.array[...] = 0
        return np.ones((picture.height, picture.width))
"""


def test_check_says_of_each_rule_whether_it_is_kept_and_why(tmp_path: Path) -> None:
    module = tmp_path / "spoilt_mask.py"
    module.write_text(SPOILT)
    done = run("check", str(module))
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "mask spoilt"
    assert "  FAIL  inputs: what it is given is used again afterwards, and is the user's" in lines
    (problem,) = [line for line in lines if "wrote into its input" in line]
    assert "mask plugin 'spoilt' on 1×1 uint8 gray" in problem


def test_check_passes_a_built_in_plugin_and_gives_json() -> None:
    done = run("check", "center", "--json")
    assert done.exit_code == 0
    (found,) = json.loads(done.stdout)
    assert (found["kind"], found["name"]) == ("mask", "center")
    assert all(rule["passed"] and rule["why"] for rule in found["rules"])
    assert found["rules"][-1]["seconds"] > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no plugin in it"),
        ("raise SystemExit(3)", "it can't be imported: SystemExit: 3"),
        ("import not_there_at_all", "it can't be imported: ModuleNotFoundError"),
    ],
)
def test_check_of_a_module_without_a_plugin_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    module = tmp_path / f"lacking_{len(text)}.py"
    module.write_text(text)
    with pytest.raises(InpaintxError, match=message):
        run("check", str(module))
    with pytest.raises(InpaintxError, match="doesn't exist"):
        run("check", str(tmp_path / "none.py"))


def test_new_refuses_bad_names_and_existing_folders(tmp_path: Path) -> None:
    for name in ("Soft_Band", "9-lives", "a b", "a--b", "../up"):
        with pytest.raises(InpaintxError, match="is no plugin's name"):
            run("new", name, "--kind", "mask", "--out", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(InpaintxError, match="exists already"):
        run("new", "mine", "--kind", "mask", "--out", str(tmp_path / "mine"))
    assert not any((tmp_path / "mine").iterdir())


def test_list_writes_a_preview_and_replaces_nothing(tmp_path: Path) -> None:
    sheet = tmp_path / "plugins.png"
    assert run("list", "--preview", str(sheet)).exit_code == 0
    with Image.open(sheet) as image:
        assert image.mode == "RGB"
        assert image.width > 800
    with pytest.raises(InpaintxError, match="file exists already"):
        run("list", "--preview", str(sheet))
    assert run("list", "--preview", str(sheet), "--overwrite").exit_code == 0
    with pytest.raises(InpaintxError, match=r"must end in \.png or"):
        run("list", "--preview", str(tmp_path / "plugins.svg"))


def test_check_stops_what_hangs_and_says_what_it_did_not_reach(tmp_path: Path) -> None:
    module = tmp_path / "endless_mask.py"
    module.write_text(
        SPOILT.replace("spoilt", "endless").replace("picture.array[...] = 0", "while True: pass")
    )
    done = run("check", str(module), "--plugin-seconds", "0.5")
    assert done.exit_code == 1
    assert "  FAIL  ends: " in done.stdout
    assert "mask plugin 'endless' on 1×1 uint8 gray: it has not ended after 0.5 s" in done.stdout
    assert done.stdout.count("  ----  ") == 9
    assert done.stdout.splitlines()[-1] == "  ----: not reached, since another rule is broken"
