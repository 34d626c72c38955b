"""What goes wrong is told in one line, nothing is left behind, and the page goes on."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest
from painter import QUICK, Open, Painter, levels, started
from PIL import Image


def test_files_that_cant_be_opened(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    page = painter.page
    page.goto(painter.address)
    painter.choose({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    assert "not a picture" in painter.alert()
    assert "notes.txt" in painter.alert()
    assert page.is_disabled("#complete")
    assert page.is_disabled("[data-tool=brush]")
    page.click("#alert-close")
    assert not page.is_visible("#alert")

    Image.fromarray(np.zeros((1001, 1000), np.uint8)).save(tmp_path / "large.png")
    painter.choose(tmp_path / "large.png")
    painter.wait_for_text("#alert", "large.png")
    assert "1000×1001" in painter.alert()
    assert "scale it down" in painter.alert()

    cut = letters[0].read_bytes()[:-300]
    painter.choose({"name": "cut.png", "mimeType": "image/png", "buffer": cut})
    painter.wait_for_text("#alert", "cut.png")

    painter.choose(letters[0])
    page.wait_for_selector("#foot:not([hidden])")
    assert not page.is_visible("#alert")
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (30.5, 30.5))
    painter.complete()


def test_a_refused_completion_leaves_the_hole_to_try_again(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    page = painter.page
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (30.5, 30.5))
    hole = painter.hole()
    page.click("#tab-fill")
    page.select_option("#region", "part")
    page.fill("#part", "0,0,500,500")
    page.click("#complete")
    assert "500" in painter.alert()
    assert page.is_enabled("#complete")
    assert not page.is_visible("#running")
    page.fill("#candidates", "65")
    page.select_option("#region", "whole")
    page.click("#complete")
    painter.wait_for_text("#alert", "candidates")
    np.testing.assert_array_equal(painter.hole(), hole)
    painter.complete()
    assert not page.is_visible("#alert")


def test_the_region_is_drawn_on_the_picture(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    page = painter.page
    page.click("#tab-fill")
    page.select_option("#region", "part")
    page.click("#draw-part")
    painter.drag((8.5, 4.5), (90, 51.5))  # beyond the picture's edge
    assert page.input_value("#part") == "8,4,56,48"
    assert not painter.hole().any()
    painter.tool("rectangle")
    painter.drag((20.5, 20.5), (30.5, 30.5))
    assert painter.hole().sum() == 121  # a hole again
    painter.complete()
    page.click("#panel-result summary")
    assert "8,4,56,48" in page.inner_text("#record").replace(" ", "")


def begin_long(painter: Painter, letter: Path) -> str:
    """Begins a completion that takes its time, and gives its job's id."""
    painter.open(letter)
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (50.5, 50.5))
    painter.set({"#candidates": "64", "#iterations": "2000"})
    with painter.page.expect_response("**/v1/jobs") as answer:
        painter.page.click("#complete")
    painter.wait_for_text("#progress-text", "Iteration")
    job: str = answer.value.json()["id"]
    return job


def state_of(address: str, job: str) -> str:
    """Where a job stands; "gone": the service knows none of this id."""
    try:
        with urllib.request.urlopen(f"{address}v1/jobs/{job}") as answer:
            state: str = json.load(answer)["state"]
    except HTTPError as error:
        if error.code != 404:
            raise
        return "gone"
    return state


def test_the_fill_forms_and_can_be_cancelled(painter: Painter, letters: list[Path], tmp_path: Path) -> None:
    job = begin_long(painter, letters[0])
    page = painter.page
    assert state_of(painter.address, job) == "running"
    preview = "import('/page/js/state.js').then(({ state }) => Boolean(state.current.job.preview))"
    while not page.evaluate(preview):
        page.wait_for_timeout(50)
    page.wait_for_timeout(100)
    forming = page.locator(".frame").screenshot()
    assert page.is_disabled("#clear")  # the hole stays while it is filled
    assert 0 < float(page.get_attribute("#progress", "value") or 0) < 1
    page.click("#cancel")
    assert page.is_visible("#complete")
    assert not page.is_visible("#running")
    assert page.locator(".frame").screenshot() != forming
    assert gone(painter.address, job)
    painter.complete()  # the queue goes on
    hole = painter.hole()
    np.testing.assert_array_equal(levels(painter.download(tmp_path))[~hole], levels(letters[0])[~hole])


def test_what_is_left_goes_with_the_page(painter: Painter, letters: list[Path]) -> None:
    job = begin_long(painter, letters[0])
    painter.page.goto("about:blank")
    assert gone(painter.address, job)


def gone(address: str, job: str) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if state_of(address, job) == "gone":
            return True
        time.sleep(0.1)
    return False


def test_results_that_were_dropped_are_told(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (30.5, 30.5))
    with painter.page.expect_response("**/v1/jobs") as answer:
        painter.complete()
    job = answer.value.json()["id"]
    urllib.request.urlopen(urllib.request.Request(f"{painter.address}v1/jobs/{job}", method="DELETE"))
    painter.page.click("#download")
    assert "send the picture again" in painter.alert() or "complete" in painter.alert()


def test_a_service_that_is_gone_is_told(painter: Painter, letters: list[Path]) -> None:
    painter.open(letters[0])
    painter.tool("rectangle")
    painter.drag((10.5, 10.5), (30.5, 30.5))
    painter.page.context.set_offline(True)
    painter.page.click("#complete")
    assert "does not answer" in painter.alert()
    painter.page.context.set_offline(False)
    painter.complete()


LEAVING = """
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class Leaving:
    \"\"\"Needs another module of its package when it is called.\"\"\"

    name: ClassVar[str] = "leaving"

    def mask(self, picture, rng):
        from leaving_parts import middle
        return middle(picture.height, picture.width)

    def blend(self, picture, fill, mask):
        from leaving_parts import middle
        return fill
"""
PARTS = """
import numpy as np

def middle(height, width):
    keep = np.ones((height, width), bool)
    keep[20:30, 20:40] = False
    return keep
"""


def test_a_plugin_that_was_uninstalled_is_told_and_the_others_go_on(
    open_page: Open, letters: list[Path], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    facts = site / "leaving-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: leaving\nVersion: 1.0\n")
    groups = ("inpaintx.masks", "inpaintx.blends")
    (facts / "entry_points.txt").write_text(
        "".join(f"[{one}]\nleaving = leaving:Leaving\n" for one in groups)
    )
    (site / "leaving.py").write_text(LEAVING)
    (site / "leaving_parts.py").write_text(PARTS)
    with started(environment={"PYTHONPATH": str(site)}) as address:
        painter = open_page()
        painter.address = address
        painter.open(letters[0])
        page = painter.page
        page.select_option("#plugin", "leaving")
        shutil.rmtree(site)
        page.click("#make-mask")
        assert "mask plugin 'leaving' on letter0.png: it raised ModuleNotFoundError" in painter.alert()
        assert not painter.hole().any()

        page.select_option("#plugin", "center")
        page.click("#make-mask")
        painter.wait_for_text("#share", "1,024 pixels")
        page.click("#tab-fill")
        page.select_option("#blend", "leaving")
        painter.set(QUICK)
        page.click("#complete")
        painter.wait_for_text("#alert-text", "blend plugin 'leaving'")
        assert "it raised ModuleNotFoundError" in painter.alert()
        page.select_option("#blend", "auto")
        painter.complete()


@pytest.mark.parametrize("path", ["v1/page/pictures/0", "v1/page/jobs/none/look", "page/js/none.js"])
def test_only_what_is_there_can_be_asked_for(service: str, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(service + path)
    assert caught.value.code == 404


def test_the_page_may_load_its_own_files_only(service: str) -> None:
    with urllib.request.urlopen(service) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert "http" not in answer.read().decode()
