"""What the page looks like: axe finds nothing serious, and the screenshots of the docs are made here.

``make screenshots`` writes them into ``docs/images``: a photograph that scikit-image ships, scratched by us.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from painter import Open, Painter, near, started
from PIL import Image

ROOT = Path(__file__).parents[2]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SCREENSHOTS = os.environ.get("INPAINTX_SCREENSHOTS")
ALL = os.environ.get("INPAINTX_SCREENSHOTS_ALL")  # those that the docs don't show, too
#: Bytes of a screenshot at most.
LARGEST = 150_000
FACE = (118, 12, 330, 224)  # of the photograph: left, top, right, bottom
SCRATCHES = [[(20, 8), (66, 74), (101, 131)], [(150, 30), (139, 96), (149, 180)]]


def check(painter: Painter, where: str) -> None:
    """Fails where axe finds something serious or critical."""
    found = Axe().run(painter.page).response["violations"]
    serious = [
        f"{where}: {violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, letters: list[Path], scheme: str) -> None:
    desk = open_page(viewport=DESK, color_scheme=scheme)
    desk.page.goto(desk.address)
    desk.page.wait_for_selector("#plugin option", state="attached")
    check(desk, "nothing open")
    desk.choose(*letters[:2])
    desk.page.wait_for_selector("#foot:not([hidden])")
    desk.tool("rectangle")
    desk.drag((20.5, 20.5), (40.5, 40.5))
    check(desk, "a hole")
    desk.complete()
    check(desk, "a result")
    desk.page.click("#tab-fill")
    desk.page.check("[name=show][value=all]", force=True)
    check(desk, "settings and candidates")
    desk.page.evaluate("document.getElementById('tab-result').click()")
    desk.page.set_viewport_size(PHONE)
    check(desk, "a result on a phone")
    desk.page.keyboard.press("?")
    check(desk, "keys")
    desk.page.keyboard.press("Escape")
    desk.choose({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    desk.alert()
    check(desk, "a problem")


def test_the_switch_turns_light_and_dark(open_page: Open) -> None:
    person = open_page(color_scheme="light", reduced_motion="reduce")
    person.page.goto(person.address)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = person.page.evaluate(paper)
    person.page.click("#theme")
    dark = person.page.evaluate(paper)
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    assert person.page.get_attribute("#theme", "aria-pressed") == "true"
    person.page.click("#theme")
    assert person.page.evaluate(paper) == light
    spinner = "getComputedStyle(document.querySelector('.spinner')).animationName"
    assert person.page.evaluate(spinner) == "none"


def test_enlarged_four_times_all_of_it_is_reached(open_page: Open, letters: list[Path]) -> None:
    person = open_page(viewport={"width": 320, "height": 256})  # WCAG 1.4.10: 1280×1024 at 400 %
    person.open(letters[0])
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 320
    person.page.locator("#complete").scroll_into_view_if_needed()
    person.page.click("#tab-fill")
    assert person.page.locator("#seed").is_visible()


@pytest.fixture(scope="module")
def scratched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph with two scratches."""
    import skimage.data

    left, top, right, bottom = FACE
    photo = skimage.data.astronaut()[top:bottom, left:right].copy()
    rng = np.random.default_rng(0)
    for path in SCRATCHES:
        here = near(photo.shape[:2], path, 1.6)
        photo[here] = (235 + 10 * rng.standard_normal((int(here.sum()), 1))).clip(200, 255)
    file = tmp_path_factory.mktemp("photos") / "portrait.png"
    Image.fromarray(photo).save(file)
    return file


@pytest.mark.skipif(not SCREENSHOTS, reason="INPAINTX_SCREENSHOTS names no folder: make screenshots")
def test_screenshots(open_page: Open, scratched: Path) -> None:
    folder = Path(SCREENSHOTS or "")
    with started("--model", str(ROOT / "models" / "faces.safetensors"), str(scratched)) as address:
        for scheme, viewport in (("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)):
            where = f"{'desk' if viewport is DESK else 'phone'}-{scheme}"
            person = open_page(viewport=viewport, color_scheme=scheme)
            person.address = address
            person.page.goto(address)
            person.page.wait_for_selector("#foot:not([hidden])")
            person.tool("brush", 6)
            for path in SCRATCHES:
                person.drag(*path)
            person.page.mouse.move(1, 1)
            take(person, folder / f"page-{where}-hole.jpg", scheme == "light")
            person.page.click("#tab-fill")
            person.page.fill("#seed", "1")
            person.page.click("#complete")
            person.wait_for_result()
            take(person, folder / f"page-{where}-result.jpg", (scheme, viewport) == ("dark", PHONE))
            person.page.check("[name=show][value=compare]", force=True)
            person.drag((106, 120), (118, 120))
            person.page.mouse.move(1, 1)
            take(person, folder / f"page-{where}-compare.jpg", (scheme, viewport) == ("dark", DESK))


def take(person: Painter, path: Path, wanted: bool) -> None:
    """A screenshot as a small file; all of them can be looked at, and those that the docs show are kept."""
    with Image.open(BytesIO(person.page.screenshot())) as shot:
        shot.convert("RGB").save(path, quality=82, optimize=True, subsampling=0)
    assert path.stat().st_size < LARGEST
    if not wanted and not ALL:
        path.unlink()
