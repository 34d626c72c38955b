"""People at the page: what they paint is what is filled, and nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from painter import QUICK, Open, Painter, inside, levels, near
from PIL import Image

SHAPE = (64, 64)


def test_from_a_stroke_to_a_downloaded_picture(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    painter.open(letters[0])
    page = painter.page
    assert page.is_disabled("#complete")
    painter.tool("brush", 7)
    path = [(20.5, 30.5), (40.5, 34.5)]
    painter.drag(*path)
    hole = painter.hole()
    stroke = near(SHAPE, path, 3.5)
    assert (hole != stroke).sum() <= 0.1 * stroke.sum()  # the mouse goes from pixel to pixel of the screen
    painter.complete()

    assert page.input_value("[name=show]:checked") == "result"
    assert page.get_attribute("#tab-result", "aria-selected") == "true"
    assert page.locator("#candidates-list button").count() == 2
    done = painter.download(tmp_path)
    assert done.name == "letter0-completed.png"
    before, after = levels(letters[0]), levels(done)
    assert after.dtype == before.dtype == np.uint8
    np.testing.assert_array_equal(after[~hole], before[~hole])
    assert (after[hole] != before[hole]).any()
    assert b"inpaintx" in done.read_bytes()  # its record, as XMP

    page.click("#tab-hole")
    mask = painter.download(tmp_path, "#save-mask")
    assert mask.name == "letter0_mask.png"
    np.testing.assert_array_equal(levels(mask) == 255, hole)


def test_tools_change_the_hole_as_they_should(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    page = painter.page
    painter.tool("rectangle")
    painter.drag((10.5, 8.5), (30.5, 20.5))
    rectangle = np.zeros(SHAPE, bool)
    rectangle[8:21, 10:31] = True
    np.testing.assert_array_equal(painter.hole(), rectangle)

    painter.tool("eraser", 5)
    painter.drag((12.5, 12.5), (26.5, 12.5))
    erased = painter.hole()
    assert (rectangle & ~erased).sum() > 60
    assert not (erased & ~rectangle).any()
    assert not erased[12, 12:27].any()

    painter.tool("lasso")
    corners = [(35.2, 35.3), (60.1, 36.2), (58.3, 61.7), (37.4, 55.1)]
    painter.drag(*corners)
    lassoed = painter.hole()
    np.testing.assert_array_equal(lassoed[:30], erased[:30])
    exact = inside(SHAPE, corners)
    assert (lassoed[30:] != exact[30:]).sum() <= 8  # the rest of a pixel of the screen, along the outline

    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(painter.hole(), erased)
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(painter.hole(), rectangle)
    page.click("#undo")
    assert not painter.hole().any()
    assert page.is_disabled("#undo")
    assert page.is_disabled("#complete")
    for _ in range(3):
        page.click("#redo")
    np.testing.assert_array_equal(painter.hole(), lassoed)
    page.keyboard.press("i")
    np.testing.assert_array_equal(painter.hole(), ~lassoed)
    page.keyboard.press("Delete")
    assert not painter.hole().any()
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(painter.hole(), ~lassoed)
    assert re.search(r"[\d,]+ pixels, [\d.]+ %", page.inner_text("#share"))


def test_zoomed_in_and_moved_the_brush_paints_where_it_stands(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    page = painter.page
    middle = painter.at(32, 32)
    page.mouse.move(*middle)
    for _ in range(4):
        page.mouse.wheel(0, -200)
    painter.tool("hand")
    painter.drag((32, 32), (36, 30))
    assert painter.at(32, 32) != pytest.approx(middle)
    painter.tool("brush", 1)
    painter.drag((33.5, 29.5), (33.5, 29.5))
    assert np.argwhere(painter.hole()).tolist() == [[29, 33]]


def test_a_folder_is_dropped(painter: Painter, letters: list[Path]) -> None:
    painter.page.goto(painter.address)
    browser = painter.page.context.new_cdp_session(painter.page)
    dragged = {"items": [], "files": [str(letters[0].parent)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):  # as the system tells it of the mouse
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": dragged})
    painter.page.wait_for_selector("#foot:not([hidden])")
    painter.wait_for_text("#place", f"1 of {len(letters)}")


def test_masks_come_from_files_and_plugins(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    painter.open(letters[0])
    page = painter.page
    file = np.zeros(SHAPE, np.uint8)
    file[5:9, 40:60] = 255
    Image.fromarray(file).save(tmp_path / "mask.png")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    painter.wait_for_text("#share", "80 pixels")
    np.testing.assert_array_equal(painter.hole(), file == 255)

    page.select_option("#plugin", "center")
    page.fill("#plugin-options [name=size]", "0.25")
    page.check("#add")
    page.click("#make-mask")
    painter.wait_for_text("#share", "336 pixels")
    both = file == 255
    both[24:40, 24:40] = True
    np.testing.assert_array_equal(painter.hole(), both)

    Image.fromarray(file[:, :40]).save(tmp_path / "narrow.png")
    page.set_input_files("#mask-file", tmp_path / "narrow.png")
    told = painter.alert()
    assert "narrow.png is 40×64" in told
    assert "64×64; make them the same size" in told
    Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))).save(tmp_path / "soft.png")
    page.set_input_files("#mask-file", tmp_path / "soft.png")
    painter.wait_for_text("#alert-text", "soft.png")
    assert "not black and white" in painter.alert()
    np.testing.assert_array_equal(painter.hole(), both)  # as it was


def test_damage_is_found(painter: Painter, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scan = (120 + 8 * rng.standard_normal((96, 96))).astype(np.uint8)
    scan[:, 47:49] = 255
    Image.fromarray(scan).save(tmp_path / "scan.png")
    painter.open(tmp_path / "scan.png")
    painter.page.click("#detect")
    painter.page.wait_for_selector("#save-mask:enabled")
    hole = painter.hole()
    assert hole[:, 47:49].mean() > 0.9
    assert hole.mean() < 0.1


def test_16_bits_stay_16_bits(painter: Painter, tmp_path: Path) -> None:
    y, x = np.indices((48, 80))
    deep = np.dstack([800 * x, 1300 * y, 500 * (x + y)]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    painter.open(tmp_path / "deep.tif")
    assert painter.page.inner_text("#facts") == "80 × 48 · 16 bit colour"
    painter.tool("rectangle")
    painter.drag((30.5, 12.5), (44.5, 25.5))
    painter.complete()
    done = painter.download(tmp_path)
    assert done.name == "deep-completed.tif"
    filled = tifffile.imread(done)
    assert filled.dtype == np.uint16
    hole = np.zeros((48, 80), bool)
    hole[12:26, 30:45] = True
    np.testing.assert_array_equal(filled[~hole], deep[~hole])
    assert (filled[hole] != deep[hole]).any()


def test_a_photo_that_lies_on_its_side_is_painted_upright(
    painter: Painter, photo: Path, tmp_path: Path
) -> None:
    painter.open(photo)
    assert painter.page.inner_text("#facts") == "60 × 90 · 8 bit colour"
    painter.tool("rectangle")
    painter.drag((2.5, 70.5), (20.5, 85.5))
    painter.complete()
    done = painter.download(tmp_path)
    assert done.suffix == ".png"  # the format of a JPEG is not lossless
    before, after = levels(photo), levels(done)
    hole = np.zeros((90, 60), bool)
    hole[70:86, 2:21] = True
    np.testing.assert_array_equal(after[~hole], before[~hole])
    painter.page.select_option("#format", "same")
    again = painter.download(tmp_path)
    assert again.suffix == ".jpg"
    with Image.open(again) as opened:
        assert opened.format == "JPEG"


def test_candidates_are_seen_and_picked(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    painter.open(letters[3])
    page = painter.page
    painter.tool("rectangle")
    painter.drag((12.5, 12.5), (50.5, 50.5))
    page.click("#tab-fill")
    page.check("[name=estimate][value=mean]", force=True)
    painter.set({**QUICK, "#candidates": "3"})
    page.click("#complete")
    painter.wait_for_result()
    cards = page.locator("#candidates-list button")
    assert [card.inner_text() for card in cards.all()] == ["Mean", "1", "2", "3"]
    files = []
    for number in range(4):
        cards.nth(number).click()
        assert cards.nth(number).get_attribute("aria-pressed") == "true"
        files.append(levels(painter.download(tmp_path)))
    assert len({file.tobytes() for file in files}) == 4
    page.locator("#stage").focus()
    page.keyboard.press(",")
    assert cards.nth(2).get_attribute("aria-pressed") == "true"

    views = ["hole", "result", "compare", "all", "disagreement"]
    seen = []
    for view in views:
        page.check(f"[name=show][value={view}]", force=True)
        page.mouse.move(2, 2)
        seen.append(page.locator(".frame").screenshot())
    assert len(set(seen)) == len(views)
    assert page.locator("#all button").count() == 4

    page.check("[name=show][value=compare]", force=True)
    painter.drag((32, 32), (10, 32))
    assert float(page.input_value("#split")) == pytest.approx(100 * 10 / 64, abs=2)
    page.click("#panel-result summary")
    assert "chars" in page.inner_text("#record")


def test_the_next_picture_takes_the_same_hole(
    painter: Painter, letters: list[Path], photo: Path, tmp_path: Path
) -> None:
    painter.open(letters[0], letters[1], letters[2], photo)
    page = painter.page
    assert page.inner_text("#place") == "1 of 4"
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (20.5, 20.5))
    first = painter.hole()
    page.keyboard.press("n")
    painter.wait_for_text("#place", "2 of 4")
    page.wait_for_selector("#foot:not([hidden])")
    assert not painter.hole().any()
    page.click("#previous")
    page.wait_for_selector("#foot:not([hidden])")
    np.testing.assert_array_equal(painter.hole(), first)
    page.check("#same-mask")
    page.click("#next")
    painter.wait_for_text("#share", "121 pixels")
    np.testing.assert_array_equal(painter.hole(), first)
    painter.complete()
    done = painter.download(tmp_path)
    np.testing.assert_array_equal(levels(done)[~first], levels(letters[1])[~first])
    page.keyboard.press("n")
    page.wait_for_selector("#foot:not([hidden])")
    page.keyboard.press("n")
    assert "photo.jpg is 60×90" in painter.alert()
    page.click("#previous")
    page.wait_for_selector("#foot:not([hidden])")
    page.click("#previous")  # where there are results, fetched anew
    painter.wait_for_text("#place", "2 of 4")
    page.wait_for_selector("#shown:not([hidden])")
    painter.wait_for_result()
    page.check("[name=show][value=result]", force=True)
    page.click("#tab-result")
    assert levels(painter.download(tmp_path)).tobytes() == levels(done).tobytes()


def test_two_people_at_once_get_their_own(open_page: Open, letters: list[Path], tmp_path: Path) -> None:
    people = [open_page(), open_page()]
    boxes = [((8.5, 8.5), (24.5, 24.5)), ((30.5, 20.5), (55.5, 40.5))]
    for person, letter, box in zip(people, letters, boxes, strict=False):
        person.open(letter)
        person.tool("rectangle")
        person.drag(*box)
        person.set(QUICK)
    for person in people:
        person.page.click("#complete")
    for number, (person, letter) in enumerate(zip(people, letters, strict=False)):
        person.wait_for_result()
        folder = tmp_path / str(number)
        folder.mkdir()
        hole, done = person.hole(), levels(person.download(folder))
        np.testing.assert_array_equal(done[~hole], levels(letter)[~hole])
        assert (done[hole] != levels(letter)[hole]).any()


def test_all_of_it_by_keyboard(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    page = painter.page
    page.on("filechooser", lambda chooser: chooser.set_files(letters[0]))
    page.goto(painter.address)
    page.wait_for_selector("#plugin option", state="attached")
    page.keyboard.press("o")
    page.wait_for_selector("#foot:not([hidden])")
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the picture"
    page.keyboard.press("Enter")
    page.evaluate("document.getElementById('stage').focus()")
    for key in ("r", "Space", *["Shift+ArrowRight"] * 9, *["Shift+ArrowDown"] * 4, "Space"):
        page.keyboard.press(key)
    rectangle = np.zeros(SHAPE, bool)
    rectangle[32:37, 32:42] = True
    np.testing.assert_array_equal(painter.hole(), rectangle)

    for key in ("l", "Space", *["Shift+ArrowLeft"] * 20, "Space", *["Shift+ArrowUp"] * 20, "Space", "Enter"):
        page.keyboard.press(key)
    triangle = inside(
        SHAPE, [(41.5, 36.5), (21.49, 36.5), (21.49, 16.49)]
    )  # with the pixels on its left side
    np.testing.assert_array_equal(painter.hole(), rectangle | triangle)
    page.keyboard.press("Control+z")

    page.keyboard.press("b")
    while painter.page.inner_text("#size-text") != "1 px":
        page.keyboard.press("[")
    for key in ("Space", *["Shift+ArrowUp"] * 5, "Space", "Shift+ArrowUp"):
        page.keyboard.press(key)
    line = rectangle.copy()
    line[11:17, 21] = True
    np.testing.assert_array_equal(painter.hole(), line)
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Escape")  # takes back what isn't lifted yet
    np.testing.assert_array_equal(painter.hole(), line)

    page.evaluate(f"fields => {{ {_FILL} }}", QUICK)
    page.keyboard.press("Control+Enter")
    painter.wait_for_result()
    page.keyboard.press("v")
    assert page.input_value("[name=show]:checked") == "compare"
    with page.expect_download() as download:
        page.keyboard.press("s")
    done = tmp_path / "done.png"
    download.value.save_as(done)
    np.testing.assert_array_equal(levels(done)[~line], levels(letters[0])[~line])
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("n")  # a key of the page is none in the dialog
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")


_FILL = "for (const [id, value] of Object.entries(fields)) document.querySelector(id).value = value;"


def test_fingers_paint_pan_and_zoom(open_page: Open, letters: list[Path]) -> None:
    person = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    person.open(letters[0])
    person.tool("brush", 5)
    session = person.page.context.new_cdp_session(person.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    start, end = person.at(20, 32), person.at(44, 32)
    touch("touchStart", start)
    touch("touchMove", end)
    touch("touchEnd")
    hole = person.hole()
    assert hole[32, 21:43].all()
    assert hole[:28].sum() + hole[37:].sum() == 0

    scale = "import('/page/js/stage.js').then(({ view }) => view.scale)"
    before = person.page.evaluate(scale)
    (x, y), _ = start, end
    touch("touchStart", (x, y))
    touch("touchStart", (x, y), (x + 40, y))
    touch("touchMove", (x, y), (x + 100, y))
    touch("touchEnd")
    assert person.page.evaluate(scale) > 1.5 * before
    np.testing.assert_array_equal(person.hole(), hole)  # the first finger's dab was taken back
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 360
