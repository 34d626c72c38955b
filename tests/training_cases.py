"""A small run of training: shared by the tests of training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inpaintx.networks import checkpoint
from inpaintx.options import Architecture, Fit, TrainOptions
from inpaintx.training import LOG_NAME, Team, Trainer
from inpaintx.training.collection import Collection
from inpaintx.training.course import Progress

CPU = torch.device("cpu")
SHAPE = Architecture(size=32, channels=1, width=4, nz=8)
OPTIONS = TrainOptions(steps=7, batch=5, save_every=100, seed=3, encoder_steps=0, predictor_steps=0)


def drawn(count: int) -> Collection:
    """Discs of several places and sizes, no two alike and none its own mirror image."""
    rows, columns = np.mgrid[:32, :32]
    discs = [(rows - 10 - i % 5) ** 2 + (columns - 7 - i % 7) ** 2 < (4 + i % 4) ** 2 for i in range(count)]
    images = np.where(np.stack(discs), 230 - np.arange(count)[:, None, None], 20).astype(np.uint8)
    return Collection(torch.from_numpy(images)[:, None], [Path(f"{i}.png") for i in range(count)])


def make_trainer(
    options: TrainOptions = OPTIONS, count: int = 12, fit: Fit = "crop", device: torch.device = CPU
) -> Trainer:
    return Trainer(drawn(count), SHAPE, options, fit, Team(device=device))


def steps_in_log(run: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (run / LOG_NAME).read_text().splitlines()]


def of_stage(stage: str, tell: Callable[[float], object]) -> Callable[[Progress], None]:
    """Tells the losses of one stage of a run."""

    def on_progress(progress: Progress) -> None:
        if progress.stage == stage:
            tell(progress.losses[0])

    return on_progress


def run_state(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A run's checkpoint, but for how long it took."""
    header, tensors = checkpoint.load(folder / checkpoint.FILE_NAME)
    return {key: value for key, value in header.items() if key not in ("seconds", "clock")}, tensors


def same_run(first: Path, second: Path) -> bool:
    """Whether two runs' checkpoints are the same bits, but for how long they took."""
    (header, tensors), (other_header, others) = map(run_state, (first, second))
    return (
        header == other_header
        and tensors.keys() == others.keys()
        and all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())
    )
