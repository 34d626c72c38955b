"""The mask, its tools and its files, against what numpy says they are."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from painter import inside, near
from PIL import Image
from playwright.sync_api import Page

SHAPE = (37, 53)  # odd, and no multiple of 8
HEIGHT, WIDTH = SHAPE


def covered(page: Page, call: str) -> np.ndarray:
    """What a shape of ``shapes.js`` covers; a pixel that it names twice is an error."""
    spans = page.evaluate(f"import('/page/js/shapes.js').then((shapes) => [...shapes.{call}])")
    found = np.zeros(SHAPE, int)
    for row, first, end in spans:
        assert 0 <= row < HEIGHT
        assert 0 <= first < end <= WIDTH
        found[row, first:end] += 1
    assert found.max(initial=0) <= 1
    return found == 1


def in_mask(page: Page, steps: str) -> Any:
    """What steps on a new mask come to."""
    return page.evaluate(
        f"""import('/page/js/mask.js').then(({{ Mask }}) => {{
            const mask = new Mask({WIDTH}, {HEIGHT});
            const paint = (spans, value) => {{ mask.begin(); mask.paint(spans, value); mask.end(); }};
            const looks = [];
            const look = () => {{
                looks.push([...mask.hole]);
                if (mask.hole.reduce((sum, one) => sum + one, 0) !== mask.count) throw Error("miscounted");
            }};
            {steps}
            return looks;
        }})"""
    )


def test_a_stroke_covers_the_pixels_whose_centres_are_within_its_radius(scripts: Page) -> None:
    rng = np.random.default_rng(0)
    for radius in (0.5, 1, 2.5, 7, 40):
        for _ in range(4):
            a, b = (rng.uniform(-10, 60, 2).round(3).tolist() for _ in range(2))
            found = covered(scripts, f"capsule({a[0]}, {a[1]}, {b[0]}, {b[1]}, {radius}, {WIDTH}, {HEIGHT})")
            np.testing.assert_array_equal(found, near(SHAPE, [tuple(a), tuple(b)], radius))
    for size in (1, 2, 3, 8):  # a dab, which a brush makes where it stands
        x, y = scripts.evaluate(
            f"import('/page/js/shapes.js').then((shapes) => shapes.snapped(20.3, 11.8, {size}))"
        )
        dab = covered(scripts, f"capsule({x}, {y}, {x}, {y}, {size / 2}, {WIDTH}, {HEIGHT})")
        np.testing.assert_array_equal(dab, near(SHAPE, [(x, y)], size / 2))
        assert dab.any(axis=0).sum() == dab.any(axis=1).sum() == size


def test_a_lasso_covers_what_it_encloses(scripts: Page) -> None:
    rng = np.random.default_rng(1)
    for corners in (3, 4, 9):
        for _ in range(4):
            points = rng.uniform(-5, 60, (corners, 2)).round(3).tolist()
            found = covered(scripts, f"polygon({points}, {WIDTH}, {HEIGHT})")
            np.testing.assert_array_equal(found, inside(SHAPE, [tuple(point) for point in points]))


def test_a_rectangle_holds_both_its_corners_pixels(scripts: Page) -> None:
    expected = np.zeros(SHAPE, bool)
    expected[4:10, 3:21] = True
    for corners in ("3.2, 9.9, 20.1, 4.0", "20.9, 4.5, 3, 9"):
        np.testing.assert_array_equal(covered(scripts, f"rectangle({corners}, {WIDTH}, {HEIGHT})"), expected)
    assert not covered(scripts, f"rectangle(-9, -9, -1, -1, {WIDTH}, {HEIGHT})").any()


def test_every_edit_is_undone_and_redone_to_the_bit(scripts: Page) -> None:
    looks = in_mask(
        scripts,
        """
        look();
        const spans = (row, from, to) => Array.from({ length: 6 }, (_, i) => [row + i, from, to]);
        paint(spans(2, 5, 30), 1); look();
        paint(spans(4, 0, 12), 1); look();
        paint(spans(3, 8, 20), 0); look();
        mask.invert(); look();
        mask.replace(Uint8Array.from(mask.hole, (_, i) => i % 3 === 0)); look();
        mask.clear(); look();
        for (let i = 0; i < 6; i++) { mask.undo(); look(); }
        for (let i = 0; i < 6; i++) { mask.redo(); look(); }
        mask.undo(); look();
        paint(spans(0, 0, 2), 1); look();
        if (mask.redo() !== null) throw Error("an edit after an undo leaves nothing to redo");
        mask.begin(); mask.paint(spans(9, 0, 40), 0); mask.cancel(); look();
        """,
    )
    forward, back, again = looks[:7], looks[7:13], looks[13:19]
    assert back == forward[5::-1]
    assert again == forward[1:]
    assert len({tuple(one) for one in forward}) == 6  # the last is empty, as the first
    first = np.zeros(SHAPE, int)
    first[2:8, 5:30] = 1
    assert forward[1] == first.ravel().tolist()
    first[4:10, 0:12] = 1
    first[3:9, 8:20] = 0
    assert forward[3] == first.ravel().tolist()
    assert forward[4] == (1 - first).ravel().tolist()
    assert looks[19] == forward[5]
    assert looks[21] == looks[20]  # what was cancelled left nothing


def test_an_edit_tells_what_has_to_be_drawn_anew(scripts: Page) -> None:
    touched = scripts.evaluate(
        """import('/page/js/mask.js').then(({ Mask }) => {
            const mask = new Mask(20, 10);
            mask.begin();
            const painted = mask.paint([[2, 3, 9], [3, 5, 12], [4, 5, 5]], 1);
            mask.end();
            const same = (mask.begin(), mask.paint([[2, 3, 9]], 1));
            mask.end();
            return { painted, same, bounds: mask.bounds(), undone: mask.undo(), past: mask.past.length };
        })"""
    )
    around = {"left": 3, "top": 2, "right": 12, "bottom": 4}
    assert touched["painted"] == touched["bounds"] == touched["undone"] == around
    assert touched["same"] is None
    assert touched["past"] == 0  # what changed nothing is no edit


def test_a_mask_that_rests_wakes_as_it_was(scripts: Page) -> None:
    holes = [np.random.default_rng(2).random(SHAPE) < share for share in (0, 0.3, 1)]
    for hole in holes:
        looks = in_mask(
            scripts,
            f"mask.replace(Uint8Array.from({hole.ravel().astype(int).tolist()})); look();"
            "mask.rest(); if (mask.hole !== null) throw Error('still held'); mask.wake(); look();",
        )
        assert looks[0] == looks[1] == hole.ravel().astype(int).tolist()


def test_a_mask_is_the_same_as_a_file(scripts: Page) -> None:
    hole = np.random.default_rng(3).random(SHAPE) < 0.4
    there = scripts.evaluate(
        """async ([width, height, hole]) => {
            const { toPng, fromPng } = await import('/page/js/png.js');
            const blob = await toPng({ width, height, hole: Uint8Array.from(hole) });
            const back = await fromPng(blob);
            return { file: [...new Uint8Array(await blob.arrayBuffer())], back: [...back.hole] };
        }""",
        [WIDTH, HEIGHT, hole.ravel().astype(int).tolist()],
    )
    with Image.open(BytesIO(bytes(there["file"]))) as opened:
        assert opened.mode == "1"
        np.testing.assert_array_equal(np.asarray(opened), hole)
    assert there["back"] == hole.ravel().astype(int).tolist()


def test_what_is_under_the_pointer_stays_there_when_zooming(scripts: Page) -> None:
    found = scripts.evaluate(
        """import('/page/js/view.js').then(({ View }) => {
            const view = new View();
            view.resize(800, 600);
            view.show(1000, 500);
            const fitted = [view.scale, ...view.toStage(500, 250)];
            const before = view.toPicture(300, 200);
            for (const factor of [1.7, 3, 0.4]) view.zoom(factor, 300, 200);
            const after = view.toPicture(300, 200);
            view.zoom(1e9); const most = view.scale;
            view.pan(1e9, -1e9);
            const corner = view.toStage(0, 0), far = view.toStage(1000, 500);
            view.reveal(700, 100);
            return { fitted, before, after, most, corner, far, seen: view.toStage(700, 100) };
        })"""
    )
    assert found["fitted"] == pytest.approx([752 / 1000, 400, 300])
    assert found["after"] == pytest.approx(found["before"])
    assert found["most"] == 64
    assert found["corner"][0] < 800
    assert found["far"][1] > 0
    assert 0 < found["seen"][0] < 800
    assert 0 < found["seen"][1] < 600
