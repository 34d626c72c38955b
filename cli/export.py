"""``inpaintx export``: a small checkpoint from a run, and G for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx.outputs import check_free, check_harmless, make_folder
from inpaintx_cli.options import OutPath, model_option, overwrite_option


@click.command()
@model_option
@click.option("--out", type=OutPath(path_type=Path), help="The .safetensors file to write.")
@click.option("--card", type=click.Path(path_type=Path), help="A JSON file to put into the header of --out.")
@click.option(
    "--onnx",
    type=OutPath(path_type=Path),
    help="Write G as ONNX (an extra): codes [B, nz] in, images [B, C, size, size] in [-1, 1] out.",
)
@click.option(
    "--torch-export", type=OutPath(path_type=Path), help="Write the same for torch.export.load (.pt2)."
)
@overwrite_option
def command(
    model: str,
    out: Path | None,
    card: Path | None,
    onnx: Path | None,
    torch_export: Path | None,
    overwrite: bool,
) -> None:
    """Write what completion needs of a run, in half precision: all networks and the header. Or G for others.

    --onnx and --torch-export write G alone, in single precision, for programs that draw by it.
    """
    from inpaintx.networks import checkpoint, interchange

    written = [path for path in (out, onnx, torch_export) if path is not None]
    if not written:
        raise click.UsageError("nothing to write; give --out, --onnx or --torch-export")
    facts = None if card is None else _read_card(card)
    networks = checkpoint.load_model(model)  # it must be whole before a copy of it is worth anything
    check_harmless(written, [networks.source])
    check_free(written, overwrite)
    for path in written:
        make_folder(path.parent)
    if out is not None:
        checkpoint.export(networks.source, out, facts)
    if onnx is not None:
        interchange.write_onnx(networks.generator, onnx)
    if torch_export is not None:
        interchange.write_torch_export(networks.generator, torch_export)
    for path in written:
        click.echo(f"{shown(path)}: {path.stat().st_size / 2**20:.1f} MiB")


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InpaintxError(f"not a JSON file: {path}: {error}; give a model card as JSON") from error
    if not isinstance(card, dict):
        raise InpaintxError(f"not a model card: {path} holds no JSON object; write one in braces")
    return card
