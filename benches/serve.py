"""How `inpaintx serve` holds up: `python benches/serve.py`.

Starts the service in a process of its own, and sends it small pictures from several threads of this one, each
over a connection of its own. Every answer is decoded, and its known pixels are held against those that were
sent. Prints how many were lost, how long they took, and how much memory the service held from the end of the
warm-up to the end. Ends with 1 where one was lost, or memory was not flat.
"""

from __future__ import annotations

import argparse
import http.client
import math
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
import scale
from PIL import Image

#: Between the first request after the warm-up and the last, memory may grow by this share.
FLAT = 0.05
PICTURES = 32


@dataclass
class Load:
    """What is sent, and what came of it.

    Attributes:
        host, port: of the service.
        bodies: forms, and the pictures and masks that they hold.
        left: how many requests are still to be sent.
        end: when no more are sent, by ``time.monotonic()``.
        seconds: from each request to the end of its answer.
        lost: what was answered instead of a completed picture.
    """

    host: str
    port: int
    bodies: list[tuple[bytes, str, np.ndarray, np.ndarray]]
    left: int
    end: float = math.inf
    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, at_once: int) -> None:
        threads = [threading.Thread(target=self._send_all) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        while True:
            with self.lock:
                if not self.left or time.monotonic() > self.end:
                    return
                self.left -= 1
                number = self.left
            body, kind, picture, known = self.bodies[number % len(self.bodies)]
            start = time.perf_counter()
            try:
                connection.request("POST", "/v1/complete", body, {"Content-Type": kind})
                answer = connection.getresponse()
                data = answer.read()
                seconds = time.perf_counter() - start
                problem = wrong(answer.status, data, picture, known)
            except (OSError, http.client.HTTPException) as error:
                seconds, problem = time.perf_counter() - start, repr(error)
                connection.close()
            with self.lock:
                self.seconds.append(seconds)
                if problem:
                    self.lost.append(problem)


def wrong(status: int, data: bytes, picture: np.ndarray, known: np.ndarray) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if status != 200:
        return f"{status} {data[:200]!r}"
    result = np.asarray(Image.open(BytesIO(data)))
    if result.shape != picture.shape or (result[known] != picture[known]).any():
        return "known pixels changed"
    return ""


def forms(fields: Mapping[str, str], folder: Path) -> list[tuple[bytes, str, np.ndarray, np.ndarray]]:
    """Letters with a hole each, as forms."""
    found = []
    for number, path in enumerate(scale.files_in(scale.letters(PICTURES, folder))):
        picture = np.asarray(Image.open(path))
        mask = np.zeros(picture.shape[:2], np.uint8)
        top, left = 12 + number % 20, 16 + number % 16
        mask[top : top + 16, left : left + 14] = 255
        file = BytesIO()
        Image.fromarray(mask).save(file, "PNG")
        body, kind = encoded(fields, {"image": path.read_bytes(), "mask": file.getvalue()})
        found.append((body, kind, picture, mask == 0))
    return found


def encoded(fields: Mapping[str, str], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A form as multipart/form-data (RFC 7578), and its media type."""
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [(f'name="{name}"; filename="{name}.png"', data) for name, data in files.items()]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def resident(process: int) -> float:
    """Memory of a process, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="requests after the warm-up")
    parser.add_argument("--warm-up", type=int, default=500, help="requests before it")
    parser.add_argument("--minutes", type=float, default=math.inf, help="send no more after that")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--model", default="chars")
    parser.add_argument(
        "--fields",
        default="iterations=1 candidates=1 region=whole blend=spline",
        help="of each form, beside the picture and the mask",
    )
    options = parser.parse_args()
    print(machine.cpu(), flush=True)
    fields = dict(pair.split("=", 1) for pair in options.fields.split())
    command = [sys.executable, "-m", "inpaintx", "serve", "--port", "0", "--model", options.model]
    with (
        TemporaryDirectory() as work,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service,
    ):
        assert service.stdout is not None
        address = service.stdout.readline().split()[-1]
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        try:
            load = Load(host, int(port), forms(fields, Path(work)), options.warm_up)
            load.run(options.at_once)
            before, load.left, load.seconds = resident(service.pid), options.count, []
            load.end = time.monotonic() + 60 * options.minutes
            memory = watched(service.pid, load, options.at_once)
        finally:
            service.terminate()
    return report(options.fields, options.at_once, load, [before, *memory])


def watched(process: int, load: Load, at_once: int) -> list[float]:
    """Sends all, and looks at the service's memory ten times a second meanwhile."""
    memory: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            memory.append(resident(process))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        load.run(at_once)
    finally:
        ended.set()
        looking.join()
    return memory


def report(fields: str, at_once: int, load: Load, memory: list[float]) -> int:
    """Prints what was found; 1 where it isn't as it should be."""
    tenth = max(1, len(memory) // 10)
    first, last = (float(np.median(part)) for part in (memory[:tenth], memory[-tenth:]))
    p50, p90, p99, most = 1000 * np.percentile(load.seconds, [50, 90, 99, 100])
    print(f"{len(load.seconds)} requests, {at_once} at a time: {fields}; {len(load.lost)} lost")
    for problem in sorted(set(load.lost))[:5]:
        print(f"  {problem}")
    print(f"milliseconds: p50 {p50:.0f}, p90 {p90:.0f}, p99 {p99:.0f}, most {most:.0f}")
    print(
        f"MiB resident: {first:.0f} in the first tenth, {last:.0f} in the last ({last / first - 1:+.1%}), "
        f"from {min(memory):.0f} to {max(memory):.0f}"
    )
    return int(bool(load.lost) or last / first - 1 > FLAT)


if __name__ == "__main__":
    sys.exit(main())
