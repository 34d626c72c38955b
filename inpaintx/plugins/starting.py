"""A plugin project to start from."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from inpaintx.errors import InpaintxError
from inpaintx.plugins import INTERFACE
from inpaintx.plugins.registry import NAME, Kind

_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "inpaintx-{name}"
version = "0.1.0"
description = "A {kind} for inpaintx"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["inpaintx", "numpy"]

[project.entry-points."inpaintx.{kind}s"]
{name} = "{module}:{cls}"

[tool.setuptools]
py-modules = ["{module}"]
"""

_MASK = '''\
"""The mask `{name}` for inpaintx."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from inpaintx.pictures import Picture


@dataclass(frozen=True)
class {cls}:
    """Hides a band across the picture, at a random height."""

    name: ClassVar[str] = "{name}"
    interface: ClassVar[int] = {interface}
    share: float = field(
        default=0.25,
        metadata={{"help": "the band's share of the picture's height", "least": 0.01, "most": 0.9}},
    )

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        height = max(1, round(self.share * picture.height))
        top = rng.integers(max(1, picture.height - height + 1))
        keep = np.ones((picture.height, picture.width), dtype=bool)
        keep[top : top + height] = False
        return keep
'''

_BLEND = '''\
"""The blend `{name}` for inpaintx."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class {cls}:
    """Shifts the fill's brightness towards that of the known pixels."""

    name: ClassVar[str] = "{name}"
    interface: ClassVar[int] = {interface}
    share: float = field(
        default=1.0,
        metadata={{"help": "how much of the difference is made up for", "least": 0.0, "most": 1.0}},
    )

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]. The picture is only valid where mask is True."""
        shift = np.float32(self.share) * (picture[mask] - fill[mask]).mean(axis=0)
        return np.where(mask[..., None], picture, np.clip(fill + shift, 0, 1))
'''

_TEST = """\
from inpaintx.testing import check_{kind}_plugin

from {module} import {cls}


def test_it_keeps_to_the_contract() -> None:
    check_{kind}_plugin({cls})
    check_{kind}_plugin({cls}, share=0.5)
"""

_README = """\
# inpaintx-{name}

A {kind} for inpaintx. Install it where inpaintx is installed, check it, and use it:

    pip install --no-build-isolation -e .
    inpaintx plugins check {name}
    python -m pytest
    inpaintx plugins info {name}
    inpaintx complete picture.png --model chars {use} -o {kind}.share=0.5 --out repaired
"""


def new_project(name: str, kind: Kind, folder: Path) -> Path:
    """A new folder with an installable plugin: its module, ``pyproject.toml``, a test and a README.

    name: what the plugin will be called. Gives the folder back.
    Raises InpaintxError where the name is no plugin's, or the folder exists or can't be made.
    """
    if not NAME.fullmatch(name) or not name[0].isalpha():
        spelt = "-".join(re.findall(r"[a-z0-9]+", name.lower())).lstrip("0123456789-") or "my-plugin"
        raise InpaintxError(
            f"{name!r} is no plugin's name: lower-case words joined by hyphens, a letter first; say {spelt}"
        )
    module = "inpaintx_" + name.replace("-", "_")
    cls = "".join(word.capitalize() for word in name.split("-"))
    words = {
        "name": name,
        "kind": kind,
        "module": module,
        "cls": cls + "Plugin" if keyword.iskeyword(cls) else cls,
        "interface": INTERFACE,
        "use": f"--mask-plugin {name}" if kind == "mask" else f"--mask holes.png --blend {name}",
    }
    files = {
        "pyproject.toml": _PROJECT,
        "README.md": _README,
        f"{module}.py": _MASK if kind == "mask" else _BLEND,
        f"tests/test_{module}.py": _TEST,
    }
    try:
        folder.mkdir(parents=True)
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.format(**words), encoding="utf-8")
    except FileExistsError as error:
        raise InpaintxError(f"{folder} exists already; name another folder with --out") from error
    except OSError as error:
        raise InpaintxError(f"{folder} can't be made: {error.strerror}; name another with --out") from error
    return folder
