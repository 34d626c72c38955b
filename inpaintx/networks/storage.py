"""Tensors and a JSON header in one safetensors file. No pickle.

Nothing in a file is trusted: its header is bounded, the shapes and types of tensors are compared with what is
wanted before any is read, and what is read must be what was saved, by checksums, and finite.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError

FORMAT = 1
HEADER_KEY = "inpaintx"
CHECKSUMS = "checksums"
#: What safetensors' header, with ours inside, may take: a tensor needs some 150 bytes of it, a card 3,000.
HEADER_BYTES = 4 * 2**20

_FLOATING = ("F16", "BF16", "F32", "F64")
_INTEGERS = {torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}


def save(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes a checkpoint to a temporary file in the same folder, then renames it.

    The header gets the format's version, the value range and a checksum of each tensor.

    Raises:
        InpaintxError: the file cannot be written; the old one, if any, is then still whole.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    checksums = {name: _checksum(tensor) for name, tensor in plain.items()}
    text = json.dumps({"format": FORMAT, "value_range": [-1, 1], **header, CHECKSUMS: checksums})
    if (
        len(text) > HEADER_BYTES // 2
    ):  # the other half: tensors' names and shapes, and quotes inside of quotes
        raise InpaintxError(
            f"can't write: {path} (its header has {len(text):,} characters); give a smaller model card"
        )
    with atomic_file(path) as file:
        file.write(safetensors.torch.save(plain, {HEADER_KEY: text}))


def load(path: Path, prefixes: tuple[str, ...] = ("",)) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Reads the header and the tensors whose names start with one of ``prefixes``.

    Raises:
        InpaintxError: the file is missing, damaged, or no checkpoint of this program.
    """
    with opened(path) as stored:
        return stored.header, stored.read(prefixes)


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """A checkpoint whose header has been read, and no tensor yet.

    Raises:
        InpaintxError: the file is missing, cut short, or no checkpoint of this program.
    """
    if not path.is_file():
        raise InpaintxError(f"no checkpoint: {path}; train one with `inpaintx train`")
    try:
        with open(path, "rb") as raw:  # safetensors would read a header of 100 MB
            length = int.from_bytes(raw.read(8), "little")
        if length > HEADER_BYTES:
            raise damaged(path, f"its header takes {length:,} bytes")
        with safe_open(path, framework="pt") as file:
            yield Stored(path, file)
    except (OSError, SafetensorError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str) -> InpaintxError:
    """The error of a file that can't be used as it is."""
    return InpaintxError(f"damaged checkpoint: {path}: {why}; copy it again or train anew")


class Stored:
    """A checkpoint's file while it is open.

    Attributes:
        path: where it is.
        header: the JSON header, without the checksums.
        names: of all its tensors.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file
        self.header = _header(path, file.metadata() or {})
        checksums = self.header.pop(CHECKSUMS, None)  # files of the first versions have none
        if checksums is not None and not isinstance(checksums, dict):
            raise damaged(path, "its checksums can't be read")
        self._checksums: dict[str, Any] | None = checksums
        self.names: list[str] = list(file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor, without reading it."""
        return tuple(self._file.get_slice(name).get_shape())

    def check(self, prefix: str, wanted: Mapping[str, Tensor], optional: Collection[str] = ()) -> None:
        """Compares the tensors under ``prefix`` with those wanted: names, shapes, kinds of numbers.

        Reads none of them, and takes tensors of the "meta" device, which hold nothing.

        Args:
            prefix: of the names in the file, with its dot.
            wanted: by their names without the prefix.
            optional: the names that may be missing.

        Raises:
            InpaintxError: there are none, or they don't fit.
        """
        part = prefix.rstrip(".")
        own = {name.removeprefix(prefix) for name in self.names if name.startswith(prefix)}
        if not own:
            raise InpaintxError(f"checkpoint without a {part}: {self.path}; give a whole checkpoint")
        if own - wanted.keys() or wanted.keys() - own - set(optional):
            raise self.misfit(part)
        for name in sorted(own):
            if self.shape(prefix + name) != tuple(wanted[name].shape):
                raise self.misfit(part)
            kind, floating = self._file.get_slice(prefix + name).get_dtype(), wanted[name].is_floating_point()
            if kind not in _FLOATING if floating else kind != _INTEGERS.get(wanted[name].dtype):
                raise damaged(self.path, f"{prefix}{name} is of the type {kind}")

    def misfit(self, part: str) -> InpaintxError:
        """The error of tensors that are not of the architecture that the header names."""
        return InpaintxError(
            f"checkpoint of another architecture: {self.path}: its {part} does not fit its header; train anew"
        )

    def read(self, prefixes: tuple[str, ...] = ("",)) -> dict[str, Tensor]:
        """The tensors whose names start with one of ``prefixes``.

        Raises:
            InpaintxError: one is not what was saved, or holds what no training gives.
        """
        names = [name for name in self.names if name.startswith(prefixes)]
        return {name: self._tensor(name) for name in names}

    def fill(self, network: nn.Module, prefix: str, optional: Collection[str] = ()) -> None:
        """Fills a network; arguments and errors as of :meth:`check`. What is optional and missing stays."""
        state = network.state_dict()
        self.check(prefix, state, optional)
        read = {name.removeprefix(prefix): tensor for name, tensor in self.read((prefix,)).items()}
        network.load_state_dict({**state, **read})

    def copy(self, prefix: str, tensors: Mapping[str, Tensor]) -> None:
        """Overwrites tensors, given by their names without ``prefix``; errors as of :meth:`check`."""
        self.check(prefix, tensors)
        for name, tensor in self.read((prefix,)).items():
            tensors[name.removeprefix(prefix)].data.copy_(tensor)

    def _tensor(self, name: str) -> Tensor:
        tensor: Tensor = self._file.get_tensor(name)
        if self._checksums is not None and self._checksums.get(name) != _checksum(tensor):
            raise damaged(self.path, f"{name} is not what was saved")
        if tensor.is_floating_point():
            if not tensor.float().isfinite().all():
                raise damaged(self.path, f"{name} holds NaN or infinity")
            if name.endswith("running_var") and (tensor < 0).any():
                raise damaged(self.path, f"{name} holds variances below 0")
        return tensor


def _header(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        header = dict(json.loads(metadata[HEADER_KEY]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InpaintxError(
            f"not an inpaintx checkpoint: {path}: it has no header; give another file"
        ) from error
    if header.get("format") != FORMAT:
        raise InpaintxError(
            f"checkpoint of another format: {path}: {shown(header.get('format'))}, "
            f"this version reads {FORMAT}; update inpaintx"
        )
    return header


def _checksum(tensor: Tensor) -> int:
    """CRC-32 of a tensor's type, shape and bytes: it tells any single flipped bit."""
    start = zlib.crc32(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, start)
