"""A judgement from folders and a model: what ``inpaintx eval`` runs."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.judge import methods
from inpaintx.judge.protocol import Contender, HeldOut, Scope, judge
from inpaintx.judge.reader import Reader, fused, label_of
from inpaintx.judge.verdict import Verdict
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import PRESETS, SearchOptions
from inpaintx.pictures import Picture, find_pictures, read_picture
from inpaintx.pictures.arrays import to_levels, to_values
from inpaintx.training.clusters import groups_of, near_copies, nearest
from inpaintx.training.collection import Collection, fit_picture
from inpaintx.training.seen import is_hidden, transparent_line

READER_PICTURES = 10_000  # at most: enough to read letters
NEAR_COPY = 0.9  # correlation at 16×16; telling copies apart would narrow the intervals


def held_out_from(inputs: Sequence[Path], model: Networks, count: int | None) -> HeldOut:
    """The images to judge on: every n-th picture, so that ``count`` of them spread over all.

    They are shuffled, since files are sorted by group or class, so that the slow methods, which get the first
    few, are judged on some of each.

    Raises:
        InpaintxError: an input that is missing, empty or unreadable; all pictures are too transparent.
    """
    paths = find_pictures(inputs)
    if count is not None and count < len(paths):
        paths = [paths[int(index)] for index in np.linspace(0, len(paths) - 1, count)]
    paths = [paths[index] for index in np.random.default_rng(0).permutation(len(paths))]
    squares, note = _squares(paths, model)
    paths, images = list(squares), np.stack(list(squares.values()))
    root = Path(os.path.commonpath([path.parent for path in paths]))
    folders = groups_of(paths, root)
    groups = near_copies(images.transpose(0, 3, 1, 2), NEAR_COPY) if folders is None else np.array(folders)
    return HeldOut(images, [path.name for path in paths], groups, _labels(paths), note)


def _squares(paths: Sequence[Path], model: Networks) -> tuple[dict[Path, np.ndarray], str | None]:
    """The pictures as the model sees them, and what became of those with transparent parts, in a line."""
    squares: dict[Path, np.ndarray] = {}
    filled: list[Path] = []
    left_out: list[Path] = []
    for path in paths:
        picture = read_picture(path)
        square = fitted(picture, model)
        if square is None or is_hidden(picture):
            (left_out if square is None else filled).append(path)
        if square is not None:
            squares[path] = square
    note = transparent_line(filled, left_out)
    if not squares:
        raise InpaintxError(f"no picture to judge on: {note}")
    return squares, note


def fitted(picture: Picture, model: Networks) -> np.ndarray | None:
    """A picture as the model sees it: uint8 ``[S, S, C]``; None: too much of it is transparent."""
    a, scale = model.architecture, min(model.scales, default=1)
    square = fit_picture(picture, a.size, a.channels, model.fit, scale)
    return None if square is None else to_levels(square)


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
    if held_out.note is not None:
        about["transparency"] = held_out.note
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
