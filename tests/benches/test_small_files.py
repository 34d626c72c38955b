"""The bench of many small files: what it says of its measurements."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHES = Path(__file__).parents[2] / "benches"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHES))
    spec = importlib.util.spec_from_file_location("small_files", BENCHES / "small_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("scale", "machine"):
        sys.modules.pop(name, None)


def test_a_call_a_file_against_a_folder(bench: ModuleType) -> None:
    folder = bench.scale.Cost(1000, 100.0, 400, 150.0)
    calls = [bench.scale.Cost(1, seconds, 400, 2 * seconds) for seconds in (2.0, 4.0, 6.0)]
    assert bench.times(folder, calls) == (
        "3 calls; by the clock: 4.00 s a call [2.00, 6.00], 100.0 ms a picture of 1,000: 40 times [20, 60]; "
        "of processor time: 8.00 s a call [4.00, 12.00], 150.0 ms a picture of 1,000: 53 times [27, 80]"
    )


def test_its_trees_hold_each_picture_once_in_folders_of_folders(bench: ModuleType, tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(100)]
    for picture in pictures:
        picture.write_bytes(picture.name.encode())
    found = bench.scale.files_in(bench.tree(pictures, tmp_path / "tree"))
    assert sorted(path.read_text() for path in found) == sorted(picture.name for picture in pictures)
    assert len({path.parent for path in found}) == 35
    assert all(len(path.relative_to(tmp_path / "tree").parts) == 3 for path in found)
    shares = list(bench.split(pictures, 3))
    assert [len(share) for share in shares] == [34, 33, 33]
    assert sorted(path for share in shares for path in share) == sorted(pictures)
