"""Figures that the pages build themselves, with the shipped model and letters rendered for it: seconds.

Drawn into docs/drawn/ at the start of each build; `python docs/extensions/drawn.py` draws them alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inpaintx import ops
from inpaintx.completion import Completer
from inpaintx.completion.estimate import combine, disagreement
from inpaintx.letters.chars import TEST_FAMILIES, CharsOptions, render_chars
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture, read_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import FAMILIES, family_masks, make_mask
from inpaintx.search import Search

matplotlib.use("agg")

OUT = Path(__file__).parents[1] / "drawn"
SIZE = 64
GRAY, HEAT = {"cmap": "gray", "vmin": 0, "vmax": 1}, {"cmap": "magma"}
STEPS = (1, 5, 10, 20, 40, 60)
BLENDS = ("none", "alpha", "poisson", "biharmonic", "spline", "auto")


def letters(count: int) -> list[Picture]:
    """Letters in font families that the shipped model never saw, every class in its turn."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = CharsOptions(families=TEST_FAMILIES, count=count, size=SIZE, seed=1)
        return [read_picture(path) for path in render_chars(wanted, Path(folder))]


def as_tensors(pictures: Sequence[Picture], masks: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """What the search takes: images ``[B, 1, H, W]`` in [−1, 1], and masks ``[B, 1, H, W]``, 1 = keep."""
    images = np.stack([picture.as_float()[..., 0] for picture in pictures])[:, None]
    return torch.from_numpy(images * 2 - 1), torch.from_numpy(masks[:, None].astype(np.float32))


def searched(
    model: Networks, pictures: Sequence[Picture], masks: np.ndarray, options: SearchOptions
) -> tuple:
    """All candidates' images in [0, 1], ``[B, K, H, W]``, and their contextual losses, ``[B, K]``."""
    search = Search(model.generator, None, options, model.encoder)
    found = search(*as_tensors(pictures, masks))
    return (found.fills[:, :, 0].numpy() + 1) / 2, found.contextual.numpy()


def tiles(rows: int, columns: int, titles: Sequence[str], side: float = 1.15) -> tuple[Figure, np.ndarray]:
    """A grid of pictures without axes, the columns named."""
    figure = Figure(figsize=(side * columns, side * rows + 0.25), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, title in zip(grid[0], titles, strict=False):
        axes.set_title(title, fontsize=8)
    return figure, grid


def damaged(picture: Picture, mask: np.ndarray) -> np.ndarray:
    """The picture with its hole tinted: ``[H, W, 3]`` in [0, 1]."""
    gray = np.repeat(picture.as_float(), 3, axis=-1)
    return np.where(mask[..., None], gray, [0.98, 0.76, 0.45])


def draw_method(model: Networks) -> Figure:
    """The steps of one completion, a row a letter."""
    pictures = [letters(62)[index] for index in (11, 27, 45)]
    families = ("random-patch", "center", "freeform thick")
    masks = np.concatenate(
        [family_masks(family, [picture], 3) for family, picture in zip(families, pictures, strict=True)]
    )
    fills, _ = searched(model, pictures, masks, SearchOptions())
    completed = Completer(model, registry.make("blend", "auto"), SearchOptions())(pictures, list(masks))
    weight = ops.context_weight(torch.from_numpy(masks[:, None].astype(np.float32)), 15, "valid")
    titles = ("the picture", "damaged: y, M", "weight w", "best G(ẑ)", "completed", "candidates disagree")
    figure, grid = tiles(len(pictures), len(titles), titles)
    for row, axes in enumerate(grid):
        axes[0].imshow(pictures[row].array, cmap="gray", vmin=0, vmax=255)
        axes[1].imshow(damaged(pictures[row], masks[row]))
        axes[2].imshow(weight[row, 0], **HEAT)
        axes[3].imshow(fills[row, 0], **GRAY)
        axes[4].imshow(completed[row].picture.array, cmap="gray", vmin=0, vmax=255)
        axes[5].imshow(completed[row].uncertainty, **HEAT)
    return figure


def draw_candidates(model: Networks) -> Figure:
    """Eight candidates of one letter, and the two estimates made of them."""
    picture = letters(62)[13]
    masks = family_masks("left", [picture], 0)
    fills, losses = searched(model, [picture], masks, SearchOptions(candidates=8))
    known, shown = masks[0], []
    for fill in (
        *fills[0],
        combine(fills[0], losses[0], "sample"),
        combine(fills[0], losses[0], "mean"),
    ):
        shown.append(np.where(known, picture.as_float()[..., 0], fill))
    titles = [f"candidate {number}\nloss {loss:.1f}" for number, loss in enumerate(losses[0], start=1)]
    figure, grid = tiles(2, 6, ())
    cells = iter(grid.flat)
    for title, image in zip((*titles, "sample: the first", "mean of all"), shown, strict=True):
        picture_of(next(cells), title, image)
    picture_of(next(cells), "the letter", picture.as_float()[..., 0])
    axes = next(cells)
    axes.imshow(np.where(known, 0, disagreement(fills[0][..., None])), **HEAT)
    axes.set_title("disagreement", fontsize=8)
    return figure


def picture_of(axes: Axes, title: str, image: np.ndarray) -> None:
    """One named tile."""
    axes.imshow(image, **GRAY)
    axes.set_title(title, fontsize=8)


def draw_iterations(model: Networks) -> Figure:
    """How far the known pixels are off after so many iterations, from guesses and from random codes."""
    pictures = letters(62)[::8]
    masks = family_masks("random-patch", pictures, 1)
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    for guess, name in ((True, "from guesses and the bank"), (False, "from random codes")):
        options = SearchOptions(guess=guess, candidates=2)
        best = []
        for steps in STEPS:
            _, losses = searched(model, pictures, masks, replace(options, iterations=steps))
            best.append(np.median(losses[:, 0]))
        axes.plot(STEPS, best, marker="o", markersize=3, label=name)
    axes.set_xlabel("iterations")
    axes.set_ylabel(f"contextual loss,\nmedian of {len(pictures)} letters")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def draw_blends(model: Networks) -> Figure:
    """One mean fill, joined to the known pixels by each blend."""
    pictures = [letters(62)[index] for index in (36, 6)]
    masks = list(family_masks("center", pictures, 0))
    figure, grid = tiles(len(pictures), len(BLENDS) + 1, ("damaged", *BLENDS))
    options = SearchOptions(estimate="mean")
    for row, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
        grid[row, 0].imshow(damaged(picture, mask))
    for column, name in enumerate(BLENDS, start=1):
        completed = Completer(model, registry.make("blend", name), options)(pictures, masks)
        for row, done in enumerate(completed):
            grid[row, column].imshow(done.picture.array, cmap="gray", vmin=0, vmax=255)
    return figure


def draw_masks(model: Networks) -> Figure:
    """A hole of every family that `eval` judges, and of the other built-in masks that need no file."""
    picture = letters(12)[11]
    holes = {family: family_masks(family, [picture], 1)[0] for family in FAMILIES}
    for name in ("right", "top", "grid"):
        holes[name] = make_mask(registry.make("mask", name, {}), picture, 1)
    figure, grid = tiles(2, 6, ())
    for axes, (name, mask) in zip(grid.flat, holes.items(), strict=True):
        axes.imshow(damaged(picture, mask))
        axes.set_title(name, fontsize=8)
    return figure


def draw(out: Path = OUT) -> None:
    """Draws every figure into a folder."""
    out.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # the images are small, and other work may share the cores
    model = load_model("chars")
    for make in (draw_method, draw_candidates, draw_iterations, draw_blends, draw_masks):
        make(model).savefig(out / f"{make.__name__.removeprefix('draw_')}.png", dpi=200)


def setup(app) -> dict[str, bool]:
    """Draws before Sphinx looks for the pages."""
    app.connect("builder-inited", lambda _: draw())
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    draw()
