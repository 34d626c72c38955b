"""The preview shows every plugin by its name, and one that fails is an empty cell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from inpaintx.pictures import Picture
from inpaintx.pictures.sheets import show_hole
from inpaintx.plugins import preview as module
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.plugins.preview import preview

PICTURE = Picture(np.where(np.hypot(*np.mgrid[-64:64, -64:64]) < 40, 10, 250).astype(np.uint8))


@dataclass(frozen=True)
class Fails:
    """Fails."""

    name: ClassVar[str] = "a-name-that-is-far-too-long-for-its-cell"

    def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
        """Nothing."""
        raise RuntimeError("no")


def cells(sheet: np.ndarray, count: int, top: int) -> Iterable[np.ndarray]:
    """Where the layout puts the pictures of a shelf."""
    side, step = module._CELL, module._CELL + module._GAP
    for number in range(count):
        row, column = divmod(number, module._COLUMNS)
        x, y = module._GAP + column * step, top + row * (step + module._LABEL)
        yield sheet[y : y + side, x : x + side]


def test_each_mask_and_each_blend_has_a_cell() -> None:
    masks, blends = registry.names("mask"), registry.names("blend")
    sheet = np.asarray(preview(PICTURE))
    top = module._GAP + module._LABEL + module._GAP // 2
    damaged = module._damaged(PICTURE)
    for name, cell in zip(masks, cells(sheet, len(masks), top), strict=True):
        mask = make_mask(registry.make("mask", name), damaged, module._SEED)
        np.testing.assert_array_equal(cell, show_hole(damaged.array, mask), err_msg=name)
    rows = -(-len(masks) // module._COLUMNS)
    below = top + rows * (module._CELL + module._LABEL + module._GAP)
    below += module._GAP // 2 + module._LABEL + module._GAP // 2
    shown = list(cells(sheet, 2 + len(blends), below))
    values = PICTURE.array.astype(int)
    assert abs(shown[1][..., 0].astype(int) - np.maximum(values - 64, 0)).max() <= 1  # the fill
    known = make_mask(registry.make("mask", "center"), PICTURE, module._SEED)
    for name, cell in zip(blends, shown[2:], strict=True):
        np.testing.assert_array_equal(cell[known][:, 0], PICTURE.array[known], err_msg=name)
        assert (cell[~known][:, 0] != PICTURE.array[~known]).any(), name


def test_a_plugin_that_fails_leaves_its_cell_empty_and_the_others_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = registry.Registry(lambda group: [])
    own.register("mask", Fails)
    for kind, name in (("mask", "center"), ("blend", "none")):
        own.register(kind, registry.get(kind, name))
    for what in ("names", "make"):
        monkeypatch.setattr(registry, what, getattr(own, what))
    sheet = np.asarray(preview(PICTURE))
    failed, center = cells(sheet, 2, module._GAP + module._LABEL + module._GAP // 2)
    assert set(map(tuple, failed[2:40, 2:-2].reshape(-1, 3))) == {module._PAPER}
    damaged = module._damaged(PICTURE)
    mask = make_mask(registry.get("mask", "center")(), damaged, module._SEED)
    np.testing.assert_array_equal(center, show_hole(damaged.array, mask))
