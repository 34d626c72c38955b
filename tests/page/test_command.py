"""``inpaintx ui``: what it prints, whom it lets in, and how it fails."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner
from painter import started

from inpaintx_cli.main import cli


def test_wider_it_opens_with_a_token_only(letters: list[Path], tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys\nopen({str(opened)!r}, 'w').write(sys.argv[1])\n")
    environment = {"DISPLAY": ":0", "BROWSER": f"{sys.executable} {browser} %s"}
    folder = str(letters[0].parent)
    with started("--browser", "--host", "0.0.0.0", folder, environment=environment) as address:
        page, token = address.split("?token=")
        assert len(token) >= 32
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(page)
        assert refused.value.code == 401
        person = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with person.open(address) as answer:
            assert "token" not in answer.url
            assert "<title>inpaintx</title>" in answer.read().decode()
        with person.open(f"{page}v1/page") as answer:
            names = json.load(answer)["pictures"]
        assert sorted(names) == sorted(letter.name for letter in letters)
        with person.open(f"{page}v1/page/pictures/{names.index('letter3.png')}") as answer:
            assert answer.read() == letters[3].read_bytes()
    assert opened.read_text() == address


def test_without_a_display_it_says_so_and_goes_on(service: str, said: Path) -> None:
    assert urllib.request.urlopen(service).status == 200
    end = time.monotonic() + 10  # it is said right after the address
    while not said.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert said.read_text() == "No browser could be opened here; open the address in one\n"


def fails(*arguments: str) -> str:
    """The one line in which it fails."""
    done = CliRunner().invoke(cli, ["ui", "--no-browser", *arguments])
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use; choose another --port" in fails("--port", str(port))


def test_pictures_and_models_that_are_not_there(tmp_path: Path) -> None:
    assert "nowhere.png" in fails(str(tmp_path / "nowhere.png"))
    assert "nothing" in fails("--port", "0", "--model", str(tmp_path / "nothing"))
