"""Quality over wall time, against published settings: `python benches/time_to_quality.py --out DIR`.

All search the same held-out pictures with the same frozen networks and precision: letters in families that
the shipped model never saw, or --pictures that --model never saw. The pictures go in groups, each in one
batch; in each group the searches take turns. At every look of the search (ten iterations) the best codes so
far are kept, and afterwards judged by PSNR in the hole, dB (blend `spline` for all; 8 bit, capped at 48), and
by what the fill is off on a known pixel, in [−1, 1]. DIR gets a table, time-to-quality.md, and a plot,
time-to-quality.png.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from machine import cpu
from settings import MASKS, letters
from torch import Tensor

from inpaintx.completion.estimate import combine
from inpaintx.judge.judging import fitted, held_out_from
from inpaintx.judge.metrics import score
from inpaintx.letters.chars import TEST_FAMILIES
from inpaintx.networks.checkpoint import Networks, load_model
from inpaintx.ops import context_loss
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.plugins.blends import apply_blend
from inpaintx.plugins.masks import family_masks
from inpaintx.search import Search

PUBLISHED = ("bamos", "yeh")
# What is off is measured on all known pixels, so that they count alike in the search.
OURS = {
    "eight candidates": SearchOptions(weight="mask", estimate="mean", candidates=8),
    "one guess": SearchOptions(
        weight="mask", guess=True, norm="huber", delta=0.3, lr=0.03, iterations=150, candidates=1
    ),
}
GROUP = 32  # pictures


@dataclass(frozen=True)
class Curve:
    """What a search had reached after so many seconds for a picture: arrays ``[groups, looks]``."""

    seconds: np.ndarray
    psnr: np.ndarray
    loss: np.ndarray

    def first(self, psnr: float, loss: float) -> int | None:
        """The look at which, over all groups, both are reached."""
        reached = np.flatnonzero((self.psnr.mean(0) >= psnr) & (self.loss.mean(0) <= loss))
        return int(reached[0]) if len(reached) else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="chars")
    parser.add_argument("--pictures", type=Path, nargs="+", help="files or folders, instead of letters")
    parser.add_argument("--count", type=int, default=128, help="pictures")
    parser.add_argument(
        "--seed", type=int, default=2, help="of the letters and the holes; 1 chose `one guess`"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the table and the plot")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = load_model(options.model)
    if options.pictures is None:
        whole = letters(options.count, TEST_FAMILIES, options.seed)
        images = np.stack([fitted(letter, model) for letter in whole])
        names = [letter.path.name for letter in whole if letter.path]
    else:
        held_out = held_out_from(options.pictures, model, options.count)
        images, names = held_out.images, held_out.names
    pictures = [Picture(image.squeeze(), None, Path(name)) for image, name in zip(images, names, strict=True)]
    groups = [pictures[first : first + GROUP] for first in range(0, len(pictures), GROUP)]
    searches = OURS | {name: PRESETS[name] for name in PUBLISHED}
    curves: dict[str, dict[str, Curve]] = {}
    for kind in MASKS:
        found: dict[str, list[Curve]] = {name: [] for name in searches}
        for group in groups:
            masks = family_masks(kind, group, options.seed)
            for name, search in searches.items():
                found[name].append(curve(model, group, masks, search))
        curves[kind] = {
            name: Curve(*(np.stack([getattr(each, field.name) for each in parts]) for field in fields(Curve)))
            for name, parts in found.items()
        }
        report = table(curves, len(pictures), options.model)
        (options.out / "time-to-quality.md").write_text(report)
        plot(curves, options.out / "time-to-quality.png")
        print(kind, flush=True)
    print(report)


def curve(model: Networks, pictures: list[Picture], masks: np.ndarray, options: SearchOptions) -> Curve:
    """Of one group: arrays ``[looks]``."""
    images = torch.from_numpy(np.stack([picture.as_float() for picture in pictures]))
    y = images.permute(0, 3, 1, 2) * 2 - 1
    m = torch.from_numpy(masks)[:, None].float()
    options = replace(options, batch=len(pictures) * options.candidates)
    search, brief = (
        Search(model.generator, model.discriminator, each, model.encoder)
        for each in (options, replace(options, iterations=1))
    )
    brief(y, m)  # the library prepares for this batch size
    found = search(y, m, history=True)
    seconds = found.history[0].seconds.amax(1).numpy() / len(pictures)  # all are looked at together
    looks = zip(*(history.images() for history in found.history), strict=True)
    psnr, loss = zip(*(quality(torch.stack(x), options, pictures, y, m) for x in looks), strict=True)
    return Curve(seconds, np.array(psnr), np.array(loss))


def quality(
    x: Tensor, options: SearchOptions, pictures: list[Picture], y: Tensor, m: Tensor
) -> tuple[float, float]:
    """Mean PSNR in the hole of the blended estimate, and mean distance on a known pixel of the best one.

    x: ``[B, K, C, S, S]``, the images of all candidates at one look.
    """
    rows = torch.arange(len(x)).repeat_interleave(x.shape[1])
    losses = context_loss(x.flatten(0, 1), y[rows], m[rows])[0].view(x.shape[:2]).numpy()
    fills = ((x + 1) / 2).permute(0, 1, 3, 4, 2).numpy()
    known = m.sum((1, 2, 3)).numpy() * y.shape[1]
    blend = registry.make("blend", "spline")
    psnrs = []
    for picture, of_one, loss, mask in zip(pictures, fills, losses, m[:, 0].bool().numpy(), strict=True):
        fill = combine(of_one, loss, options.estimate)
        completed = picture.with_fill(apply_blend(blend, picture.as_float(), fill, mask), mask)
        psnrs.append(score(picture.array, completed.array, mask).psnr_hole)
    return float(np.mean(psnrs)), float((losses.min(1) / known).mean())


def table(curves: dict[str, dict[str, Curve]], count: int, model: str) -> str:
    """What each published setting reaches at its end, and how soon ours reaches both."""
    lines = [
        f"{count} pictures, model {Path(model).name}; {cpu()}, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}. Seconds for a picture; ×: how many times sooner ours has reached that PSNR "
        f"and that distance on known pixels, both, with its range over groups of {GROUP}; then what ours "
        "ends with.",
        "",
        "| published | mask | PSNR, dB | known pixels | seconds | " + " | ".join(OURS) + " |",
        "|---" * (5 + len(OURS)) + "|",
    ]
    for name in PUBLISHED:
        for kind, found in curves.items():
            end = found[name]
            psnr, loss, seconds = (values[:, -1].mean() for values in (end.psnr, end.loss, end.seconds))
            cells = [f"{name} | {kind} | {psnr:.2f} | {loss:.4f} | {seconds:.3f}"]
            for ours in (found[each] for each in OURS):
                look = ours.first(psnr, loss)
                sooner = "not both"
                if look is not None:
                    ratios = end.seconds[:, -1] / ours.seconds[:, look]
                    sooner = f"× {np.median(ratios):.0f} [{ratios.min():.0f}, {ratios.max():.0f}]"
                last = [values[:, -1].mean() for values in (ours.psnr, ours.loss, ours.seconds)]
                cells.append(f"{sooner}; {last[0]:.2f}, {last[1]:.4f}, {last[2]:.3f}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(curves: dict[str, dict[str, Curve]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.subplots(2, len(curves), sharex=True, squeeze=False)
    for column, (kind, found) in enumerate(curves.items()):
        for row, (label, values) in enumerate((("PSNR in the hole, dB", "psnr"), ("known pixels", "loss"))):
            for name, reached in found.items():
                x, y = reached.seconds.mean(0) * 1000, getattr(reached, values).mean(0)
                axes[row, column].plot(x, y, label=name)
            axes[row, column].set(xscale="log", ylabel=label if column == 0 else "")
        axes[1, column].set(yscale="log", xlabel="ms a picture")
        axes[0, column].set_title(kind)
    lines, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
