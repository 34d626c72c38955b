"""The devices that tests meet, and the word for it: ``@each_device`` above a test."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from inpaintx.networks.recording import WARM_UP

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]

#: The test meets each device that this machine has, and its models are there (``tests/conftest.py``).
each_device = pytest.mark.usefixtures("device")
#: For what only a machine with several GPUs shows.
second_card = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has no second GPU")

#: What tells the host a tensor's values, so that it waits for the device: `.item()`, `int()`, `if tensor`.
WAITING = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::equal"}


class Waits(TorchDispatchMode):
    """Counts what would wait for a device, indexing by a mask and lists of numbers included."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._tolist = torch.Tensor.tolist

    def __enter__(self) -> "Waits":
        def counted(tensor: torch.Tensor) -> Any:
            self.count += 1
            return self._tolist(tensor)

        torch.Tensor.tolist = counted  # type: ignore[method-assign]  # of which no dispatch tells
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        torch.Tensor.tolist = self._tolist  # type: ignore[method-assign]
        super().__exit__(*raised)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func._schema.name
        if name in WAITING:
            self.count += 1
        elif name.startswith("aten::index"):
            indices = [index for index in args[1] if index is not None] if isinstance(args[1], list) else []
            self.count += sum(index.dtype == torch.bool for index in indices)
        return func(*args, **(kwargs or {}))


def recorder(replays: list[int]) -> Callable[..., Callable[[], None]]:
    """Stands in for ``networks.recording.record`` on any device, and counts how often each is replayed."""

    def record(
        work: Callable[[], None], device: torch.device, pool: Any = None, warm_up: int = WARM_UP
    ) -> Callable[[], None]:
        for _ in range(warm_up):
            work()
        number = len(replays)
        replays.append(0)

        def again() -> None:
            replays[number] += 1
            work()

        return again

    return record
