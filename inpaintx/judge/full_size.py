"""At the pictures' own size: what a region for each hole brings against the whole picture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion import Completer
from inpaintx.errors import InpaintxError
from inpaintx.judge.metrics import score
from inpaintx.judge.statistics import Interval, interval, paired
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.pictures import find_pictures, read_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.training.clusters import groups_of
from inpaintx.training.seen import is_hidden

#: Ways to fill; what each is compared with is the first.
WHOLE, AUTO, INTERPOLATION = "whole", "auto", "interpolation"


@dataclass(frozen=True)
class FullSize:
    """How near each way comes to the truth in the holes.

    Attributes:
        psnr: dB, by way: float ``[N]``, one a picture.
        groups: ``[N]``: whole groups of pictures, a folder each; else each picture is one.
        names: of the pictures' files.
        left_out: those with transparent parts, where there is no truth.
    """

    psnr: Mapping[str, np.ndarray]
    groups: np.ndarray
    names: Sequence[str]
    left_out: Sequence[Path] = ()

    def gain(self, way: str) -> Interval:
        """How many dB a way is better than the whole picture, on average."""
        return paired(self.psnr[way], self.psnr[WHOLE], self.groups)

    def table(self) -> str:
        """As Markdown."""
        lines = [
            "| region | PSNR in the hole, dB | median | gain on whole, dB | gain ≥ 1 dB | loss ≥ 1 dB |",
            "|---" * 6 + "|",
        ]
        for way, values in self.psnr.items():
            gain = values - self.psnr[WHOLE]
            shares = f"{np.mean(gain >= 1):.0%} | {np.mean(gain <= -1):.0%}" if way != WHOLE else " | "
            by = _shown(self.gain(way), "+.2f") if way != WHOLE else ""
            mean = _shown(interval(values, self.groups), ".2f")
            lines.append(f"| {way} | {mean} | {np.median(values):.2f} | {by} | {shares} |")
        return "\n".join(lines)

    def to_json(self, about: Mapping[str, Any]) -> str:
        """All of it: means and gains with intervals, and each picture's values."""
        told = {
            "about": dict(about),
            "psnr": {way: _plain(interval(values, self.groups)) for way, values in self.psnr.items()},
            "gain": {way: _plain(self.gain(way)) for way in self.psnr if way != WHOLE},
            "pictures": [
                {"picture": name, **{way: float(values[number]) for way, values in self.psnr.items()}}
                for number, name in enumerate(self.names)
            ],
            "left_out": [str(path) for path in self.left_out],
        }
        return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)


def judge_full_size(
    inputs: Sequence[Path],
    model: Networks,
    options: SearchOptions,
    share: float,
    seed: int,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> FullSize:
    """Fills a rectangular hole in each picture at its own size, from the whole picture and from a region.

    Args:
        inputs: files and folders of pictures that training never saw.
        model: whose completions are judged, with the blend ``auto``.
        options: of the latent search.
        share: sides of the hole, as a share of the picture's: above 0, below 1. Its place is a function of
            the seed and the picture's file name.
        seed: of the holes.
        progress: called with how many pictures are done, and of how many.

    Raises:
        InpaintxError: an input is missing, empty or unreadable; the share can't be; no picture is opaque.
    """
    hole = registry.make("mask", "random-patch", {"min_side": share, "max_side": share})
    blend, plate = (registry.make("blend", name) for name in ("auto", "biharmonic"))
    ways = {
        WHOLE: Completer(model, blend, options, region="whole"),
        AUTO: Completer(model, blend, options, region="auto"),
        INTERPOLATION: Completer(model, plate, options, "constant"),
    }
    paths = find_pictures(inputs)
    found: dict[str, list[float]] = {way: [] for way in ways}
    judged: list[Path] = []
    left_out: list[Path] = []
    for number, path in enumerate(paths, 1):
        picture = read_picture(path)
        if is_hidden(picture):
            left_out.append(path)
        else:
            judged.append(path)
            mask = make_mask(hole, picture, seed)
            for way, completer in ways.items():
                [completed] = completer([picture], [mask])
                found[way].append(score(picture.array, completed.picture.array, mask).psnr_hole)
        progress(number, len(paths))
    if not judged:
        raise InpaintxError("no picture to judge on: all have transparent parts; give opaque ones")
    root = Path(os.path.commonpath([path.parent for path in judged]))
    folders = groups_of(judged, root)
    groups = np.arange(len(judged)) if folders is None else np.array(folders)
    names = [path.relative_to(root).as_posix() for path in judged]
    return FullSize({way: np.array(values) for way, values in found.items()}, groups, names, left_out)


def _shown(found: Interval, digits: str) -> str:
    mean, low, high = (f"{value:{digits}}" for value in found)
    return mean if np.isnan(found.low) else f"{mean} [{low}, {high}]"


def _plain(found: Interval) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in found]
