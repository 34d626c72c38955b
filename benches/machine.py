"""What the figures of a bench depend on. Loads no torch, so that a bench may start without it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def cpu() -> str:
    """The processor, and what else it was doing."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
        name = model[1] if model else name
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
