"""`inpaintx check`, as users meet it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TINY_RUN, Cli
from PIL import Image


@pytest.fixture
def check(cli: Cli, collection: Path, tmp_path: Path) -> Callable[..., str]:
    def run(*arguments: object) -> str:
        ended = cli("check", collection, "--size", 32, *arguments, folder=tmp_path)
        assert (ended.code, ended.err) == (0, ""), ended
        return ended.out

    return run


def test_a_collection_in_plain_words(check: Callable[..., str]) -> None:
    text = check()
    for words in ("There are 24 pictures", "near-copies", "aligned", "Add pictures of the same kind"):
        assert words in text


def test_a_model_too(check: Callable[..., str], model: Path, photos: Path) -> None:
    findings = json.loads(check("--model", model, "--held-out", photos, "--json"))
    assert [finding["name"] for finding in findings] == [
        *("pictures", "near-copies", "alignment", "ceiling", "copied", "gap")
    ]
    ceiling = findings[3]["values"]
    assert ceiling["pictures"] == 3
    assert 5 < ceiling["psnr"] < 40
    gap = findings[5]["values"]
    assert gap["gap"] == pytest.approx(gap["learned psnr"] - gap["unseen psnr"])


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Twenty pictures, no two alike."""
    folder = tmp_path / "noise"
    (folder / "more").mkdir(parents=True)
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / ("more" if number % 2 else ".") / f"[{number}].png")
    return folder


def test_a_model_whose_run_kept_pictures_back(cli: Cli, noise: Path, tmp_path: Path) -> None:
    ended = cli("train", noise, "--out", tmp_path / "run", *TINY_RUN, "--hold-out", 4)
    assert ended.code == 0, ended
    listed = tmp_path / "run" / "held-out.txt"
    kept = len(listed.read_text().splitlines())
    assert kept >= 4
    assert f"{20 - kept} pictures, gray" in ended.out
    assert f"{kept} more are kept back for a score, listed in {listed}" in ended.out
    ended = cli("check", noise, "--model", tmp_path / "run", "--json")
    findings = {finding["name"]: finding["values"] for finding in json.loads(ended.out)}
    assert findings["pictures"]["count"] == 20 - kept
    assert findings["ceiling"]["pictures"] == kept
    assert "gap" in findings


def test_a_list_that_train_and_eval_take(cli: Cli, noise: Path, tmp_path: Path) -> None:
    hold_out = ("--hold-out", 5, "--list", "lists/held-out.txt", "--seed", 1)
    ended = cli("check", noise, "--size", 32, *hold_out, folder=tmp_path)
    assert "held out: 5 pictures" in ended.out, ended
    names = (tmp_path / "lists" / "held-out.txt").read_text().splitlines()
    assert len(names) == 5
    assert all((noise / name).is_file() for name in names)
    ended = cli(
        *("train", noise, "--out", "run", *TINY_RUN, "--exclude-from", "lists/held-out.txt"), folder=tmp_path
    )
    assert "15 pictures" in ended.out, ended


def test_a_list_is_not_overwritten_unless_told(cli: Cli, refused, noise: Path, tmp_path: Path) -> None:
    arguments = ("check", noise, "--size", 32, "--hold-out", 6, "--list", "list.txt")
    assert cli(*arguments, folder=tmp_path).code == 0
    assert "file exists already" in refused(*arguments)
    assert cli(*arguments, "--overwrite", folder=tmp_path).code == 0


def test_near_copies_can_not_all_be_held_out(refused, collection: Path) -> None:
    arguments = ("check", collection, "--size", 32, "--hold-out", 20, "--list", "list.txt")
    assert "can't hold out 20 pictures" in refused(*arguments)


def test_bad_lists(refused, collection: Path, tmp_path: Path) -> None:
    train = ("train", collection, "--out", "run", *TINY_RUN, "--exclude-from")
    assert "can't read the list missing.txt" in refused(*train, "missing.txt")
    (tmp_path / "empty.txt").write_text("\n\n")
    assert "empty.txt is empty" in refused(*train, "empty.txt")


def test_held_out_needs_a_model(refused, collection: Path, photos: Path) -> None:
    assert "give --model" in refused("check", collection, "--size", 32, "--held-out", photos)


def test_copies_and_their_share(cli: Cli, collection: Path, tmp_path: Path) -> None:
    shutil.copytree(collection, tmp_path / "doubled" / "a")
    shutil.copytree(collection, tmp_path / "doubled" / "b")
    ended = cli("check", tmp_path / "doubled", "--size", 32, "--json", folder=tmp_path)
    assert json.loads(ended.out)[1]["values"]["share"] == 1.0
