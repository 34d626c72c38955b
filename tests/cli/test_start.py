"""What a command does before its work, and what it costs."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from inpaintx_cli.start import loading

pytestmark = pytest.mark.slow


def _told(code: str) -> object:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def test_what_is_loaded_is_not_looked_through_for_garbage() -> None:
    code = """
import gc, json
from inpaintx_cli.start import loading
looked = []
gc.callbacks.append(lambda phase, about: looked.append(phase))
with loading():
    import torch
    during = len(looked)
gc.collect()
print(json.dumps([during, gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects())]))
"""
    during, enabled, frozen, followed = _told(code)
    assert during == 0
    assert enabled
    assert frozen > 100_000
    assert followed < frozen / 50


def test_garbage_that_comes_later_is_found_even_where_loading_failed() -> None:
    with pytest.raises(ImportError), loading():
        import inpaintx.nothing_of_this_name  # noqa: F401

    class Node:
        alive = 0

        def __init__(self) -> None:
            self.self = self
            Node.alive += 1

        def __del__(self) -> None:
            Node.alive -= 1

    assert gc.isenabled()
    Node()
    gc.collect()
    assert Node.alive == 0


def test_the_package_loads_nothing_that_it_can_do_without() -> None:
    """``importlib.abc`` alone brings what takes as long as all the rest."""
    code = """
import json, sys
held = set(sys.modules)
import inpaintx
print(json.dumps([*{*sys.modules} - held]))
"""
    assert not {"importlib.resources", "tempfile", "numpy", "torch"} & set(_told(code))
