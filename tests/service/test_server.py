"""`inpaintx serve` as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from service_cases import TOKEN, form, pixels, shape

import inpaintx.service
from inpaintx.errors import InpaintxError
from inpaintx.service.server import listen
from inpaintx_cli.main import cli

pytestmark = pytest.mark.slow

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `inpaintx serve` on a free port, and gives its process and its address."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "inpaintx", "serve", "--port", "0", "--device", "cpu", *arguments],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving chars at http://127.0.0.1:"), (line, process.stderr)
        return process, line.split()[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def test_sigterm_finishes_what_is_done_and_refuses_what_waits(start: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    process, address = start("--together", "1", "--token-file", "token")
    assert httpx.get(f"{address}metrics").status_code == 401
    answers: dict[str, httpx.Response] = {}
    with httpx.Client(base_url=address, timeout=120, headers={"Authorization": f"Bearer {TOKEN}"}) as client:

        def ask(name: str, **fields: str) -> None:
            answers[name] = client.post("/v1/complete", **form(**fields))

        def wait_for(line: str) -> None:
            while line not in client.get("/metrics").text.splitlines():
                time.sleep(0.02)

        running = threading.Thread(target=ask, args=("running",), kwargs={"iterations": "600"})
        running.start()
        wait_for("inpaintx_batch_pictures_count 1.0")
        late = threading.Thread(target=ask, args=("waiting",))
        late.start()
        wait_for("inpaintx_jobs_waiting 1.0")
        process.terminate()
        late.join(60)
        assert answers["waiting"].status_code == 503
        assert answers["waiting"].headers["retry-after"] == "30"
        assert "the service is being stopped" in answers["waiting"].json()["detail"]
        running.join(120)
    assert answers["running"].status_code == 200
    assert pixels(answers["running"].content).shape == shape().shape
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def ended(*arguments: str, **environment: str) -> Result:
    """A service that can't be."""
    return CliRunner().invoke(cli, ["serve", "--device", "cpu", *arguments], env=environment)


def test_a_port_in_use_is_said_in_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = ended("--port", str(port))
    said = f"Error: port {port} of 127.0.0.1 is in use; choose another --port, or 0 for a free one\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--host", "0.0.0.0"), {}, "others reach 0.0.0.0: give a --token or --token-file"),
        (("--host", "0.0.0.0"), {"INPAINTX_TOKEN": "short"}, "the token is too short"),
        (("--token-file", "none"), {}, "can't read the token file none"),
        (("--model", "no/such/run"), {}, "no such model: no/such/run"),
        (("--waiting", "0"), {}, "service: waiting is 0; choose at least 1"),
    ],
)
def test_what_can_not_be_is_said_before_anything_is_served(
    arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    done = ended("--port", "0", *arguments, **environment)
    assert (done.exit_code, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: {said}")


def test_a_damaged_model_ends_the_service(tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"\0" * 100)
    done = ended("--port", "0", "--model", str(tmp_path / "damaged.safetensors"))
    assert (done.exit_code, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "damaged.safetensors" in line


def test_a_missing_extra_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(inpaintx.service, "server")
    monkeypatch.delitem(sys.modules, "inpaintx.service.server")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = ended("--port", "0")
    said = "Error: the service needs uvicorn; install it with `pip install 'inpaintx[serve]'`\n"
    assert (done.exit_code, done.stderr) == (1, said)


def test_an_address_that_is_not_here_is_refused() -> None:
    with pytest.raises(InpaintxError, match=r"can't listen on port 80 of 192\.0\.2\.1"):
        listen("192.0.2.1", 80)
