"""What the tests of the command line share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from click.testing import Result
from PIL import Image, ImageDraw

# The model is small, and learns fast enough to draw different pictures for different codes.
TINY_RUN = (
    *("--size", "32", "--gray", "--width", "4", "--nz", "8"),
    *("--batch", "8", "--steps", "20", "--save-every", "10", "--lr", "0.005", "--ema", "0.9"),
)
TINY_SEARCH = ("--iterations", "12", "--candidates", "2", "--starts", "4")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What its only line on stderr says after "Error: "; the exit code says failure."""
        assert self.code == 1, self
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("Error: "), self
        return lines[0].removeprefix("Error: ")


Cli = Callable[..., Ended]
Stream = Callable[..., Result]  # of the fixture `stream`
GROUP = 4  # pictures that it completes together


def blob(number: int, width: int = 40, height: int = 40) -> Image.Image:
    """A gray picture with a dark shape, a little different for each number."""
    image = Image.new("L", (width, height), 230)
    draw = ImageDraw.Draw(image)
    left, top = width // 5 + number % 5, height // 5 + number % 3
    box = (left, top, left + width // 2, top + height // 2)
    (draw.ellipse if number % 2 else draw.rectangle)(box, 20 + 9 * (number % 7))
    # Some noise, so that two pictures are never the same by accident.
    noise = np.random.default_rng(number).integers(0, 25, (height, width))
    return Image.fromarray((np.asarray(image) + noise).astype(np.uint8))


def files_in(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their name relative to it, hidden ones too; but for manifests, which tell
    the time.
    """
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("manifest")
    }
