"""`inpaintx complete --ray`: the bytes of a run on one machine, whoever dies; and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cli_tools import Ended, Stream
from PIL import Image

PICTURES = 500
SECONDS = 1800  # until what should end is taken for hanging, on a machine that has much else to do
SEARCH = ("--iterations", "1", "--candidates", "1", "--starts", "1", "--region", "whole", "--device", "cpu")

#: A blend whose hundredth call in a process kills that, once.
MORTAL = '''
import os, signal
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

calls = count(1)

@dataclass(frozen=True)
class Mortal:
    """Takes the fill as it is."""

    name: ClassVar[str] = "mortal"
    mark: Path = Path()

    def blend(self, picture, fill, mask):
        if next(calls) == 100:
            try:
                self.mark.open("x").close()
            except FileExistsError:
                return fill.copy()
            os.kill(os.getpid(), signal.SIGKILL)
        return fill.copy()
'''

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 500 pictures, of which one is none, one has no hole, and some are nested."""
    folder = tmp_path_factory.mktemp("cluster") / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(PICTURES):
        values = np.random.default_rng(number).integers(0, 256, (12, 12, 2), dtype=np.uint8)
        values[..., 1] = 255
        values[3:7, 4:9, 1] = 255 if number == 321 else 0
        place = folder / "deep" if number % 5 == 0 else folder
        Image.fromarray(values, "LA").save(place / f"{number:03d}.png")
    (folder / "123.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def mark(pictures: Path) -> Path:
    """A file that is there when a process was killed."""
    return pictures.parent / "killed"


@pytest.fixture(scope="module")
def run(pictures: Path, mark: Path, model: Path) -> Iterator[Run]:
    """Completes the pictures, in a process with the blend `mortal` that leaves nothing where it may write."""
    plugins = pictures.parent / "plugins"
    (plugins / "mortal-1.dist-info").mkdir(parents=True)
    (plugins / "mortal.py").write_text(MORTAL)
    (plugins / "mortal-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mortal\nVersion: 1\n"
    )
    (plugins / "mortal-1.dist-info" / "entry_points.txt").write_text(
        "[inpaintx.blends]\nmortal = mortal:Mortal\n"
    )
    with tempfile.TemporaryDirectory() as work:  # a short name: Ray's sockets lie there
        home, temporary = Path(work) / "h", Path(work) / "t"
        home.mkdir()
        temporary.mkdir()
        environment = os.environ | {
            **{"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(plugins)},
            **{"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "SOURCE_DATE_EPOCH": "1700000000"},
        }

        def complete(out: Path, *arguments: object) -> Ended:
            words = ["complete", pictures.name, "--model", model, "--out", out, "--json", *SEARCH]
            words += ["--blend", "mortal", "-o", f"blend.mark={mark}", *arguments]
            ended = subprocess.run(
                [sys.executable, "-c", "from inpaintx_cli.start import main; main()", *map(str, words)],
                cwd=pictures.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
            assert list(home.iterdir()) == list(temporary.iterdir()) == []
            return Ended(ended.returncode, ended.stdout, ended.stderr)

        yield complete


@pytest.fixture(scope="module")
def on_workers(run: Run, mark: Path) -> tuple[Path, Ended]:
    """What two workers made of the pictures, one of which was killed."""
    out = mark.with_name("on workers")
    ended = run(out, "--ray", "local", "--ray-workers", "2")
    assert mark.exists(), ended
    return out, ended


@pytest.fixture(scope="module")
def alone(run: Run, on_workers: tuple[Path, Ended], mark: Path) -> tuple[Path, Ended]:
    """What one process made of them; nobody kills it any more."""
    out = mark.with_name("alone")
    return out, run(out)


def bytes_in(folder: Path) -> dict[str, bytes]:
    """All files, manifests too: SOURCE_DATE_EPOCH gives them a time."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")


@needs_ray
@pytest.mark.slow
def test_a_killed_workers_pictures_are_done_again_and_the_folder_is_that_of_one_machine(
    on_workers: tuple[Path, Ended], alone: tuple[Path, Ended]
) -> None:
    (out, told), (other, expected) = on_workers, alone
    assert (told.code, expected.code) == (3, 3)
    assert bytes_in(out) == bytes_in(other)
    assert len(bytes_in(out)) == PICTURES  # one failed, and there is the manifest
    assert len((out / "manifest.jsonl").read_text().splitlines()) == PICTURES
    assert json.loads(told.out) == json.loads(expected.out) | {"out": str(out)}
    assert json.loads(told.out)["completed"] == PICTURES - 2
    assert told.err == expected.err
    assert told.err.startswith("Error: not a picture")


@needs_ray
@pytest.mark.slow
def test_a_run_on_workers_goes_on_where_one_was_cut_off(
    run: Run, on_workers: tuple[Path, Ended], alone: tuple[Path, Ended], tmp_path: Path
) -> None:
    out = tmp_path / "on workers"
    shutil.copytree(on_workers[0], out)
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    # As a kill leaves it: 40 pictures were not begun, and what became of 20 is in a part of the manifest.
    gone = [json.loads(line)["result"] for line in lines[300:340]]
    for name in gone:
        (out / name).unlink()
    manifest.write_text("".join(lines[:200] + lines[220:300] + lines[340:]))
    (out / "manifest.part-1.jsonl").write_text("".join(lines[200:220]))
    ended = run(out, "--skip-done", "--ray", "local", "--ray-workers", "2")
    assert ended.code == 3, ended
    told = json.loads(ended.out)
    assert (told["completed"], len(told["done_before"])) == (40, PICTURES - 42 + 1)
    assert bytes_in(out) == bytes_in(alone[0])


def test_what_goes_with_one_machine_only_is_refused(stream: Stream, tmp_path: Path) -> None:
    for flags, said in [
        (("--ray", "local", "--watch"), "--ray goes with none of --watch; leave one out"),
        (
            ("--ray", "local", "--sheet", "s.png", "--metrics", "m.jsonl"),
            "--ray goes with none of --sheet, --metrics; leave one out",
        ),
        (("--ray-workers", "2"), "--ray-workers says how many workers --ray has; give --ray, too"),
        (("--ray", "local", "--out", "-"), "--ray goes with files, not with -"),
    ]:
        ended = stream(*flags)
        assert ended.exit_code == 2
        assert ended.stderr.splitlines()[-1] == f"Error: {said}"
    assert not (tmp_path / "out").exists()


def test_without_the_extra_one_line_says_what_to_install(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = stream("--ray", "local")
    assert ended.exit_code == 1
    assert ended.stderr == "Error: a cluster needs the extra 'ray'; pip install 'inpaintx[ray]'\n"
    assert not (tmp_path / "out").exists()
