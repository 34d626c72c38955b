"""`inpaintx export`, as users meet it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_tools import TINY_SEARCH, Cli
from PIL import Image
from safetensors import safe_open

from inpaintx.networks.checkpoint import NETWORKS, load_model


def test_an_export_is_small_and_completes_like_its_run(
    cli: Cli, model: Path, photos: Path, tmp_path: Path
) -> None:
    small, card = tmp_path / "new" / "small.safetensors", tmp_path / "card.json"
    card.write_text(json.dumps({"made by": "a test", "steps": 20}))
    ended = cli("export", "--model", model, "--out", small, "--card", card)
    assert (ended.code, ended.err) == (0, "")
    # Half the size of each network, and none of the training state, which G and D have.
    with safe_open(model / "checkpoint.safetensors", framework="pt") as run:
        names = [name for name in run.keys() if name.startswith(NETWORKS)]  # noqa: SIM118
        held = sum(run.get_tensor(name).nbytes for name in names)
    assert small.stat().st_size < held / 2 + 200 * len(names)  # what a header says of each tensor
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


def test_other_programs_draw_by_g_as_it_does(cli: Cli, model: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    files = {"--onnx": tmp_path / "g.onnx", "--torch-export": tmp_path / "g.pt2"}
    ended = cli("export", "--model", model, *(word for pair in files.items() for word in pair))
    assert (ended.code, ended.err) == (0, "")
    assert [line.partition(":")[0] for line in ended.out.splitlines()] == [
        str(path) for path in files.values()
    ]
    generator = load_model(model).generator
    graph = onnx.load(files["--onnx"])
    onnx.checker.check_model(graph, full_check=True)
    by_onnx = ReferenceEvaluator(graph)
    by_torch = torch.export.load(files["--torch-export"]).module()
    for count in (1, 3):
        codes = generator.sample_codes(count, torch.Generator().manual_seed(count))
        with torch.no_grad():
            images = generator(codes)
            assert torch.allclose(by_torch(codes), images, atol=1e-6)
        (drawn,) = by_onnx.run(["images"], {"codes": codes.numpy()})
        assert drawn.shape == (count, 1, 32, 32)
        assert abs(drawn - images.numpy()).max() < 1e-5
    for file in files.values():
        assert b"site-packages" not in file.read_bytes()  # nor any other name of a file on this machine


def test_an_export_of_nothing_and_without_the_extra(cli: Cli, model: Path, tmp_path: Path) -> None:
    assert "give --out, --onnx or --torch-export" in cli("export", "--model", model).err
    (tmp_path / "hidden" / "onnxscript").mkdir(parents=True)
    (tmp_path / "hidden" / "onnxscript" / "__init__.py").write_text("raise ImportError")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inpaintx_cli.main import main; main()"
    hidden = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            tmp_path / "hidden",
            "export",
            "--model",
            model,
            "--onnx",
            tmp_path / "g",
        ],
        capture_output=True,
        text=True,
    )
    assert (hidden.returncode, hidden.stderr) == (
        1,
        "Error: ONNX is not installed; pip install 'inpaintx[onnx]'\n",
    )
    assert not (tmp_path / "g").exists()
