"""What models there are, and what is known of each without loading its networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import described, run_step
from inpaintx.networks.finding import FILE_NAME, shipped_models
from inpaintx.networks.storage import Stored, opened


@dataclass(frozen=True)
class ModelFacts:
    """What a checkpoint's header says.

    Attributes:
        name: what ``--model`` takes: a shipped model's name, a run's folder, or a file.
        shipped: whether it comes with inpaintx.
        size: the side of its images, in pixels.
        channels: 1 or 3.
        pictures: how many it learned from; None where the file doesn't say.
        step: how far training got.
        steps: how far it was to get; None where the file doesn't say.
        encoder: whether it has one; ``predictor`` likewise.
        predictor: see ``encoder``.
        what: its card's description; empty where there is none.
        scores: its card's: by mask, then by metric, a figure with the ends of its interval; empty where there
            are none.
    """

    name: str
    shipped: bool
    size: int
    channels: int
    pictures: int | None
    step: int
    steps: int | None
    encoder: bool
    predictor: bool
    what: str
    scores: dict[str, Any]


def find_models(places: Iterable[Path]) -> dict[str, Path]:
    """Names and files of the shipped models, then of all runs and exports in folders, nested ones too.

    Raises:
        InpaintxError: one of the places does not exist.
    """
    found = shipped_models()
    for place in places:
        if not place.exists():
            raise InpaintxError(f"no such file or folder: {place}; give runs, or folders of runs")
        files = [place] if place.is_file() else sorted(place.rglob("*.safetensors"))
        found |= {str(file.parent if file.name == FILE_NAME else file): file for file in files}
    return found


def facts_of(name: str, path: Path) -> ModelFacts:
    """What a checkpoint says of itself, by its header. Raises InpaintxError where it is damaged or none."""
    with opened(path) as stored:
        architecture = described(stored)
        networks = {tensor.partition(".")[0] for tensor in stored.names}
        card = _part(stored, "card")
        return ModelFacts(
            name,
            shipped_models().get(name) == path,
            architecture.size,
            architecture.channels,
            _whole(_part(stored, "collection").get("count")),
            run_step(stored),
            _whole(_part(stored, "options").get("steps")),
            "encoder" in networks,
            "predictor" in networks,
            str(card.get("what", "")),
            _scores(card),
        )


def _part(stored: Stored, name: str) -> dict[str, Any]:
    part = stored.header.get(name)
    return part if isinstance(part, dict) else {}


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _scores(card: dict[str, Any]) -> dict[str, Any]:
    """The scores of a card, without the words about them: what it holds is its author's."""
    scores = card.get("scores")
    return {
        str(mask): {
            str(metric): figures
            for metric, figures in metrics.items()
            if isinstance(figures, list) and figures and all(isinstance(one, (int, float)) for one in figures)
        }
        for mask, metrics in (scores.items() if isinstance(scores, dict) else ())
        if isinstance(metrics, dict)
    }
