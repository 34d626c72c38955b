"""What a service does at most: for one client, and for all of them together. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from inpaintx.checks import check, check_positive


def _limit(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Limits:
    """Limits of a service, each of them a flag of ``inpaintx serve``.

    Raises:
        InpaintxError: a value can't be one.
    """

    megabytes: float = _limit(64, "Of a request at most: picture, mask and settings together.")
    megapixels: float = _limit(50, "Of a picture at most.")
    most_candidates: int = _limit(64, "Candidates that a request may ask for at most.")
    most_iterations: int = _limit(2000, "Gradient steps that a request may ask for at most.")
    most_starts: int = _limit(4096, "Random codes that a request may have looked at at most.")
    waiting: int = _limit(64, "Jobs that wait at most; who comes then is told to come again.")
    together: int = _limit(16, "Pictures that are searched together at most.")
    seconds: float = _limit(
        120, "That a job may take, once it is begun; so many times as long those that are done together."
    )
    kept: float = _limit(600, "Seconds that a result is kept for the page, in memory.")
    results: int = _limit(64, "Results that are kept at most; the oldest go first.")
    held_megapixels: float = _limit(
        250, "Of the pictures that wait at most, and of the results that are kept."
    )
    connections: int = _limit(256, "Connections at a time at most.")

    def __post_init__(self) -> None:
        names = ("most_candidates", "most_starts", "waiting", "together", "results", "connections")
        check("service", self, {**dict.fromkeys(names, 1), "most_iterations": 0}, {})
        check_positive("service", self, "megabytes", "megapixels", "seconds", "kept", "held_megapixels")

    @property
    def of_search(self) -> dict[str, int]:
        """The most of those options of the search that have a limit."""
        return {
            "candidates": self.most_candidates,
            "starts": self.most_starts,
            "iterations": self.most_iterations,
            "depth_iterations": self.most_iterations,
            "adapt": self.most_iterations,
        }

    @property
    def bytes(self) -> int:
        """Of a request at most."""
        return round(self.megabytes * 1_000_000)

    @property
    def pixels(self) -> int:
        """Of a picture at most."""
        return round(self.megapixels * 1_000_000)

    @property
    def held_pixels(self) -> int:
        """Of what waits, and of what is kept, at most."""
        return round(self.held_megapixels * 1_000_000)
