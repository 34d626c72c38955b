"""What the host waits for while a search is under way."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search
from torch.utils._python_dispatch import TorchDispatchMode

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions

#: What tells the host a tensor's values, so that it waits for the device: `.item()`, `int()`, `if tensor`.
WAITING = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::equal"}


class Waits(TorchDispatchMode):
    """Counts what would wait for a device, indexing by a mask and lists of numbers included."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

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


def _waits(model: Networks, options: SearchOptions) -> int:
    tolist = torch.Tensor.tolist
    with Waits() as waits, pytest.MonkeyPatch.context() as patch:

        def counted(tensor: torch.Tensor) -> Any:
            waits.count += 1
            return tolist(tensor)

        patch.setattr(torch.Tensor, "tolist", counted)  # which no dispatch tells of
        run_search(model, options, images_of(model, 2), masks_of(2))
    return waits.count


@each_device
@pytest.mark.parametrize(
    "more",
    [{}, {"optimizer": "nesterov"}, {"optimizer": "lbfgs"}, {"optimizer": "hmc"}, {"prior_every": 3}],
    ids=str,
)
@pytest.mark.parametrize("batch", [64, 3])
def test_without_patience_the_host_waits_for_no_look(
    model: Networks, more: dict[str, Any], batch: int
) -> None:
    options = replace(QUICK, candidates=4, starts=16, lr=0.01, batch=batch, **more)
    few, many = (_waits(model, replace(options, iterations=count)) for count in (5, 95))
    assert few == many == 0


@pytest.mark.parametrize("more", [{}, {"optimizer": "hmc"}, {"prior_every": 3}], ids=str)
def test_with_patience_the_host_looks_for_finished_rows(model: Networks, more: dict[str, Any]) -> None:
    """Or else the test above would count nothing: the steps, what is finished, what is left."""
    options = replace(QUICK, patience=1000, **more)
    assert _waits(model, replace(options, iterations=5)) == 3
    assert _waits(model, replace(options, iterations=95)) == 3 * 10
