"""Modules by the names that they had before: plugins and programs written then go on working."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

#: What the README and the interfaces of version 0.1 named, and where it is now.
MOVED = {
    "inpaintx.registry": "inpaintx.plugins.registry",
    "inpaintx.testing": "inpaintx.plugins.testing",
    "inpaintx.masking": "inpaintx.plugins.masks",
    "inpaintx.blending": "inpaintx.plugins.blends",
    "inpaintx.solvers": "inpaintx.ops.solvers",
    "inpaintx.checkpoint": "inpaintx.networks.checkpoint",
    "inpaintx.data": "inpaintx.training.collection",
}


class _Forwarder:
    """Finds and loads the modules of :data:`MOVED`; each is the very module that has its new name.

    Not by ``importlib.abc``, whose import takes longer than all else that ``import inpaintx`` does.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python does."""

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def forward() -> None:
    """Makes the old names importable."""
    sys.meta_path.append(_Forwarder())
