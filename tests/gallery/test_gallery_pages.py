"""The gallery's pages: every picture is there, says what was done to it, and nothing comes from elsewhere."""

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from html_tree import Node, parsed
from PIL import Image, ImageCms

from inpaintx.completion.manifest import Manifest, file_hash, mask_hash
from inpaintx.errors import InpaintxError
from inpaintx.gallery import pages
from inpaintx.gallery.masks import from_files, made_again
from inpaintx.gallery.pages import check_gallery, write_gallery
from inpaintx.gallery.shots import LONGEST, make_shots
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask

ODD = ["a.png", "b <i>&amp; \"q'.png", "deep/ü #?%.png", "line\nbreak.png"]
MEANS = {
    "model": {"name": "chars.safetensors", "sha256": "ab" * 32, "collection": "c0ffee"},
    "settings": {
        "search": {"iterations": 12, "lr": 0.1},
        "blend": {"name": "alpha", "width": 5.0},
        "mask": {"name": "file", "path": "masks"},
        "region": "auto",
    },
    "versions": {"inpaintx": "0.1.0"},
    "seed": 3,
}


class Folder:
    """Pictures, what was made of them, and the lines of a manifest."""

    def __init__(self, place: Path) -> None:
        self.photos, self.out = place / "photos", place / "out"
        self.lines: dict[str, dict[str, Any]] = {}
        self.masks: dict[str, np.ndarray] = {}

    def add(self, name: str, height: int = 40, width: int = 60, **more: Any) -> None:
        rng = np.random.default_rng(len(self.lines))
        before = rng.integers(0, 255, (height, width, 3), np.uint8)
        mask = np.ones((height, width), bool)
        mask[height // 4 : height // 2, width // 4 : width // 2] = False
        after = np.where(mask[..., None], before, 90).astype(np.uint8)
        for folder, array in ((self.photos, before), (self.out, after)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_picture(Picture(array), folder / name, "png")
        rows, columns = height // 2 - height // 4, width // 2 - width // 4
        self.masks[name] = mask
        self.lines[name] = {
            "picture": str(self.photos / name),
            "status": "completed",
            "filled": {"pixels": rows * columns, "box": [width // 4, height // 4, columns, rows]},
            "search": {"contextual_loss": 0.25, "prior_loss": 0.5, "iterations": 7, "regions": [region()]},
            "picture_sha256": file_hash(self.photos / name),
            "mask_sha256": mask_hash(mask),
            "result_sha256": file_hash(self.out / name),
            "when": "2026-11-28T10:00:00+00:00",
            **MEANS,
            **more,
        }

    def mask_of(self, picture: Picture, line: Mapping[str, Any]) -> np.ndarray:
        return self.masks[str(Path(line["picture"]).relative_to(self.photos))]

    def write(self, path: Path, **more: Any) -> Node:
        write_gallery(path, self.out, self.lines, **{"mask_of": self.mask_of} | more)
        return read(path)


def region(doubt: str | None = None) -> dict[str, Any]:
    box = {"x": 1, "y": 2, "width": 30, "height": 20}
    return box | {"holes": 1, "scale": 0.5, "error": 0.42, "doubt": doubt}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    for name in ODD:
        made.add(name)
    return made


def read(path: Path) -> Node:
    return parsed(path.read_text(encoding="utf-8"))


def decoded(address: str) -> Image.Image:
    head, _, data = address.partition(",")
    assert re.fullmatch(r"data:image/(webp|png);base64", head)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def record(article: Node) -> dict[str, str]:
    names, values = ([node.text for node in article.all(tag)] for tag in ("dt", "dd"))
    assert len(names) == len(values)
    return dict(zip(names, values, strict=True))


def followed(link: str, page: Path) -> Path:
    return page.parent / os.fsdecode(unquote_to_bytes(link.partition("#")[0]))


def test_every_picture_is_there_before_and_after(folder: Folder, tmp_path: Path) -> None:
    page = folder.write(tmp_path / "g.html")
    articles = page.all("article")
    assert len(articles) == len(ODD)
    for article, name in zip(articles, ODD, strict=True):
        for image, place in zip(article.all("img"), (folder.photos, folder.out), strict=True):
            # Small pictures lose nothing.
            shown = np.asarray(decoded(image.attributes["src"]).convert("RGB"))
            np.testing.assert_array_equal(shown, np.asarray(Image.open(place / name)))
            assert (image.attributes["width"], image.attributes["height"]) == ("60", "40")
        style = article.all("div")[0].attributes["style"]
        mark = decoded(re.search(r"url\((.*)\)", style)[1]).convert("RGBA")
        np.testing.assert_array_equal(np.asarray(mark)[..., 3] > 0, ~folder.masks[name])


def test_links_lead_to_the_whole_files_whatever_they_are_called(folder: Folder, tmp_path: Path) -> None:
    page = folder.write(tmp_path / "g.html")
    for article, name in zip(page.all("article"), ODD, strict=True):
        links = [followed(node.attributes["href"], tmp_path / "g.html") for node in article.all("a")]
        assert [link.read_bytes() for link in links] == [
            (place / name).read_bytes() for place in (folder.photos, folder.out)
        ]


def test_names_are_escaped_and_stay_readable(folder: Folder, tmp_path: Path) -> None:
    page = folder.write(tmp_path / "g.html")
    headings = [article.all("h2")[0].text for article in page.all("article")]
    assert headings == ["a.png", "b <i>&amp; \"q'.png", "deep/ü #?%.png", "line\\nbreak.png"]
    assert not page.all("i")
    ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in page.walk():
        for kind in ("aria-labelledby", "for"):
            assert node.attributes.get(kind, ids[0]) in ids


def test_names_that_are_no_unicode(folder: Folder, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        folder.add(name)
    except InpaintxError:
        pytest.skip("this file system has Unicode names only")
    lines = json.loads(json.dumps(folder.lines))
    write_gallery(tmp_path / "g.html", folder.out, lines)
    article = read(tmp_path / "g.html").all("article")[-1]
    assert article.all("h2")[0].text == "caf\\udce9.png"
    link = followed(article.all("a")[0].attributes["href"], tmp_path / "g.html")
    assert link.samefile(folder.photos / name)


def test_the_record_says_what_the_manifest_says(folder: Folder, tmp_path: Path) -> None:
    article = folder.write(tmp_path / "g.html").all("article")[0]
    line, told = folder.lines["a.png"], record(article)
    assert told["filled"] == "150 pixels filled (6.2 %)"
    assert told["within"] == "15 × 10 pixels, 15 from the left and 10 from the top"
    assert told["region"].startswith("30 × 20 pixels, 1 from the left and 2 from the top; 0.5 pixels to one")
    assert "42 % of interpolation’s error" in told["region"]
    assert (told["model"], told["model’s SHA-256"]) == ("chars.safetensors", "ab" * 32)
    assert (told["seed"], told["iterations"], told["contextual loss"]) == ("3", "7", "0.25")
    assert told["setting: blend"] == "alpha, width 5"
    assert told["setting: search"] == "iterations 12, lr 0.1"
    assert told["result’s SHA-256"] == line["result_sha256"]
    assert told["when"] == line["when"]
    assert "150 pixels filled (6.2 %) · model chars.safetensors · seed 3" in article.text


def test_what_should_be_looked_at_is_said_and_listed(folder: Folder, tmp_path: Path) -> None:
    folder.lines["a.png"]["search"]["regions"] = [region("too <b>coarse")]
    folder.lines[ODD[1]]["not_kept"] = "16 bits cut to 8"
    folder.lines[ODD[2]] = {"picture": "gone.png", "status": "failed", "why": "no such file"}
    page = folder.write(tmp_path / "g.html")
    (notable,) = page.all("details", **{"class": "notable"})
    assert notable.all("summary")[0].text == "3 pictures to look at"
    texts = [node.text for node in notable.all("li")]
    assert texts[0] == "a.png : the model can't speak for a region: too <b>coarse"
    assert texts[1].endswith("16 bits cut to 8")
    assert texts[2].endswith("no such file")
    assert [node.attributes["href"] for node in notable.all("a")] == ["g.html#p1", "g.html#p2", "g.html#p3"]
    failed = page.all("article")[2]
    assert "Failed: no such file" in failed.text
    assert not failed.all("img")
    assert "3 pictures completed, 1 failed." in page.all("header")[0].text


def test_what_is_gone_or_changed_is_said(folder: Folder, tmp_path: Path) -> None:
    (folder.photos / "a.png").unlink()
    Image.new("RGB", (60, 40), 7).save(folder.out / ODD[1])
    page = folder.write(tmp_path / "g.html")
    gone, changed = page.all("article")[:2]
    assert "the picture can't be shown: " in gone.text
    assert len(gone.all("img")) == len(gone.all("a")) == 1
    assert not gone.all("input")
    assert "its result was changed since its line was written" in changed.text


def test_an_undamaged_picture_is_shown_once(folder: Folder, tmp_path: Path) -> None:
    folder.lines["a.png"] |= {"status": "undamaged", "result_sha256": file_hash(folder.photos / "a.png")}
    (folder.out / "a.png").write_bytes((folder.photos / "a.png").read_bytes())
    folder.lines[ODD[1]] |= {"status": "undamaged", "result_sha256": None}
    (folder.out / ODD[1]).unlink()
    copied, left_out = folder.write(tmp_path / "g.html").all("article")[:2]
    for article, links in ((copied, 2), (left_out, 1)):
        assert len(article.all("img")) == 1
        assert len(article.all("a")) == links
        assert "undamaged, nothing was filled" in article.text
        assert not article.all("p", **{"class": "warning"})


def test_many_pictures_are_split_into_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PER_PAGE", 3)
    folder = Folder(tmp_path)
    for number in range(7):
        folder.add(f"{number}.png", 8, 8)
    folder.lines["5.png"]["not_kept"] = "colour"
    done: list[int] = []
    first = folder.write(tmp_path / "g #.html", on_progress=done.append)
    assert done == [3, 4, 7]
    found = [first, *(read(tmp_path / f"g #-{number}.html") for number in (2, 3))]
    assert not (tmp_path / "g #-4.html").exists()
    names = [[node.text for node in page.all("h2")] for page in found]
    assert names == [["0.png", "1.png", "2.png"], ["3.png", "4.png", "5.png"], ["6.png"]]
    for number, page in enumerate(found, 1):
        listed = page.all("nav")[0].all("ol")[0].all("a")
        assert [followed(node.attributes["href"], tmp_path / "x").is_file() for node in listed] == [True] * 3
        assert [node.text for node in listed] == ["0.png – 2.png", "3.png – 5.png", "6.png"]
        (current,) = [node for node in listed if node.attributes.get("aria-current") == "page"]
        assert current is listed[number - 1]
        turns = [node.attributes["href"] for node in page.all("nav")[0].all("a") if "rel" in node.attributes]
        want = [n for n in (number - 1, number + 1) if 1 <= n <= 3]
        assert turns == ["g%20%23.html" if n == 1 else f"g%20%23-{n}.html" for n in want]
    (link,) = first.all("details", **{"class": "notable"})[0].all("a")
    assert link.attributes["href"] == "g%20%23-2.html#p6"
    assert found[1].all("article")[2].attributes["id"] == "p6"


def test_nothing_comes_from_elsewhere_and_only_the_slider_runs(folder: Folder, tmp_path: Path) -> None:
    page = folder.write(tmp_path / "g.html")
    (script,) = page.all("script")
    text = "".join(part for part in script.content if isinstance(part, str))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    (policy,) = [n.attributes["content"] for n in page.all("meta") if "Policy" in str(n.attributes)]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    for node in page.walk():
        assert node.tag not in ("link", "iframe", "object")
        assert not any(name.startswith("on") for name in node.attributes)
        assert node.attributes.get("src", "data:").startswith("data:")
    assert "http" not in page.all("style")[0].text


def test_a_hole_cut_on_purpose_is_shown_as_one(folder: Folder, tmp_path: Path) -> None:
    settings = {**MEANS["settings"], "mask": {"name": "center"}}
    folder.add("cut.png", settings=settings)
    page = folder.write(tmp_path / "g.html")
    before = np.asarray(decoded(page.all("article")[-1].all("img")[0].attributes["src"]).convert("RGB"))
    original, mask = np.asarray(Image.open(folder.photos / "cut.png")), folder.masks["cut.png"]
    np.testing.assert_array_equal(before[mask], original[mask])
    assert len(np.unique(before[~mask], axis=0)) == 1


def test_large_deep_and_transparent_pictures_become_small_ones() -> None:
    ramp = np.linspace(0, 65535, 3000).astype(np.uint16) * np.ones((2000, 1), np.uint16)
    mask = np.ones((2000, 3000), bool)
    mask[1000, 1500] = False
    shots = make_shots(Picture(ramp), Picture(ramp, np.full_like(ramp, 40000)), mask, cut=False)
    assert shots is not None
    assert (shots.width, shots.height, shots.clear, shots.is_small) == (LONGEST, 427, True, False)
    before, after = decoded(shots.before), decoded(shots.after)
    assert before.size == after.size == (LONGEST, 427)
    assert abs(np.asarray(before.convert("L"))[200].astype(float) - np.linspace(0, 255, LONGEST)).max() < 6
    assert np.asarray(after.getchannel("A")).mean() == pytest.approx(40000 / 257, abs=1)
    assert (np.asarray(decoded(shots.mark).convert("RGBA"))[..., 3] > 0).sum() in range(1, 10)  # seen at all
    assert len(shots.before) < 30_000


def test_colours_are_those_of_the_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    array = np.full((8, 8, 3), (128, 100, 30), np.uint8)
    plain = make_shots(Picture(array), None, None, cut=False)
    unusable = make_shots(
        Picture(array, profile=profile), None, None, cut=False
    )  # of other channels: ignored
    assert plain is not None
    assert unusable == plain
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    broken = make_shots(Picture(array, profile=xyz[:50]), None, None, cut=False)
    assert broken == plain


def test_there_is_nothing_to_show() -> None:
    assert make_shots(None, None, None, cut=False) is None


def test_an_empty_manifest_gives_a_page_that_says_so(tmp_path: Path) -> None:
    assert write_gallery(tmp_path / "g.html", tmp_path, {}) == 1
    assert "names no picture" in read(tmp_path / "g.html").text


# --- masks ---


def test_masks_are_made_again_only_where_they_are_the_same(folder: Folder) -> None:
    picture = read_picture(folder.photos / "a.png")
    plugin = registry.make("mask", "random-patch")
    mask = make_mask(plugin, picture, 5)
    again = made_again(plugin, 5, {})
    found = again(picture, {"mask_sha256": mask_hash(mask)})
    assert found is not None
    np.testing.assert_array_equal(found, mask)
    assert again(picture, {"mask_sha256": "0"}) is None
    missing = registry.make("mask", "file", {"path": folder.photos / "none.png"})
    assert made_again(missing, 0, {})(picture, {"mask_sha256": mask_hash(mask)}) is None


def test_masks_are_read_where_they_were_written(folder: Folder, tmp_path: Path) -> None:
    picture, mask = read_picture(folder.photos / "a.png"), folder.masks["a.png"]
    write_picture(Picture(np.where(mask, 0, 255).astype(np.uint8)), tmp_path / "a.png")
    mask_of = from_files(tmp_path)
    line = folder.lines["a.png"] | {"filled": {"mask": "a.png"}}
    found = mask_of(picture, line)
    assert found is not None
    np.testing.assert_array_equal(found, mask)
    assert mask_of(picture, line | {"mask_sha256": "0"}) is None
    assert mask_of(picture, line | {"filled": {"mask": "gone.png"}}) is None
    assert mask_of(picture, folder.lines["a.png"]) is None  # no mask was written


# --- where it may be written ---


def test_no_file_of_the_users_is_replaced(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"must end in \.html or \.htm"):
        check_gallery(tmp_path / "g.png", 1, overwrite=False)
    page = tmp_path / "g.html"
    check_gallery(page, 1, overwrite=False)
    page.write_text("mine")
    for go_on in (False, True):
        with pytest.raises(InpaintxError, match=r"exists already: .*g\.html"):
            check_gallery(page, 1, overwrite=False, go_on=go_on)
    check_gallery(page, 1, overwrite=True)
    folder.write(page)
    check_gallery(page, 1, overwrite=False, go_on=True)
    with pytest.raises(InpaintxError, match="exists already"):
        check_gallery(page, 1, overwrite=False)
    (tmp_path / "g-2.html").write_text("mine")
    check_gallery(page, pages.PER_PAGE, overwrite=True)  # that has no second page
    with pytest.raises(InpaintxError, match=r"no page of a gallery.*g-2\.html"):
        check_gallery(page, pages.PER_PAGE + 1, overwrite=True)


def test_a_page_that_cant_be_written_leaves_what_was_there(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match="can't write"):
        write_gallery(tmp_path / "missing" / "g.html", folder.out, folder.lines)
    assert not (tmp_path / "missing").exists()


def test_it_is_made_from_a_manifest_as_it_is_read(folder: Folder, tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.jsonl")
    for name, line in folder.lines.items():
        manifest.add(name, line)
    folder.lines = dict(Manifest(tmp_path / "manifest.jsonl").lines)  # type: ignore[arg-type]
    assert len(folder.write(tmp_path / "g.html").all("article")) == len(ODD)


# --- to be seen by everyone ---


def luminance(colour: str) -> float:
    """Of WCAG 2.2, relative."""
    digits = "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour[1:]
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str) -> None:
    css = Path(pages.__file__).with_name("page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w+);", blocks[0 if scheme == "light" else 1]))
    assert len(colours) == 7
    for ground in ("paper", "raised"):
        for text in ("ink", "faint", "link", "warning"):
            low, high = sorted(luminance(colours[name]) for name in (ground, text))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"
