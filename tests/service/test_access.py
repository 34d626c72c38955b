"""Who may use a service."""

from __future__ import annotations

import httpx
import pytest
from service_cases import TOKEN, form

from inpaintx.errors import InpaintxError
from inpaintx.service.access import COOKIE, Access, is_loopback


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.org"])
def test_an_address_that_others_reach_needs_a_token(host: str) -> None:
    with pytest.raises(InpaintxError, match=f"others reach {host}: give a --token"):
        Access(host)
    Access(host, TOKEN)


@pytest.mark.parametrize("token", ["", "short", "ein-langes-Wört-hier"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(InpaintxError, match="too short or not ASCII; choose 16"):
        Access(token=token)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("[::1]", True),
        ("::1", True),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_what_is_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) == own


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("[::1]:80", 200),
        ("rebound.example.org", 421),
        ("rebound.example.org:80", 421),
        ("127.0.0.1.example.org", 421),
        ("localhost:80:80", 421),
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_is_refused(
    client: httpx.Client, host: str, code: int
) -> None:
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == code
    assert answer.text == "ok" or "127.0.0.1" in answer.json()["detail"]


@pytest.mark.parametrize("origin", ["http://evil.example.org", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_are_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/v1/complete", **form(), headers={"Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_is_let_in(client: httpx.Client) -> None:
    own = f"http://{client.base_url.host}:{client.base_url.port}"
    assert client.get("/v1/models", headers={"Origin": own}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("another-token-here"),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer("ü" * 20),
        {"Authorization": TOKEN},
        {"Cookie": f"{COOKIE}=another"},
        {"Cookie": f"token={TOKEN}"},
        {"Cookie": '=;="'},
    ],
    ids=str,
)
def test_without_the_token_nothing_is_said(closed: httpx.Client, headers: dict[str, str]) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    for path in ("/v1/models", "/metrics", "/openapi.json", "/nothing", "/"):
        answer = closed.get(path, headers=sent)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
    assert closed.post("/v1/complete", **form(), headers=sent).status_code == 401


def test_who_asks_only_for_its_health_needs_none(closed: httpx.Client) -> None:
    assert closed.get("/healthz").status_code == 200
    answer = closed.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


@pytest.mark.parametrize("host", ["127.0.0.1", "pictures.example.org"])
def test_with_the_token_any_name_will_do(closed: httpx.Client, host: str) -> None:
    assert closed.get("/v1/models", headers={**bearer(TOKEN), "Host": host}).status_code == 200


def test_a_page_gets_its_token_from_the_address(closed: httpx.Client) -> None:
    answer = closed.get("/", params={"token": TOKEN, "page": "2"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?page=2")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert closed.get("/v1/models").status_code == 200  # httpx keeps cookies
    closed.cookies.clear()
    assert closed.get("/", params={"token": "another-token-here"}).status_code == 401
    assert closed.get("/v1/models", params={"token": TOKEN}).status_code == 401
