"""`python -m inpaintx` many times over, paying once for the seconds that torch takes to load.

Reads one request a line from stdin, as JSON: arguments, folder, files for stdout and stderr, a time limit
in seconds. Runs each in a process of its own, forked when torch is loaded but nothing of inpaintx,
and answers with its exit code on a line of stdout.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
from typing import Any

# What takes long to load: forked with the process, not loaded again.
import safetensors.torch  # noqa: F401
import skimage.metrics  # noqa: F401
import torch._dynamo  # noqa: F401


def main() -> None:
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            become_the_command(request)
            try:
                runpy.run_module("inpaintx", run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                end(int(ended.code or 0))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become_the_command(request: dict[str, Any]) -> None:
    os.chdir(request["folder"])
    sys.argv = ["inpaintx", *request["arguments"]]
    sys.stdin = open(os.devnull)  # noqa: SIM115 (open as long as the process lives)
    for descriptor, path in ((1, request["stdout"]), (2, request["stderr"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    signal.alarm(request["seconds"])


def end(code: int) -> None:
    """Ends as the interpreter does, coverage's data written, but without taking all of torch down first."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


main()
