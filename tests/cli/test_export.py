"""`inpaintx export`, as users meet it."""

import json
from pathlib import Path

import numpy as np
from cli_tools import TINY_SEARCH, Cli
from PIL import Image
from safetensors import safe_open


def test_an_export_is_small_and_completes_like_its_run(
    cli: Cli, model: Path, photos: Path, tmp_path: Path
) -> None:
    small, card = tmp_path / "new" / "small.safetensors", tmp_path / "card.json"
    card.write_text(json.dumps({"made by": "a test", "steps": 20}))
    ended = cli("export", "--model", model, "--out", small, "--card", card)
    assert (ended.code, ended.err) == (0, "")
    # Half the size of each network, and none of the training state, which G and D have.
    assert small.stat().st_size < 0.45 * (model / "checkpoint.safetensors").stat().st_size
    with safe_open(small, framework="pt") as file:
        header = json.loads(file.metadata()["inpaintx"])
        networks = {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118
    assert networks == {"generator", "discriminator", "encoder", "predictor"}
    assert header["card"] == {"made by": "a test", "steps": 20}
    assert header["step"] == 20

    for source, out in ((model, "whole"), (small, "half")):
        arguments = ("--model", source, "--mask-plugin", "center", "--blend", "none", *TINY_SEARCH)
        arguments += ("--precision", "float32")  # in bfloat16 the search itself goes its own way sooner
        assert cli("complete", photos, "--out", tmp_path / out, *arguments).code == 0
    whole, half = (np.asarray(Image.open(tmp_path / out / "0.png"), float) for out in ("whole", "half"))
    assert abs(whole - half).max() <= 2  # levels of 255


def test_overwrite_replaces(cli: Cli, model: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.safetensors"
    small.write_text("an earlier export")
    assert cli("export", "--model", model, "--out", small, "--overwrite").code == 0
    assert cli("generate", "--model", small, "--count", 1, "--out", tmp_path / "new").code == 0
