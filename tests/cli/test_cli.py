"""The command line's frame: help, loading, errors; and the commands `info` and `make-chars`.

Commands that need a model are tested in files of their own.
"""

import json
import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import inpaintx
from inpaintx.letters.chars import TEST_FAMILIES
from inpaintx.ops.library import native_available
from inpaintx_cli import main as frame
from inpaintx_cli import make_chars


def run(*args: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env=env).invoke(frame.cli, [str(arg) for arg in args])


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


# --- help and loading ---


HEAVY = "('torch', 'matplotlib', 'scipy', 'skimage', 'cv2', 'PIL', 'numpy')"


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["plugins", "--help"]])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    code = f"""
import sys
from inpaintx_cli.main import cli
cli({args!r}, standalone_mode=False)
print("LOADED", [name for name in {HEAVY} if name in sys.modules])
"""
    assert python(code).stdout.endswith("LOADED []\n")


@pytest.mark.parametrize(
    "name",
    ["", ".registry", ".pictures", ".masking", ".blending", ".letters.chars", ".pictures.sheets", ".errors"],
)
def test_what_speaks_numpy_loads_no_torch(name: str) -> None:
    code = f"import sys, inpaintx{name}; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    assert python(code).stdout == "False False\n"


def test_help_lists_all_commands_and_the_exit_codes() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name, (_, summary) in frame.COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert summary in result.stdout
    for code in (0, 1, 2, 3, 130):
        assert f"\n    {code} " in result.stdout


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_every_command_in_the_table_is_there(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"Usage: cli {name}" in result.stdout


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "inpaintx", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"inpaintx, version {inpaintx.__version__}\n",
        "",
    )


# --- errors ---


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """make-chars raises what the test's parameter says."""

    def fail(*_: object, **__: object) -> None:
        raise request.param

    monkeypatch.setattr(make_chars, "render_chars", fail)


def test_wrong_usage_exits_2() -> None:
    for args in (["make-char"], ["make-chars"], ["--nonsense"], ["make-chars", "--out", "x", "--size", "4"]):
        result = run(*args)
        assert result.exit_code == 2, args
        assert "Error: " in result.stderr


def test_an_error_of_ours_is_one_line_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    result = run("make-chars", "--out", tmp_path, "--count", 1)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith(f"Error: the folder holds other files: {tmp_path}; ")
    assert "Traceback" not in result.stderr


def test_an_error_of_the_system_says_what_and_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "sub"
    result = run("make-chars", "--out", out, "--count", 1)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: Not a directory: {out}")


@pytest.mark.parametrize("failing", [OSError("no more of it")], indirect=True)
@pytest.mark.usefixtures("failing")
def test_an_error_of_the_system_without_a_number() -> None:
    assert run("make-chars", "--out", "x").stderr.endswith(
        "Error: OSError: no more of it; run with --debug for the traceback\n"
    )


@pytest.mark.parametrize("failing", [ZeroDivisionError("first\nsecond line")], indirect=True)
@pytest.mark.usefixtures("failing")
def test_an_unexpected_error_is_one_line_and_its_traceback_can_be_had() -> None:
    args = ("make-chars", "--out", "x", "--count", "1")
    result = run(*args)
    assert result.exit_code == 1
    line = "Error: ZeroDivisionError: first second line"
    assert result.stderr.splitlines()[-1] == f"{line}; run with --debug for the traceback"
    assert "Traceback" not in result.stderr
    for debugged in (run("--debug", *args), run(*args, env={"INPAINTX_DEBUG": "1"})):
        assert debugged.exit_code == 1
        assert "Traceback" in debugged.stderr
        assert "in fail" in debugged.stderr
        assert debugged.stderr.splitlines()[-1] == line


@pytest.mark.parametrize("failing", [KeyboardInterrupt()], indirect=True)
@pytest.mark.usefixtures("failing")
def test_an_interrupt_exits_130() -> None:
    result = run("make-chars", "--out", "x", "--count", "1")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "Interrupted."


def test_a_command_that_cant_be_loaded_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(frame.COMMANDS, "gone", ("inpaintx_cli.gone", "Not there."))
    result = run("gone")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: ModuleNotFoundError: No module named 'inpaintx_cli.gone'; run with"
    )


def test_a_command_chooses_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        click.get_current_context().exit(3)

    monkeypatch.setattr(make_chars, "command", command)
    assert run("make-chars").exit_code == 3


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def command() -> None:
        warnings.warn("slow today:\nno native ops", stacklevel=1)

    monkeypatch.setattr(make_chars, "command", command)
    monkeypatch.setattr(sys, "argv", ["inpaintx", "make-chars"])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with pytest.raises(SystemExit) as left:
        frame.main()
    assert left.value.code == 0
    assert capsys.readouterr().err == "Warning: slow today: no native ops\n"


# --- info ---


def test_info_tells_a_script_what_is_there() -> None:
    result = run("info", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["inpaintx"] == inpaintx.__version__
    assert facts["python"] == platform.python_version()
    assert facts["torch"] == torch.__version__
    assert facts["numpy"] == np.__version__
    assert facts["native"]["available"] is native_available()
    assert facts["threads"] == torch.get_num_threads()
    assert len(facts["devices"]) == 1 + torch.cuda.device_count()
    assert {"center", "random", "file"} <= set(facts["masks"])
    assert {"none", "alpha", "poisson"} <= set(facts["blends"])
    assert facts["broken plugins"] == {}
    assert all(Path(path).is_file() for path in facts["models"].values())


def test_info_tells_a_person_the_same() -> None:
    lines = run("info").stdout.splitlines()
    assert f"torch: {torch.__version__}" in lines
    assert f"  available: {'yes' if native_available() else 'no'}" in lines
    assert "broken plugins: none" in lines
    assert (
        next(line for line in lines if line.startswith("blends: "))
        == "blends: alpha, auto, biharmonic, none, poisson, spline"
    )


# --- make-chars ---


def test_make_chars_renders_a_collection(tmp_path: Path) -> None:
    out = tmp_path / "a" / "letters"
    result = run("make-chars", "--out", out, "--split", "test", "--count", 70, "--size", 16, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"70 pictures in {out}\n"
    paths = list(out.rglob("*.png"))
    assert len(paths) == 70
    assert {path.parent.name for path in paths} == set(TEST_FAMILIES)
    with Image.open(paths[0]) as image:
        assert (image.mode, image.size) == ("L", (16, 16))


def test_make_chars_takes_a_folder_of_fonts_or_a_split_not_both(tmp_path: Path) -> None:
    result = run("make-chars", "--out", tmp_path / "out", "--fonts", tmp_path, "--split", "test")
    assert result.exit_code == 2
    assert "leave it out with --fonts" in result.stderr
    result = run("make-chars", "--out", tmp_path / "out", "--fonts", tmp_path)
    assert result.exit_code == 1
    assert f"Error: no font with letters in {tmp_path}" in result.stderr
    assert os.listdir(tmp_path) == []
