"""The bench of scale: its own arithmetic, and a run over few pictures."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

BENCH = Path(__file__).parents[2] / "benches" / "scale.py"


@pytest.fixture(scope="module")
def scale() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("scale", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scale"] = module  # where a NamedTuple looks for its annotations
    sys.path.insert(0, str(BENCH.parent))
    spec.loader.exec_module(module)
    sys.path.remove(str(BENCH.parent))
    yield module
    del sys.modules["scale"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Ten pictures, nested."""
    files = []
    for number in range(10):
        file = tmp_path / "own" / str(number % 2) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (24, 24), 10 * number).save(file)
        files.append(file)
    return files


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_slope_is_the_power_of_growth(scale: ModuleType, power: float) -> None:
    costs = [scale.Cost(count, 0.01 * count**power, 1) for count in (100, 1_000, 10_000)]
    assert scale.slope(costs) == pytest.approx(power)


def test_growth_tells_the_slope_with_and_without_the_start(scale: ModuleType) -> None:
    costs = [scale.Cost(count, 5 + 0.01 * (count - 1), 1) for count in (1, 101, 10_001)]
    assert scale.growth(costs) == (
        "Slope of log time over log pictures: 0.62; without the 5.0 s of the first picture: 1.00"
    )


def test_too_few_counts_have_no_slope(scale: ModuleType) -> None:
    costs = [scale.Cost(1, 2.0, 1), scale.Cost(100, 3.0, 1)]
    assert scale.growth(costs) == "Give two --counts above 1 for a slope."


def test_no_time_has_no_slope(scale: ModuleType) -> None:
    """By chance, a run of few pictures may be faster than that of one."""
    costs = [scale.Cost(1, 2.0, 1), scale.Cost(2, 1.9, 1), scale.Cost(3, 2.5, 1)]
    assert scale.growth(costs).endswith("of the first picture: nan")


def test_a_sample_is_taken_evenly(scale: ModuleType, pictures: list[Path], tmp_path: Path) -> None:
    found = scale.files_in(tmp_path / "own")
    assert found == sorted(pictures)
    folder = scale.sample(found, 5, tmp_path / "five")
    assert [link.name for link in sorted(folder.iterdir())] == [f"{number:06d}.png" for number in range(5)]
    assert [link.resolve() for link in sorted(folder.iterdir())] == [each.resolve() for each in found[::2]]


def test_more_than_there_are_is_told(scale: ModuleType, pictures: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there are 10 pictures, not 11"):
        scale.sample(pictures, 11, tmp_path / "eleven")


def test_a_run_that_completes_less_is_no_measurement(
    scale: ModuleType, pictures: list[Path], tmp_path: Path
) -> None:
    folder = scale.sample(pictures, 3, tmp_path / "three")
    with pytest.raises(SystemExit, match="0 of 3 pictures, exit code 1: "):
        scale.measured(folder, tmp_path / "out", ["--model", str(tmp_path / "nosuch")])


def test_a_small_run(pictures: list[Path], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, BENCH, "--pictures", tmp_path / "own", "--counts", "4", "2", "--iterations", "2"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    # The pictures are smaller than the model's, which is said, and nothing else.
    assert all(line.startswith("Warning: the model can't speak for") for line in ended.stderr.splitlines())
    machine, _, head, _, *rows, _, flags, growth = ended.stdout.splitlines()
    assert machine.endswith(" at the start")
    assert head == "| pictures | seconds | ms a picture | peak memory, MiB |"
    cells = [[float(cell) for cell in row.strip("|").split("|")] for row in rows]
    assert [int(count) for count, *_ in cells] == [1, 2, 4]
    for count, seconds, each, memory in cells:
        assert each == pytest.approx(1000 * seconds / count, abs=51 / count)
        assert 100 < memory < 2000  # torch is in it
    assert flags == "Flags: --model chars --mask-plugin center --iterations 2 --candidates 1 --starts 1"
    assert growth.startswith("Slope of log time over log pictures: ")
