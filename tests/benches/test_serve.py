"""The bench of the service, over few requests."""

import importlib.util
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("fastapi") is None, reason="the extra `serve` is not installed"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]
BENCH = Path(__file__).parents[2] / "benches" / "serve.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(BENCH), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_the_bench_tells_what_came_of_its_requests() -> None:
    done = bench("--count", "40", "--warm-up", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    _, requests, seconds, memory = done.stdout.splitlines()
    assert requests.startswith("40 requests, 4 at a time: iterations=1")
    assert requests.endswith("; 0 lost")
    times = [int(each) for each in re.findall(r"(?:p50|p90|p99|most) (\d+)", seconds)]
    assert len(times) == 4
    assert times == sorted(times)
    assert re.match(r"MiB resident: \d+ in the first tenth, \d+ in the last \([+-]\d\.\d%\), from", memory)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    spec = importlib.util.spec_from_file_location("serve", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "serve", module)  # where a dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("lost", "grown", "code"), [([], 1.04, 0), ([], 1.06, 1), (["503 b'...'"], 1.0, 1)], ids=str
)
def test_it_fails_where_one_is_lost_or_memory_grows(
    serve: ModuleType, capsys: pytest.CaptureFixture[str], lost: list[str], grown: float, code: int
) -> None:
    load = serve.Load("", 0, [], 0, seconds=[0.1, 0.2, 0.4], lost=lost)
    memory = [100.0] * 50 + [100 * grown] * 50
    assert serve.report("seed=1", 4, load, memory) == code
    said = capsys.readouterr().out
    assert f"3 requests, 4 at a time: seed=1; {len(lost)} lost" in said
    assert "p50 200" in said
    assert f"100 in the first tenth, {100 * grown:.0f} in the last" in said
    assert all(problem in said for problem in lost)


def test_an_answer_is_wrong_where_known_pixels_changed(serve: ModuleType) -> None:
    picture, known = np.full((8, 8), 9, np.uint8), np.ones((8, 8), bool)
    known[2, 3] = False
    for row, column, said in ((2, 3, ""), (3, 2, "known pixels changed")):
        changed, file = picture.copy(), BytesIO()
        changed[row, column] = 200
        Image.fromarray(changed).save(file, "PNG")
        assert serve.wrong(200, file.getvalue(), picture, known) == said
    assert serve.wrong(429, b"full", picture, known) == "429 b'full'"
