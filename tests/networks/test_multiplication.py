"""Which float32 products a GPU takes. The settings are torch's and can be read without one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from search_cases import QUICK, images_of, masks_of, run_search

from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.multiplication import multiplying
from inpaintx.search import descent
from inpaintx.search.precision import FrozenPair


def settings() -> tuple[str, str]:
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision


def test_what_holds_inside_is_said_and_what_held_before_comes_back() -> None:
    before = settings()
    with multiplying(tf32=True):
        assert settings() == ("tf32", "tf32")
        with multiplying(tf32=False):
            assert settings() == ("ieee", "ieee")
        assert settings() == ("tf32", "tf32")
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert settings() == ("tf32", "tf32")
    assert settings() == before


@multiplying(tf32=False)
def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_a_search_iterates_as_asked_and_draws_what_it_found_in_full(
    model: Networks, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    iterated, drawn = set(), set()
    iterate, draw = descent.Descent._iterate, FrozenPair.draw

    def noted_iterate(self: descent.Descent, rows: object) -> None:
        iterated.add(settings())
        iterate(self, rows)  # type: ignore[arg-type]

    def noted_draw(self: FrozenPair, codes: torch.Tensor) -> torch.Tensor:
        drawn.add(settings())
        return draw(self, codes)

    monkeypatch.setattr(descent.Descent, "_iterate", noted_iterate)
    monkeypatch.setattr(FrozenPair, "draw", noted_draw)
    run_search(model, replace(QUICK, precision=precision), images_of(model, 1), masks_of(1))
    wanted = "tf32" if precision == "tf32" else "ieee"
    assert iterated == {(wanted, wanted)}
    assert drawn == {("ieee", "ieee")}
