"""Where results of several folders go: names are kept apart, in any order, and found again."""

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_picture
from PIL import Image

from inpaintx.completion import Completer, FolderReport, FolderRequest, complete_folder
from inpaintx.completion.plan import find_roots, plan_results
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import read_picture, write_picture
from inpaintx.plugins import registry

Run = Callable[..., FolderReport]
FOLDERS = ("a/x", "b/x", "c/deep/x", "c/y")
ROW = {folder: 3 + 4 * number for number, folder in enumerate(FOLDERS)}  # of its mask's hole


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Folders of which three have one name, each with a picture of the same name, one in a folder more."""
    for number, folder in enumerate(FOLDERS):
        for inside in ("", "more"):
            place = tmp_path / folder / inside
            place.mkdir(parents=True)
            write_picture(make_picture(24, 24, seed=number), place / "1.png")
            hole = np.zeros((24, 24), np.uint8)
            hole[ROW[folder] : ROW[folder] + 3, 5:15] = 255
            (tmp_path / "masks" / folder / inside).mkdir(parents=True)
            Image.fromarray(hole).save(tmp_path / "masks" / folder / inside / "1.png")
    return [tmp_path / folder for folder in FOLDERS]


def planned(inputs: Sequence[Path], out: Path = Path("out")) -> dict[str, str]:
    """Pictures, by their last four parts, and their results below `out`."""
    targets = plan_results(inputs, find_roots(inputs)[0], out, "keep")
    return {
        "/".join(picture.resolve().parts[-4:]): target.relative_to(out).as_posix()
        for picture, target in targets.items()
    }


def test_folders_of_one_name_are_kept_apart_in_any_order(folders: list[Path]) -> None:
    found = [planned(order) for order in permutations(folders)]
    assert sorted(found[0].values()) == sorted(
        f"{folder}/{inside}1.png" for folder in FOLDERS for inside in ("", "more/")
    )
    assert all(each == found[0] for each in found)


def test_names_count_however_the_folder_was_reached(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "a" / "x" / "more")
    (tmp_path / "here").symlink_to("b/x")
    ways = [Path(".."), Path("../../../here")]
    assert sorted(planned(ways).values()) == ["a/x/1.png", "a/x/more/1.png", "b/x/1.png", "b/x/more/1.png"]


def test_folders_of_different_names_keep_these_alone(folders: list[Path]) -> None:
    names = ["x/1.png", "x/more/1.png", "y/1.png", "y/more/1.png"]
    assert sorted(planned([folders[0], folders[3]]).values()) == names
    assert sorted(planned([folders[0]]).values()) == ["1.png", "more/1.png"]


def test_a_folder_in_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "x" / "x").mkdir(parents=True)
    for place in ("x", "x/x"):
        write_picture(make_picture(24, 24), tmp_path / place / "1.png")
    inputs = [tmp_path / "x", tmp_path / "x" / "x"]
    expected = ["x/1.png", "x/x/1.png"]
    for order in (inputs, inputs[::-1]):
        targets = plan_results(order, find_roots(order)[0], Path("out"), "keep")
        assert sorted(target.relative_to("out").as_posix() for target in targets.values()) == expected
        for picture, target in targets.items():
            assert picture.relative_to(tmp_path) == target.relative_to("out")


@pytest.fixture
def run(model: Networks, folders: list[Path], tmp_path: Path) -> Run:
    """Completes the folders with masks that lie like the pictures."""

    def complete(inputs: Sequence[Path], masks: Path = tmp_path / "masks", **more: object) -> FolderReport:
        mask = registry.make("mask", "file", {"path": masks})
        out = tmp_path / "out"
        request = FolderRequest(inputs, out, mask, manifest=out / "manifest.jsonl", **more)  # type: ignore[arg-type]
        return complete_folder(Completer(model, make_blend(), OPTIONS, "constant"), request)

    return complete


def rows_changed(folder: Path, out: Path) -> list[int]:
    before, after = (read_picture(place / "1.png").array for place in (folder, out))
    return np.unique(np.nonzero(before != after)[0]).tolist()


def test_each_has_the_mask_of_its_place_and_a_rerun_in_another_order_goes_on(
    run: Run, folders: list[Path], tmp_path: Path
) -> None:
    report = run(folders)
    assert (len(report.done), report.failures) == (8, {})
    for name, folder in zip(FOLDERS, folders, strict=True):
        for inside in ("", "more"):
            rows = rows_changed(folder / inside, tmp_path / "out" / name / inside)
            assert rows == list(range(ROW[name], ROW[name] + 3))
    results = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*")) if path.is_file()}
    (tmp_path / "out" / "b" / "x" / "1.png").unlink()
    again = run(folders[::-1], skip_done=True)
    assert list(again.done) == [tmp_path / "b" / "x" / "1.png"]
    assert len(again.kept) == 7
    assert {path: path.read_bytes() for path in results if path.suffix == ".png"} == {
        path: content for path, content in results.items() if path.suffix == ".png"
    }


@pytest.mark.parametrize("place", ["a/x", "x", ""])
def test_a_mask_lies_below_as_many_of_the_folders_as_fit(
    run: Run, folders: list[Path], tmp_path: Path, place: str
) -> None:
    """The longer place counts: what lies in the others is of other pictures."""
    hole = np.zeros((24, 24), np.uint8)
    hole[20:22, 5:15] = 255
    for other in ("", "x", "a/x")[: ("", "x", "a/x").index(place) + 1]:
        (tmp_path / "own" / other / "more").mkdir(parents=True, exist_ok=True)
        own = hole if other == place else hole.T
        for inside in ("", "more"):
            Image.fromarray(own).save(tmp_path / "own" / other / inside / "1.png")
    report = run([folders[0]], masks=tmp_path / "own")
    assert len(report.done) == 2
    assert rows_changed(folders[0], tmp_path / "out") == [20, 21]
