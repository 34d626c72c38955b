import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintx import InpaintxError
from inpaintx.letters.chars import (
    CLASSES,
    TEST_FAMILIES,
    TRAIN_FAMILIES,
    CharsOptions,
    font_families,
    render_chars,
)


def ink(path: Path) -> np.ndarray:
    """1 where the letter is, 0 on the paper, float [H, W]."""
    with Image.open(path) as image:
        assert image.mode == "L"
        return 1 - np.asarray(image) / 255


def setting(option: str, value: int) -> CharsOptions:
    return CharsOptions(**{option: value})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten pictures of each class."""
    return render_chars(CharsOptions(count=620, size=32, seed=5), tmp_path_factory.mktemp("chars") / "out")


@pytest.mark.slow
def test_files_are_named_as_in_chars74k_and_lie_by_family(rendered: list[Path]) -> None:
    assert [path.name for path in rendered[:2]] == ["img001-00001.png", "img002-00001.png"]
    assert rendered[62 + 10].name == "img011-00002.png"
    assert rendered[-1].name == "img062-00010.png"
    assert {path.parent.name for path in rendered} == set(font_families())
    assert all(path.is_file() for path in rendered)


@pytest.mark.slow
def test_the_manifest_lists_all(rendered: list[Path]) -> None:
    out = rendered[0].parents[1]
    manifest = json.loads((out / "chars.json").read_text())
    assert [out / name for name in manifest["files"]] == rendered
    assert (manifest["seed"], manifest["size"]) == (5, 32)


def test_letters_are_dark_on_white_and_tightly_cropped(rendered: list[Path]) -> None:
    extents, middles = [], []
    for path in rendered:
        letter = ink(path)
        assert letter.shape == (32, 32)
        assert letter.max() > 0.7
        rows, columns = (np.flatnonzero(letter.max(axis=axis) > 0.25) for axis in (1, 0))
        extents.append(max(np.ptp(rows), np.ptp(columns)) + 1)
        middles.append((rows[0] + rows[-1] - 31, columns[0] + columns[-1] - 31))
    assert min(extents) >= 0.65 * 32
    assert max(extents) <= 0.97 * 32
    assert np.abs(middles).max() / 2 <= 0.05 * 32 + 1, "a letter is far from the middle"
    assert np.ptp(middles) > 0, "letters are never shifted"


@pytest.mark.slow
def test_no_letter_is_cut_off(tmp_path: Path) -> None:
    for path in render_chars(CharsOptions(count=124, size=160), tmp_path / "out"):
        letter = ink(path)
        for border in (letter[0], letter[-1], letter[:, 0], letter[:, -1]):
            assert border.max() == 0, f"{path.name} touches the border"


@pytest.mark.slow
def test_every_letter_is_the_right_one(rendered: list[Path]) -> None:
    """A picture is more like the mean of its own class, over the other families, than like the usual other.

    A nearest-mean reader isn't good, but one that gets glyphs in the wrong places reads by chance (1 in 62).
    """
    letters = np.stack([ink(path).ravel() for path in rendered])
    families = np.array([path.parent.name for path in rendered])
    labels = np.arange(len(rendered)) % len(CLASSES)
    for family in sorted(set(families)):
        others = families != family
        means = np.stack([letters[others & (labels == label)].mean(axis=0) for label in range(len(CLASSES))])
        mine = letters[~others]
        distances = ((mine[:, None] - means) ** 2).sum(axis=2)
        ranks = (distances < distances[np.arange(len(mine)), labels[~others], None]).sum(axis=1)
        assert np.median(ranks) < 6, f"{family} is read wrong"


@pytest.mark.slow
def test_a_look_depends_on_seed_and_index_alone(rendered: list[Path], tmp_path: Path) -> None:
    again = render_chars(CharsOptions(count=70, size=32, seed=5), tmp_path / "again")
    other = render_chars(CharsOptions(count=70, size=32, seed=6), tmp_path / "other")
    for path, same in zip(again, rendered, strict=False):
        assert path.parent.name == same.parent.name
        assert path.read_bytes() == same.read_bytes()
    differing = sum(a.read_bytes() != b.read_bytes() for a, b in zip(again, other, strict=True))
    assert differing == 70


@pytest.mark.slow
def test_weight_width_and_slant_vary_within_one_font(tmp_path: Path) -> None:
    """Of the letter H in one font: how thick its strokes are, its proportions, and how far its top leans."""
    options = CharsOptions(families=("cmss10",), count=62 * 20, size=32)
    paths = render_chars(options, tmp_path / "out")[CLASSES.index("H") :: 62]
    stroke, proportion, lean = [], [], []
    for path in paths:
        letter = ink(path)
        rows, columns = (np.flatnonzero(letter.max(axis=axis) > 0.25) for axis in (1, 0))
        height = np.ptp(rows) + 1
        upper = letter[rows[0] + height // 4]
        lower = letter[rows[0] + 3 * height // 4]
        stroke.append(upper.sum() / 2 / height)
        proportion.append((np.ptp(columns) + 1) / height)
        place = np.arange(32)
        lean.append(((upper * place).sum() / upper.sum() - (lower * place).sum() / lower.sum()) / height)
    assert max(stroke) > 1.3 * min(stroke)
    assert max(proportion) > 1.3 * min(proportion)
    assert min(lean) < -0.03 < 0.03 < max(lean)


def test_the_split_covers_the_families_and_keeps_them_apart() -> None:
    families = set(font_families())
    assert set(TRAIN_FAMILIES) | set(TEST_FAMILIES) == families
    assert not set(TRAIN_FAMILIES) & set(TEST_FAMILIES)


def test_fonts_without_letters_are_left_out() -> None:
    stems = {path.stem for paths in font_families().values() for path in paths}
    assert {"DejaVuSans", "STIXGeneral", "cmr10"} <= stems
    assert not {"STIXNonUni", "STIXSizOneSymReg", "cmsy10", "cmex10", "cmmi10", "DejaVuSansDisplay"} & stems


def test_a_folder_of_fonts_of_ones_own(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    (fonts / "sub").mkdir(parents=True)
    shutil.copy(font_families()["cmr10"][0], fonts / "sub" / "mine.TTF")
    (fonts / "broken.ttf").write_bytes(b"no font")
    (fonts / "README.txt").write_text("fonts")
    assert font_families(fonts) == {"cmr10": [fonts / "sub" / "mine.TTF"]}
    paths = render_chars(CharsOptions(fonts=fonts, count=3, size=16), tmp_path / "out")
    assert {path.parent.name for path in paths} == {"cmr10"}


def test_what_cant_be_rendered_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"no such folder of fonts: .*nowhere"):
        font_families(tmp_path / "nowhere")
    with pytest.raises(InpaintxError, match="no font with letters"):
        font_families(tmp_path)
    with pytest.raises(InpaintxError, match=r"'Comic'; there are: DejaVu Sans, "):
        render_chars(CharsOptions(families=("Comic",)), tmp_path / "out")
    for option, value in (("count", 0), ("size", 4), ("size", 4096), ("seed", -1)):
        with pytest.raises(InpaintxError, match=f"{value}.*; give"):
            setting(option, value)
    assert os.listdir(tmp_path) == []


def test_an_earlier_render_is_replaced_but_nothing_else(tmp_path: Path) -> None:
    render_chars(CharsOptions(count=9, size=8, families=("cmr10",)), tmp_path)
    render_chars(CharsOptions(count=3, size=8, families=("cmss10",)), tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["chars.json", "cmss10"]
    assert len(os.listdir(tmp_path / "cmss10")) == 3

    # A user's own Chars74K has the same names: it is not ours to remove.
    (tmp_path / "cmss10" / "img044-00007.png").write_bytes(b"mine")
    with pytest.raises(InpaintxError, match="holds other files"):
        render_chars(CharsOptions(count=3, size=8), tmp_path)
    assert len(os.listdir(tmp_path / "cmss10")) == 4


def test_a_render_that_was_cut_short_can_be_done_again(tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    options = CharsOptions(count=5, size=8)
    with pytest.raises(KeyboardInterrupt):
        render_chars(options, tmp_path / "out", progress=stop)
    assert len(render_chars(options, tmp_path / "out")) == 5


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(InpaintxError, match="not a folder"):
        render_chars(CharsOptions(count=1, size=8), tmp_path / "out")
