"""``inpaintx info``: what is installed and what of it works."""

import json
import platform
from importlib.metadata import version
from typing import Any

import click

from inpaintx import __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show versions, native code, devices, shipped models and plugins."""
    facts = _facts()
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(facts)))


def _facts() -> dict[str, Any]:
    import torch  # here, so that help doesn't load it

    from inpaintx.networks.checkpoint import shipped_models
    from inpaintx.ops.library import native_available, native_info
    from inpaintx.plugins import registry

    return {
        "inpaintx": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in ("torch", "numpy", "pillow")},
        "native": {"available": native_available(), **native_info()},
        "devices": _devices(),
        "threads": torch.get_num_threads(),
        "models": {name: str(path) for name, path in shipped_models().items()},
        "masks": registry.names("mask"),
        "blends": registry.names("blend"),
        "broken plugins": registry.failures(),
    }


def _devices() -> dict[str, str]:
    import torch

    gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    return {"cpu": platform.machine(), **{f"cuda:{gpu}": _gpu(gpu) for gpu in gpus}}


def _gpu(number: int) -> str:
    """Its name, its memory, and how many candidates of a usual model it would search together."""
    import torch

    from inpaintx.networks.devices import multiplies_bfloat16
    from inpaintx.options import Architecture, SearchOptions
    from inpaintx.search.batch import with_batch

    device, usual = torch.device("cuda", number), Architecture()
    inside = torch.bfloat16 if multiplies_bfloat16(device) else torch.float32
    free, whole = (memory / 2**30 for memory in torch.cuda.mem_get_info(device))
    return (
        f"{torch.cuda.get_device_name(device)}, {free:.1f} of {whole:.1f} GiB free: "
        f"{with_batch(SearchOptions(), usual, inside, device).rows} candidates at once "
        f"of a model with {usual.size} pixels and width {usual.width}"
    )


def _lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Facts as ``name: value``, those of a group indented below its name."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {_word(value)}")
    return lines


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, dict)):
        return ", ".join(map(str, value)) or "none"
    return str(value)
