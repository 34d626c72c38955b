from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from inpaintx import InpaintxError
from inpaintx.pictures.sheets import animate, grid, show_hole, three_row_sheet


def flat(level: int, height: int = 32, width: int = 32) -> np.ndarray:
    return np.full((height, width), level, np.uint8)


def tinted(level: int, height: int = 32, width: int = 32) -> np.ndarray:
    """An image whose colour no caption has."""
    return np.full((height, width, 3), (level, 0, 255), np.uint8)


def levels_in(sheet: Image.Image) -> dict[int, int]:
    """How many pixels have each gray level, the paper's and the captions' left out."""
    levels, counts = np.unique(np.asarray(sheet)[..., 0], return_counts=True)
    return dict(zip(levels.tolist(), counts.tolist(), strict=True))


def position(sheet: Image.Image, level: int) -> tuple[int, int]:
    """Upper left corner (x, y) of the part of the sheet that is `tinted` so."""
    rows, columns = np.nonzero((np.asarray(sheet) == (level, 0, 255)).all(axis=2))
    return int(columns.min()), int(rows.min())


def test_the_hole_is_shown_and_the_rest_is_as_it_was() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 9), np.uint8)
    mask = np.ones((8, 9), bool)
    mask[2:5, 3:7] = False
    shown = show_hole(image, mask)
    np.testing.assert_array_equal(shown[mask], np.repeat(image[mask][:, None], 3, axis=1))
    hole = np.unique(shown[~mask], axis=0)
    assert len(hole) == 1
    assert len(set(hole[0].tolist())) > 1, "a gray can be a gray picture's own"
    assert image[3, 4] == np.random.default_rng(0).integers(0, 256, (8, 9), np.uint8)[3, 4], "input changed"


def test_all_kinds_of_arrays_show_the_same() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    want = grid([gray])
    for same in (
        gray[..., None],
        np.dstack([gray] * 3),
        gray.astype(np.uint16) * 257,
        (gray / np.float32(255))[..., None],
    ):
        assert grid([same]) == want


def test_small_images_grow_by_whole_pixels() -> None:
    checker = np.indices((32, 32)).sum(axis=0) % 2 * 255
    sheet = grid([checker.astype(np.uint8)])
    counts = levels_in(sheet)
    assert set(counts) <= {0, 255, 232}, "mixed levels: not enlarged by a whole number"
    times = int((counts[0] / 512) ** 0.5)
    assert counts[0] == counts[255] == 512 * times**2
    assert times >= 3


def test_large_images_are_reduced_and_keep_their_shape() -> None:
    counts = levels_in(grid([flat(10, 300, 600)]))
    assert counts[10] == 192 * 96


def test_a_grid_goes_row_by_row() -> None:
    images = [tinted(level) for level in (10, 20, 30, 40, 50)]
    sheet = grid(images, columns=3)
    spots = [position(sheet, level) for level in (10, 20, 30, 40, 50)]
    columns = sorted({x for x, _ in spots})
    rows = sorted({y for _, y in spots})
    assert spots == [(columns[i % 3], rows[i // 3]) for i in range(5)]
    assert sheet == grid(images)


def test_images_of_other_sizes_are_centred_in_equal_cells() -> None:
    sheet = grid([tinted(10, 100, 100), tinted(20, 40, 100)], columns=2)
    (_, top), (_, inner_top) = position(sheet, 10), position(sheet, 20)
    assert inner_top - top == 30


def test_three_rows_stand_in_order_with_captions_on_the_left() -> None:
    real, corrupted, reconstructed = ([tinted(10 * row + column) for column in (1, 2)] for row in (1, 2, 3))
    sheet = three_row_sheet(real, corrupted, reconstructed)
    x = {level: position(sheet, level)[0] for level in (11, 12, 21, 22, 31, 32)}
    y = {level: position(sheet, level)[1] for level in x}
    assert x[11] == x[21] == x[31] < x[12] == x[22] == x[32]
    assert y[11] == y[12] < y[21] == y[22] < y[31] == y[32]
    margin = np.asarray(sheet)[:, : x[11]].min(axis=(1, 2))
    for level in (11, 21, 31):
        assert margin[y[level] : y[level] + 128].min() < 100, "no caption beside the row"


def test_many_images_wrap_into_bands() -> None:
    real, corrupted, reconstructed = ([tinted(60 * row + i) for i in range(5)] for row in range(3))
    sheet = three_row_sheet(real, corrupted, reconstructed, columns=2)
    y = [[position(sheet, 60 * row + i)[1] for row in range(3)] for i in range(5)]
    assert y[0] == y[1]
    assert y[2] == y[3]
    assert y[0][2] < y[2][0]
    assert y[2][2] < y[4][0]
    assert position(sheet, 4)[0] == position(sheet, 0)[0]


def test_what_makes_no_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match="no images"):
        grid([])
    with pytest.raises(ValueError, match=r"\[2, 2, 1\]"):
        three_row_sheet([flat(0)] * 2, [flat(0)] * 2, [flat(0)])
    with pytest.raises(ValueError, match=r"\[0, 0, 0\]"):
        three_row_sheet([], [], [])


@pytest.mark.parametrize(("count", "milliseconds"), [(3, 300), (8, 250), (50, 80)])
def test_a_gif_holds_all_frames_and_the_last_one_longest(
    count: int, milliseconds: int, tmp_path: Path
) -> None:
    frames = [grid([flat(level)]) for level in range(0, 5 * count, 5)]
    animate(frames, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.info["loop"] == 0
        read = [
            (np.asarray(shown.convert("RGB")), shown.info["duration"])
            for shown in ImageSequence.Iterator(gif)
        ]
    np.testing.assert_array_equal([pixels for pixels, _ in read], [np.asarray(frame) for frame in frames])
    durations = [duration for _, duration in read]
    assert durations[:-1] == [milliseconds] * (count - 1)
    assert durations[-1] > 1000


def test_a_film_in_webp_has_its_colours_and_its_times(tmp_path: Path) -> None:
    frames = [grid([flat(level)]) for level in (0, 90, 200)]
    animate(frames, tmp_path / "a.webp")
    with Image.open(tmp_path / "a.webp") as film:
        assert (film.format, film.info["loop"]) == ("WEBP", 0)
        read = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            read.append((np.asarray(film.convert("RGB")).astype(int), film.info["duration"]))
    for (pixels, _), frame in zip(read, frames, strict=True):
        assert abs(pixels - np.asarray(frame)).mean() < 3
    assert [duration for _, duration in read] == [300, 300, 1500]


def test_a_gif_that_cant_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"can't write: .*a\.gif"):
        animate([grid([flat(0)])], tmp_path / "missing" / "a.gif")
