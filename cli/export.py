"""``inpaintx export``: a small checkpoint from a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx.outputs import check_free, check_harmless, make_folder
from inpaintx_cli.options import model_option, overwrite_option


@click.command()
@model_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .safetensors file to write.")
@click.option("--card", type=click.Path(path_type=Path), help="A JSON file to put into the header.")
@overwrite_option
def command(model: str, out: Path, card: Path | None, overwrite: bool) -> None:
    """Write what completion needs of a run, in half precision: G, D and the header."""
    from inpaintx.networks import checkpoint

    facts = None if card is None else _read_card(card)
    source = checkpoint.load_model(model).source  # it must be whole before a copy of it is worth anything
    check_harmless([out], [source])
    check_free([out], overwrite)
    make_folder(out.parent)
    checkpoint.export(source, out, facts)
    click.echo(f"{shown(out)}: {out.stat().st_size / 2**20:.1f} MiB")


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InpaintxError(f"not a JSON file: {path}: {error}; give a model card as JSON") from error
    if not isinstance(card, dict):
        raise InpaintxError(f"not a model card: {path} holds no JSON object; write one in braces")
    return card
