"""Benches run where `pytest benches` asks for them; the suite in tests/ does not collect this folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def awaited() -> Callable[[Callable[[], object], str], Callable[[], None]]:
    """Makes a call that returns when its work is done, on a GPU too."""

    def wrap(call: Callable[[], object], device: str) -> Callable[[], None]:
        def run() -> None:
            call()
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    return wrap
