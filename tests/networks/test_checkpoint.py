"""Checkpoints: what is written is read, whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint, finding
from inpaintx.networks.checkpoint import FILE_NAME, HEADER_KEY, Networks
from inpaintx.networks.dcgan import Discriminator, Generator
from inpaintx.options import Architecture

SHAPE = Architecture(size=32, channels=1, width=4, nz=8)
HEADER = {"architecture": SHAPE.to_dict(), "fit": "stretch", "step": 5}


def _tensors(shape: Architecture = SHAPE) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        **checkpoint.state(Generator(shape), "generator."),
        **checkpoint.state(Discriminator(shape), "discriminator."),
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with a checkpoint that training could go on from."""
    tensors = _tensors() | {"training.generator_adam.0.step": torch.tensor(5.0)}
    checkpoint.save(tmp_path / FILE_NAME, HEADER, tensors)
    return tmp_path


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_loaded(run: Path) -> None:
    header, tensors = checkpoint.load(run / FILE_NAME)
    assert header == {"format": 1, "value_range": [-1, 1], **HEADER}
    expected = _tensors()
    assert tensors.keys() == expected.keys() | {"training.generator_adam.0.step"}
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor), name


def test_only_the_prefixes_asked_for_are_loaded(run: Path) -> None:
    _, tensors = checkpoint.load(run / FILE_NAME, ("discriminator.",))
    assert {name.split(".")[0] for name in tensors} == {"discriminator"}


def test_channels_last_weights_keep_their_values(tmp_path: Path) -> None:
    weight = torch.randn(3, 4, 5, 6).contiguous(memory_format=torch.channels_last)
    checkpoint.save(tmp_path / "a.safetensors", HEADER, {"weight": weight})
    assert torch.equal(checkpoint.load(tmp_path / "a.safetensors")[1]["weight"], weight)


def test_model_is_frozen_and_ready(run: Path) -> None:
    model = checkpoint.load_model(run)
    assert model.architecture == SHAPE
    assert model.fit == "stretch"
    assert model.source == run / FILE_NAME
    for network, prefix in ((model.generator, "generator."), (model.discriminator, "discriminator.")):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        for name, tensor in checkpoint.state(network, prefix).items():
            assert torch.equal(tensor, _tensors()[name]), name


# --- nothing half-written ---


def test_failing_write_leaves_the_old_file_and_nothing_else(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (run / FILE_NAME).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InpaintxError, match=r"can't write: .*No space left"):
        checkpoint.save(run / FILE_NAME, {**HEADER, "step": 6}, _tensors())
    assert (run / FILE_NAME).read_bytes() == old
    assert _names(run) == [FILE_NAME]


def test_interrupted_write_leaves_the_old_file_and_nothing_else(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (run / FILE_NAME).read_bytes()

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(safetensors.torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(run / FILE_NAME, HEADER, _tensors())
    assert (run / FILE_NAME).read_bytes() == old
    assert _names(run) == [FILE_NAME]


def test_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"can't write: .*nowhere"):
        checkpoint.save(tmp_path / "nowhere" / FILE_NAME, HEADER, _tensors())


# --- files that are no checkpoint, or a damaged one ---


def _refusal(path: Path) -> str:
    with pytest.raises(InpaintxError) as caught:
        checkpoint.load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_file_cut_short_is_told(run: Path, share: float) -> None:
    whole = (run / FILE_NAME).read_bytes()
    cut = run / "cut.safetensors"
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert _refusal(cut).startswith("damaged checkpoint: ")


def test_file_of_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a checkpoint " * 100)
    assert _refusal(file).startswith("damaged checkpoint: ")


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {HEADER_KEY: "{"}, {HEADER_KEY: "[1]"}], ids=str
)
def test_weights_of_another_program_are_told(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    file = tmp_path / "other.safetensors"
    safetensors.torch.save_file(_tensors(), file, metadata)
    assert _refusal(file).startswith("not an inpaintx checkpoint: ")


def test_another_format_is_told(tmp_path: Path) -> None:
    file = tmp_path / "future.safetensors"
    safetensors.torch.save_file(_tensors(), file, {HEADER_KEY: json.dumps({**HEADER, "format": 99})})
    message = _refusal(file)
    assert message.startswith("checkpoint of another format: ")
    assert "99, this version reads 1" in message


@pytest.mark.parametrize("key", ["architecture", "fit"])
def test_header_without_what_is_needed_is_told(tmp_path: Path, key: str) -> None:
    file = tmp_path / "bare.safetensors"
    checkpoint.save(file, {name: value for name, value in HEADER.items() if name != key}, _tensors())
    assert _refusal(file).startswith("damaged checkpoint: ")


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_trap_8_missing_network_is_told(tmp_path: Path, part: str) -> None:
    """Never random weights in its place."""
    file = tmp_path / "half.safetensors"
    rest = {name: tensor for name, tensor in _tensors().items() if not name.startswith(part)}
    checkpoint.save(file, HEADER, rest)
    assert _refusal(file).startswith(f"checkpoint without a {part}: ")


@pytest.mark.parametrize(
    "change", [{"nz": 9}, {"width": 5}, {"channels": 3}, {"size": 64}, {"kernel": 5}], ids=str
)
def test_trap_8_weights_of_another_architecture_are_told(tmp_path: Path, change: dict[str, int]) -> None:
    file = tmp_path / "odd.safetensors"
    checkpoint.save(file, {**HEADER, "architecture": {**SHAPE.to_dict(), **change}}, _tensors())
    assert _refusal(file).startswith("checkpoint of another architecture: ")


def test_trap_8_missing_weight_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gap.safetensors"
    tensors = _tensors()
    del tensors["generator.layers.4.running_mean"]
    checkpoint.save(file, HEADER, tensors)
    assert _refusal(file).startswith("checkpoint of another architecture: ")


# --- finding a model ---


@pytest.fixture
def shipped(run: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """One shipped model, `tiny`, and a working folder of its own."""
    models = {"tiny": run / FILE_NAME}
    monkeypatch.setattr(finding, "shipped_models", lambda: models)
    (run / "work").mkdir()
    monkeypatch.chdir(run / "work")
    return models


def test_found_by_run_folder_file_and_shipped_name(run: Path, shipped: dict[str, Path]) -> None:
    assert checkpoint.find(run) == run / FILE_NAME
    assert checkpoint.find(str(run / FILE_NAME)) == run / FILE_NAME
    assert checkpoint.find("tiny") == shipped["tiny"]


def test_shipped_name_is_found_beside_a_folder_of_pictures_of_that_name(shipped: dict[str, Path]) -> None:
    Path("tiny").mkdir()
    assert checkpoint.find("tiny") == shipped["tiny"]


def test_own_run_comes_before_a_shipped_model(run: Path, shipped: dict[str, Path]) -> None:
    Path("tiny").mkdir()
    checkpoint.save(Path("tiny") / FILE_NAME, HEADER, _tensors())
    assert checkpoint.find("tiny") == Path("tiny") / FILE_NAME


def test_unknown_model_is_told_with_the_shipped_ones(shipped: dict[str, Path]) -> None:
    with pytest.raises(InpaintxError, match=r"^no such model: tinny; .*shipped model \(tiny\)$"):
        checkpoint.find("tinny")


def test_folder_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"no checkpoint in the folder .*; train one"):
        checkpoint.find(tmp_path)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"^no checkpoint: .*; train one"):
        checkpoint.load(tmp_path / FILE_NAME)


def test_shipped_models_are_the_checkpoints_in_the_package(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "shipped").mkdir()
    file = (run / FILE_NAME).rename(run / "shipped" / "tiny.safetensors")
    (run / "shipped" / "tiny.md").write_text("its card")
    monkeypatch.setattr(finding.resources, "files", lambda package: run)
    assert checkpoint.shipped_models() == {"tiny": file}


@pytest.mark.parametrize("name", checkpoint.shipped_models())
def test_every_shipped_model_loads_with_its_card(name: str) -> None:
    model = checkpoint.load_model(name)
    assert model.source == checkpoint.shipped_models()[name]
    beside = checkpoint.shipped_models()[name].with_suffix(".card.json")
    assert model.header["card"] == json.loads(beside.read_bytes())
    assert model.encoder is not None


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "models").iterdir()), ids=lambda file: file.name
)
def test_every_model_kept_beside_the_package_loads_and_says_its_terms(file: Path) -> None:
    model = checkpoint.load_model(file)
    assert {"made by", "trained on", "never seen", "terms"} <= model.header["card"].keys()


# --- export ---


def _difference(a: Networks, b: Networks) -> float:
    with torch.no_grad():
        codes = a.generator.sample_codes(4, torch.Generator().manual_seed(1))
        images = [model.generator(codes) for model in (a, b)]
        logits = [model.discriminator(images[0]) for model in (a, b)]
    return max(float((x - y).abs().max()) for x, y in (images, logits))


def test_export_is_half_the_size_holds_no_training_and_loads(run: Path) -> None:
    card: dict[str, Any] = {"made": "by a test"}
    out = run / "small.safetensors"
    checkpoint.export(run, out, card)
    header, tensors = checkpoint.load(out)
    assert header == {"format": 1, "value_range": [-1, 1], **HEADER, "card": card}
    assert not any(name.startswith(checkpoint.TRAINING) for name in tensors)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16, torch.int64}
    exported, original = checkpoint.load_model(out), checkpoint.load_model(run)
    assert {tensor.dtype for tensor in exported.generator.parameters()} == {torch.float32}
    assert 0 < _difference(exported, original) < 1e-3
    assert sum(t.nbytes for t in tensors.values()) < 0.51 * sum(t.nbytes for t in _tensors().values())


def test_export_keeps_the_card_there_is(run: Path) -> None:
    checkpoint.export(run, run / "a.safetensors", {"made": "first"})
    checkpoint.export(run / "a.safetensors", run / "b.safetensors")
    assert checkpoint.load(run / "b.safetensors")[0]["card"] == {"made": "first"}


@pytest.mark.slow
def test_loading_a_model_loads_no_compiler() -> None:
    """What torch would import to draw or to fill the outlines of networks takes longer than all the rest."""
    code = (
        "import sys; from inpaintx.networks.checkpoint import load_model; load_model('chars'); "
        "print({'torch._dynamo', 'sympy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
