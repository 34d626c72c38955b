"""The gallery in a real browser: the slider by mouse and keys, without a script, on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inpaintx.completion.manifest import mask_hash
from inpaintx.gallery.pages import write_gallery
from inpaintx.pictures import Picture, write_picture

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

BEFORE, AFTER = (200, 30, 30), (30, 30, 200)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of three pictures, red before and blue after, one of them with a very long name."""
    place = tmp_path_factory.mktemp("gallery")
    lines = {}
    for name in ("a.png", f"{'long' * 20}.png", "c.png"):
        for folder, colour in (("in", BEFORE), ("out", AFTER)):
            (place / folder).mkdir(exist_ok=True)
            write_picture(Picture(np.full((200, 300, 3), colour, np.uint8)), place / folder / name)
        mask = np.zeros((200, 300), bool)
        model = {"name": "m.safetensors", "sha256": "f" * 64}
        lines[name] = {"picture": str(place / "in" / name), "status": "completed", "model": model}
        lines[name] |= {"mask_sha256": mask_hash(mask), "settings": {"mask": {"name": "file"}}}
    write_gallery(place / "g.html", place / "out", lines, lambda picture, line: np.zeros((200, 300), bool))
    return (place / "g.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any, gallery: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    context = browser.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith(("file:", "data:")) or wrong.append(sent.url))
    page.goto(gallery)
    page.evaluate("Promise.all([...document.images].map((i) => (i.loading = 'eager', i.decode())))")
    yield page
    assert wrong == []
    context.close()


def colours(page: Any, tmp_path: Path) -> tuple[float, list[int]]:
    """Of the first slider: the share that is red, from the left, and a pixel of what is left of the edge."""
    page.locator(".shots").first.screenshot(path=tmp_path / "shot.png")
    row = np.asarray(Image.open(tmp_path / "shot.png").convert("RGB"))[20].astype(int)
    red = row[:, 0] > row[:, 2]
    return float(red.mean()), row[2].tolist()


def test_the_divider_follows_the_mouse_and_the_keys(opened: Any, tmp_path: Path) -> None:
    share, _ = colours(opened, tmp_path)
    assert share == pytest.approx(0.5, abs=0.02)
    box = opened.locator(".shots").first.bounding_box()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60, steps=4)
    assert colours(opened, tmp_path)[0] == pytest.approx(0.8, abs=0.02)
    opened.mouse.up()
    opened.mouse.move(box["x"], box["y"])
    assert colours(opened, tmp_path)[0] == pytest.approx(0.8, abs=0.02)
    opened.keyboard.press("ArrowLeft")  # it has the focus now
    slider = opened.get_by_role("slider").first
    assert slider.input_value() == "79"
    assert slider.get_attribute("aria-valuetext") == "79 % before, 21 % after"
    opened.keyboard.press("Home")
    share, leftmost = colours(opened, tmp_path)
    assert share < 0.02
    assert abs(np.subtract(leftmost, AFTER)).max() < 12


@pytest.mark.parametrize(
    "opened", [{"has_touch": True, "viewport": {"width": 360, "height": 800}}], indirect=True
)
def test_a_tap_moves_it_on_a_phone_and_nothing_is_wider_than_the_screen(opened: Any, tmp_path: Path) -> None:
    box = opened.locator(".shots").first.bounding_box()
    opened.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 40)
    assert colours(opened, tmp_path)[0] == pytest.approx(0.25, abs=0.02)
    opened.locator("article summary").nth(1).click()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    assert box["width"] > 300


def test_without_a_script_both_stand_side_by_side(browser: Any, gallery: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(gallery)
    before, after = (page.locator(f".{which}").first.bounding_box() for which in ("before", "after"))
    assert before["x"] + before["width"] <= after["x"]
    assert before["width"] == pytest.approx(after["width"], abs=1)
    assert before["width"] > 100
    assert page.get_by_role("slider").count() == 0
    assert not page.get_by_text("Drag the divider").is_visible()
    context.close()


def test_printed_both_stand_side_by_side(opened: Any) -> None:
    opened.emulate_media(media="print")
    before, after = (opened.locator(f".{which}").first.bounding_box() for which in ("before", "after"))
    assert before["x"] + before["width"] <= after["x"]
    assert not opened.get_by_role("slider").first.is_visible()


def test_what_was_filled_is_marked_on_demand(opened: Any, tmp_path: Path) -> None:
    plain = colours(opened, tmp_path)[1]
    opened.get_by_label("Mark what was filled").check()
    marked = colours(opened, tmp_path)[1]
    assert max(abs(np.subtract(plain, marked))) > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing(browser: Any, gallery: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe").Axe()
    # The page's own policy lets no script in, the checker's neither.
    context = browser.new_context(
        bypass_csp=True, color_scheme=scheme, viewport={"width": 360, "height": 800}
    )
    page = context.new_page()
    page.goto(gallery)
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    assert axe.run(page).response["violations"] == []
    context.close()
