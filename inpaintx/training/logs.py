"""What a run writes beside its checkpoint: a line a step, a line a score, and what was kept back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from inpaintx.atomic import atomic_file
from inpaintx.errors import InpaintxError

LOG_NAME, SCORES_NAME = "log.jsonl", "scores.jsonl"
HELD_OUT_NAME = "held-out.txt"  # the pictures kept back, one a line, by their paths in the folder


@dataclass(frozen=True)
class Report:
    """One step of G and D, as told to the progress callback: losses are batch means in nats."""

    step: int
    loss_d: float
    loss_g: float
    seconds: float


@dataclass(frozen=True)
class Scored:
    """A score on what was kept back.

    Attributes:
        stage: ``"gan"``, ``"encoder"`` or ``"predictor"``.
        step: of the stage.
        psnr: in the hole, dB, see :class:`inpaintx.training.score.Score`.
    """

    stage: str
    step: int
    psnr: float


def is_log(path: Path) -> bool:
    """Whether a file is the log of a run, which may have been stopped before its first step."""
    try:
        with path.open("rb") as file:
            first = file.readline(80)
            return not first or first.startswith(b'{"step": 1, "loss_d": ')
    except OSError:
        return False


@contextmanager
def log(path: Path, step: int) -> Iterator[Callable[[Report], None]]:
    """Appends reports to the run's log, after dropping what a lost continuation wrote past ``step``.

    Each line is written when it is made: a run that is killed leaves no gap before its checkpoint.
    """
    try:
        lines = path.read_text(errors="replace").splitlines(keepends=True) if path.is_file() else []
        if len(lines) > step:  # a line a step, from the first on
            with atomic_file(path) as whole:
                whole.write("".join(lines[:step]).encode())
        file = path.open("a", buffering=1)
    except OSError as error:
        raise InpaintxError(f"can't write: {path} ({error.strerror}); choose another --out") from error
    with file:
        yield lambda report: print(json.dumps(asdict(report)), file=file)


def score_log(run: Path, on_score: Callable[[Scored], None]) -> Callable[[Scored], None]:
    """Appends scores to the run's, and tells of them."""

    def scored(score: Scored) -> None:
        with (run / SCORES_NAME).open("a") as file:
            print(json.dumps(asdict(score)), file=file)
        on_score(score)

    return scored


def last_scores(run: Path) -> dict[str, float]:
    """What a run scored last on what was kept back: dB by stage, see :class:`Scored`; empty where none was.

    Lines that a kill cut short, or that are none of ours, are passed over.
    """
    found: dict[str, float] = {}
    try:
        lines = (run / SCORES_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            score = Scored(**json.loads(line))
            found[str(score.stage)] = float(score.psnr)
        except (TypeError, ValueError):
            continue
    return found


def write_held_out(run: Path, names: list[str]) -> None:
    """Lists what was kept back, as ``eval --only`` and ``--exclude-from`` take it."""
    with atomic_file(run / HELD_OUT_NAME) as file:
        file.write("".join(f"{name}\n" for name in names).encode())
