"""`inpaintx export`: a small checkpoint from a run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from inpaintx.errors import InpaintxError
from inpaintx_cli.options import model_option


@click.command()
@model_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .safetensors file to write.")
@click.option("--card", type=click.Path(path_type=Path), help="A JSON file to put into the header.")
def command(model: str, out: Path, card: Path | None) -> None:
    """Write what completion needs of a run, in half precision: G, D and the header."""
    from inpaintx.checkpoint import export

    facts = None
    if card is not None:
        try:
            facts = json.loads(card.read_text())
        except (OSError, ValueError) as error:
            raise InpaintxError(f"not a JSON file: {card}: {error}; give a model card as JSON") from error
    export(model, out, facts)
    click.echo(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")
