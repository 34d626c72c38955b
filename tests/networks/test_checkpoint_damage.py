"""Checkpoints that are damaged or made to do harm: refused by name, in little memory."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.architectures import build
from inpaintx.networks.checkpoint import HEADER_KEY, load_model
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.predictor import Predictor
from inpaintx.options import Architecture

SHAPE = Architecture(size=32, channels=1, width=4, nz=8)
HEADER: dict[str, Any] = {"architecture": SHAPE.to_dict(), "fit": "crop", "step": 5}
WEIGHTS = [
    "generator.layers.3.weight",
    "discriminator.layers.0.bias",
    "encoder.layers.2.weight",
    "predictor.middle.1.weight",
]


def _tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    made = (*build(SHAPE), Encoder(SHAPE, bank=3), Predictor(SHAPE))
    networks = dict(zip(checkpoint.NETWORKS, made, strict=True))
    return {
        name: tensor
        for prefix, network in networks.items()
        for name, tensor in checkpoint.state(network, prefix).items()
    }


def _saved(folder: Path, header: dict[str, Any] | None = None, **changed: Tensor) -> Path:
    """A checkpoint with some tensors changed, as its author would have saved it."""
    file = folder / "model.safetensors"
    checkpoint.save(file, {**HEADER, **(header or {})}, _tensors() | changed)
    return file


def _refusal(path: Path) -> str:
    with pytest.raises(InpaintxError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < 500
    return message


def test_the_model_of_these_tests_is_good_as_it_is(tmp_path: Path) -> None:
    encoder = load_model(_saved(tmp_path)).encoder
    assert encoder is not None
    assert encoder.bank.shape == (3, 8)


# --- weights ---


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_not_finite_are_named(tmp_path: Path, name: str, value: float) -> None:
    weight = _tensors()[name].clone()
    weight.view(-1)[2] = value
    assert f"{name} holds NaN or infinity" in _refusal(_saved(tmp_path, **{name: weight}))


def test_weights_that_only_float64_can_hold_are_named(tmp_path: Path) -> None:
    name = WEIGHTS[0]
    weight = _tensors()[name].double()
    weight.view(-1)[0] = 1e300
    assert f"{name} holds NaN or infinity" in _refusal(_saved(tmp_path, **{name: weight}))


def test_variance_below_0_is_named(tmp_path: Path) -> None:
    name = "generator.layers.4.running_var"
    message = _refusal(_saved(tmp_path, **{name: -_tensors()[name]}))
    assert f"{name} holds variances below 0" in message


@pytest.mark.parametrize("name", WEIGHTS)
def test_float32_that_is_said_to_be_int32_is_named(tmp_path: Path, name: str) -> None:
    """Such numbers would be copied as they are said to be, and complete without a word."""
    file = _saved(tmp_path)
    length = struct.unpack("<Q", file.read_bytes()[:8])[0]
    outline = json.loads(file.read_bytes()[8 : 8 + length])
    outline[name]["dtype"] = "I32"
    text = json.dumps(outline).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + file.read_bytes()[8 + length :])
    assert f"{name} is of the type I32" in _refusal(file)


def test_counts_that_are_no_integers_are_named(tmp_path: Path) -> None:
    name = "discriminator.layers.3.num_batches_tracked"
    assert f"{name} is of the type F32" in _refusal(_saved(tmp_path, **{name: torch.tensor(0.5)}))


@pytest.mark.parametrize("place", range(0, 1000, 77))
def test_any_flipped_bit_of_a_weight_is_told(tmp_path: Path, place: int) -> None:
    file = _saved(tmp_path)
    whole = bytearray(file.read_bytes())
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    at = start + (len(whole) - 1 - start) * place // 1000
    whole[at] ^= 1 << place % 8
    file.write_bytes(whole)
    assert "is not what was saved" in _refusal(file)


def test_file_of_an_earlier_version_has_no_checksums_and_loads(tmp_path: Path) -> None:
    tensors = _tensors()
    file = tmp_path / "old.safetensors"
    header = {"format": 1, "value_range": [-1, 1], **HEADER}
    safetensors.torch.save_file(tensors, file, {HEADER_KEY: json.dumps(header)})
    loaded = load_model(file)
    for name, tensor in checkpoint.state(loaded.generator, "generator.").items():
        assert torch.equal(tensor, tensors[name])
    assert loaded.header == header


def test_tensor_without_a_checksum_among_others_is_told(tmp_path: Path) -> None:
    file = _saved(tmp_path)
    with safe_open(file, framework="pt") as opened:
        header = json.loads(opened.metadata()[HEADER_KEY])
    del header["checksums"][WEIGHTS[0]]
    safetensors.torch.save_file(_tensors(), file, {HEADER_KEY: json.dumps(header)})
    assert f"{WEIGHTS[0]} is not what was saved" in _refusal(file)
    header["checksums"] = "none"
    safetensors.torch.save_file(_tensors(), file, {HEADER_KEY: json.dumps(header)})
    assert "its checksums can't be read" in _refusal(file)


# --- headers ---


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fit": "x"}, "its fit is 'x', not one of crop, stretch"),
        ({"fit": 3}, "its fit is 3"),
        ({"fit": ["crop"]}, "its fit is"),
        ({"fit": "x" * 10_000}, "its fit is"),
        ({"architecture": [64]}, "lacks the architecture"),
        ({"architecture": {**SHAPE.to_dict(), "size": "32"}}, "size is '32', which is of another type"),
        ({"architecture": {**SHAPE.to_dict(), "channels": True}}, "channels is True"),
        ({"architecture": {**SHAPE.to_dict(), "width": 4.0}}, "width is 4.0"),
        ({"architecture": {**SHAPE.to_dict(), "nz": None}}, "nz is None"),
        ({"architecture": {**SHAPE.to_dict(), "code": 1}}, "code is 1"),
        ({"architecture": {**SHAPE.to_dict(), "code": "cauchy"}}, "choose one of uniform, normal"),
        ({"architecture": {**SHAPE.to_dict(), "width": 0}}, "choose at least 1"),
        ({"architecture": {**SHAPE.to_dict(), "width": 10**100}}, "networks are larger than can be"),
        ({"architecture": SHAPE.to_dict() | {"x" * 9_000: 1}}, "missing or unknown"),
        ({"options": 3}, "its options can't be read"),
        ({"options": {"flip": "no"}}, "its options can't be read"),
        ({"format": "1"}, "another format"),
        ({"format": [[]] * 1000}, "another format"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_header_of_wrong_values_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    assert told in _refusal(_saved(tmp_path, change))


@pytest.mark.parametrize("depth", [2_000, 500_000])
def test_header_that_is_nested_deeply_is_told(tmp_path: Path, depth: int) -> None:
    file = tmp_path / "deep.safetensors"
    safetensors.torch.save_file(_tensors(), file, {HEADER_KEY: "[" * depth + "]" * depth})
    assert _refusal(file).startswith("not an inpaintx checkpoint: ")


@pytest.mark.parametrize("length", [5 * 2**20, 2**40, 2**64 - 1])
def test_header_that_is_endless_is_told(tmp_path: Path, length: int) -> None:
    file = tmp_path / "long.safetensors"
    file.write_bytes(struct.pack("<Q", length) + b"{" * 6_000_000)
    assert f"its header takes {length:,} bytes" in _refusal(file)


def test_model_card_that_no_header_can_hold_is_told(tmp_path: Path) -> None:
    file = _saved(tmp_path)
    with pytest.raises(InpaintxError, match="give a smaller model card"):
        checkpoint.export(file, tmp_path / "small.safetensors", {"notes": "x" * 5_000_000})
    assert not (tmp_path / "small.safetensors").exists()


# --- what would take memory ---

MEASURED = """
import resource, sys
from pathlib import Path
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import load_model
good, *bad = map(Path, sys.argv[1:])
load_model(good)
for path in bad:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        load_model(path)
    except InpaintxError as error:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in kB")
def test_what_a_header_asks_for_is_compared_before_it_takes_memory(tmp_path: Path) -> None:
    good = _saved(tmp_path)
    bad = []

    def ask(name: str, header: dict[str, Any], **changed: Tensor) -> None:
        bad.append(_saved(tmp_path, header, **changed).rename(tmp_path / name))
        _saved(tmp_path)

    for change in ({"width": 1200}, {"width": 10**6}, {"nz": 10**8}, {"size": 128, "width": 1200}):
        ask(f"{'-'.join(map(str, change.values()))}.st", {"architecture": SHAPE.to_dict() | change})
    for shape in ((30_000_000, 0), (2**40, 0), (2**62, 0), ()):
        ask(f"bank-{'-'.join(map(str, shape))}.st", {}, **{"encoder.bank": torch.empty(shape).fill_(0)})
    command = [sys.executable, "-c", MEASURED, *map(str, [good, *bad])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(bad), done.stdout
    for line, path in zip(lines, bad, strict=True):
        grown, _, message = line.partition(" ")
        assert int(grown) < 16_000, line  # kB
        assert str(path) in message
        assert message.startswith(("checkpoint of another architecture: ", "damaged checkpoint: "))


# --- export ---


def test_weights_that_half_precision_can_not_hold_are_not_exported(tmp_path: Path) -> None:
    name = WEIGHTS[0]
    file = _saved(tmp_path, **{name: _tensors()[name] * 1e8})
    load_model(file)
    with pytest.raises(InpaintxError, match=f"can't export .*{name} is too large for half precision"):
        checkpoint.export(file, tmp_path / "small.safetensors")
    assert not (tmp_path / "small.safetensors").exists()
