"""Where checkpoints are: runs, files, and the models that come inside the package. Loads no torch."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from inpaintx.errors import InpaintxError

FILE_NAME = "checkpoint.safetensors"


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
