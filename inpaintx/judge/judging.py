"""A judgement from folders and a model: what ``inpaintx eval`` runs."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.judge import methods
from inpaintx.judge.clusters import groups_of, near_copies, nearest
from inpaintx.judge.protocol import Contender, HeldOut, Scope, judge
from inpaintx.judge.reader import Reader, fused, label_of
from inpaintx.judge.verdict import Verdict
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.pictures import Picture, find_pictures, read_picture
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.training.collection import Collection, fit_picture

READER_PICTURES = 10_000  # at most: enough to read letters
NEAR_COPY = 0.9  # correlation at 16×16; telling copies apart would narrow the intervals


def held_out_from(inputs: Sequence[Path], model: Networks, count: int | None) -> HeldOut:
    """The images to judge on: every n-th picture, so that ``count`` of them spread over all.

    They are shuffled, since files are sorted by group or class, so that the slow methods, which get the first
    few, are judged on some of each.

    Raises:
        InpaintxError: an input that is missing, empty or unreadable.
    """
    paths = find_pictures(inputs)
    if count is not None and count < len(paths):
        paths = [paths[int(index)] for index in np.linspace(0, len(paths) - 1, count)]
    paths = [paths[index] for index in np.random.default_rng(0).permutation(len(paths))]
    images = fitted(map(read_picture, paths), model)
    root = Path(os.path.commonpath([path.parent for path in paths]))
    folders = groups_of(paths, root)
    groups = near_copies(images.transpose(0, 3, 1, 2), NEAR_COPY) if folders is None else np.array(folders)
    return HeldOut(images, [path.name for path in paths], groups, _labels(paths))


def fitted(pictures: Iterable[Picture], model: Networks) -> np.ndarray:
    """Pictures as the model sees them: uint8 ``[n, S, S, C]``."""
    a = model.architecture
    scale = min(model.scales, default=1)
    squares = [fit_picture(picture, a.size, a.channels, model.fit, scale) for picture in pictures]
    return to_levels(np.stack(squares))


def verdict_on(
    held_out: HeldOut,
    model: Networks,
    collection: Collection | None,
    options: SearchOptions,
    scope: Scope,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Iterator[Verdict]:
    """Judges a model against the classical methods, and against those that learn from its collection.

    Gives the verdict so far after each family of masks.

    Args:
        held_out: from :func:`held_out_from`.
        model: whose completions are judged.
        collection: what it was trained on; without it, no learned method and no reader takes part.
        options: of the latent search.
        scope: of the judgement.
        progress: called with how many images the contenders have gone through, and of how many in all.
    """
    settled = vars(options) | vars(options.plan(model.encoder is not None))
    about: dict[str, Any] = {
        "command": scope.command,
        "model": str(model.source),
        "pictures": len(held_out.images),
        "groups": len(np.unique(held_out.groups)),
        "groups are": "folders"
        if held_out.groups.dtype.kind == "U"
        else f"near-copies (correlation above {NEAR_COPY})",
        "size": f"{model.architecture.size} pixels, {model.architecture.channels} channels",
        "mask seed": scope.seed,
        "slow methods": f"{min(scope.slow_count, len(held_out.images))} of the pictures, drawn by chance",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("inpaintx", "torch", "numpy")),
        "search": ", ".join(f"{name} {value}" for name, value in settled.items()),
    }
    contenders = [Contender(*each) for each in methods.classical()]
    contenders.append(Contender(*methods.ours(model, options)))
    contenders.append(Contender(*methods.switched(model, options, "constant")))
    contenders.append(Contender(*methods.switched(model, options, "untrained"), scope.slow_count))
    contenders += [Contender(*methods.preset(model, name, options), scope.slow_count) for name in PRESETS]
    reader = None
    if collection is not None:
        trained_on = collection.learned(model.flip).numpy()
        contenders += [Contender(*each) for each in methods.learned(trained_on)]
        if scope.rival is None:
            about["U-Net"] = "left out: `--rival unet` trains one, for as long as the model was"
        else:
            contenders += [Contender(*each) for each in methods.rival(scope.rival)]
        _, correlation = nearest(held_out.images.transpose(0, 3, 1, 2), trained_on)
        mirrored = ", and their mirror images" if model.flip else ""
        about["collection"] = f"{len(collection.images)} pictures{mirrored}"
        about[f"correlate above {NEAR_COPY} with one of them"] = int((correlation > NEAR_COPY).sum())
        reader = _reader(collection)
        if reader is not None and held_out.labels is not None:
            intact = to_values(held_out.images)
            right = float((reader.read(intact) == fused(held_out.labels)).mean())
            about["intact letters read right"] = f"{100 * right:.1f} %"
    yield from judge(held_out, contenders, scope, about, reader, progress)


def _labels(paths: Sequence[Path]) -> np.ndarray | None:
    labels = [label_of(path) for path in paths]
    return None if None in labels else np.array(labels, dtype=np.int64)


def _reader(collection: Collection) -> Reader | None:
    labels = _labels(collection.paths)
    if labels is None:
        return None
    step = max(1, -(-len(labels) // READER_PICTURES))
    images = to_values(collection.images.numpy()[::step].transpose(0, 2, 3, 1))
    return Reader.train(images, labels[::step])
