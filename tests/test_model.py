"""The face: pictures of every kind, holes of every kind, errors that say what to pass."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

import inpaintx
from inpaintx import InpaintxError, Picture

QUICK: dict[str, Any] = {"candidates": 1, "iterations": 2, "starts": 4}
SIDE = 40


@pytest.fixture(scope="module")
def model() -> inpaintx.Model:
    return inpaintx.load("chars")


def letter(dtype: Any = np.uint8, channels: int | None = None) -> np.ndarray:
    """A bar on white, of any dtype and number of channels; with alpha, all of it opaque."""
    top = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    shape = (SIDE, SIDE) if channels is None else (SIDE, SIDE, channels)
    array = np.full(shape, top, dtype)
    array[8:32, 16:24] = top // 7 if np.dtype(dtype).kind == "u" else 0.1
    if channels in (2, 4):
        array[..., -1] = top
    return array


def hole() -> np.ndarray:
    hidden = np.zeros((SIDE, SIDE), bool)
    hidden[12:24, 10:30] = True
    return hidden


def test_importing_loads_no_torch() -> None:
    code = "import sys, inpaintx; inpaintx.Picture; print({'torch', 'scipy', 'skimage'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_every_name_of_the_face_is_there() -> None:
    assert {"Completed", "InpaintxError", "Model", "Picture", "load", "train", "__version__"} <= set(
        inpaintx.__all__
    )
    for name in inpaintx.__all__:
        assert getattr(inpaintx, name).__doc__, name


def test_a_saved_result_is_that_of_the_command_line_with_its_record(
    model: inpaintx.Model, tmp_path: Path
) -> None:
    """Byte for byte that of a folder's run, manifest's line included; which such a run goes on from."""
    Image.fromarray(letter()).save(tmp_path / "letter.png")
    Image.fromarray(hole()).save(tmp_path / "hole.png")
    manifests = [tmp_path / place / "manifest.jsonl" for place in ("run", "saved")]
    run: dict[str, Any] = {"hole": tmp_path / "hole.png", "seed": 3, **QUICK}
    model.complete_folder(tmp_path / "letter.png", tmp_path / "run", manifest=manifests[0], **run)
    completed = model.complete(tmp_path / "letter.png", **run)
    (tmp_path / "saved").mkdir()
    written = completed.save(tmp_path / "saved" / "letter.png", manifest=manifests[1])
    assert str(written) == ""
    saved = tmp_path / "saved" / "letter.png"
    assert saved.read_bytes() == (tmp_path / "run" / "letter.png").read_bytes()
    with Image.open(saved) as opened:
        assert "compositeWithTrainedAlgorithmicMedia" in opened.info["XML:com.adobe.xmp"]
    lines = [{**json.loads(manifest.read_text()), "when": ""} for manifest in manifests]
    assert lines[0] == lines[1]
    again = model.complete_folder(
        tmp_path / "letter.png", tmp_path / "saved", manifest=manifests[1], skip_done=True, **run
    )
    assert (list(again.kept), again.done) == ([tmp_path / "letter.png"], {})


def test_a_record_can_be_left_out_and_one_that_has_no_place_is_said(
    model: inpaintx.Model, tmp_path: Path
) -> None:
    completed = model.complete(letter(), hole(), **QUICK)
    assert str(completed.save(tmp_path / "plain.bmp", record=False)) == ""
    assert str(completed.save(tmp_path / "marked.bmp")) == "not kept: XMP"
    assert (tmp_path / "plain.bmp").read_bytes() == (tmp_path / "marked.bmp").read_bytes()
    completed.save(tmp_path / "plain.png", record=False)
    with Image.open(tmp_path / "plain.png") as opened:
        assert "XML:com.adobe.xmp" not in opened.info
    for name in ("a", "b"):  # of an array, which has no file: one line a result
        completed.save(tmp_path / f"{name}.png", manifest=tmp_path / "all.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [(line["result"], line["picture"]) for line in lines] == [("a.png", None), ("b.png", None)]
    assert lines[0]["settings"]["mask"] == {"name": "hole"}
    assert lines[0]["filled"] == {"pixels": int(hole().sum()), "box": [10, 12, 20, 12]}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_an_array_comes_back_as_it_was_but_for_the_hole(
    model: inpaintx.Model, dtype: Any, channels: int | None
) -> None:
    array = letter(dtype, channels)
    before = array.copy()
    found = model.complete(array, hole(), **QUICK).image
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found[~hole()], before[~hole()])
    assert not np.array_equal(found[hole()], before[hole()])
    assert np.array_equal(array, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_a_tensor_comes_back_as_it_was_but_for_the_hole(
    model: inpaintx.Model, dtype: torch.dtype, channels: int | None
) -> None:
    array = letter(np.uint8 if dtype == torch.uint8 else np.float32, channels)
    tensor = torch.from_numpy(array if channels is None else np.moveaxis(array, -1, 0)).to(dtype)
    found = model.complete(tensor, torch.from_numpy(hole()), **QUICK).image
    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    known = torch.from_numpy(~hole())
    assert torch.equal(found[..., known], tensor[..., known])
    assert not torch.equal(found[..., ~known], tensor[..., ~known])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"])
def test_a_pillow_image_comes_back_as_one(model: inpaintx.Model, mode: str) -> None:
    image = Image.fromarray(letter(np.uint16)) if mode == "I;16" else Image.fromarray(letter()).convert(mode)
    before = image.tobytes()
    found = model.complete(image, Image.fromarray(hole()), **QUICK).image
    assert isinstance(found, Image.Image)
    assert found.size == image.size
    wanted = {"P": "L", "1": "L", "CMYK": "RGB"}.get(mode, mode)
    assert found.mode == wanted
    same = image if mode == wanted else image.convert(wanted)
    assert np.array_equal(np.asarray(found)[~hole()], np.asarray(same)[~hole()])
    assert image.tobytes() == before


def test_a_path_and_a_mask_file(model: inpaintx.Model, tmp_path: Path) -> None:
    Image.fromarray(letter()).save(tmp_path / "letter.png")
    Image.fromarray(hole()).save(tmp_path / "hole.png")
    completed = model.complete(tmp_path / "letter.png", str(tmp_path / "hole.png"), **QUICK)
    completed.save(tmp_path / "completed.png")
    written = np.asarray(Image.open(tmp_path / "completed.png"))
    assert np.array_equal(written, np.asarray(completed.image))
    assert np.array_equal(written[~hole()], letter()[~hole()])
    assert np.array_equal(~completed.mask, hole())
    assert completed.uncertainty.shape == (SIDE, SIDE)


@pytest.mark.parametrize("dtype", [np.uint16, np.float16, np.float32, np.float64])
def test_depth_changes_the_fill_by_rounding_only(model: inpaintx.Model, dtype: Any) -> None:
    array = letter(np.uint8).astype(np.float64) / 255
    deep = (array * 65535).round().astype(dtype) if dtype == np.uint16 else array.astype(dtype)
    exact = QUICK | {"precision": "float32"}  # in bfloat16 a search goes its own way from another last bit
    found = model.complete(deep, hole(), **exact).image / (65535 if dtype == np.uint16 else 1)
    shallow = model.complete(letter(np.uint8), hole(), **exact).image / 255
    assert np.abs(found - shallow).max() < 0.01


def test_all_kinds_of_a_picture_give_the_same(model: inpaintx.Model, tmp_path: Path) -> None:
    Image.fromarray(letter()).save(tmp_path / "letter.png")
    kinds = [
        tmp_path / "letter.png",
        str(tmp_path / "letter.png"),
        Image.fromarray(letter()),
        letter(),
        torch.from_numpy(letter()),
        Picture(letter()),
    ]
    found = [model.complete(kind, hole(), **QUICK).picture.array for kind in kinds]
    assert all(np.array_equal(array, found[0]) for array in found)


HOLES: dict[str, Callable[[], Any]] = {
    "bool": hole,
    "white": lambda: hole().astype(np.uint8) * 255,
    "channel": lambda: hole()[..., None],
    "colour": lambda: np.repeat(hole()[..., None], 3, -1).astype(np.uint8) * 255,
    "float": lambda: hole().astype(np.float32),
    "tensor": lambda: torch.from_numpy(hole())[None],
    "pillow": lambda: Image.fromarray(hole()),
}


@pytest.mark.parametrize("kind", HOLES)
def test_a_hole_of_any_kind(model: inpaintx.Model, kind: str) -> None:
    assert np.array_equal(model.complete(letter(), HOLES[kind](), **QUICK).mask, ~hole())


def test_the_hole_is_where_alpha_is_transparent(model: inpaintx.Model) -> None:
    array = letter(np.uint8, 4)
    array[hole(), 3] = 0
    found = model.complete(array, **QUICK).image
    assert np.array_equal(found[~hole()], array[~hole()])
    assert (found[hole(), 3] == 255).all()


def test_a_mask_plugin_by_name_and_as_an_instance(model: inpaintx.Model) -> None:
    @dataclass
    class Corner:
        name: ClassVar[str] = "corner"

        def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
            return np.arange(picture.height * picture.width).reshape(picture.height, -1) > 90

    named = model.complete(letter(), mask="random-patch", seed=3, **QUICK)
    again = model.complete(letter(), mask="random-patch", seed=3, **QUICK)
    assert np.array_equal(named.image, again.image)
    assert (~model.complete(letter(), mask=Corner(), **QUICK).mask).sum() == 91


def test_what_lies_under_the_hole_is_never_read(model: inpaintx.Model) -> None:
    array = letter(np.float32)
    spoilt = array.copy()
    spoilt[hole()] = np.nan
    assert np.array_equal(
        model.complete(spoilt, hole(), **QUICK).image, model.complete(array, hole(), **QUICK).image
    )


def test_options_of_the_search_and_presets(model: inpaintx.Model) -> None:
    assert model.complete(letter(), hole(), candidates=1, iterations=3).iterations == 3
    published = model.complete(letter(), hole(), preset="bamos", iterations=2)
    assert published.iterations == 2
    assert published.prior > 0


def test_a_notebook_shows_the_result(model: inpaintx.Model) -> None:
    completed = model.complete(letter(np.uint16, 3), hole(), **QUICK)
    shown = Image.open(BytesIO(completed._repr_png_()))
    assert shown.size == (SIDE, SIDE)


def test_drawings_are_a_function_of_the_seed(model: inpaintx.Model) -> None:
    drawn = model.generate(70, seed=1)
    assert (drawn.shape, drawn.dtype) == ((70, 64, 64, 1), np.uint8)
    assert np.array_equal(drawn[:3], model.generate(3, seed=1))
    assert not np.array_equal(drawn[:3], model.generate(3, seed=2))


BAD: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "integers": (lambda: {"picture": letter().astype(np.int64)}, "a picture of int64 has no fixed white"),
    "bytes in floats": (
        lambda: {"picture": letter().astype(np.float32)},
        "a floating-point picture holds 36 to 255; pass uint8",
    ),
    "G's range": (
        lambda: {"picture": letter(np.float32) * 2 - 1},
        "a floating-point picture holds -0.8 to 1",
    ),
    "NaN": (lambda: {"picture": np.full((SIDE, SIDE), np.nan)}, "the picture holds NaN or infinity"),
    "channels first": (lambda: {"picture": np.zeros((3, SIDE, SIDE), np.uint8)}, "this is [3, 40, 40]"),
    "tensor, channels last": (lambda: {"picture": torch.zeros(SIDE, SIDE, 3)}, "this is [40, 40, 3]"),
    "a batch": (lambda: {"picture": np.zeros((1, SIDE, SIDE, 3), np.uint8)}, "this is [1, 40, 40, 3]"),
    "a list": (lambda: {"picture": letter().tolist()}, "not a picture: list"),
    "no file": (lambda: {"picture": "missing.png"}, "no such picture: missing.png"),
    "hole of ones": (lambda: {"hole": hole().astype(np.uint8)}, "its brightest value is 1 of 255; pass bool"),
    "hole of another size": (lambda: {"hole": hole()[1:]}, "is bool [39, 40]: it must be bool [40, 40]"),
    "hole in colour": (lambda: {"hole": np.zeros((4, 4, 3), bool)}, "the hole is bool [4, 4, 3]"),
    "no hole": (lambda: {"hole": ~hole() & hole()}, "hides nothing"),
    "all hole": (lambda: {"hole": hole() | ~hole()}, "keeps nothing"),
    "no alpha": (lambda: {"hole": None}, "no alpha channel to take the hole from"),
    "both": (lambda: {"mask": "center"}, "hole and mask exclude each other"),
    "unknown mask": (lambda: {"hole": None, "mask": "centre"}, "did you mean 'center'"),
    "unknown blend": (lambda: {"blend": "poison"}, "did you mean 'poisson'"),
    "unknown option": (lambda: {"candidate": 3}, "did you mean 'candidates'"),
    "unknown preset": (lambda: {"preset": "yey"}, "there is no preset 'yey'; choose from"),
    "option out of range": (lambda: {"window": 4}, "window is 4; choose an odd number"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_said_in_one_line(model: inpaintx.Model, case: str) -> None:
    make, words = BAD[case]
    with pytest.raises(InpaintxError) as raised:
        model.complete(**{"picture": letter(), "hole": hole(), **QUICK, **make()})
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("device", "words"), [("tpu", "no such device: tpu"), ("cuda:99", "no such GPU: cuda:99")]
)
def test_a_device_that_is_not_there(device: str, words: str) -> None:
    with pytest.raises(InpaintxError, match=words):
        inpaintx.load("chars", device)


@pytest.mark.parametrize("arguments", [{"count": 0}, {"seed": -1}])
def test_what_cannot_be_drawn(model: inpaintx.Model, arguments: dict[str, int]) -> None:
    with pytest.raises(InpaintxError, match="can't draw"):
        model.generate(**arguments)


def test_a_folder_is_completed_and_what_cannot_be_is_told(model: inpaintx.Model, tmp_path: Path) -> None:
    for name in ("one", "deep/two"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(letter()).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    Image.fromarray(hole()).save(tmp_path / "hole.png")
    report = model.complete_folder(
        str(tmp_path / "in"), tmp_path / "out", tmp_path / "hole.png", uncertainty=tmp_path / "maps", **QUICK
    )
    assert [path.relative_to(tmp_path / "out").as_posix() for path in report.done.values()] == [
        "deep/two.png",
        "one.png",
    ]
    assert [path.name for path in report.failures] == ["broken.png"]
    for target in report.done.values():
        assert np.array_equal(np.asarray(Image.open(target))[~hole()], letter()[~hole()])
    assert (tmp_path / "maps" / "deep" / "two.png").is_file()
    one = model.complete(tmp_path / "in" / "one.png", hole(), **QUICK)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "one.png")), np.asarray(one.image))


def test_a_folder_that_is_there_is_not_written_over(model: inpaintx.Model, tmp_path: Path) -> None:
    Image.fromarray(letter()).save(tmp_path / "letter.png")
    arguments: Any = ([tmp_path / "letter.png"], tmp_path / "out")
    assert len(model.complete_folder(*arguments, mask="center", **QUICK).done) == 1
    with pytest.raises(InpaintxError, match="file exists already"):
        model.complete_folder(*arguments, mask="center", **QUICK)
    assert model.complete_folder(*arguments, mask="center", skip_done=True, **QUICK).done == {}
    with pytest.raises(InpaintxError, match="there is no option 'overwrit'"):
        model.complete_folder(*arguments, mask="center", overwrit=True, **QUICK)


QUICK_TRAINING: dict[str, Any] = {
    "size": 32,
    "width": 8,
    "batch": 4,
    "encoder_steps": 2,
    "predictor_steps": 2,
    "device": "cpu",
}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    (tmp_path / "scans").mkdir()
    for number in range(4):
        Image.fromarray(np.roll(letter(), number, axis=1)).save(tmp_path / "scans" / f"{number}.png")
    return tmp_path / "scans"


@pytest.mark.slow
def test_training_on_a_folder_gives_a_model(scans: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    trained = inpaintx.train(
        scans, tmp_path / "run", steps=3, on_step=lambda report: steps.append(report.step), **QUICK_TRAINING
    )
    assert steps == [1, 2, 3]
    assert trained.generate(2).shape == (2, 32, 32, 1)
    found = trained.complete(letter(), hole(), **QUICK).image
    assert np.array_equal(found[~hole()], letter()[~hole()])
    again = inpaintx.load(tmp_path / "run")
    assert np.array_equal(again.generate(2), trained.generate(2))


@pytest.mark.slow
def test_training_goes_on_where_it_stopped(scans: Path, tmp_path: Path) -> None:
    whole = inpaintx.train(scans, tmp_path / "whole", steps=3, **QUICK_TRAINING)
    inpaintx.train(scans, str(tmp_path / "halves"), steps=1, **QUICK_TRAINING)
    halves = inpaintx.train(scans, tmp_path / "halves", steps=3, resume=True, device="cpu")
    assert np.array_equal(whole.generate(3), halves.generate(3))


def test_what_cannot_be_trained(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match="did you mean 'steps'"):
        inpaintx.train(scans, tmp_path / "run", step=3)
    with pytest.raises(InpaintxError, match="size is 33; choose one of"):
        inpaintx.train(scans, tmp_path / "run", size=33)
    with pytest.raises(InpaintxError, match="no such picture or folder"):
        inpaintx.train(tmp_path / "nowhere", tmp_path / "run")
    assert not (tmp_path / "run").exists()
