"""Which pictures a judgement is on, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inpaintx import InpaintxError
from inpaintx.judge import features, judging
from inpaintx.judge.judging import held_out_from, verdict_on
from inpaintx.judge.methods import MEAN, SAMPLE
from inpaintx.judge.protocol import Scope
from inpaintx.judge.verdict import Verdict
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.training.collection import Collection, load_collection

pytestmark = pytest.mark.slow

OPTIONS = SearchOptions(iterations=3, candidates=4, starts=4, precision="float32")


def _write(path: Path, seed: int, channels: int = 1, size: int = 40) -> Path:
    """Blotches, other ones for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, channels), dtype=np.uint8)
    Image.fromarray(coarse.repeat(size // 5, 0).repeat(size // 5, 1).squeeze()).save(path)
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Five people with four pictures each; all but their folder has the same name."""
    for person in range(5):
        for number in range(4):
            _write(tmp_path / "people" / f"s{person}" / f"{number}.png", 10 * person + number)
    return tmp_path / "people"


# --- which pictures ---


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_brought_to_the_models_size(
    make_model: Callable[..., Networks], people: Path, channels: int
) -> None:
    held_out = held_out_from([people], make_model(channels=channels), None)
    assert held_out.images.shape == (20, 32, 32, channels)
    assert held_out.images.dtype == np.uint8
    assert len(held_out.names) == len(held_out.groups) == 20
    assert len({image.tobytes() for image in held_out.images}) == 20
    assert held_out.labels is None


def test_what_nobody_sees_is_not_judged_on(
    make_model: Callable[..., Networks], people: Path, tmp_path: Path
) -> None:
    """A picture that is half transparent is left out; a small hole is filled, and both are said."""
    for name, columns in (("0", slice(20, 40)), ("1", slice(20, 24))):
        path = people / "s0" / f"{name}.png"
        pixels = np.full((40, 40, 2), 255, np.uint8)
        pixels[..., 0] = 90
        pixels[10 : 20 if name == "1" else 40, columns] = (255, 0)
        Image.fromarray(pixels, "LA").save(path)
    held_out = held_out_from([people], make_model(channels=1), None)
    assert len(held_out.images) == len(held_out.names) == len(held_out.groups) == 19
    assert held_out.note is not None
    assert held_out.note.startswith("2 pictures have transparent parts: 1 filled there from what is around, ")
    assert "1 left out, more than 5% transparent (0.png)" in held_out.note
    [filled] = [image for image in held_out.images if image.std() == 0]
    assert (filled == 90).all()


def test_folders_are_groups(model: Networks, people: Path) -> None:
    held_out = held_out_from([people], model, None)
    assert sorted(held_out.groups) == sorted(4 * [f"s{person}" for person in range(5)])
    # Each picture has the name and the group of its own file.
    for image, name, group in zip(held_out.images, held_out.names, held_out.groups, strict=True):
        with Image.open(people / group / name) as picture:
            shrunk = np.asarray(picture.resize((32, 32), Image.Resampling.BOX))
        assert np.abs(shrunk.astype(int) - image[..., 0]).max() <= 1
    several = held_out_from([people / "s1", people / "s3"], model, None)
    assert set(several.groups) == {"s1", "s3"}


def test_in_one_folder_near_copies_are_groups(model: Networks, tmp_path: Path) -> None:
    for number in range(6):
        _write(tmp_path / f"{number}.png", seed=number // 2)
    held_out = held_out_from([tmp_path], model, None)
    first = dict(zip(held_out.names, held_out.groups.tolist(), strict=True))
    assert first["0.png"] == first["1.png"] != first["2.png"] == first["3.png"]
    assert len(set(first.values())) == 3


def test_count_spreads_over_all(model: Networks, people: Path) -> None:
    held_out = held_out_from([people], model, 5)
    assert len(held_out.images) == 5
    assert set(held_out.groups) == {"s0", "s1", "s2", "s3", "s4"}
    for count in (20, 1000):
        assert len(held_out_from([people], model, count).images) == 20


def test_first_few_are_of_many_groups(model: Networks, people: Path) -> None:
    """What slow methods are judged on; sorted files begin with one person's."""
    first, again = (held_out_from([people], model, None) for _ in range(2))
    assert len(set(first.groups[:8])) >= 3
    assert first.names == again.names
    assert np.array_equal(first.images, again.images)


def test_names_tell_letters(model: Networks, tmp_path: Path) -> None:
    for number in (1, 11, 62):
        _write(tmp_path / "letters" / f"img{number:03d}-00001.png", number)
    held_out = held_out_from([tmp_path / "letters"], model, None)
    assert held_out.labels is not None
    assert held_out.labels.tolist() == [int(name[3:6]) for name in held_out.names]
    _write(tmp_path / "letters" / "photo.png", 7)
    assert held_out_from([tmp_path / "letters"], model, None).labels is None


def test_inputs_that_can_not_be_judged_on(model: Networks, people: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    for path in (tmp_path / "missing", tmp_path / "broken.png"):
        with pytest.raises(InpaintxError, match=path.name):
            held_out_from([people, path], model, None)


# --- the verdict ---


class Optimist:
    """In place of a reader: reads an A everywhere, and remembers what it was taught."""

    taught: tuple[np.ndarray, np.ndarray]

    @classmethod
    def train(cls, images: np.ndarray, labels: np.ndarray) -> Optimist:
        cls.taught = images, labels
        return cls()

    def read(self, images: np.ndarray) -> np.ndarray:
        assert images.dtype == np.float32
        return np.full(len(images), 11)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what takes long and is tested elsewhere: iterations, and a classifier for each method."""
    for name, options in PRESETS.items():
        monkeypatch.setitem(PRESETS, name, replace(options, iterations=3))
    monkeypatch.setattr(features, "two_sample_accuracy", lambda *_, **__: 0.5)


def _judge(
    model: Networks, inputs: Path, collection: Collection | None, **more: Any
) -> tuple[Verdict, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    held_out = held_out_from([inputs], model, None)
    scope = Scope(("center",), seed=4, slow_count=5, command="inpaintx eval …")
    *_, verdict = verdict_on(held_out, model, collection, OPTIONS, scope, lambda *told: seen.append(told))
    return verdict, seen


@pytest.mark.usefixtures("quick")
def test_without_a_collection_nothing_learned_takes_part(model: Networks, people: Path) -> None:
    for path in people.glob("*/*.png"):
        if path.parent.name > "s2" or path.name > "2.png":
            path.unlink()  # 9 are left
    verdict, seen = _judge(model, people, None)
    kinds = {method.name: method.kind for method in verdict.methods}
    assert [name for name, kind in kinds.items() if kind == "preset"] == [
        f"preset {name}" for name in PRESETS
    ]
    assert {"classical", "ours", "switch", "preset"} == set(kinds.values())
    (family,) = verdict.families
    assert set(family.counts) == set(kinds)
    slow = {name for name, count in family.counts.items() if count == 5}
    assert slow == {"untrained G", *(f"preset {name}" for name in PRESETS)}
    assert all(family.counts[name] == 9 for name in set(kinds) - slow)
    fast = 4 + 1 + 1  # the classical methods, ours in one, the constant G
    assert seen[-1] == (fast * 9 + 4 * 5, fast * 9 + 4 * 5)
    assert verdict.about["groups"] == 3
    assert verdict.about["groups are"] == "folders"
    assert verdict.about["slow methods"] == "5 of the pictures, drawn by chance"
    assert verdict.about["mask seed"] == 4
    assert verdict.about["command"] == "inpaintx eval …"
    assert "candidates 4" in verdict.about["search"]
    assert not np.isnan(family.doubt)


@pytest.mark.usefixtures("quick")
def test_with_letters_to_learn_from_a_reader_takes_part(
    model: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "Reader", Optimist)
    for number in range(1, 21):
        _write(tmp_path / "train" / f"img{number:03d}-00001.png", number)
    for number in (10, 11, 11, 12):
        path = tmp_path / "test" / f"img{number:03d}-00002.png"
        _write(path if not path.exists() else path.with_name("img011-00003.png"), 50 + number)
    _write(tmp_path / "test" / "img020-00009.png", 20)  # a copy of what was trained on
    collection = load_collection(tmp_path / "train", 32, 1)
    verdict, seen = _judge(model, tmp_path / "test", collection)
    images, labels = Optimist.taught
    assert images.shape == (20, 32, 32, 1)
    assert images.max() <= 1
    assert labels.tolist() == list(range(1, 21))
    assert [method.name for method in verdict.methods if method.kind == "learned"] == [
        "PPCA",
        "mixture of PPCAs",
        "8 nearest",
        "8 nearest around the hole",
    ]
    assert verdict.about["U-Net"].startswith("left out")
    (family,) = verdict.families
    for name in (MEAN, SAMPLE, "8 nearest"):
        assert family.scores[name]["read"].mean == pytest.approx(40)  # two of five are an A
    assert verdict.about["intact letters read right"] == "40.0 %"
    assert verdict.about["collection"] == "20 pictures"
    assert verdict.about["correlate above 0.9 with one of them"] == 1
    everything = (4 + 1 + 2 + len(PRESETS) + 4) * 5
    assert seen[-1] == (everything, everything)
    assert verdict.about["groups are"].startswith("near-copies")


@pytest.mark.usefixtures("quick")
def test_who_learns_from_the_collection_sees_mirror_images_where_g_did(
    model: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        original = _write(tmp_path / "train" / f"{number}.png", number)
        mirrored = tmp_path / "test" / f"{number}.png"
        mirrored.parent.mkdir(exist_ok=True)
        Image.open(original).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    monkeypatch.setattr(judging, "PRESETS", {})
    collection = load_collection(tmp_path / "train", 32, 1)
    plain, _ = _judge(model, tmp_path / "test", collection)
    flipped = replace(model, header=model.header | {"options": {"flip": True}})
    both, _ = _judge(flipped, tmp_path / "test", collection)
    copies = "correlate above 0.9 with one of them"
    assert (plain.about[copies], both.about[copies]) == (0, 12)
    assert plain.about["collection"] == "12 pictures"
    assert both.about["collection"] == "12 pictures, and their mirror images"
    error, less = (verdict.families[0].scores["8 nearest"]["l1_hole"].mean for verdict in (plain, both))
    assert less < error
