"""A reader that reads letters it has not seen, and knows which of them nobody can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintx import InpaintxError
from inpaintx.judge import reader
from inpaintx.judge.reader import Reader, fused, label_of
from inpaintx.letters.chars import CLASSES, TEST_FAMILIES, CharsOptions, render_chars

pytestmark = pytest.mark.slow


def _number(letter: str) -> int:
    return CLASSES.index(letter) + 1


def _labels(paths: list[Path]) -> np.ndarray:
    return np.array([label_of(path) for path in paths])


@pytest.fixture(scope="module")
def taught(letters: np.ndarray, letter_paths: list[Path]) -> Reader:
    return Reader.train(letters, _labels(letter_paths), seed=1, steps=100)


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """Two letters of each class in families that the reader was not taught, and their labels."""
    options = CharsOptions(count=124, size=48, seed=8, families=TEST_FAMILIES)
    paths = render_chars(options, tmp_path_factory.mktemp("unseen") / "out")
    pictures = np.stack([np.asarray(Image.open(path), dtype=np.float32) / 255 for path in paths])
    return pictures[..., None], _labels(paths)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("img001-00001.png", _number("0")),
        ("img011-00021.png", _number("A")),
        ("family/img062-00001.jpg", _number("z")),
        ("img063-00001.png", None),
        ("img000-00001.png", None),
        ("img011.png", None),
        ("my-img011-00021.png", None),
        ("face.png", None),
    ],
)
def test_a_name_tells_the_class(name: str, label: int | None) -> None:
    assert label_of(Path(name)) == label


def test_letters_that_nobody_can_tell_are_one() -> None:
    labels = np.array([_number(letter) for letter in "0OoIl1cCAaZz"])
    expected = [_number(letter) for letter in "000111CCAaZZ"]
    result = fused(labels)
    assert result.dtype == np.int64
    assert result.tolist() == expected
    assert fused(result).tolist() == expected


def test_it_reads_families_that_it_was_not_taught(
    taught: Reader, unseen: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures, labels = unseen
    read = taught.read(pictures)
    assert read.dtype == np.int64
    assert set(read) <= set(fused(np.arange(1, 63)))
    accuracy = taught.accuracy(pictures, labels)
    assert accuracy == (read == fused(labels)).mean()
    assert accuracy > 0.6  # of about fifty classes, after a hundred steps


def test_what_hides_half_a_letter_makes_it_hard_to_read(
    taught: Reader, unseen: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures, labels = unseen
    hidden = pictures.copy()
    hidden[:, :, :24] = 1
    assert taught.accuracy(hidden, labels) < 0.75 * taught.accuracy(pictures, labels)


def test_light_contrast_colour_and_size_do_not_matter(
    taught: Reader, unseen: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures, _ = unseen
    read = taught.read(pictures)
    assert (taught.read(0.2 + 0.5 * pictures) == read).mean() > 0.98
    assert (taught.read(np.repeat(pictures, 3, axis=3)) == read).mean() > 0.98
    larger = np.repeat(np.repeat(pictures, 2, axis=1), 2, axis=2)
    assert (taught.read(larger) == read).mean() > 0.9
    assert (taught.read(pictures[::-1]) == read[::-1]).all()  # nor do the others in its batch


def test_the_seed_alone_decides_what_is_learned(letters: np.ndarray, letter_paths: list[Path]) -> None:
    def logits(seed: int) -> torch.Tensor:
        taught = Reader.train(letters, _labels(letter_paths), seed=seed, steps=3)
        return taught._network(reader._prepared(letters[:20]))

    torch.manual_seed(0)
    first, state = logits(4), torch.random.get_rng_state()
    torch.manual_seed(0)
    assert torch.equal(torch.random.get_rng_state(), state)  # it draws nothing from the user's generator
    torch.rand(7)
    assert torch.equal(logits(4), first)
    assert not torch.allclose(logits(5), first)


def test_it_learns_from_no_more_than_it_has_time_for(
    monkeypatch: pytest.MonkeyPatch, letters: np.ndarray
) -> None:
    seen = []
    prepared = reader._prepared
    monkeypatch.setattr(reader, "_MOST", 40)
    monkeypatch.setattr(reader, "_prepared", lambda images: seen.append(len(images)) or prepared(images))
    Reader.train(letters, np.arange(620) % 62 + 1, steps=1)
    assert seen == [40]


def test_what_it_cannot_learn_from_or_read(taught: Reader, letters: np.ndarray) -> None:
    with pytest.raises(InpaintxError, match="620 pictures with 3 labels"):
        Reader.train(letters, np.array([1, 2, 3]))
    with pytest.raises(InpaintxError, match="1 classes"):
        Reader.train(letters[:2], np.array([_number("o"), _number("O")]))
    for wrong in (letters[0], letters.astype(np.float64), letters[:0], np.repeat(letters, 2, axis=3)):
        with pytest.raises(InpaintxError, match="can't read pictures"):
            taught.read(wrong)
