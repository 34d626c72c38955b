"""The routes of the page, without a browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO

import httpx
import numpy as np
import pytest
import tifffile
import uvicorn
from PIL import Image
from service_cases import hole, png, shape

from inpaintx.pictures.held import HeldFile
from inpaintx.service.app import create_app
from inpaintx.service.home import HEADERS, add_page
from inpaintx.service.looking import SIDE, look_at, shown
from inpaintx.service.server import address_of, listen
from inpaintx.service.service import Service


@pytest.fixture(scope="module")
def page(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The page on a service, opened with two pictures, one of which is gone by now."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "a.png").write_bytes(png(shape()))
    app = create_app(service)
    add_page(app, service, [folder / "a.png", folder / "gone.png"])
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    with httpx.Client(base_url=address_of(listening), timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


def test_the_page_is_its_own_files(page: httpx.Client) -> None:
    for path in ("/", "/page/page.css", "/page/js/app.js", "/page/icon.svg"):
        answer = page.get(path)
        assert answer.status_code == 200
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert page.get("/page/../home.py").status_code == 404


def test_only_the_pictures_that_were_given_are_there(page: httpx.Client) -> None:
    assert page.get("/v1/page").json() == {"pictures": ["a.png", "gone.png"]}
    assert page.get("/v1/page/pictures/0").content == png(shape())
    assert "gone.png" in page.get("/v1/page/pictures/1").json()["detail"]
    for index in ("2", "-1"):
        assert page.get(f"/v1/page/pictures/{index}").status_code == 404


def test_a_preview_is_upright_and_of_8_bits(page: httpx.Client) -> None:
    file = BytesIO()
    deep = np.arange(30 * 20, dtype=np.uint16).reshape(30, 20) * 100
    tifffile.imwrite(file, deep, photometric="minisblack", extratags=[(274, "H", 1, 6, False)])
    answer = page.post("/v1/page/preview", files={"image": ("deep.tif", file.getvalue())})
    facts = {"width": 30, "height": 20, "depth": 16, "channels": 1, "alpha": False}
    assert json.loads(answer.headers["X-Picture"]) == facts
    seen = np.asarray(Image.open(BytesIO(answer.content)))
    np.testing.assert_array_equal(seen, np.rot90(deep >> 8, -1))
    refused = page.post("/v1/page/preview", files={"image": ("a.txt", b"none")})
    assert refused.status_code == 415
    assert "a.txt" in refused.json()["detail"]


def test_a_large_picture_is_shown_reduced(service: Service) -> None:
    wide = np.zeros((2, SIDE + 200), np.uint8)
    data, facts = look_at(HeldFile.of("wide.png", png(wide)), service.limits)
    assert json.loads(facts)["width"] == SIDE + 200
    assert Image.open(BytesIO(data)).width == SIDE


def test_alpha_is_seen(service: Service) -> None:
    from inpaintx.pictures import Picture

    alpha = np.where(np.arange(64)[:, None] < 32, 255, 0).repeat(64, 1).astype(np.uint8)
    seen = Image.open(BytesIO(shown(Picture(shape(), alpha=alpha))))
    assert seen.mode == "LA"
    np.testing.assert_array_equal(np.asarray(seen)[..., 1], alpha)


def test_a_mask_file_is_taken_by_the_rules_of_masks(page: httpx.Client) -> None:
    def sent(mask: np.ndarray, **fields: int | str) -> tuple[int, bytes]:
        data = {"width": "64", "height": "64", "name": "a.png", **fields}
        answer = page.post("/v1/page/mask", files={"mask": ("m.png", png(mask))}, data=data)
        return answer.status_code, answer.content

    code, made = sent(hole())
    assert code == 200
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(made))), hole())
    for mask, fields, why in (
        (hole(32), {}, "make them the same size"),
        (np.full((64, 64), 90, np.uint8), {}, "not black and white"),
        (hole(), {"width": ""}, "width and height"),
        (hole(), {"width": "-64", "height": "-64"}, "scale it down"),
        (hole(), {"width": "100000", "height": "100000"}, "scale it down"),
    ):
        code, told = sent(mask, **fields)
        assert code in (413, 422)
        assert why in json.loads(told)["detail"]


def test_results_that_are_not_there(page: httpx.Client) -> None:
    assert page.get("/v1/page/jobs/none/look").status_code == 404
    assert page.get("/v1/page/jobs/none/disagreement").status_code == 404
