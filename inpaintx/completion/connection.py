"""The connection to a Ray cluster, or one that is started on this machine and ends with the run.

Ray phones nobody, says nothing on the terminal and leaves no file behind. It is loaded only when asked for.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from inpaintx.completion.streaming import cores
from inpaintx.errors import InpaintxError

#: What Ray is told: to phone nobody, to leave the terminal alone, and to say nothing of GPUs.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
#: On a machine that has much else to do, a start may take minutes.
_PATIENCE = {"RAY_gcs_server_port_wait_time_s": "600", "RAY_worker_register_timeout_seconds": "600"}
#: How often a start is tried: Ray ends it where its helpers, which are Python, take a quarter of a minute.
_STARTS = 6
_REACHED = 30.0  # seconds in which a cluster's head has to answer
_OWN_STORE = 100_000_000  # bytes of shared memory for Ray on this machine: what passes through it is small


@dataclass(frozen=True)
class Cluster:
    """Where workers are found, and how many.

    Attributes:
        address: of a Ray cluster, ``"auto"`` or ``"HOST:PORT"``; ``"local"``: one that is started on this
            machine, and ends with the run.
        workers: how many work at once; None: as many as there are cores, or GPUs where these work.
    """

    address: str = "local"
    workers: int | None = None


def ray_data() -> Any:
    """Ray with Ray Data. Raises InpaintxError where the extra ``ray`` is not installed."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InpaintxError("a cluster needs the extra 'ray'; pip install 'inpaintx[ray]'") from error
    return ray


@contextmanager
def connected(cluster: Cluster) -> Iterator[Mapping[str, float]]:
    """What the cluster has, by resource. Ray says nothing on the terminal meanwhile, and leaves no file."""
    ray = ray_data()
    with ExitStack() as stack:
        environment, more = dict(_ENVIRONMENT), {}
        if cluster.address == "local":
            # What Ray writes. A short name: sockets lie there, and theirs may have 107 bytes.
            folder = stack.enter_context(
                TemporaryDirectory(prefix="inpaintx-ray-", ignore_cleanup_errors=True)
            )
            # Only who knows this may talk to it; Ray would leave one in the user's home.
            environment |= {**_PATIENCE, "RAY_AUTH_TOKEN": token_hex(32)}
            more = {
                "num_cpus": cluster.workers or cores(),
                "include_dashboard": False,
                "object_store_memory": _OWN_STORE,
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": folder,
            }
        else:
            _check_reachable(cluster.address)
        stack.enter_context(_environment(environment))
        # Raylets tell of workers that died, whatever is asked for.
        stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        _start(cluster.address, more)
        stack.callback(ray.shutdown)
        yield ray.cluster_resources()


def _start(address: str, more: Mapping[str, Any]) -> None:
    """Starts Ray here, or joins a cluster. Raises InpaintxError where that can't be."""
    ray = ray_data()
    for left in reversed(range(_STARTS if address == "local" else 1)):
        try:
            with _own_signals(), _unheard():
                ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **more)
            return
        except Exception as error:  # Ray raises bare ones, too
            ray.shutdown()
            if not left or isinstance(error, (ValueError, OSError)):
                said = str(error).strip().splitlines() or [type(error).__name__]
                raise InpaintxError(f"no Ray cluster at {address}: {said[0]}") from error


def _check_reachable(address: str) -> None:
    """Raises InpaintxError where nobody listens: Ray would try for minutes, and its log says why."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise InpaintxError(f"no address of a Ray cluster: {address}; give local, auto or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED).close()
    except (OSError, OverflowError) as error:
        raise InpaintxError(f"no Ray cluster at {address}: {error}; start one, or give local") from error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """This process, and what it starts, have these values in the environment; what is Ray's is put back."""
    before = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("RAY_")]:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _unheard() -> Iterator[None]:
    """What native code writes to stderr goes nowhere: it says that it was told to be silent."""
    try:
        kept = os.dup(2)
    except OSError:  # closed
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps this process's way to end by SIGTERM, which Ray takes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
