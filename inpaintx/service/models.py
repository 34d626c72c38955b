"""The models of a service: those that are shipped and those that were given, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.checkpoint import Networks, described, find, shipped_models
from inpaintx.networks.storage import opened
from inpaintx.plugins.options import nearest


class NoSuchModel(InpaintxError):
    """The service has no model of this name."""


class Models:
    """Models by name: a run's folder or a file is called as on the disk, without its suffix.

    Args:
        given: run folders, checkpoint files or names of shipped models; the first is the one to use where
            nobody says. The other shipped models are there, too.
        device: where the networks go.

    Attributes:
        first: the name of the first.

    Raises:
        InpaintxError: there is no such model, or two are called alike.
    """

    def __init__(self, given: Sequence[str], device: torch.device) -> None:
        self._device = device
        self._files: dict[str, Path] = {}
        for each in given:
            name, file = _name_of(each), find(each)
            if self._files.setdefault(name, file) != file:
                raise InpaintxError(
                    f"two models are called {name}: {self._files[name]} and {file}; rename one"
                )
        self.first = next(iter(self._files))
        for name, file in shipped_models().items():
            self._files.setdefault(name, file)
        self._loaded: dict[str, Networks] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all there are, the first one first."""
        return tuple(self._files)

    def check(self, name: str) -> str:
        """The name, if there is such a model; raises NoSuchModel with the nearest one where there is none."""
        if name not in self._files:
            raise NoSuchModel(f"there is no model {name!r}{nearest(name, list(self._files))}; see /v1/models")
        return name

    def load(self, name: str) -> Networks:
        """The networks, loaded when they are first wanted; one thread at a time may ask for them."""
        if name not in self._loaded:
            self._loaded[name] = checkpoint.load_model(self._files[self.check(name)], self._device)
        return self._loaded[name]

    def list(self) -> list[dict[str, Any]]:
        """For each its name, whether it is the first, and what it was trained on."""
        return [
            {"name": name, "first": name == self.first, **_facts(file)} for name, file in self._files.items()
        ]


def _name_of(model: str) -> str:
    """What a model is called that a user gives: not where it is."""
    path = Path(model)
    if path.is_file() and path.name == checkpoint.FILE_NAME:
        path = path.parent
    return path.resolve().name if path.is_dir() else path.stem


@cache
def _facts(file: Path) -> dict[str, Any]:
    with opened(file) as stored:
        architecture = described(stored)
        held = {name.split(".")[0] for name in stored.names}
    return {
        "size": architecture.size,
        "channels": architecture.channels,
        "fit": stored.header["fit"],
        "encoder": "encoder" in held,
        "predictor": "predictor" in held,
    }
