"""Where the program starts: a Ctrl-C while the command line is loaded ends it as one later does."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def main() -> None:
    """Runs the command line and exits."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with loading():
        from inpaintx_cli.main import main as run
    run()


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded, which live as long as the program: Python looks for no garbage among them.

    Nor does it later, or when the program ends. Torch alone makes a quarter of a million objects; to look
    through them, again and again, takes a fifth of the time of a short command.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _leave(*_: object) -> None:
    """Nothing is begun yet that would have to be ended."""
    try:
        os.write(2, b"Interrupted.\n")
    finally:
        os._exit(130)
