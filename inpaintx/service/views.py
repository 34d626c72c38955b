"""What the service answers, as its description says."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from inpaintx.service.job import Job, State
from inpaintx.service.jobs import Queue
from inpaintx.service.results import Result


class Problem(BaseModel):
    """An error."""

    detail: str = Field(description="What is wrong, where, and what to do, in one line.")


class Submitted(BaseModel):
    """A job that was put into the queue."""

    id: str
    position: int = Field(description="Among those that wait, 1 for the next; 0: it doesn't wait any more.")


class JobView(Submitted):
    """A job as it stands."""

    state: State
    iteration: int = Field(description="Gradient steps that were taken.")
    iterations: int = Field(description="Gradient steps that are taken at most; 0: none, or not begun.")
    error: str | None = Field(description="Why it failed, in one line.")
    candidates: int = Field(description="How many there are to choose from; 0: it isn't done.")
    record: dict[str, Any] | None = Field(description="What was filled, and by what; null: it isn't done.")
    width: int
    height: int


class ModelView(BaseModel):
    """A model."""

    name: str
    first: bool = Field(description="Whether it is the one that completes where nobody says.")
    size: int = Field(description="Side of what it sees, in pixels.")
    channels: int
    fit: str
    encoder: bool
    predictor: bool


class OptionView(BaseModel):
    """An option of a plugin."""

    name: str
    help: str
    takes: str = Field(description="In words.")
    type: Literal["boolean", "integer", "number", "string"]
    choices: list[Any] | None
    nullable: bool
    default: Any


class PluginView(BaseModel):
    """A plugin."""

    kind: Literal["mask", "blend"]
    name: str
    description: str
    package: str
    options: list[OptionView]


def view(job: Job, queue: Queue) -> dict[str, Any]:
    """A job in plain values, as :class:`JobView` describes them."""
    result: Result | None = job.result if job.state == "done" else None
    return {
        "id": job.id,
        "position": queue.position(job),
        "state": job.state,
        "iteration": job.iteration,
        "iterations": job.iterations,
        "error": None if job.error is None else str(job.error),
        "candidates": 0 if result is None else result.candidates,
        "record": None if result is None else result.record,
        "width": job.task.picture.width,
        "height": job.task.picture.height,
    }
