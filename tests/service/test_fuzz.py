"""Requests that a fuzzer makes up from the service's own description."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from service_server import client_of

from inpaintx.service.limits import Limits
from inpaintx.service.models import Models
from inpaintx.service.service import Service

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed"),
]
NARROW = Limits(most_iterations=3, most_candidates=4, most_starts=16, megapixels=0.1, megabytes=2, seconds=20)


def test_no_request_breaks_what_the_description_says(models: Models, tmp_path: Path) -> None:
    service = Service(models, NARROW)
    service.queue.start()
    for client in client_of(service):
        done = fuzzed(f"{client.base_url}openapi.json", tmp_path)
        assert done.returncode == 0, done.stdout
        assert "14 selected / 14 total" in done.stdout
        counted = client.get("/metrics").text
        assert 'inpaintx_pictures_total{state="done"}' in counted
        assert 'code="500"' not in counted
        assert httpx.get(f"{client.base_url}readyz").status_code == 200
    service.queue.stop()
    assert service.queue.join(30)


def fuzzed(description: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs schemathesis, always with the same requests."""
    words = ["run", description, "--phases", "fuzzing,stateful", "--max-examples", "8", "--seed", "1"]
    words += ["--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all", "--no-color"]
    words += ["--request-timeout", "60"]
    command = [str(Path(sys.executable).with_name("st")), *words, "--warnings", "off"]
    environment = {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )
