"""Where the program starts: a Ctrl-C while the command line is loaded ends it as one later does."""

import os
import signal


def main() -> None:
    """Runs the command line and exits."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from inpaintx_cli.main import main as run

    run()


def _leave(*_: object) -> None:
    """Nothing is begun yet that would have to be ended."""
    try:
        os.write(2, b"Interrupted.\n")
    finally:
        os._exit(130)
