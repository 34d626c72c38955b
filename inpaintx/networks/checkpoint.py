"""Checkpoints: the networks in one file, and finding it.

The header says the architecture, the value range, how pictures were fitted to the square and how far
training got. Tensors are named ``generator.*`` (the averaged G), ``discriminator.*``, ``encoder.*`` and
``predictor.*`` once there are such and, where training can go on from the file, ``training.*``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shown
from typing import Any, TypeVar, get_args

import torch
from torch import Tensor, nn

from inpaintx.errors import InpaintxError
from inpaintx.networks.architectures import build
from inpaintx.networks.base import Discriminator, Generator
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.finding import FILE_NAME, find, shipped_models
from inpaintx.networks.predictor import Predictor
from inpaintx.networks.shares import Shares, fine_of, shares_of
from inpaintx.networks.storage import HEADER_KEY, Stored, damaged, load, opened, save
from inpaintx.options import Architecture, Fit, TrainOptions

__all__ = [
    "FILE_NAME",
    "HEADER_KEY",
    "Networks",
    "export",
    "find",
    "load",
    "load_model",
    "save",
    "shipped_models",
    "state",
]

TRAINING = "training."
NETWORKS = ("generator.", "discriminator.", "encoder.", "predictor.")
BANK = "encoder.bank"
LAST = "predictor.last.bias"
MIDDLE = "predictor.middle.1.bias"
OPTIONAL = ("bank",)  # encoders of the first versions have none


N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Networks:
    """Trained networks, ready for use: frozen, in evaluation mode, float32.

    Attributes:
        generator: the averaged G.
        discriminator: D.
        encoder: guesses codes for G; None where training left it out or has not come to it.
        header: the checkpoint's JSON header.
        source: the file it came from.
        predictor: draws what is to be expected in holes; None where training left it out, has not come to
            it, or was before there was one.
    """

    generator: Generator
    discriminator: Discriminator
    encoder: Encoder | None
    header: dict[str, Any]
    source: Path
    predictor: Predictor | None = None

    @property
    def architecture(self) -> Architecture:
        """Of G and D."""
        return self.generator.architecture

    @property
    def fit(self) -> Fit:
        """How pictures were fitted to the square, as :func:`.fit_picture` takes it."""
        return self.header["fit"]

    @property
    def scales(self) -> tuple[int, ...]:
        """Of a model of patches: pixels of the pictures to one of the model's, along a side; others: none."""
        return tuple(self.header.get("scales", ()))

    @property
    def flip(self) -> bool:
        """Whether mirror images were learned from, too, as :meth:`.Collection.learned` gives them."""
        return self.header.get("options", {}).get("flip", False)

    @property
    def shares(self) -> Shares:
        """What a mean is mixed of, by depth in the hole."""
        return shares_of(self.header)

    @property
    def fine(self) -> float:
        """How much of what is fine in a sample is the predictor's: see :func:`.fine_of`."""
        return fine_of(self.header)


def load_model(model: str | Path, device: torch.device | str = "cpu") -> Networks:
    """Loads the networks for use.

    Args:
        model: a run folder, a checkpoint file, or the name of a shipped model.
        device: where the networks go.

    Raises:
        InpaintxError: nothing is found there, the file is damaged, of another architecture than it
            says, or lacks D.
    """
    path = find(model)
    with opened(path) as stored:
        architecture = described(stored)
        outlines = _outlines(stored, architecture)
        for prefix, outline in zip(NETWORKS, outlines, strict=True):  # all before the first is read
            if outline is not None:
                stored.check(prefix, outline.state_dict(), OPTIONAL)
        generator, discriminator, encoder, predictor = outlines
        _read(stored, generator, "generator.")
        _read(stored, discriminator, "discriminator.")
        if encoder is not None:
            _read(stored, encoder, "encoder.", OPTIONAL)
        if predictor is not None:
            _read(stored, predictor, "predictor.")
    for network in outlines:
        if network is not None:
            network.to(device)
    return Networks(generator, discriminator, encoder, stored.header, path, predictor)


def described(stored: Stored) -> Architecture:
    """The architecture that a header says. Raises InpaintxError where what completion needs is missing."""
    header, path = stored.header, stored.path
    if not isinstance(header.get("architecture"), dict) or "fit" not in header:
        raise InpaintxError(f"damaged checkpoint: {path}: its header lacks the architecture; train anew")
    if header["fit"] not in get_args(Fit):
        raise damaged(path, f"its fit is {shown(header['fit'])}, not one of {', '.join(get_args(Fit))}")
    options = header.get("options", {})
    if not isinstance(options, dict) or not isinstance(options.get("flip", False), bool):
        raise damaged(path, "its options can't be read")
    try:
        shares_of(header)
        fine_of(header)
        return Architecture.from_dict(header["architecture"])
    except (InpaintxError, ValueError) as error:
        raise InpaintxError(f"damaged checkpoint: {path}: {error}") from error


def run_options(stored: Stored) -> TrainOptions:
    """The options of the run that a checkpoint is of. Raises InpaintxError where it is of none."""
    try:
        return TrainOptions.from_dict(dict(stored.header["options"]))
    except (InpaintxError, KeyError, TypeError, ValueError) as error:
        raise InpaintxError(
            f"cannot resume: {stored.path} holds no training run: {error}; train anew"
        ) from error


def run_step(stored: Stored) -> int:
    """How far training had got. Raises InpaintxError where the header doesn't say."""
    step = stored.header.get("step")
    if type(step) is not int or step < 0:
        raise damaged(stored.path, f"its step is {shown(step)}")
    return step


def read_encoder(stored: Stored, architecture: Architecture) -> Encoder | None:
    """The encoder, in evaluation mode; None where there is none in the file."""
    _, _, encoder, _ = _outlines(stored, architecture)
    return None if encoder is None else _read(stored, encoder, "encoder.", OPTIONAL)


def read_predictor(stored: Stored, architecture: Architecture) -> Predictor | None:
    """The predictor, in evaluation mode; None where there is none in the file."""
    *_, predictor = _outlines(stored, architecture)
    return None if predictor is None else _read(stored, predictor, "predictor.")


def _read(stored: Stored, outline: N, prefix: str, optional: Collection[str] = ()) -> N:
    stored.check(prefix, outline.state_dict(), optional)
    # Not to_empty, for which torch imports sympy: a third of a second.
    empty = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype) for name, tensor in outline.state_dict().items()
    }
    outline.load_state_dict(empty, assign=True)
    stored.fill(outline, prefix, optional)
    return outline.eval().requires_grad_(False)


def _outlines(
    stored: Stored, architecture: Architecture
) -> tuple[Generator, Discriminator, Encoder | None, Predictor | None]:
    """The networks that a file says it holds: shapes only, which take no memory."""
    bank = _length(stored, BANK, 0)
    gated = LAST in stored.names and stored.shape(LAST) != (architecture.channels + 1,)
    middle = _length(stored, MIDDLE, 1)
    held = {name.split(".")[0] for name in stored.names}
    try:
        with torch.device("meta"):
            return (
                *build(architecture),
                Encoder(architecture, bank) if "encoder" in held else None,
                Predictor(architecture, gated, middle) if "predictor" in held else None,
            )
    except (RuntimeError, OverflowError, TypeError) as error:
        raise damaged(stored.path, "its networks are larger than can be") from error


def _length(stored: Stored, name: str, otherwise: int) -> int:
    """Of a tensor's first axis; where there is none, or no such tensor, otherwise."""
    return (*stored.shape(name), otherwise)[0] if name in stored.names else otherwise


def state(network: nn.Module, prefix: str) -> dict[str, Tensor]:
    """The network's parameters and buffers under ``prefix``."""
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


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
    for name, tensor in half.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InpaintxError(f"can't export {model}: {name} is too large for half precision; train anew")
    save(out, header, half)
