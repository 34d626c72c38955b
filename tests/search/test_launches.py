"""How many kernels an iteration launches on a GPU, counted on the CPU by the ops that are called there."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from search_cases import images_of
from torch.utils._python_dispatch import TorchDispatchMode

from inpaintx.networks import dcgan, frozen
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.search.descent import Descent
from inpaintx.search.precision import freeze_pair

#: A layer with its bias and ReLU, and its derivative with the gate of the one before.
LAYER_UP, LAYER_BACK = ["convolution", "gate_"], ["convolution", "gate_"]
#: Those of G up to its last maps, whose bias and ReLU are left to the image's layer.
START = ["_to_copy", "_addmm_activation"]


class Launches(TorchDispatchMode):
    """Notes the ops that do something; to look at memory otherwise, or to allocate it, launches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func._schema.name.split("::")[1]
        looks = any(result.alias_info and not result.alias_info.is_write for result in func._schema.returns)
        if not looks and "empty" not in name:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch, native: None) -> None:
    """Layers without oneDNN, and columns as they are."""
    monkeypatch.setattr(frozen, "_packs", lambda weight: False)
    monkeypatch.setattr(dcgan, "each", lambda function, column: function(column))


def launches(model: Networks, **options: Any) -> list[str]:
    """What the second of two iterations launches."""
    chosen = SearchOptions(**{"iterations": 5, "candidates": 1, "precision": "bfloat16", **options})
    descent = Descent(freeze_pair(model.generator, model.discriminator, chosen), chosen, chosen.plan(False))
    count = 2 * torch.get_num_threads()  # so that the CPU need not fill the batch up
    y = images_of(model, count)
    codes = torch.zeros(count, model.generator.architecture.nz)
    rows = descent.begin(torch.arange(count), y, torch.ones_like(y[:, :1]), codes)
    descent._iterate(rows, descent._kind({0}, {0}, 0))
    with Launches() as seen:
        descent._iterate(rows, descent._kind({0}, {0}, 1))
    assert rows.step.tolist() == [2] * count
    return seen.names


@pytest.mark.parametrize("patience", [0, 3])
def test_an_iteration(model: Networks, as_on_a_gpu: None, patience: int) -> None:
    layers = len(model.generator.architecture.widths) - 1
    assert launches(model, patience=patience) == [
        *START,
        *(layers * LAYER_UP)[:-1],
        *("image_loss", "keep_best_", "image_down_"),
        *layers * LAYER_BACK,
        *("mm", "_to_copy", "latent_step_"),
    ]


@pytest.mark.parametrize("prior", [0.0, 0.1])
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_there_are_as_many_as_the_bench_of_the_bound_says(
    model: Networks, as_on_a_gpu: None, monkeypatch: pytest.MonkeyPatch, precision: str, prior: float
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benches")
    bound = importlib.import_module("bound")
    hidden = len(model.generator.architecture.widths) - 1
    counted = launches(model, precision=precision, prior=prior)
    assert len(counted) == bound.launches(hidden, precision == "bfloat16", prior > 0)


def test_what_the_prior_adds(model: Networks, as_on_a_gpu: None) -> None:
    layers = len(model.generator.architecture.widths) - 1
    with_prior = launches(model, prior=0.1)
    start = with_prior.index("image_up")
    end = with_prior.index("context_loss") + 1
    assert [*with_prior[:start], "image_loss", *with_prior[end:]] == launches(model)
    assert with_prior[start:end] == [
        *("image_up", "tanh_", "image_down_"),
        *layers * LAYER_UP,
        *("addmm", "neg", "sigmoid", "mul"),
        *layers * ["gate_", "convolution"],
        *("image_up", "_to_copy", "softplus", "copy_", "mul_", "context_loss"),
    ]
