"""What all tests share: the devices that are present, and the refusal to test the reference by accident."""

from __future__ import annotations

import os

# Threads that wait for each other by spinning make tests crawl where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch

from inpaintx import ops

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("INPAINTX_NATIVE") != "0" and not ops.native_available():
        reason = ops.native_info()["missing"]
        pytest.exit(
            f"the native ops are not loaded ({reason}): build and install the package first, "
            "or set INPAINTX_NATIVE=0 to test the reference",
            returncode=4,
        )


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that this machine has."""
    return torch.device(request.param)


@pytest.fixture
def native() -> None:
    """For tests of native code itself: skipped where INPAINTX_NATIVE=0 asked for the reference."""
    if not ops.native_available():
        pytest.skip("INPAINTX_NATIVE=0")
