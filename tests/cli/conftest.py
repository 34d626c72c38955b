"""A tiny model, pictures to complete, and the real command line in processes of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tqdm
from cli_tools import GROUP, TINY_RUN, TINY_SEARCH, Cli, Ended, Stream, blob, files_in
from click.testing import CliRunner, Result

from inpaintx.completion import folder
from inpaintx_cli.main import cli as in_process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs the command line in a process of its own is slow, wherever it does so."""
    for item in items:
        if "cli" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """Runs `inpaintx` with the arguments given, in a process of its own without a GPU, from `folder`."""
    place = tmp_path_factory.mktemp("cli")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("warm_cli.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    requests, answers = server.stdin, server.stdout
    assert requests is not None
    assert answers is not None

    def run(*arguments: object, folder: Path = place) -> Ended:
        request = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "stdout": str(place / "stdout"),
            "stderr": str(place / "stderr"),
            "seconds": 120,
        }
        print(json.dumps(request), file=requests, flush=True)
        code = int(answers.readline())
        return Ended(code, *((place / name).read_text() for name in ("stdout", "stderr")))

    with server:
        yield run
        requests.close()


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 pictures to train on, half of them nested."""
    folder = tmp_path_factory.mktemp("collection")
    (folder / "more").mkdir()
    for number in range(24):
        blob(number).save(folder / ("more" if number % 2 else ".") / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def model(cli: Cli, collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: 32 pixels, gray, 20 steps."""
    run = tmp_path_factory.mktemp("run")
    ended = cli("train", collection, "--out", run, *TINY_RUN)
    assert ended.code == 0, ended
    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures to complete."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        blob(100 + number).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def refused(cli: Cli, tmp_path: Path, model: Path) -> Callable[..., str]:
    """Runs a command that must fail: gives its one line. No file here or in the run's folder changes."""

    def run(*arguments: object) -> str:
        before = files_in(tmp_path), files_in(model)
        ended = cli(*arguments, folder=tmp_path)
        assert (files_in(tmp_path), files_in(model)) == before
        return ended.error

    return run


# --- many pictures ---


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 30 pictures: several small groups."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        blob(number, 24, 24).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture
def stream(model: Path, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Runs `inpaintx complete many` in small groups in this process, without a search unless asked for.

    No thread is left.
    """
    monkeypatch.setattr(folder, "GROUP_PICTURES", GROUP)
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)  # else tqdm has a thread of its own

    def run(
        *arguments: object, fill: str = "constant", debug: bool = False, plugin: str | None = "center"
    ) -> Result:
        words = [*("complete", many, "--model", model, "--out", tmp_path / "out"), *("--fill", fill)]
        words += ["--mask-plugin", plugin] if plugin else []
        words += ["--blend", "poisson", "--device", "cpu", *TINY_SEARCH]
        before = threading.enumerate()
        result = CliRunner().invoke(
            in_process, ["--debug"] * debug + [str(word) for word in (*words, *arguments)]
        )
        assert threading.enumerate() == before
        return result

    return run
