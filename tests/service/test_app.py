"""The service over HTTP, on a socket, with the shipped model."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from service_cases import HOLE, QUICK, SIDE, form, hole, pixels, png, sent_events, shape

from inpaintx.model import load
from inpaintx.options import SearchOptions
from inpaintx.service.limits import Limits
from inpaintx.service.service import Service

pytestmark = pytest.mark.slow


def settled(client: httpx.Client, id: str) -> dict[str, Any]:
    """A job when it is over."""
    while (job := client.get(f"/v1/jobs/{id}").json())["state"] in ("waiting", "running"):
        time.sleep(0.02)
    return job


def submitted(client: httpx.Client, number: int = 0, **fields: str) -> str:
    answer = client.post("/v1/jobs", **form(number, **fields))
    assert answer.status_code == 202, answer.text
    assert answer.json().keys() == {"id", "position"}
    return answer.json()["id"]


def detail(answer: httpx.Response) -> str:
    """What an error says: one line, and nothing beside it."""
    assert answer.headers["content-type"] == "application/json"
    [(name, text)] = answer.json().items()
    assert name == "detail"
    assert len(text.splitlines()) == 1
    assert "Traceback" not in text
    return text


# --- a picture in, a picture out ---


def test_a_picture_comes_back_completed_with_its_record(client: httpx.Client) -> None:
    sent = form()
    answer = client.post("/v1/complete", **sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    result, known = pixels(answer.content), hole() == 0
    assert (result[known] == shape()[known]).all()
    assert (result[~known] != shape()[~known]).any()
    record = json.loads(answer.headers["inpaintx-record"])
    assert record["filled"] == {"pixels": 320, "box": [24, 20, 20, 16]}
    assert record["picture_sha256"] == hashlib.sha256(sent["files"]["image"][1]).hexdigest()
    assert record["model"]["name"] == "chars.safetensors"
    assert record["settings"]["search"]["iterations"] == 3
    assert record["settings"]["mask"]["path"] == "mask.png"
    assert record["seed"] == 0
    assert b"compositeWithTrainedAlgorithmicMedia" in answer.content


def test_the_result_is_that_of_the_library(client: httpx.Client) -> None:
    answer = client.post("/v1/complete", **form(3, seed="5", estimate="mean", blend="spline"))
    completed = load("chars", "cpu").complete(
        shape(3), hole() > 0, blend="spline", seed=5, estimate="mean", iterations=3, candidates=2, starts=4
    )
    assert (pixels(answer.content) == completed.image).all()


def test_without_a_record_the_picture_says_nothing(client: httpx.Client) -> None:
    answer = client.post("/v1/complete", **form(record="false"))
    assert b"inpaintx" not in answer.content
    assert json.loads(answer.headers["inpaintx-record"])["filled"]["pixels"] == 320


@pytest.mark.parametrize("name", ["tiff", "webp", "bmp", "jpeg"])
def test_the_result_comes_in_the_format_that_is_asked_for(client: httpx.Client, name: str) -> None:
    answer = client.post("/v1/complete", **form(format=name))
    assert answer.headers["content-type"] == f"image/{name}"
    gray = Image.open(BytesIO(answer.content)).convert("L")
    apart = np.asarray(gray).astype(int) - shape()
    assert (apart[hole() == 0] == 0).all() == (name != "jpeg")
    if name == "jpeg":
        assert "known pixels changed" in json.loads(answer.headers["inpaintx-record"])["not_kept"]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"mask_plugin": "center", "mask_options": '{"size": 0.25}'}, np.s_[24:40, 24:40]),
        ({"mask_plugin": "left"}, np.s_[:, : SIDE // 2]),
    ],
)
def test_a_plugin_makes_the_hole(client: httpx.Client, fields: dict[str, str], where: Any) -> None:
    sent = form(**fields)
    del sent["files"]["mask"]
    job = settled(client, client.post("/v1/jobs", **sent).json()["id"])
    assert (pixels(client.get(f"/v1/jobs/{job['id']}/mask").content) == hole(where=where)).all()


def test_the_alpha_of_the_picture_is_the_hole(client: httpx.Client) -> None:
    sent = form()
    del sent["files"]["mask"]
    sent["files"]["image"] = ("a.png", png(np.dstack([shape(), 255 - hole()])))
    result = pixels(client.post("/v1/complete", **sent).content)
    assert result.shape == (SIDE, SIDE, 2)
    assert (result[..., 1] == 255).all()
    assert (result[..., 0][hole() == 0] == shape()[hole() == 0]).all()


def test_a_soft_mask_is_cut_where_the_threshold_says_and_grown(client: httpx.Client) -> None:
    soft = np.where(hole() > 0, 180, 60).astype(np.uint8)
    sent = form(threshold="0.5", grow="2")
    sent["files"]["mask"] = ("soft.png", png(soft))
    record = json.loads(client.post("/v1/complete", **sent).headers["inpaintx-record"])
    assert record["filled"]["box"] == [22, 18, 24, 20]


def test_a_feather_is_the_width_of_the_blend_alpha(client: httpx.Client) -> None:
    answer = client.post("/v1/complete", **form(feather="3"))
    assert json.loads(answer.headers["inpaintx-record"])["settings"]["blend"] == {
        "name": "alpha",
        "width": 3.0,
    }


def test_a_preset_is_changed_by_what_is_given(client: httpx.Client) -> None:
    answer = client.post("/v1/complete", **form(preset="bamos"))
    search = json.loads(answer.headers["inpaintx-record"])["settings"]["search"]
    assert (search["weight"], search["prior"], search["iterations"]) == ("mask", 0.1, 3)


# --- jobs ---


def test_a_job_goes_from_the_queue_to_its_result(client: httpx.Client) -> None:
    id = submitted(client, 1, iterations="30", candidates="4")
    text = client.get(f"/v1/jobs/{id}/events").text
    *progress, (name, last) = sent_events(text)
    assert (name, last["state"]) == ("done", "done")
    assert progress
    assert {name for name, _ in progress} == {"progress"}
    assert [told["iteration"] for _, told in progress] == sorted(told["iteration"] for _, told in progress)
    assert last == settled(client, id)
    assert (last["iteration"], last["iterations"], last["candidates"]) == (30, 30, 4)
    assert (last["width"], last["height"], last["position"], last["error"]) == (SIDE, SIDE, 0, None)
    assert last["record"]["filled"]["pixels"] == 320
    results = [client.get(f"/v1/jobs/{id}/result", params=asked).content for asked in ({}, {"candidate": 0})]
    assert (pixels(results[0]) == pixels(results[1])).all()  # the sample is the best candidate
    other = client.get(f"/v1/jobs/{id}/result", params={"candidate": 3, "format": "tiff"})
    assert other.headers["content-type"] == "image/tiff"
    assert json.loads(other.headers["inpaintx-record"])["settings"]["candidate"] == 3
    known = hole() == 0
    assert (pixels(other.content)[known] == shape(1)[known]).all()
    assert (pixels(other.content) != pixels(results[0])).any()
    disagreement = pixels(client.get(f"/v1/jobs/{id}/disagreement").content)
    assert (disagreement[known] == 0).all()
    assert disagreement.any()
    assert client.delete(f"/v1/jobs/{id}").status_code == 204
    for path in ("", "/events", "/result", "/mask", "/disagreement"):
        assert client.get(f"/v1/jobs/{id}{path}").status_code == 404


def test_previews_show_how_the_fill_forms(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inpaintx.service.work.PREVIEW_EVERY", 0.0)
    sent = form(2, iterations="60")
    sent["files"]["image"] = ("2.png", png(np.where(hole() > 0, 7, shape(2)).astype(np.uint8)))
    id = client.post("/v1/jobs", **sent).json()["id"]
    previews = [
        told["preview"]
        for _, told in sent_events(client.get(f"/v1/jobs/{id}/events").text)
        if "preview" in told
    ]
    assert previews
    kind, _, data = previews[-1].partition(",")
    assert kind == "data:image/png;base64"
    shown = pixels(base64.b64decode(data))
    assert shown.shape == (SIDE, SIDE, 3)
    known = hole() == 0
    assert (shown[known] == shape(2)[known][:, None]).all()
    assert (shown[HOLE] != 7).any()


def test_a_job_without_a_result_says_so(client: httpx.Client) -> None:
    id = submitted(client, iterations="400", candidates="16")
    answer = client.get(f"/v1/jobs/{id}/result")
    assert (answer.status_code, client.delete(f"/v1/jobs/{id}").status_code) == (409, 204)
    assert "ask again when it is done" in detail(answer)


def test_a_job_that_fails_says_why(client: httpx.Client) -> None:
    id = submitted(client, region="0,0,8,8")
    [(name, told)] = sent_events(client.get(f"/v1/jobs/{id}/events").text)[-1:]
    assert (name, told["state"]) == ("failed", "failed")
    assert told["error"].startswith("0.png: the region 0,0,8,8 does not reach around the hole")
    answer = client.get(f"/v1/jobs/{id}/result")
    assert answer.status_code == 409
    assert told["error"] in detail(answer)
    assert settled(client, submitted(client))["state"] == "done"


def test_who_watches_a_job_that_is_cancelled_is_told(client: httpx.Client) -> None:
    id = submitted(client, iterations="400", candidates="16")
    with client.stream("GET", f"/v1/jobs/{id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: progress"
        client.delete(f"/v1/jobs/{id}")
        events = sent_events("\n".join(["event: progress", *lines]))
    name, told = events[-1]
    assert (name, told["state"]) == ("failed", "cancelled")


# --- what is refused ---


def without_mask(**fields: str) -> dict[str, Any]:
    sent = form(**fields)
    del sent["files"]["mask"]
    return sent


def with_file(name: str, file: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    sent = form(**fields)
    sent["files"][name] = file
    return sent


REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], int, str]] = {
    "no picture": (
        lambda: with_file("image", ("a.png", b"text")),
        415,
        "not a picture, or of an unknown format: a.png",
    ),
    "cut short": (lambda: with_file("image", ("a.png", png(shape())[:900])), 415, "a.png"),
    "no mask": (
        lambda: with_file("mask", ("m.png", b"\0" * 99)),
        415,
        "not a picture, or of an unknown format: m.png",
    ),
    "a camera's file": (
        lambda: with_file("image", ("a.nef", png(shape()))),
        415,
        "a camera's raw file: a.nef",
    ),
    "too many pixels": (
        lambda: with_file("image", ("a.png", png(np.zeros((400, 800), np.uint8)))),
        413,
        "a.png has 800×400 pixels, more than the 0.3 million that are taken; scale it down",
    ),
    "too many bytes": (
        lambda: with_file("image", ("a.png", b"\0" * 1_100_000)),
        413,
        "more than the 1 MB that are taken",
    ),
    "a mask of another size": (
        lambda: with_file("mask", ("m.png", png(hole(32)))),
        422,
        "the mask m.png is 32×32, the picture 0.png 64×64; make them the same size",
    ),
    "an empty mask": (lambda: with_file("mask", ("m.png", png(hole() * 0))), 422, "it hides nothing"),
    "a gray mask": (lambda: with_file("mask", ("m.png", png(hole() // 3))), 422, "not black and white"),
    "no hole": (lambda: without_mask(), 422, "no alpha channel to take the hole from: 0.png"),
    "no such plugin": (lambda: without_mask(mask_plugin="centre"), 422, "did you mean 'center'?"),
    "both": (lambda: form(mask_plugin="center"), 422, "mask_plugin and mask exclude each other"),
    "no such option": (
        lambda: without_mask(mask_plugin="center", mask_options='{"sise": 1}'),
        422,
        "did you mean 'size'?",
    ),
    "options of nothing": (lambda: form(mask_options='{"size": 1}'), 422, "mask_options go with mask_plugin"),
    "options that are no JSON": (lambda: form(blend_options="width=3"), 422, "blend_options: "),
    "no such model": (lambda: form(model="char"), 422, "there is no model 'char' (did you mean 'chars'?)"),
    "no such blend": (lambda: form(blend="autos"), 422, "did you mean 'auto'?"),
    "no such field": (
        lambda: form(candidate="3"),
        422,
        "there is no field 'candidate' (did you mean 'candidates'?)",
    ),
    "no number": (lambda: form(candidates="many"), 422, "candidates: "),
    "too many candidates": (lambda: form(candidates="65"), 422, "candidates: "),
    "too many iterations": (lambda: form(iterations="401"), 422, "iterations: "),
    "no such estimate": (lambda: form(estimate="best"), 422, "estimate: "),
    "not a number": (lambda: form(lr="nan"), 422, "lr: "),
    "an even window": (lambda: form(window="4"), 422, "window is 4; choose an odd number"),
    "no such region": (lambda: form(region="middle"), 422, "no region 'middle'; choose auto"),
    "two blends": (lambda: form(feather="3", blend="spline"), 422, "feather is the blend alpha's width"),
    "a format that holds no alpha": (
        lambda: {
            **without_mask(format="jpeg", mask_plugin="center"),
            "files": {"image": ("a.png", png(np.dstack([shape(), 255 - hole()])))},
        },
        422,
        "JPEG can't hold alpha: a.jpg; write a .png",
    ),
    "a text as picture": (
        lambda: {"data": {"image": "me"}, "files": {"mask": ("m.png", png(hole()))}},
        422,
        "the field 'image' is text",
    ),
    "a file as setting": (lambda: with_file("seed", ("seed", b"1")), 422, "the field 'seed' is a file"),
    "nothing": (lambda: {"files": {"mask": ("m.png", png(hole()))}}, 422, "there is no image"),
    "another type": (lambda: {"json": {"image": "me"}}, 415, "send multipart/form-data"),
    "no body": (lambda: {}, 415, "send multipart/form-data"),
    "half a form": (
        lambda: {"content": b"--x\r\nConten", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        422,
        "there is no image",
    ),
    "a form without a boundary": (
        lambda: {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
        422,
        "the form can't be read",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_in_one_line(client: httpx.Client, service: Service, case: str) -> None:
    sent, code, said = REFUSED[case]
    answer = client.post("/v1/complete", **sent())
    assert said in detail(answer)
    assert answer.status_code == code
    assert service.queue.waiting == 0
    assert service.queue._promised == 0


@pytest.mark.parametrize(
    "name", ["../../etc/secret.png", "C:\\pictures\\a.png", "..", "", "a\0b.png", "/dev/null"]
)
def test_a_file_name_leads_nowhere(client: httpx.Client, name: str) -> None:
    answer = client.post("/v1/complete", **with_file("image", (name or " ", png(shape()))))
    assert answer.status_code == 200, answer.text


def test_no_file_of_the_service_is_read(
    client: httpx.Client, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo_mask.png").write_bytes(png(hole()))  # what `complete` would find beside a photo.png
    monkeypatch.chdir(tmp_path)
    sent = without_mask()
    sent["files"]["image"] = ("photo.png", png(shape()))
    assert "no alpha channel" in detail(client.post("/v1/complete", **sent))
    options = json.dumps({"path": str(tmp_path / "photo_mask.png")})
    answer = client.post("/v1/complete", **without_mask(mask_plugin="file", mask_options=options))
    assert "names a file of the service, which is not for clients" in detail(answer)


def test_nothing_is_written_to_a_disk(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise AssertionError("a temporary file")

    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "_mkstemp_inner"):
        monkeypatch.setattr(tempfile, name, refuse)
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3)).astype(np.uint8)  # 750 kB as a file
    mask = hole(500, np.s_[200:230, 100:140])
    files = {"image": ("noise.png", png(noise)), "mask": ("mask.png", png(mask))}
    answer = client.post("/v1/complete", files=files, data={**QUICK, "region": "whole"})
    assert answer.status_code == 200, answer.text
    assert (pixels(answer.content)[mask == 0] == noise[mask == 0]).all()


def test_a_body_that_hides_its_length_is_cut_off(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while sent < 100_000_000:
            sent += 50_000
            yield b"\0" * 50_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    try:
        answer = client.post("/v1/complete", content=endless(), headers=headers)
    except httpx.TransportError:  # the service may close before all is sent
        pass
    else:
        assert answer.status_code == 413
    assert sent < 90_000_000


def test_a_form_that_does_not_come_loses_its_place(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "limits", replace(service.limits, seconds=0.3))
    with socket.create_connection((client.base_url.host, client.base_url.port)) as slow:
        slow.sendall(
            b"POST /v1/complete HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
    assert service.queue._promised == 0


def test_a_client_that_leaves_has_its_job_cancelled(service: Service, client: httpx.Client) -> None:
    cancelled = _counted(client, 'inpaintx_pictures_total{state="cancelled"}')
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{client.base_url}v1/complete",
            **form(iterations="400", candidates="64"),
            timeout=httpx.Timeout(30, read=0.5),
        )
    ended = time.monotonic() + 20
    while _counted(client, 'inpaintx_pictures_total{state="cancelled"}') == cancelled:
        assert time.monotonic() < ended
        time.sleep(0.05)
    started = time.monotonic()
    assert client.post("/v1/complete", **form()).status_code == 200
    assert time.monotonic() - started < 10  # the worker gave the other one up


def test_a_client_that_leaves_in_the_middle_of_its_picture_gives_its_place_back(
    service: Service, client: httpx.Client
) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port)) as leaving:
        leaving.sendall(b"POST /v1/complete HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n")
        leaving.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n")
        ended = time.monotonic() + 20
        while not service.queue._promised:
            assert time.monotonic() < ended
            time.sleep(0.01)
    while service.queue._promised:
        assert time.monotonic() < ended
        time.sleep(0.01)
    assert client.post("/v1/complete", **form()).status_code == 200


def test_a_full_queue_says_when_to_come_again(service: Service, client: httpx.Client) -> None:
    places = [service.queue.promise() for _ in range(service.limits.waiting)]
    try:
        answer = client.post("/v1/jobs", **form())
    finally:
        for place in places:
            with place:
                pass
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert "6 jobs wait already; send it again in a while" in detail(answer)


def test_a_job_that_takes_too_long_is_given_up(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.queue._worker, "_limits", Limits(seconds=0.2))
    answer = client.post("/v1/complete", **form(iterations="400", candidates="64"))
    assert answer.status_code == 422
    assert detail(answer).startswith("it took longer than 0.2 seconds; ask for fewer iterations")
    monkeypatch.undo()
    assert client.post("/v1/complete", **form()).status_code == 200


def test_what_fails_inside_is_told_without_its_place(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise KeyError("/srv/secret")

    monkeypatch.setattr(service.models, "list", broken)
    answer = client.get("/v1/models")
    assert answer.status_code == 500
    assert detail(answer) == "it failed inside (KeyError); the service's log says where"


# --- masks, lists, health ---


def test_a_plugin_makes_a_mask(client: httpx.Client) -> None:
    files = {"image": ("a.png", png(shape()))}
    answer = client.post("/v1/mask", files=files, data={"plugin": "center", "options": '{"size": 0.25}'})
    assert answer.headers["content-type"] == "image/png"
    assert (pixels(answer.content) == hole(where=np.s_[24:40, 24:40])).all()
    assert "plugin: " in detail(client.post("/v1/mask", files=files))


def test_what_looks_damaged_is_suggested(client: httpx.Client) -> None:
    scratched = np.full((96, 96), 120, np.uint8) + np.random.default_rng(0).integers(0, 6, (96, 96)).astype(
        np.uint8
    )
    scratched[:, 50:52] = 255
    answer = client.post("/v1/mask", files={"image": ("a.png", png(scratched))}, data={"plugin": "detect"})
    assert answer.status_code == 200, answer.text
    found = pixels(answer.content) > 0
    assert found[:, 50:52].mean() > 0.9
    assert found.mean() < 0.1


def test_the_models_are_listed_without_their_places(client: httpx.Client) -> None:
    [chars] = client.get("/v1/models").json()
    assert (chars["name"], chars["first"], chars["size"], chars["channels"]) == ("chars", True, 64, 1)
    assert "/" not in json.dumps(chars)


def test_the_plugins_are_listed_with_what_a_client_may_set(client: httpx.Client) -> None:
    found = {(each["kind"], each["name"]): each for each in client.get("/v1/plugins").json()}
    detect = {option["name"]: option for option in found["mask", "detect"]["options"]}
    assert detect["kind"]["choices"][0] == detect["kind"]["default"] == "all"
    assert (detect["grow"]["type"], detect["grow"]["default"], detect["grow"]["nullable"]) == (
        "integer",
        1,
        False,
    )
    file = {option["name"]: option for option in found["mask", "file"]["options"]}
    assert "path" not in file
    assert (file["threshold"]["type"], file["threshold"]["nullable"]) == ("number", True)
    assert ("blend", "auto") in found
    assert all(each["description"] for each in found.values())


def test_health_and_readiness(client: httpx.Client, service: Service) -> None:
    assert client.get("/healthz").text == "ok"
    while not service.queue.ready:
        time.sleep(0.05)
    assert client.get("/readyz").text == "ok"


def test_what_is_counted(client: httpx.Client) -> None:
    before = {name: _counted(client, name) for name in COUNTED}
    client.post("/v1/complete", **form())
    client.get("/v1/jobs/none-such")
    assert {name: _counted(client, name) - before[name] for name in COUNTED} == dict.fromkeys(COUNTED, 1)
    assert _counted(client, "inpaintx_jobs_waiting") == 0
    assert client.get("/nowhere/at/all").status_code == 404
    assert "/nowhere" not in client.get("/metrics").text


COUNTED = (
    'inpaintx_requests_total{code="200",route="/v1/complete"}',
    'inpaintx_request_seconds_count{route="/v1/complete"}',
    'inpaintx_requests_total{code="404",route="/v1/jobs/{id}"}',
    "inpaintx_batch_pictures_count",
    'inpaintx_pictures_total{state="done"}',
)


def _counted(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)


def test_other_addresses_and_methods(client: httpx.Client) -> None:
    assert "/openapi.json" in detail(client.get("/v1/nothing"))
    answer = client.put("/v1/models")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert "other methods" in detail(answer)
    done = settled(client, submitted(client))
    answer = client.get(f"/v1/jobs/{done['id']}/result", params={"candidate": "x"})
    assert "candidate: " in detail(answer)


def test_the_form_is_described_from_the_library_s_options(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    body = described["paths"]["/v1/complete"]["post"]["requestBody"]["content"]["multipart/form-data"][
        "schema"
    ]
    fields = body["properties"]
    assert body["required"] == ["image"]
    assert SearchOptions.__dataclass_fields__.keys() - fields.keys() == {"batch"}
    assert fields["candidates"]["maximum"] == 64
    assert fields["iterations"] | {"description": ""} == {
        "title": "Iterations",
        "type": "integer",
        "minimum": 0,
        "maximum": 400,
        "description": "",
    }
    assert fields["estimate"]["enum"] == ["mean", "sample"]
    for code in ("200", "413", "415", "422", "429", "503"):
        assert code in described["paths"]["/v1/complete"]["post"]["responses"]
