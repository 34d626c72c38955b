"""`inpaintx eval`, as users meet it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from cli_tools import Cli, blob, files_in
from click.testing import CliRunner
from PIL import Image

from inpaintx.judge import features
from inpaintx.networks import checkpoint
from inpaintx.options import PRESETS
from inpaintx_cli.main import cli as in_process

QUICK = ("--iterations", "5", "--candidates", "4", "--starts", "8", "--device", "cpu")


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """Six pictures of three groups, a folder each."""
    for number in range(6):
        folder = tmp_path / "held-out" / "abc"[number // 2]
        folder.mkdir(parents=True, exist_ok=True)
        blob(200 + number).save(folder / f"{number}.png")
    return tmp_path / "held-out"


@pytest.fixture
def judged(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Runs `inpaintx eval` in this process, where presets can be cut short. Gives its output.

    A rival that it left beside the model, which other tests share, is taken away.
    """
    for name, options in PRESETS.items():
        monkeypatch.setitem(PRESETS, name, replace(options, iterations=5))

    def run(*arguments: object) -> str:
        words = ["eval", *arguments, "--model", model, *QUICK]
        ended = CliRunner().invoke(in_process, [str(word) for word in words])
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    yield run
    for rival in model.glob("*.unet-*"):
        rival.unlink()


class _Page(HTMLParser):
    """The words of a page, and what it would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.loads = "", list[str]()

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attributes if name in ("src", "href")]


def test_a_judgement_end_to_end(
    judged: Callable[..., str], held_out: Path, collection: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "verdict"
    families = ("--family", "center", "--family", "freeform thick")
    rival = ("--rival", "unet", "--rival-minutes", 0.01)
    told = judged(held_out, "--collection", collection, "--slow-count", 2, *rival, *families, "--out", out)
    assert told == f"6 pictures judged: {out / 'eval.html'}, {out / 'eval.json'}\n"
    assert list(files_in(out)) == ["eval.html", "eval.json"]

    found = json.loads((out / "eval.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    methods = [method["name"] for method in found["methods"]]
    kinds = {method["kind"] for method in found["methods"]}
    assert kinds == {"classical", "ours", "learned", "switch", "preset"}
    assert len(methods) == len(set(methods)) == 4 + 7 + 2 + 3 + 4 + 2
    metrics = {metric["name"]: metric["per_picture"] for metric in found["metrics"]}
    assert [family["name"] for family in found["families"]] == ["center", "freeform thick"]
    slow = {"untrained G", *(f"preset {name}" for name in PRESETS)}
    for family in found["families"]:
        assert family["counts"] == {name: 2 if name in slow else 6 for name in methods}
        for name in methods:
            means = {metric: interval[0] for metric, interval in family["scores"][name].items()}
            assert set(means) == set(metrics)
            untold = {metric for metric, mean in means.items() if mean is None}
            assert untold <= ({"kid", "told_apart"} if name in slow else set())
        for metric, per_picture in metrics.items():
            ours = found["judged"][metric]
            assert set(family["wins"].get(metric, {})) == (set(methods) - {ours} if per_picture else set())
        assert [case["kind"] for case in family["cases"]] == ["best", "median", "worst"]
        assert all(set(case["psnr"]) == set(methods) for case in family["cases"])
        assert -1 <= family["doubt"] <= 1
    about = found["about"]
    assert (about["pictures"], about["groups"], about["groups are"]) == (6, 3, "folders")
    assert "iterations 5, " in about["search"]
    assert about["collection"] == "24 pictures"

    page = _Page()
    page.feed((out / "eval.html").read_text(encoding="utf-8"))
    for word in (*methods, *(metric["label"] for metric in found["metrics"]), "center", "freeform thick"):
        assert word in page.words
    # Self-contained: at least three cases of two families with their pictures, and nothing from elsewhere.
    assert sum(source.startswith("data:image/") for source in page.loads) >= 2 * 3 * 2
    assert all(source.startswith(("data:", "#")) for source in page.loads)


def test_the_same_again_and_only_what_was_asked_for(
    judged: Callable[..., str], held_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same pictures, masks and fills: same figures, but for the time. `--only` and `--count` choose."""
    monkeypatch.setattr(features, "two_sample_accuracy", lambda *_, **__: 0.5)  # it takes longest
    (tmp_path / "list.txt").write_text("a/0.png\nb/2.png\nc/4.png\nc/5.png\n")
    found = []
    for name in ("first", "again"):
        chosen = ("--only", tmp_path / "list.txt", "--count", 3, "--family", "random")
        told = judged(held_out, *chosen, "--out", tmp_path / name)
        assert told.startswith("3 pictures judged: ")
        found.append(json.loads((tmp_path / name / "eval.json").read_text()))
        for family in found[-1]["families"]:
            assert {case["picture"] for case in family["cases"]} <= {"0.png", "2.png", "4.png", "5.png"}
            for scores in family["scores"].values():
                del scores["seconds"]
    assert found[0]["families"] == found[1]["families"]
    assert not any(method["kind"] == "learned" for method in found[0]["methods"])


def test_a_rival_needs_to_know_how_long(
    refused: Callable[..., str], held_out: Path, collection: Path, model: Path, tmp_path: Path
) -> None:
    header, tensors = checkpoint.load(model / checkpoint.FILE_NAME)
    del header["seconds"]  # as of an earlier version
    checkpoint.save(tmp_path / "old.safetensors", header, tensors)
    asked = ("--model", tmp_path / "old.safetensors", "--collection", collection)
    asked += ("--rival", "unet", "--out", tmp_path / "out")
    assert "give --rival-minutes" in refused("eval", held_out, *asked)


def test_family_that_there_is_not(cli: Cli, model: Path, held_out: Path, tmp_path: Path) -> None:
    ended = cli("eval", held_out, "--model", model, "--family", "centre", "--out", tmp_path / "out")
    assert ended.code == 2
    assert "Error: no such family of masks: centre; choose from center, random-patch, left, " in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["eval.json", "eval.html"])
def test_results_that_are_there_already(
    refused: Callable[..., str], held_out: Path, model: Path, name: str
) -> None:
    taken = held_out.parent / "out" / name
    taken.parent.mkdir()
    taken.write_text("an earlier one")
    told = refused("eval", held_out, "--model", model, "--out", taken.parent)
    assert told == f"file exists already: {taken}; choose another name, or give --overwrite"


def test_output_among_the_pictures(refused: Callable[..., str], held_out: Path, model: Path) -> None:
    for out in (held_out, held_out / "a" / "new"):
        told = refused("eval", held_out, "--model", model, "--out", out)
        assert told.startswith(f"the output folder {out} is, or is in, that of the input {held_out}")


def test_what_can_not_be_read(
    refused: Callable[..., str], held_out: Path, model: Path, tmp_path: Path
) -> None:
    out = ("--model", model, "--out", tmp_path / "out")
    assert str(tmp_path / "missing") in refused("eval", tmp_path / "missing", *out)
    assert str(tmp_path / "none.txt") in refused("eval", held_out, "--only", tmp_path / "none.txt", *out)
    (tmp_path / "list.txt").write_text("elsewhere.png\n")
    told = refused("eval", held_out, "--only", tmp_path / "list.txt", *out)
    assert told == f"{tmp_path / 'list.txt'} lists elsewhere.png, not in {held_out}; check both"
    assert str(tmp_path / "gone") in refused("eval", held_out, "--collection", tmp_path / "gone", *out)


def test_at_full_size_regions_are_held_against_the_whole_picture(
    judged: Callable[..., str], tmp_path: Path
) -> None:
    """A thing of the collection in a larger picture; one that is see-through is left out, and said."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        photo = Image.fromarray(rng.integers(100, 130, (160, 150), np.uint8))
        photo.paste(blob(300 + number), (60, 50))
        photo.save(tmp_path / "photos" / f"{number}.png")
    see_through = photo.copy()
    see_through.putalpha(Image.new("L", photo.size, 90))
    see_through.save(tmp_path / "photos" / "3.png")
    told = judged(tmp_path / "photos", "--full-size", 0.1, "--mask-seed", 4, "--out", tmp_path / "out")
    assert list(files_in(tmp_path / "out")) == ["full-size.json", "full-size.md"]
    table = (tmp_path / "out" / "full-size.md").read_text()
    assert told.startswith(table)
    assert "3 pictures judged: " in told
    rows = [line.split("|")[1].strip() for line in table.splitlines()]
    assert rows == ["region", "---", "whole", "auto", "interpolation"]
    found = json.loads((tmp_path / "out" / "full-size.json").read_text(), parse_constant=pytest.fail)
    assert [each["picture"] for each in found["pictures"]] == ["0.png", "1.png", "2.png"]
    assert found["left_out"] == [str(tmp_path / "photos" / "3.png")]
    for way in ("whole", "auto", "interpolation"):
        values = [each[way] for each in found["pictures"]]
        assert found["psnr"][way][0] == pytest.approx(np.mean(values))
        assert f"| {way} | {np.mean(values):.2f} [" in table
        assert 5 < min(values) < max(values) < 48
    gain = [each["auto"] - each["whole"] for each in found["pictures"]]
    assert found["gain"]["auto"][0] == pytest.approx(np.mean(gain))
    again = judged(
        tmp_path / "photos", "--full-size", 0.1, "--mask-seed", 4, "--out", tmp_path / "out", "--overwrite"
    )
    assert again == told
