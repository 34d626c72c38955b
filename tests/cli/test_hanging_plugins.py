"""A plugin that hangs or fails for one picture costs that picture, and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest
from cli_tools import Stream

from inpaintx.plugins import registry
from inpaintx.plugins.calls import SECONDS, allow_seconds


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Registers a plugin for this test alone."""
    own = registry.Registry()
    monkeypatch.setattr(registry, "make", own.make)
    yield own.register
    allow_seconds(SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mask", "blend"])
def test_the_run_goes_on_after_a_plugin_that_hangs(
    stream: Stream, fresh: Callable[..., Any], tmp_path: Any, kind: str
) -> None:
    numbers = count(1)  # drawn from by several threads

    def hang() -> bool:
        """At the fourth call, for ever."""
        number = next(numbers)
        while number == 4:
            pass
        return True

    @dataclass(frozen=True)
    class Hangs:
        """Hangs once."""

        name: ClassVar[str] = "hangs"

        def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
            mask = np.ones((picture.height, picture.width), bool)
            mask[5:9, 5:9] = not hang()
            return mask

        def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
            hang()
            return fill.copy()

    fresh(kind, Hangs)
    chosen = ("--mask-plugin", "hangs") if kind == "mask" else ("--blend", "hangs")
    ended = stream(*chosen, "--plugin-seconds", "1")
    assert ended.exit_code == 3
    (error,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert f"{kind} plugin 'hangs' on " in error
    assert "it has not ended after 1 s" in error
    assert len(list((tmp_path / "out").glob("*.png"))) == 29
