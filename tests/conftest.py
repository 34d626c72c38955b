"""What all tests share: the devices that are present, and the refusal to test the reference by accident."""

from __future__ import annotations

import os
import signal
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Threads that wait for each other by spinning make tests crawl where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from device_cases import DEVICES
from solver_cases import SOLVERS, use_solver
from torch import nn

from inpaintx.completion import Completer, folder
from inpaintx.networks.base import calibrate
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.dcgan import Discriminator, Generator
from inpaintx.ops.library import native_available, native_info
from inpaintx.options import Architecture
from inpaintx.pictures import Picture, read_picture


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("INPAINTX_NATIVE") != "0" and not native_available():
        reason = native_info()["missing"]
        pytest.exit(
            f"the native ops are not loaded ({reason}): build and install the package first, "
            "or set INPAINTX_NATIVE=0 to test the reference",
            returncode=4,
        )


@pytest.fixture(params=SOLVERS)
def solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test on each of the two solvers."""
    use_solver(request.param, monkeypatch)
    return request.param


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that this machine has; `device_cases.each_device` is for tests that don't name it."""
    return torch.device(request.param)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the suite runs in a background that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def native() -> None:
    """For tests of native code itself: skipped where INPAINTX_NATIVE=0 asked for the reference."""
    if not native_available():
        pytest.skip("INPAINTX_NATIVE=0")


@pytest.fixture
def make_model(request: pytest.FixtureRequest) -> Callable[..., Networks]:
    """Makes a model that looks trained without being it: ``make_model(seed=0, **architecture)``.

    G's images have contrast, D's logits are a few units wide, and the batch statistics of both fit their
    weights. By default 32 px, gray, 4 feature maps, 8 dimensions; frozen and in evaluation mode. Where the
    test meets each ``device``, the model is there, else on the CPU.
    """
    device = request.getfixturevalue("device") if "device" in request.fixturenames else torch.device("cpu")

    def make(seed: int = 0, **architecture: Any) -> Networks:
        made = _make_model(seed, **architecture)
        made.generator.to(device)
        made.discriminator.to(device)
        return made

    return make


@pytest.fixture
def model(make_model: Callable[..., Networks]) -> Networks:
    """The default of ``make_model``."""
    return make_model()


@pytest.fixture
def exact(make_model: Callable[..., Networks]) -> Networks:
    """The same in float64, where two ways to compute a search stay together for longer."""
    made = make_model()
    made.generator.double()
    made.discriminator.double()
    return made


@pytest.fixture
def before_search(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Has a function called before each group's search, with the number of the group."""

    def install(function: Callable[[int], None]) -> None:
        search, groups = Completer.search, iter(range(1000))

        def spied(self: Completer, *arguments: Any) -> list[Any]:
            function(next(groups))
            return search(self, *arguments)

        monkeypatch.setattr(Completer, "search", spied)

    return install


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Pictures that a folder's run has read: ``now`` in memory; ``counts``, how many when each was read."""
    pictures: weakref.WeakSet[Picture] = weakref.WeakSet()
    counts: list[int] = []

    def read(path: Path, *root: Any) -> Picture:
        picture = read_picture(path, *root)
        pictures.add(picture)
        counts.append(len(pictures))
        return picture

    monkeypatch.setattr(folder, "read_picture", read)
    return SimpleNamespace(now=pictures, counts=counts)


def _make_model(seed: int = 0, **architecture: Any) -> Networks:
    shape = Architecture(**{"size": 32, "channels": 1, "width": 4, "nz": 8, **architecture})
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        generator, discriminator = Generator(shape), Discriminator(shape)
        for parameter in (*generator.parameters(), *discriminator.parameters()):
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
            else:
                parameter.mul_(10)
        calibrate(generator, torch.Generator().manual_seed(seed), batches=4)
        for module in discriminator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the statistics of the one batch below
        discriminator(generator(generator.sample_codes(256)))
    for network in (generator, discriminator):
        network.eval().requires_grad_(False)
    header = {"architecture": shape.to_dict(), "fit": "crop"}
    return Networks(generator, discriminator, None, header, Path("made"))
