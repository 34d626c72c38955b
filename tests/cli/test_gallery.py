"""Galleries by the command line: of a run, of one that had nothing left to do, and of a finished folder."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_tools import GROUP, Cli, Stream
from html_tree import Node, parsed
from PIL import Image

Refused = Callable[..., str]


def page_of(path: Path) -> Node:
    return parsed(path.read_text(encoding="utf-8"))


def names(page: Node) -> list[str]:
    return [article.all("h2")[0].text for article in page.all("article")]


def marks(page: Node) -> int:
    return len([1 for node in page.all("div") if "--mark" in node.attributes.get("style", "")])


def test_a_gallery_of_a_run_and_of_one_that_had_nothing_left_to_do(
    stream: Stream, many: Path, tmp_path: Path
) -> None:
    (many / "03.png").write_bytes(b"broken")
    gallery = tmp_path / "pages" / "g.html"
    first = stream("--gallery", gallery)
    assert first.exit_code == 3
    assert first.stdout.splitlines()[-1] == f"gallery: {gallery}"
    page = page_of(gallery)
    assert names(page) == [f"{number:02d}.png" for number in range(30)]
    assert marks(page) == 29
    assert page.all("article")[3].all("p")[1].text.startswith("Failed: not a picture")
    described = json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[0])
    assert described["model"]["sha256"] in page.all("article")[0].text
    assert described["search"]["regions"][0]["width"] == 24
    gallery.unlink()
    for _ in range(2):  # and once more, where there is one already
        again = stream("--gallery", gallery, "--skip-done", "--json")
        assert (json.loads(again.stdout)["completed"], again.exit_code) == (0, 3)
        later = page_of(gallery)
        assert (names(later), marks(later)) == (names(page), 29)


def test_a_gallery_of_a_finished_folder(stream: Stream, cli: Cli, tmp_path: Path) -> None:
    assert stream("--masks-out", tmp_path / "masks", "--shard", "1/2").exit_code == 0
    assert stream("--shard", "2/2").exit_code == 0
    ended = cli("gallery", tmp_path / "out", folder=tmp_path)
    assert (ended.code, ended.out) == (0, f"gallery: {tmp_path}/out/gallery.html\n")
    page = page_of(tmp_path / "out" / "gallery.html")
    assert (len(names(page)), marks(page)) == (30, 0)
    ended = cli("gallery", "out", "--masks", "masks", "--out", "g.html", folder=tmp_path)
    assert ended.code == 0
    assert marks(page_of(tmp_path / "g.html")) == 15
    links = [node.attributes["href"] for node in page.all("a")]
    assert all((tmp_path / "out" / link).is_file() for link in links)
    assert len(links) == 60


def test_what_no_gallery_can_be_made_of(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    arguments = ("complete", photos, "--model", model, "--out", "out", "--mask-plugin", "center")
    assert "must end in .html" in refused(*arguments, "--gallery", "g.pdf")
    assert "leave out --no-record" in refused(*arguments, "--gallery", "g.html", "--no-record")
    (tmp_path / "mine.html").write_text("mine")
    for more in ((), ("--skip-done",)):
        assert "file exists already: mine.html" in refused(*arguments, "--gallery", "mine.html", *more)
    assert "no manifest.jsonl in" in refused("gallery", photos)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.jsonl").write_text('{"result": "a.html", "status": "completed"}\n')
    assert "is read, so it can't be written" in refused("gallery", "out", "--out", "out/a.html")


def test_sheets_in_pages_and_a_film_in_webp(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inpaintx.completion import plan, showcase

    assert GROUP < 12
    for module in (plan, showcase):
        monkeypatch.setattr(module, "SHEET_PICTURES", 12)
    (tmp_path / "s-3.png").write_text("mine")
    film = tmp_path / "f.webp"
    refused = stream("--sheet", tmp_path / "s.png", "--gif", film)
    assert re.match(r"Error: file exists already: .*s-3\.png", refused.stderr)
    (tmp_path / "s-3.png").unlink()
    assert stream("--sheet", tmp_path / "s.png", "--gif", film).exit_code == 0
    heights = [Image.open(tmp_path / f"s{part}.png").size for part in ("", "-2", "-3")]
    assert heights[0] == heights[1]
    assert heights[2][0] < heights[0][0]  # six of them
    assert not (tmp_path / "s-4.png").exists()
    with Image.open(film) as frames:
        assert (frames.format, frames.info["loop"]) == ("WEBP", 0)
        assert getattr(frames, "n_frames", 1) == 2  # nothing forms: no search
