"""What is recorded of each picture of a folder: in its result, in the manifest, and as a mask file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inpaintx.completion.manifest import Manifest, file_hash, mask_hash, model_hash
from inpaintx.errors import InpaintxError
from inpaintx.outputs import has_content, make_folder
from inpaintx.pictures import Picture, write_picture
from inpaintx.pictures.record import Repair, marked

if TYPE_CHECKING:
    from inpaintx.completion.completed import Completed
    from inpaintx.completion.plan import FolderPlan
    from inpaintx.networks.checkpoint import Networks
    from inpaintx.options import Control, SearchOptions
    from inpaintx.pictures.regions import Region
    from inpaintx.plugins.blends import BlendPlugin


def describe(
    model: Networks, blend: BlendPlugin, options: SearchOptions, control: Control, region: str | Region
) -> dict[str, Any]:
    """Model, settings and versions in plain values, without a place on this machine.

    Returns:
        ``model``: its file's name and SHA-256 and its collection's fingerprint; ``settings``: of the search
        and the blend, what fills, and the region; ``versions`` of what computes.
    """
    return {
        "model": {
            "name": model.source.name,
            "sha256": model_hash(model.source),
            "collection": model.header.get("collection", {}).get("fingerprint"),
        },
        "settings": {
            "search": asdict(options),
            "blend": describe_plugin(blend),
            "fill": control,
            "region": region if isinstance(region, str) else asdict(region),
        },
        "versions": _versions(),
    }


def differences(described: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what another of :func:`describe` differs, in words; empty: in nothing."""
    parts = [name for name in ("model", "settings") if described[name] != other[name]]
    versions = [
        f"{name} {other['versions'].get(name)} instead of {version}"
        for name, version in described["versions"].items()
        if other["versions"].get(name) != version
    ]
    return ", ".join([*parts, *versions])


def describe_plugin(plugin: Any) -> dict[str, Any]:
    """A plugin's name and options; of a path the name, since places differ from machine to machine."""
    options = (
        {field.name: getattr(plugin, field.name) for field in fields(plugin)} if is_dataclass(plugin) else {}
    )
    return {"name": getattr(plugin, "name", type(plugin).__name__)} | {
        name: value.name if isinstance(value, Path) else value
        for name, value in options.items()
        if isinstance(value, (Path, str, int, float, bool, type(None)))
    }


def search_of(completed: Completed) -> dict[str, Any]:
    """How the search for a result went, in plain values."""
    return {
        "contextual_loss": completed.contextual,
        "prior_loss": completed.prior,
        "iterations": completed.iterations,
        "uncertainty": float(completed.uncertainty[~completed.mask].mean()),
        "regions": [chosen.described for chosen in completed.regions],
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("inpaintx", "torch", "numpy", "pillow")}


def means_of(described: Mapping[str, Any], mask: Mapping[str, Any], format: str, seed: int) -> dict[str, Any]:
    """All that a result follows from but its picture and its mask's pixels.

    Args:
        described: of the completer: see :func:`describe`.
        mask: the plugin, as :func:`describe_plugin` gives it.
        format: of the result, as it was asked for.
        seed: of the mask.
    """
    settings = {**described["settings"], "mask": dict(mask), "format": format}
    return {**described, "settings": settings, "seed": seed}


def repair_of(mask: np.ndarray, means: Mapping[str, Any]) -> Repair:
    """The repair of what a mask hides, bool ``[H, W]``, by means that :func:`means_of` gives."""
    return Repair.of(mask, means, f"inpaintx {means['versions']['inpaintx']}")


def line_of(
    picture: str | None, status: str, mask: np.ndarray | None, sha256: str | None, means: Mapping[str, Any]
) -> dict[str, Any]:
    """A manifest's line of a result, but for the result itself.

    Args:
        picture: the file, as it was named.
        status: ``"completed"`` or ``"undamaged"``.
        mask: bool ``[H, W]``, True = keep; None: it hides nothing.
        sha256: of the picture's file.
        means: see :func:`means_of`.
    """
    return {"picture": picture, "status": status} | _inputs(sha256, mask, means)


def _inputs(sha256: str | None, mask: np.ndarray | None, means: Mapping[str, Any]) -> dict[str, Any]:
    return {"picture_sha256": sha256, "mask_sha256": None if mask is None else mask_hash(mask), **means}


class Ledger:
    """Records what becomes of the pictures of a plan; from one thread, but for :meth:`is_done`.

    Args:
        plan: what is to be done.
        described: of the completer: see :func:`describe`.
    """

    def __init__(self, plan: FolderPlan, described: Mapping[str, Any]) -> None:
        self._plan, request = plan, plan.request
        self._means = means_of(described, describe_plugin(request.mask), request.format, request.seed)
        self._manifest: Manifest | None = plan.manifest

    def is_done(self, path: Path, mask: np.ndarray | None) -> bool:
        """Whether an earlier run did this picture with just this mask (None: it is undamaged) and means.

        Raises:
            InpaintxError: its result was changed since, or no run made it: whose work it is can't be told.
        """
        target = self._plan.targets[path]
        if self._manifest is None or not self._plan.request.skip_done or not has_content(target):
            return False
        written, replaced = self._manifest.result_hashes(self._name(path))
        if written is None:
            raise InpaintxError(f"no run wrote it: {target}; move it away to have it made")
        there = file_hash(target)
        if there not in (written, replaced):
            raise InpaintxError(f"changed since it was written: {target}; move it away to have it made again")
        if there != written:
            return False  # a run was killed between the line and its result
        return self._manifest.holds(self._name(path), _inputs(file_hash(path), mask, self._means))

    def marked(self, picture: Picture, mask: np.ndarray) -> Picture:
        """The result with its record, unless none is wanted."""
        if not self._plan.request.record:
            return picture
        return marked(picture, repair_of(mask, self._means))

    def show(self, path: Path, mask: np.ndarray) -> None:
        """Writes what is filled as a mask file, where these are wanted.

        Raises InpaintxError where it can't be.
        """
        if self._plan.request.masks is not None:
            file = self._plan.mask_files[self._plan.targets[path]]
            make_folder(file.parent)
            write_picture(Picture(np.where(mask, 0, 255).astype(np.uint8)), file, "png")

    def complete(self, path: Path, completed: Completed, not_kept: str, data: bytes) -> None:
        """Records a result, whose file is to be ``data``, before it has its name.

        A run that goes on leaves a result alone that has no line, since it may be somebody's own work; of a
        line without its result it makes that. Raises InpaintxError where it can't be recorded.
        """
        masks, mask = self._plan.request.masks, completed.mask
        line = {"filled": repair_of(mask, self._means).filled, "search": search_of(completed)}
        if masks is not None:
            file = self._plan.mask_files[self._plan.targets[path]]
            line["filled"]["mask"] = str(file.relative_to(masks))
        self._add(path, "completed", mask, line | ({"not_kept": not_kept} if not_kept else {}), data)

    def leave(self, path: Path, data: bytes) -> None:
        """Records an undamaged picture, whose copy is to be ``data``, before it has its name."""
        self._add(path, "undamaged", None, {}, data)

    def fail(self, path: Path, why: str) -> None:
        """Records a picture that failed."""
        if self._manifest is not None:
            line = {"picture": str(path), "status": "failed", "why": why}
            written, replaced = self._manifest.result_hashes(self._name(path))
            # What an earlier run wrote is still ours, though this one had said what it would write there.
            kept = replaced if file_hash(self._plan.targets[path]) == replaced else written
            self._manifest.add(self._name(path), line | ({"result_sha256": kept} if kept else {}))

    def close(self) -> None:
        """Leaves a manifest of one line a picture."""
        if self._manifest is not None:
            self._manifest.close()

    def _add(
        self, path: Path, status: str, mask: np.ndarray | None, more: Mapping[str, Any], data: bytes
    ) -> None:
        if self._manifest is None:
            return
        line = {**line_of(str(path), status, mask, file_hash(path), self._means), **more}
        written, replaced = sha256(data).hexdigest(), file_hash(self._plan.targets[path])
        line["result_sha256"] = written
        if replaced not in (None, written):
            line["replaced_sha256"] = replaced
        self._manifest.add(self._name(path), line)

    def _name(self, path: Path) -> str:
        return self._plan.targets[path].relative_to(self._plan.request.out).as_posix()
