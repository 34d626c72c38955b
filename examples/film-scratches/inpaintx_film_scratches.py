"""The mask `film-scratches` for inpaintx."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from inpaintx.pictures import Picture


@dataclass(frozen=True)
class FilmScratches:
    """Hides thin scratches along the film's direction."""

    name: ClassVar[str] = "film-scratches"
    interface: ClassVar[int] = 1
    count: int = field(default=3, metadata={"help": "how many scratches", "least": 1})
    width: float = field(default=0.02, metadata={"help": "a scratch's width, as a share of the picture's"})
    sway: float = field(
        default=0.02, metadata={"help": "how far a scratch strays to either side, as a share of the width"}
    )
    run: Literal["down", "across"] = field(default="down", metadata={"help": "the film's direction"})

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"option 'count' must be 1 or more, is {self.count}")
        if not 0 < self.width < 1:
            raise ValueError(f"option 'width' must be more than 0 and less than 1, is {self.width}")
        if not 0 <= self.sway < 1:
            raise ValueError(f"option 'sway' must be 0 or more and less than 1, is {self.sway}")

    def mask(self, picture: Picture, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W], True = keep."""
        if self.run == "across":
            return self._down(picture.width, picture.height, rng).T
        return self._down(picture.height, picture.width, rng)

    def _down(self, length: int, breadth: int, rng: np.random.Generator) -> np.ndarray:
        """bool [length, breadth] with scratches along axis 0, each a slow wave, a pixel wide at least."""
        along = np.linspace(0, 2 * np.pi, length)
        columns = np.arange(breadth)
        half = max(1.0, self.width * breadth) / 2
        keep = np.ones((length, breadth), dtype=bool)
        for _ in range(self.count):
            # The middle of a pixel, so that a scratch one pixel wide has one everywhere where it is inside.
            phase, waves = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2)
            centre = rng.integers(breadth) + self.sway * breadth * np.sin(waves * along + phase)
            centre = np.clip(centre, 0, breadth - 1)
            keep &= np.abs(columns - centre[:, None]) > half
        return keep
