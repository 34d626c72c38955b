"""Checkpoints: one safetensors file, whose metadata holds a JSON header. No pickle.

The header says the architecture, the value range, how pictures were fitted to the square and how far
training got. Tensors are named ``generator.*`` (the averaged G), ``discriminator.*``, ``encoder.*`` once
there is one and, where training can go on from the file, ``training.*``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from inpaintx.errors import InpaintxError
from inpaintx.networks.dcgan import Discriminator, Generator
from inpaintx.networks.predictor import Encoder
from inpaintx.options import Architecture, Fit
from inpaintx.pictures.files import atomic_file

FORMAT = 1
HEADER_KEY = "inpaintx"
FILE_NAME = "checkpoint.safetensors"
TRAINING = "training."
NETWORKS = ("generator.", "discriminator.", "encoder.")


@dataclass(frozen=True)
class Model:
    """Trained networks, ready for use: frozen, in evaluation mode, float32.

    Attributes:
        generator: the averaged G.
        discriminator: D.
        encoder: guesses codes for G; None where training left it out or has not come to it.
        header: the checkpoint's JSON header.
        source: the file it came from.
    """

    generator: Generator
    discriminator: Discriminator
    encoder: Encoder | None
    header: dict[str, Any]
    source: Path

    @property
    def architecture(self) -> Architecture:
        return self.generator.architecture

    @property
    def fit(self) -> Fit:
        """How pictures were fitted to the square: see :func:`inpaintx.training.collection.fit_picture`."""
        return self.header["fit"]

    @property
    def flip(self) -> bool:
        """Whether mirror images were learned from, too: see :meth:`.Collection.learned`."""
        return self.header.get("options", {}).get("flip", False)


def save(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes a checkpoint to a temporary file in the same folder, then renames it.

    Raises InpaintxError if the file cannot be written; the old one, if any, is then still whole.
    """
    metadata = {HEADER_KEY: json.dumps({"format": FORMAT, "value_range": [-1, 1], **header})}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as file:
        file.write(safetensors.torch.save(plain, metadata))


def load(path: Path, prefixes: tuple[str, ...] = ("",)) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Reads the header and the tensors whose names start with one of ``prefixes``.

    Raises InpaintxError if the file is missing, cut short, or no checkpoint of this program.
    """
    if not path.is_file():
        raise InpaintxError(f"no checkpoint: {path}; train one with `inpaintx train`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = [name for name in file.keys() if name.startswith(prefixes)]  # noqa: SIM118 (not a dict)
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise InpaintxError(f"damaged checkpoint: {path}: {error}; copy it again or train anew") from error
    try:
        header = dict(json.loads(metadata[HEADER_KEY]))
    except (KeyError, TypeError, ValueError) as error:
        raise InpaintxError(
            f"not an inpaintx checkpoint: {path}: it has no header; give another file"
        ) from error
    if header.get("format") != FORMAT:
        raise InpaintxError(
            f"checkpoint of another format: {path}: {header.get('format')!r}, "
            f"this version reads {FORMAT}; update inpaintx"
        )
    return header, tensors


def shipped_models() -> dict[str, Path]:
    """Names and files of the models that come inside the package."""
    folder = Path(str(resources.files("inpaintx"))) / "shipped"
    return {file.stem: file for file in sorted(folder.glob("*.safetensors"))}


def find(model: str | Path) -> Path:
    """The checkpoint file meant by a run folder, a file, or the name of a shipped model."""
    path = Path(model)
    for file in (path / FILE_NAME, path):
        if file.is_file():
            return file
    shipped = shipped_models()
    if str(model) in shipped:  # also where a folder of pictures has that name
        return shipped[str(model)]
    if path.is_dir():
        raise InpaintxError(f"no checkpoint in the folder {path}; train one with `inpaintx train`")
    listed = ", ".join(shipped) or "none"
    raise InpaintxError(
        f"no such model: {model}; give a run folder, a checkpoint file or a shipped model ({listed})"
    )


def load_model(model: str | Path, device: torch.device | str = "cpu") -> Model:
    """Loads the networks for use.

    Args:
        model: a run folder, a checkpoint file, or the name of a shipped model.
        device: where the networks go.

    Raises:
        InpaintxError: nothing is found there, the file is damaged, of another architecture than it
            says, or lacks D.
    """
    path = find(model)
    header, tensors = load(path, NETWORKS)
    if "architecture" not in header or "fit" not in header:
        raise InpaintxError(f"damaged checkpoint: {path}: its header lacks the architecture; train anew")
    architecture = Architecture.from_dict(header["architecture"])
    generator, discriminator = Generator(architecture), Discriminator(architecture)
    restore(generator, tensors, "generator.", path)
    restore(discriminator, tensors, "discriminator.", path)
    encoder = None
    if any(name.startswith("encoder.") for name in tensors):
        bank = tensors.setdefault("encoder.bank", torch.empty(0, architecture.nz))
        encoder = Encoder(architecture, len(bank))
        restore(encoder, tensors, "encoder.", path)
    for network in (generator, discriminator, encoder):
        if network is not None:
            network.to(device).eval().requires_grad_(False)
    return Model(generator, discriminator, encoder, header, path)


def state(network: nn.Module, prefix: str) -> dict[str, Tensor]:
    """The network's parameters and buffers under ``prefix``."""
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def restore(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str, path: Path) -> None:
    """Fills a network from a checkpoint's tensors; raises InpaintxError where they don't fit."""
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    part = prefix.rstrip(".")
    if not own:
        raise InpaintxError(f"checkpoint without a {part}: {path}; give a whole checkpoint")
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise InpaintxError(
            f"checkpoint of another architecture: {path}: its {part} does not fit its header; train anew"
        ) from error


def export(model: str | Path, out: Path, card: Mapping[str, Any] | None = None) -> None:
    """Writes what completion needs (networks, header) in half precision: a fraction of a run's checkpoint.

    Args:
        model: as for :func:`load_model`.
        out: the file to write.
        card: goes into the header as ``"card"``: how the model was made, what it scores.
    """
    header, tensors = load(find(model), NETWORKS)
    if card is not None:
        header["card"] = dict(card)
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    save(out, header, half)
