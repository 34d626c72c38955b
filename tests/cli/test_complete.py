"""`inpaintx complete`, as users meet it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from cli_tools import TINY_SEARCH, Cli, blob, files_in
from click.testing import CliRunner
from PIL import Image, ImageSequence

from inpaintx import InpaintxError
from inpaintx.options import PRESETS
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.plugins import registry
from inpaintx_cli.main import cli as in_process

Complete = Callable[..., dict]
# The hole of the mask `center` with size 0.5 in a picture of 40 × 40.
KEPT = {suffix: suffix for suffix in (".png", ".tif", ".webp", ".bmp")}  # formats that are lossless
CENTRE = (slice(10, 30), slice(10, 30))


@pytest.fixture
def complete(cli: Cli, model: Path, tmp_path: Path) -> Complete:
    """Runs `inpaintx complete` quickly, from `tmp_path`; it must succeed. Gives its summary."""

    def run(*arguments: object) -> dict:
        ended = cli("complete", "--model", model, "--json", *TINY_SEARCH, *arguments, folder=tmp_path)
        assert (ended.code, ended.err) == (0, ""), ended
        return json.loads(ended.out)

    return run


def array(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def difference(one: Path, other: Path) -> int:
    """In levels of 255. In a batch of another size, convolutions may round otherwise: up to one level."""
    return int(abs(array(one).astype(int) - array(other).astype(int)).max())


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- any picture, bit for bit ---


def colour(number: int, width: int, height: int) -> Image.Image:
    return Image.merge("RGB", [blob(number + channel, width, height) for channel in range(3)])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A nested folder of pictures of many formats, modes, depths and sizes, some smaller than 32 pixels."""
    folder = tmp_path / "mixed"
    (folder / "deep" / "deeper").mkdir(parents=True)
    blob(1, 48, 40).save(folder / "gray.png")
    colour(2, 37, 53).save(folder / "colour.png")
    colour(3, 64, 20).save(folder / "photo.jpg", quality=90)
    colour(4, 33, 32).save(folder / "deep" / "scan.tif")
    colour(5, 40, 41).save(folder / "deep" / "web.webp", lossless=True)
    blob(6, 24, 19).save(folder / "deep" / "old.bmp")
    seen_through = colour(7, 45, 50)
    seen_through.putalpha(blob(8, 45, 50))
    seen_through.save(folder / "deep" / "deeper" / "alpha.png")
    colour(9, 40, 40).quantize(50).save(folder / "deep" / "deeper" / "palette.gif")
    sixteen = np.random.default_rng(0).integers(0, 65536, (39, 47), dtype=np.uint16)
    write_picture(Picture(sixteen), folder / "deep" / "deeper" / "gray16.png")
    write_picture(
        Picture(np.dstack([sixteen, sixteen.T[:39, :39].repeat(2, 1)[:, :47], ~sixteen])),
        folder / "rgb16.png",
    )
    return folder


def test_pictures_of_any_kind_keep_their_known_pixels(
    complete: Complete, mixed: Path, tmp_path: Path
) -> None:
    before = files_in(mixed)
    summary = complete("mixed", "--out", "out", "--mask-plugin", "center", "-o", "mask.size=0.5")
    lost = {"mixed/deep/old.bmp": "not kept: XMP"}  # which has no place for a record
    assert summary == {"completed": 10, "out": "out", "failed": {}, "lost": lost}
    assert files_in(mixed) == before
    results = {name: Path(name).with_suffix(KEPT.get(Path(name).suffix, ".png")) for name in before}
    assert set(files_in(tmp_path / "out")) == set(map(str, results.values()))
    for name in before:
        original = read_picture(mixed / name)
        result = read_picture(tmp_path / "out" / results[name])
        assert result.array.dtype == original.array.dtype, name
        assert result.array.shape == original.array.shape, name
        changed = (result.array != original.array).reshape(original.height, original.width, -1).any(2)
        rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
        # The centred half: changed, and nothing else.
        for places, side in ((rows, original.height), (columns, original.width)):
            assert side / 4 - 1 <= places[0] < places[-1] < 3 * side / 4 + 1, name
        assert changed.sum() > 0.6 * original.height * original.width / 4, name
        if original.alpha is not None:
            assert result.alpha is not None
            assert (result.alpha == np.where(result.alpha == original.alpha, original.alpha, 255)).all()


def test_results_in_another_format(
    cli: Cli, complete: Complete, model: Path, mixed: Path, tmp_path: Path
) -> None:
    inputs = ("mixed/colour.png", "mixed/deep/deeper/alpha.png")
    arguments = ("--mask-plugin", "left", "--fill", "constant")
    complete(*inputs, "--out", "png", *arguments)
    for format_, suffix in (("tiff", "tiff"), ("webp", "webp")):
        complete(*inputs, "--out", format_, "--format", format_, *arguments)
        for name in ("colour", "alpha"):
            written = array(tmp_path / format_ / f"{name}.{suffix}")
            assert (written == array(tmp_path / "png" / f"{name}.png")).all()

    # What a format can't hold is told, and the rest goes on.
    ended = cli(
        "complete", *inputs, "--model", model, "--out", "bmp", "--format", "bmp", *arguments, folder=tmp_path
    )
    assert (ended.code, ended.err) == (3, "Error: BMP can't hold alpha: bmp/alpha.bmp; write a .png\n")
    assert list(files_in(tmp_path / "bmp")) == ["colour.bmp"]

    complete(inputs[0], "--out", "jpeg", "--format", "jpeg", *arguments)
    with Image.open(tmp_path / "jpeg" / "colour.jpeg") as picture:
        assert picture.format == "JPEG"


def test_pictures_that_differ_in_their_suffix_only(complete: Complete, tmp_path: Path) -> None:
    (tmp_path / "twins").mkdir()
    blob(1).save(tmp_path / "twins" / "a.png")
    blob(2).save(tmp_path / "twins" / "a.bmp")
    blob(3).save(tmp_path / "twins" / "b.bmp")
    complete("twins", "twins/b.bmp", "--out", "out", "--mask-plugin", "left", "--fill", "constant")
    assert set(files_in(tmp_path / "out")) == {"a.png", "a.bmp", "b.bmp"}
    arguments = ("--mask-plugin", "left", "--fill", "constant", "--format", "png", "--uncertainty")
    complete("twins", "--out", "pngs", *arguments, "maps")
    assert set(files_in(tmp_path / "pngs")) == {"a.png.png", "a.bmp.png", "b.png"}
    for source in ("a.png", "a.bmp"):
        known = array(tmp_path / "twins" / source)[:, 20:]
        for result in (tmp_path / "out" / source, tmp_path / "pngs" / f"{source}.png"):
            assert (array(result)[:, 20:] == known).all()


def test_several_folders_keep_their_names(complete: Complete, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        blob(1).save(tmp_path / name / "a.png")
    complete("one", "two", "--out", "out", "--mask-plugin", "left", "--fill", "constant")
    assert set(files_in(tmp_path / "out")) == {"one/a.png", "two/a.png"}


# --- where the hole is ---


def test_masks_from_files_folders_and_alpha(complete: Complete, photos: Path, tmp_path: Path) -> None:
    hole = np.zeros((40, 40), bool)
    hole[5:20, 12:33] = True
    (tmp_path / "masks").mkdir()
    Image.fromarray(hole).convert("L").save(tmp_path / "white.png")
    Image.fromarray(~hole).convert("L").save(tmp_path / "black.png")
    for number, suffix in enumerate(("png", "bmp", "tif")):  # the names count, not the suffixes
        Image.fromarray(hole).convert("L").save(tmp_path / "masks" / f"{number}.{suffix}")
    (tmp_path / "cut").mkdir()
    for source in photos.iterdir():
        cut = Image.open(source)
        cut.putalpha(Image.fromarray(~hole).convert("L"))
        cut.save(tmp_path / "cut" / source.name)

    complete("photos", "--out", "a", "--mask", "white.png", "--metrics", "metrics/a.jsonl", "--no-record")
    complete("photos", "--out", "b", "--mask", "black.png", "--mask-invert", "--no-record")
    complete("photos", "--out", "c", "--mask", "masks", "--no-record")
    complete("cut", "--out", "d")
    results = files_in(tmp_path / "a")
    assert list(results) == ["0.png", "1.png", "2.png"]
    assert files_in(tmp_path / "b") == files_in(tmp_path / "c") == results
    for name in results:
        before, after = array(photos / name), array(tmp_path / "a" / name)
        assert (after[~hole] == before[~hole]).all()
        assert (after[hole] != before[hole]).mean() > 0.8
        gray, alpha = np.moveaxis(array(tmp_path / "d" / name), 2, 0)
        assert (gray == after).all()
        assert (alpha == 255).all()
    for line in lines_of(tmp_path / "metrics" / "a.jsonl"):
        assert line["hole"] == hole.mean()
        assert not {"psnr", "psnr_hole", "ssim", "ssim_hole"} & set(line)  # under the user's hole is no truth


def test_a_picture_does_not_depend_on_its_folder(complete: Complete, photos: Path, tmp_path: Path) -> None:
    arguments = ("--mask-plugin", "random-patch", "--clip", "stochastic", "--no-record")
    complete("photos", "--out", "all", *arguments)
    complete("photos", "--out", "again", *arguments, "--batch", 1)
    complete(photos / "1.png", "--out", "alone", *arguments)
    complete("photos", "--out", "other", *arguments, "--seed", 1)
    together = files_in(tmp_path / "all")
    assert len(set(together.values())) == 3
    for name in together:
        assert difference(tmp_path / "again" / name, tmp_path / "all" / name) <= 1
    assert difference(tmp_path / "alone" / "1.png", tmp_path / "all" / "1.png") <= 1
    assert not set(files_in(tmp_path / "other").values()) & set(together.values())


def test_the_real_command_cold(complete: Complete, model: Path, photos: Path, tmp_path: Path) -> None:
    arguments = [str(photos), "--mask-plugin", "center", *TINY_SEARCH]
    complete(*arguments, "--out", "warm")
    cold = subprocess.run(
        [sys.executable, "-m", "inpaintx", "complete", "--model", model, "--out", "cold", *arguments],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert (cold.returncode, cold.stdout, cold.stderr) == (0, "3 pictures in cold\n", "")
    assert files_in(tmp_path / "cold") == files_in(tmp_path / "warm")


# --- how it is filled ---


def test_each_blend_and_its_options(complete: Complete, photos: Path, tmp_path: Path) -> None:
    results = set()
    blends = [("none",), ("auto",), ("poisson",), ("alpha",), ("alpha", "-o", "blend.width=9")]
    for number, blend in enumerate(blends):
        complete(
            photos / "0.png", "--out", number, "--mask-plugin", "center", "--no-record", "--blend", *blend
        )
        results.add((tmp_path / str(number) / "0.png").read_bytes())
    assert len(results) == len(blends)
    complete(photos / "0.png", "--out", "default", "--mask-plugin", "center", "--no-record")
    assert files_in(tmp_path / "default") == files_in(tmp_path / "1")


def test_what_the_model_is_compared_with(complete: Complete, photos: Path, tmp_path: Path) -> None:
    arguments = (photos / "0.png", "--mask-plugin", "center", "-o", "mask.size=0.5", "--blend", "none")
    lines = {}
    for fill in ("model", "untrained", "constant"):
        # Without the predictor, which has known pixels count otherwise: losses are compared.
        complete(*arguments, "--out", fill, "--fill", fill, "--no-predict", "--metrics", f"{fill}.jsonl")
        lines[fill] = lines_of(tmp_path / f"{fill}.jsonl")[0]
    constant = array(tmp_path / "constant" / "0.png")
    assert set(constant[CENTRE].ravel().tolist()) == {128}
    assert (lines["constant"]["iterations"], lines["constant"]["contextual_loss"]) == (0, 0)
    fills = [array(tmp_path / fill / "0.png")[CENTRE].tobytes() for fill in lines]
    assert len(set(fills)) == 3
    assert lines["model"]["contextual_loss"] < lines["untrained"]["contextual_loss"]


def test_a_preset_is_its_settings_and_flags_have_the_last_word(
    complete: Complete, photos: Path, tmp_path: Path
) -> None:
    settings = {name: value for name, value in asdict(PRESETS["yeh"]).items() if value is not None}
    del settings["iterations"]
    spelt_out: list[object] = []
    for option, value in settings.items():
        name = option.replace("_", "-")
        spelt_out += (
            [f"--{'' if value else 'no-'}{name}"] if isinstance(value, bool) else [f"--{name}", value]
        )
    for name, flags in (
        ("preset", ["--preset", "yeh", "--candidates", 1, "--starts", 1]),
        ("flags", spelt_out),
    ):
        arguments = ("--out", name, "--mask-plugin", "center", "--metrics", f"{name}.jsonl", *flags)
        complete("photos", *arguments, "--iterations", 15)
        assert {line["iterations"] for line in lines_of(tmp_path / f"{name}.jsonl")} == {15}
    complete("photos", "--out", "default", "--mask-plugin", "center", "--iterations", 15)
    assert files_in(tmp_path / "preset") == files_in(tmp_path / "flags")
    assert files_in(tmp_path / "preset") != files_in(tmp_path / "default")


# --- what is told about it ---


def test_metrics_compare_with_what_a_plugin_hid(complete: Complete, photos: Path, tmp_path: Path) -> None:
    complete(
        *("photos", "--out", "out", "--mask-plugin", "center", "-o", "mask.size=0.5"),
        *("--metrics", "m.jsonl", "--prior", "0.1"),
    )
    lines = lines_of(tmp_path / "m.jsonl")
    assert [(line["picture"], line["result"]) for line in lines] == [
        (f"photos/{number}.png", f"out/{number}.png") for number in range(3)
    ]
    for line in lines:
        before, after = (array(tmp_path / line[which]).astype(float) for which in ("picture", "result"))
        error = (before - after)[CENTRE]
        assert line["psnr_hole"] == pytest.approx(10 * np.log10(255**2 / (error**2).mean()))
        assert line["psnr"] == pytest.approx(line["psnr_hole"] + 10 * np.log10(4))  # a quarter is hole
        assert line["ssim_hole"] < line["ssim"] < 1
        assert line["hole"] == 0.25
        assert line["iterations"] == 12
        assert line["seconds"] > 0
        assert line["contextual_loss"] > 0
        assert line["prior_loss"] > 0
        assert 0 < line["uncertainty"] < 0.5


def place_of(tile: np.ndarray, sheet: np.ndarray) -> tuple[int, int]:
    """Where a sheet shows a picture, enlarged by a whole number and pixel for pixel: row and column."""
    for times in range(1, 6):
        large = tile.repeat(times, 0).repeat(times, 1)
        found = cv2.matchTemplate(sheet, large, cv2.TM_SQDIFF)
        row, column = np.unravel_index(found.argmin(), found.shape)
        if (sheet[row : row + len(large), column : column + large.shape[1]] == large).all():
            return int(row), int(column)
    raise AssertionError("the picture is not on the sheet")


def test_a_sheet_has_three_rows(complete: Complete, photos: Path, tmp_path: Path) -> None:
    complete(
        "photos", "--out", "out", "--mask-plugin", "center", "-o", "mask.size=0.5", "--sheet", "sheets/s.png"
    )
    sheet = array(tmp_path / "sheets" / "s.png")
    gray = np.ascontiguousarray(sheet[..., 0])
    columns = []
    for number in range(3):
        real, result = array(photos / f"{number}.png"), array(tmp_path / "out" / f"{number}.png")
        top, column = place_of(real, gray)
        bottom, same_column = place_of(result, gray)
        assert same_column == column
        side = bottom - top
        corrupted = sheet[(top + bottom) // 2 :, column:][: 3 * 40 : 3, : 3 * 40 : 3]
        known = np.ones((40, 40), bool)
        known[CENTRE] = False
        assert (corrupted[known] == real[known, None]).all()
        assert len(np.unique(corrupted[~known], axis=0)) == 1  # the hole in one colour
        assert side > 2 * 120
        columns.append(column)
    assert columns == sorted(set(columns))


def test_a_large_picture_on_a_sheet(complete: Complete, tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    colour(1, 500, 300).save(tmp_path / "large" / "a.png")
    blob(2, 100, 600).save(tmp_path / "large" / "b.png")
    extras = ("--sheet", "sheet.jpg", "--gif", "film.gif")
    complete("large", "--out", "out", "--mask-plugin", "center", "--fill", "constant", *extras)
    with Image.open(tmp_path / "sheet.jpg") as sheet, Image.open(tmp_path / "film.gif") as film:
        assert sheet.height == 3 * (192 + 6) + 6
        assert film.size == (2 * (192 + 6) + 6, 192 + 12)
        assert len(list(ImageSequence.Iterator(film))) == 2  # nothing forms: no search


def test_a_gif_shows_how_the_fill_forms(complete: Complete, photos: Path, tmp_path: Path) -> None:
    arguments = ("--mask-plugin", "center", "-o", "mask.size=0.5", "--iterations", 35, "--blend", "none")
    complete("photos", "--out", "out", *arguments, "--gif", "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        frames = [np.asarray(frame.convert("L")).astype(float) for frame in ImageSequence.Iterator(film)]
    assert len(frames) >= 4
    result = array(tmp_path / "out" / "0.png").repeat(3, 0).repeat(3, 1).astype(float)

    def distance(frame: np.ndarray) -> float:
        return float(abs(frame[6:126, 6:126] - result).mean())

    assert distance(frames[-1]) < 2  # levels of 255: a GIF has 256 colours
    assert distance(frames[0]) > 2 * distance(frames[-1])
    # Pictures of a run with a GIF are completed in small groups; that changes nothing.
    complete("photos", "--out", "plain", *arguments)
    for name in files_in(tmp_path / "out"):
        assert difference(tmp_path / "plain" / name, tmp_path / "out" / name) <= 1


def test_a_summary_in_words(cli: Cli, model: Path, photos: Path, tmp_path: Path) -> None:
    arguments = ("--model", model, "--out", "out", "--mask-plugin", "left", "--fill", "constant")
    ended = cli("complete", photos, *arguments, "--sheet", "sheet.png", folder=tmp_path)
    assert (ended.code, ended.out, ended.err) == (0, "3 pictures in out\nsheet: sheet.png\n", "")


# --- plugins that fail ---


@dataclass
class Picky:
    """Refuses dark pictures."""

    name: ClassVar[str] = "picky"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if picture[mask].mean() < 0.2:
            raise InpaintxError("too dark for me: use another blend")
        return fill.copy()


def test_one_picture_that_a_blend_refuses(
    complete: Complete, model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = registry.Registry()
    fresh.register("blend", Picky)
    monkeypatch.setattr(registry, "make", fresh.make)
    Image.new("L", (40, 40), 5).save(photos / "1.png")
    arguments = ["complete", str(photos), "--model", str(model), "--mask-plugin", "center", *TINY_SEARCH]
    ended = CliRunner().invoke(in_process, [*arguments, "--blend", "picky", "--out", str(tmp_path / "out")])
    assert (ended.exit_code, ended.stderr) == (3, "Error: too dark for me: use another blend\n")
    complete("photos", "--mask-plugin", "center", "--blend", "none", "--out", "none")
    assert list(files_in(tmp_path / "out")) == ["0.png", "2.png"]
    for name in ("0.png", "2.png"):
        assert difference(tmp_path / "out" / name, tmp_path / "none" / name) <= 1
