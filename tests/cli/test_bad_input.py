"""What a user gets wrong, on the real command line: one line that says so, no file hurt or left behind."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from cli_tools import TINY_SEARCH, Cli, blob, files_in
from PIL import Image
from safetensors import safe_open

Refused = Callable[..., str]
CENTER = ("--mask-plugin", "center", *TINY_SEARCH)


def rewritten(model: Path, to: Path, without: str = "none", **header_changes: object) -> Path:
    """The run's checkpoint with other header entries, less the tensors whose names start with `without`."""
    source = model / "checkpoint.safetensors"
    with safe_open(source, framework="pt") as file:
        header = json.loads(file.metadata()["inpaintx"])
    tensors = safetensors.torch.load_file(source)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(without)}
    safetensors.torch.save_file(kept, to, {"inpaintx": json.dumps(header | header_changes)})
    return to


# --- the model ---


def test_a_missing_model(refused: Refused, photos: Path) -> None:
    error = refused("complete", photos, "--model", "nosuch", "--out", "out", *CENTER)
    assert error.startswith("no such model: nosuch; give a run folder, a checkpoint file or a shipped model")


def test_a_folder_without_a_checkpoint(refused: Refused, photos: Path) -> None:
    error = refused("complete", photos, "--model", photos, "--out", "out", *CENTER)
    assert error.startswith(f"no checkpoint in the folder {photos}")


def test_a_checkpoint_without_a_discriminator(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    half = rewritten(model, tmp_path / "half.safetensors", without="discriminator.")
    for command in (
        ("complete", photos, "--model", half, "--out", "out", *CENTER),
        ("generate", "--model", half, "--out", "new"),
        ("export", "--model", half, "--out", "small.safetensors"),
    ):
        assert f"checkpoint without a discriminator: {half}" in refused(*command)


def test_a_checkpoint_that_is_cut_short(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    whole = (model / "checkpoint.safetensors").read_bytes()
    for length in (0, 5, 200, len(whole) - 1):
        cut.write_bytes(whole[:length])
        error = refused("complete", photos, "--model", cut, "--out", "out", *CENTER)
        assert f"damaged checkpoint: {cut}" in error


def test_a_checkpoint_of_another_architecture(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    with safe_open(model / "checkpoint.safetensors", framework="pt") as file:
        architecture = json.loads(file.metadata()["inpaintx"])["architecture"]
    wider = rewritten(model, tmp_path / "wider.safetensors", architecture=architecture | {"width": 8})
    error = refused("complete", photos, "--model", wider, "--out", "out", *CENTER)
    assert f"checkpoint of another architecture: {wider}" in error
    error = refused("generate", "--model", wider, "--out", "new")
    assert f"checkpoint of another architecture: {wider}" in error


def test_a_file_that_is_no_checkpoint(refused: Refused, photos: Path, tmp_path: Path) -> None:
    picture = photos / "0.png"
    error = refused("complete", photos, "--model", picture, "--out", "out", *CENTER)
    assert f"damaged checkpoint: {picture}" in error
    stranger = tmp_path / "stranger.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(1)}, stranger)
    error = refused("export", "--model", stranger, "--out", "small.safetensors")
    assert f"not an inpaintx checkpoint: {stranger}" in error


def test_a_gpu_where_there_is_none(refused: Refused, photos: Path, model: Path) -> None:
    for command in (
        ("complete", photos, "--model", model, "--out", "out", *CENTER),
        ("generate", "--model", model, "--out", "new"),
        ("train", photos, "--out", "run"),
    ):
        assert refused(*command, "--device", "cuda") == "no such GPU: cuda; torch sees 0; use --device cpu"
    assert "no such device: tpu" in refused("generate", "--model", model, "--out", "new", "--device", "tpu")


# --- the pictures ---


def test_a_missing_input(refused: Refused, photos: Path, model: Path) -> None:
    error = refused("complete", photos, photos / "9.png", "--model", model, "--out", "out", *CENTER)
    assert error == f"no such picture or folder: {photos / '9.png'}; check the name"
    error = refused("train", "nosuch", "--out", "run")
    assert error == "no such picture or folder: nosuch; check the name"


def test_an_empty_folder(refused: Refused, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    error = refused("complete", "empty", "--model", model, "--out", "out", *CENTER)
    left_out = "1 file left out: 1 no pictures by their suffix (notes.txt)"
    assert error == f"no pictures in the folder: empty ({left_out}); name one that holds some"
    assert refused("train", "empty", "--out", "run") == error
    assert not (tmp_path / "run").exists()


def test_a_truncated_picture_does_not_stop_its_folder(
    cli: Cli, photos: Path, model: Path, tmp_path: Path
) -> None:
    bad = photos / "1.png"
    bad.write_bytes(bad.read_bytes()[:500])
    before = files_in(photos)
    ended = cli("complete", photos, "--model", model, "--out", tmp_path / "out", *CENTER, "--json")
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
    assert ended.err.startswith(f"Error: can't read the picture: {bad} (")
    assert list(files_in(tmp_path / "out")) == ["0.png", "2.png"]
    assert files_in(photos) == before
    summary = json.loads(ended.out)
    assert summary["completed"] == 2
    assert list(summary["failed"]) == [str(bad)]


def test_debug_shows_why_a_picture_failed(cli: Cli, photos: Path, model: Path, tmp_path: Path) -> None:
    (photos / "1.png").write_bytes(b"")
    ended = cli("--debug", "complete", photos, "--model", model, "--out", tmp_path / "out", *CENTER)
    assert ended.code == 3
    assert ended.err.count("Traceback (most recent call last):") >= 1
    assert ended.err.splitlines()[-1].startswith("Error: not a picture")


def test_only_truncated_pictures(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    for picture in photos.iterdir():
        picture.write_bytes(picture.read_bytes()[:500])
    extras = ("--sheet", "sheet.png", "--gif", "gif.gif", "--metrics", "metrics.jsonl")
    arguments = ("--model", model, "--out", "out", *CENTER, *extras)
    assert "can't read the picture" in refused("complete", photos / "1.png", *arguments)
    assert "no readable picture in" in refused("train", photos, "--out", "run")


# --- masks ---


def test_a_mask_of_another_size(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "mask.png")
    one = photos / "0.png"
    error = refused("complete", one, "--model", model, "--out", "out", "--mask", "mask.png", *TINY_SEARCH)
    assert error == f"the mask mask.png is 40×30, the picture {one} 40×40; make them the same size"


def test_a_mask_that_keeps_nothing(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    Image.new("L", (40, 40), 255).save(tmp_path / "mask.png")
    one = photos / "0.png"
    error = refused("complete", one, "--model", model, "--out", "out", "--mask", "mask.png", *TINY_SEARCH)
    assert "hides everything" in error
    assert str(one) in error


def test_no_mask_at_all(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    arguments = ("complete", photos / "0.png", "--model", model, "--out", "out")
    assert "no alpha channel" in refused(*arguments)
    assert refused(*arguments, "--mask", "m.png") == "no such mask: m.png; check the name"
    (tmp_path / "masks").mkdir()
    assert "no single mask for 0.png in masks" in refused(*arguments, "--mask", "masks")


def test_two_masks(cli: Cli, photos: Path, model: Path, tmp_path: Path) -> None:
    ended = cli("complete", photos, "--model", model, "--out", tmp_path / "out", *CENTER, "--mask", photos)
    assert ended.code == 2
    assert "--mask and --mask-plugin exclude each other" in ended.err
    assert not (tmp_path / "out").exists()


# --- plugins and settings ---


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--mask-plugin", "centre"), ["no mask plugin 'centre'", "did you mean 'center'?"]),
        (("--mask-plugin", "center", "--blend", "poison"), ["'poison'", "did you mean 'poisson'?"]),
        (("--mask-plugin", "center", "-o", "mask.size=big"), ["'size'", "a number", "'big'"]),
        (("--mask-plugin", "center", "-o", "mask.sise=0.4"), ["'sise'", "did you mean 'size'?"]),
        (("--mask-plugin", "center", "-o", "mask.size=7"), ["'size'", "less than 1"]),
        (("--mask-plugin", "center", "-o", "size=0.4"), ["-o size=0.4", "write mask.NAME=VALUE"]),
        (("--mask-plugin", "center", "-o", "mask.size"), ["-o mask.size", "write mask.NAME=VALUE"]),
        ((*CENTER, "--window", "4"), ["window is 4", "odd"]),
        ((*CENTER, "--lr", "0"), ["lr is 0.0", "more than 0"]),
        ((*CENTER, "--candidates", "0"), ["candidates is 0", "at least 1"]),
    ],
)
def test_a_setting_that_can_not_be(
    refused: Refused, photos: Path, model: Path, flags: tuple[str, ...], words: list[str]
) -> None:
    error = refused("complete", photos, "--model", model, "--out", "out", *flags)
    for word in words:
        assert word in error


def test_a_training_that_can_not_be(refused: Refused, photos: Path) -> None:
    assert "size is 48; choose one of 32, 64, 96, 128" in refused("train", photos, "--out", "r", "--size", 48)
    assert "batch is 1; choose at least 2" in refused("train", photos, "--out", "r", "--batch", 1)


def test_debug_shows_where_it_happened(cli: Cli, photos: Path) -> None:
    ended = cli("--debug", "complete", photos, "--model", "nosuch", "--out", "out", *CENTER)
    assert ended.code == 1
    first, *_, last = ended.err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last.startswith("Error: no such model: nosuch")


# --- where the results go ---


def test_an_output_folder_that_can_not_be(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for command in (
        ("complete", photos, "--model", model, *CENTER),
        ("generate", "--model", model),
        ("train", photos),
    ):
        assert "can't write to the folder file/out" in refused(*command, "--out", "file/out")
    error = refused("export", "--model", model, "--out", "file/out/small.safetensors")
    assert "can't write to the folder file/out" in error
    for name in ("--sheet", "--gif", "--metrics"):
        suffix = {"--gif": ".gif", "--sheet": ".png"}.get(name, ".jsonl")
        error = refused(
            "complete", photos, "--model", model, *CENTER, "--out", "out", name, f"file/sub/x{suffix}"
        )
        assert "can't write to the folder file/sub" in error


def test_an_output_folder_among_the_inputs(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(photos)
    for out in (photos, photos / "results", "link", "link/results", "photos/../photos"):
        error = refused("complete", photos, "--model", model, "--out", out, *CENTER, "--overwrite")
        assert (
            error == f"the output folder {out} is, or is in, that of the input {photos}; choose another one"
        )
    one = photos / "0.png"
    assert "the output folder" in refused("complete", one, "--model", model, "--out", "link", *CENTER)
    assert "the output folder" in refused("train", photos, "--out", "link/run")


def test_an_output_folder_among_the_masks(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    arguments = ("complete", photos, "--model", model, "--mask", "masks", "--overwrite")
    assert "that of the input masks" in refused(*arguments, "--out", "masks")
    assert "that of the input masks" in refused(*arguments, "--out", "out", "--sheet", "masks/0.png")


def test_an_output_folder_that_leads_to_the_inputs(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "albums").mkdir()
    nested = photos.rename(tmp_path / "albums" / "photos")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photos").symlink_to(nested)
    error = refused("complete", "albums", "--model", model, "--out", "out", *CENTER, "--overwrite")
    assert error == "out/photos/0.png is read, so it can't be written; choose another name"


def test_a_result_that_exists(cli: Cli, refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "2.png"
    mine.write_text("mine")
    arguments = ("complete", photos, "--model", model, "--out", "out", *CENTER)
    assert refused(*arguments) == "file exists already: out/2.png; choose another name, or give --overwrite"
    assert cli(*arguments, "--overwrite", folder=tmp_path).code == 0
    assert Image.open(mine).size == (40, 40)


def test_a_result_where_a_link_leads_nowhere(
    refused: Refused, photos: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2.png").symlink_to("unplugged-disk/2.png")
    assert "out/2.png" in refused("complete", photos, "--model", model, "--out", "out", *CENTER)
    assert os.readlink(tmp_path / "out" / "2.png") == "unplugged-disk/2.png"


def test_two_inputs_with_one_result(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    blob(7).save(tmp_path / "more" / "0.png")
    error = refused("complete", "photos/0.png", "more/0.png", "--model", model, "--out", "out", *CENTER)
    assert error.startswith("two inputs would be written to out/0.png")
    assert "photos/0.png and more/0.png" in error


def test_extras_in_place_of_other_files(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    arguments = ("complete", photos / "0.png", "--model", model, "--out", "out", *CENTER)
    (tmp_path / "mine.png").write_text("mine")
    assert "file exists already: mine.png" in refused(*arguments, "--sheet", "mine.png")
    for read in (photos / "0.png", model / "checkpoint.safetensors"):
        error = refused(*arguments, "--overwrite", "--metrics", read)
        assert error == f"{read} is read, so it can't be written; choose another name"
    assert "two things would be written" in refused(*arguments, "--sheet", "out/0.png")
    assert "must end in .gif" in refused(*arguments, "--gif", "film.mp4")
    assert "must end in .png or" in refused(*arguments, "--sheet", "sheet.pdf")


def test_generated_pictures_in_place_of_other_files(refused: Refused, model: Path, tmp_path: Path) -> None:
    (tmp_path / "00001.png").write_text("mine")
    arguments = ("generate", "--model", model, "--count", 2)
    assert "file exists already: 00001.png" in refused(*arguments, "--out", ".")
    assert "file exists already: 00001.png" in refused(*arguments, "--out", "00001.png")


def test_an_export_in_place_of_other_files(refused: Refused, model: Path, tmp_path: Path) -> None:
    own = model / "checkpoint.safetensors"
    error = refused("export", "--model", model, "--out", own, "--overwrite")
    assert error == f"{own} is read, so it can't be written; choose another name"
    (tmp_path / "mine").write_text("mine")
    assert "file exists already: mine" in refused("export", "--model", model, "--out", "mine")
    for card in ("[1]", "{", ""):
        (tmp_path / "card.json").write_text(card)
        error = refused("export", "--model", model, "--out", "small.safetensors", "--card", "card.json")
        assert "card.json" in error


# --- runs ---


def test_a_run_in_place_of_another(refused: Refused, photos: Path, model: Path, tmp_path: Path) -> None:
    error = refused("train", photos, "--out", model)
    assert error == (
        f"{model} holds a run already (checkpoint.safetensors); go on with --resume, or choose another --out"
    )
    (tmp_path / "samples.png").write_text("mine")
    error = refused("train", photos, "--out", tmp_path)
    assert error == (
        f"{tmp_path} holds samples.png, but no checkpoint.safetensors to go on from; "
        "move it away, or choose another --out"
    )
    (tmp_path / "samples.png").rename(tmp_path / "log.jsonl")
    assert "holds log.jsonl, but no checkpoint" in refused("train", photos, "--out", tmp_path)


def test_resuming_what_is_not_there(
    refused: Refused, photos: Path, collection: Path, model: Path, tmp_path: Path
) -> None:
    file = Path("run/checkpoint.safetensors")
    error = refused("train", photos, "--out", "run", "--resume")
    assert error == f"nothing to resume: there is no {file}; leave out --resume, or check --out"
    (tmp_path / "run").mkdir()
    rewritten(model, tmp_path / file, without="training.")
    assert "no training state" in refused("train", collection, "--out", "run", "--resume")
    rewritten(model, tmp_path / file, options={"made": "up"})
    assert "holds no training run" in refused("train", collection, "--out", "run", "--resume")


def test_resuming_with_other_pictures(refused: Refused, photos: Path, model: Path) -> None:
    assert "its collection is" in refused("train", photos, "--out", model, "--resume")


# --- the folder of the results ---


def test_an_output_folder_that_can_not_be_one(cli: Cli, refused: Refused, model: Path, photos: Path) -> None:
    loop = photos.parent / "loop"
    loop.symlink_to(loop)
    error = refused("complete", photos, "--model", model, "--out", loop, *CENTER)
    assert "loop is a link that leads nowhere" in error
    for words in (
        ("complete", photos, "--model", model, *CENTER, "--out", ""),
        ("complete", photos, "--model", model, *CENTER, "--out", "out", "--uncertainty", ""),
        ("complete", photos, "--model", model, *CENTER, "--out", "out", "--manifest", ""),
        ("train", photos, "--out", ""),
    ):
        before = files_in(photos.parent)
        ended = cli(*words, folder=photos.parent)
        assert ended.code == 2
        assert "it is empty; give a name" in ended.err
        assert files_in(photos.parent) == before


def test_a_pipe_is_not_replaced(refused: Refused, model: Path, photos: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = ("--out", tmp_path / "out", "--overwrite", "--metrics", pipe, *CENTER)
    assert "no regular file, so it is not replaced" in refused(
        "complete", photos, "--model", model, *arguments
    )
    assert pipe.is_fifo()
