"""``inpaintx models``: the models there are, what each is and what it scored."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inpaintx.errors import InpaintxError, shown
from inpaintx_cli.choices import RUNS
from inpaintx_cli.stages import NAMES

if TYPE_CHECKING:
    from inpaintx.networks.listing import ModelFacts

METRICS = {"psnr": "PSNR {:.2f} dB", "perceptual": "perceptual distance {:.4f}"}


@click.command()
@click.argument("places", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(places: tuple[Path, ...], as_json: bool) -> None:
    """List the shipped models and the runs in PLACES: files, or folders with runs; by default ./runs.

    Says of each what it is, and what it scored in the hole: by its card, for each kind of hole; or, of a run,
    what its stages had last on pictures that were kept back. Files that are no models are named on stderr.
    """
    from inpaintx.networks.finding import FILE_NAME
    from inpaintx.networks.listing import facts_of, find_models
    from inpaintx.training.logs import last_scores

    found, broken = [], {}
    for name, path in find_models(places or ([RUNS] if RUNS.is_dir() else [])).items():
        try:
            found.append((facts_of(name, path), last_scores(path.parent) if path.name == FILE_NAME else {}))
        except InpaintxError as error:
            broken[name] = str(error)
    if as_json:
        models = [asdict(model) | {"kept_back": scores} for model, scores in found]
        click.echo(json.dumps({"models": models, "broken": broken}, indent=2, ensure_ascii=False))
        return
    click.echo("\n\n".join("\n".join(_lines(model, scores)) for model, scores in found))
    for why in broken.values():
        click.echo(f"Broken: {why}", err=True)


def _lines(model: ModelFacts, kept_back: dict[str, float]) -> list[str]:
    networks = [name for name in ("encoder", "predictor") if getattr(model, name)]
    facts = [
        f"{model.size}×{model.size}",
        "gray" if model.channels == 1 else "RGB",
        f"step {model.step:,}" + ("" if model.steps in (None, model.step) else f" of {model.steps:,}"),
        "with " + " and ".join(networks) if networks else "with neither encoder nor predictor",
    ]
    if model.pictures is not None:
        facts.insert(2, f"{model.pictures:,} pictures")
    lines = [f"{model.name}{' (shipped)' if model.shipped else ''}: {', '.join(facts)}"]
    if model.what:
        lines.append(f"  {shown(model.what)}")
    for mask, metrics in model.scores.items():
        figures = [form.format(metrics[name][0]) for name, form in METRICS.items() if name in metrics]
        lines.append(f"  {shown(mask)}: {', '.join(figures)}")
    if kept_back:
        figures = [f"{NAMES.get(stage, shown(stage))} {psnr:.2f} dB" for stage, psnr in kept_back.items()]
        lines.append(f"  on pictures kept back: {', '.join(figures)}")
    return lines
