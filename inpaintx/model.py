"""A trained model, ready to use: what :func:`inpaintx.load` and :func:`inpaintx.train` give."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inpaintx.completion import Completed, Completer, FolderReport, FolderRequest, complete_folder
from inpaintx.completion.ledger import describe_plugin, means_of
from inpaintx.completion.mixing import finish
from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.devices import pick_device
from inpaintx.networks.multiplication import multiplying
from inpaintx.options import PRESETS, Architecture, SearchOptions, TrainOptions
from inpaintx.pictures.arrays import images_to_levels
from inpaintx.pictures.kinds import PictureLike, hole_of, take
from inpaintx.pictures.regions import Region
from inpaintx.plugins import registry
from inpaintx.plugins.blends import BlendPlugin
from inpaintx.plugins.masks import MaskPlugin, make_mask
from inpaintx.plugins.options import nearest
from inpaintx.training import Report, Team, TrainRequest, begin
from inpaintx.training import train as run_training
from inpaintx.training.determinism import generator_for

#: Drawn together, so that memory is bounded.
DRAWN = 64


def load(model: str | os.PathLike[str] = "chars", device: str = "auto") -> Model:
    """Loads a trained model.

    Args:
        model: a run's folder, a checkpoint file, or the name of a shipped model.
        device: ``"auto"`` (a GPU where torch sees one), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises:
        InpaintxError: there is no such model or device, or the file is damaged.
    """
    return Model(checkpoint.load_model(model if isinstance(model, str) else Path(model), pick_device(device)))


def train(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    device: str = "auto",
    on_step: Callable[[Report], None] = lambda report: None,
    **options: Any,
) -> Model:
    """Trains a model on the pictures of a folder, and gives it.

    The run's folder gets a checkpoint on the way. Ctrl-C saves, then raises KeyboardInterrupt;
    ``resume=True`` goes on to the same bits as if it had not stopped.

    Args:
        folder: the pictures, nested folders included.
        out: the folder of the run; :func:`load` takes it.
        device: as for :func:`load`.
        on_step: told of every step of G and D: its number, their losses, seconds.
        **options: fields of :class:`inpaintx.options.TrainOptions` (``steps=8000``, ``minutes=30``, …), of
            :class:`inpaintx.options.Architecture` (``size=64``, ``width=32``, …), and ``resume``, ``fit``,
            ``scales``, ``channels``, ``mask`` and ``exclude`` of
            :class:`inpaintx.training.request.TrainRequest`.

    Raises:
        InpaintxError: there is no readable picture; the run's folder holds a run already, or none to resume;
            an option is unknown or out of range; a loss stopped being finite, and the last good checkpoint
            is kept.
    """
    request = _train_request(Path(folder), Path(out), options)
    trainer = begin(request, Team(device=pick_device(device)))
    if not (run_training(trainer, request.run, on_step) and finish(trainer, request.run)):
        raise KeyboardInterrupt
    return load(request.run, device)


def _train_request(folder: Path, run: Path, options: dict[str, Any]) -> TrainRequest:
    """Options from keywords, each to where it belongs."""
    parts: dict[str, set[str]] = {
        "architecture": {field.name for field in fields(Architecture)} - {"channels"},
        "options": {field.name for field in fields(TrainOptions)},
        "request": {"resume", "fit", "scales", "channels", "mask", "exclude"},
    }
    given: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for name, value in options.items():
        part = next((part for part, names in parts.items() if name in names), None)
        if part is None:
            known = sorted(set().union(*parts.values()))
            raise InpaintxError(
                f"there is no option {name!r} of training{nearest(name, known)}; see inpaintx.options"
            )
        given[part][name] = value
    return TrainRequest(
        folder, run, architecture=given["architecture"], options=given["options"], **given["request"]
    )


class Model:
    """Trained networks that complete pictures, and draw some.

    Attributes:
        networks: G, D and, where there is one, the encoder; frozen, float32.
    """

    def __init__(self, networks: checkpoint.Networks) -> None:
        self.networks = networks
        self._completer: tuple[tuple[str | BlendPlugin, SearchOptions, str | Region], Completer] | None = None

    def __repr__(self) -> str:
        a = self.networks.architecture
        kind = "gray" if a.channels == 1 else "RGB"
        return f"<inpaintx.Model {self.networks.source}: {a.size}×{a.size} {kind}>"

    def complete(
        self,
        picture: PictureLike,
        hole: PictureLike | None = None,
        *,
        mask: str | MaskPlugin | None = None,
        blend: str | BlendPlugin = "auto",
        region: str | Region = "auto",
        **search: Any,
    ) -> Completed:
        """Fills the hole of a picture; the known pixels come back bit for bit.

        Without ``hole`` and ``mask``, the hole is where the picture's alpha channel is transparent.

        Args:
            picture: a file's path, a Pillow image, an array ``[H, W]`` or ``[H, W, C]``, or a tensor
                ``[H, W]`` or ``[C, H, W]``, of uint8, uint16, or floating point in [0, 1]; C is 1 (gray),
                2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha). What it holds under the hole is never read.
            hole: where to fill, of the same size, as any of these kinds: bool, True = fill, or a mask picture
                whose white marks the hole.
            mask: a mask plugin's name, or an instance of one, that makes the hole.
            blend: a blend plugin's name, or an instance of one: how the fill joins the known pixels.
            region: what of the picture the model sees: ``"auto"`` (around each hole, the part in which it
                predicts best), ``"whole"``, or ``"X,Y,W,H"`` in pixels, as of :class:`.Completer`.
            **search: ``preset``, the name of a published source's settings, and any field of
                :class:`inpaintx.options.SearchOptions`, such as ``candidates=16``, ``estimate="mean"``,
                ``seed=1`` (which is of masks, too).

        Returns:
            The completed picture; its ``image`` is of the kind that was passed, a Pillow image for a path.

        Raises:
            InpaintxError: the picture or the hole can't be one, they don't fit each other, nothing is to be
                filled or nothing known, or an option is unknown or out of range.
        """
        options = search_options(search)
        if hole is not None and mask is not None:
            raise InpaintxError("hole and mask exclude each other; pass one")
        known = None if hole is None or isinstance(hole, (str, os.PathLike)) else ~hole_of(hole)
        taken = take(picture, known)
        completer = self._completer_for(blend, options, region)
        if known is not None:
            [completed] = completer([taken.picture], [known])
            return replace(completed, give=taken.give)
        plugin = _mask_plugin(hole, mask)
        [completed] = completer([taken.picture], [make_mask(plugin, taken.picture, options.seed)])
        means = means_of(completed.means, describe_plugin(plugin), "keep", options.seed)
        return replace(completed, give=taken.give, means=means)

    def complete_folder(
        self,
        inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        out: str | os.PathLike[str],
        hole: str | os.PathLike[str] | None = None,
        *,
        mask: str | MaskPlugin | None = None,
        blend: str | BlendPlugin = "auto",
        region: str | Region = "auto",
        **options: Any,
    ) -> FolderReport:
        """Completes folders of pictures, however many there are, in bounded memory.

        One picture that can't be read, completed or written stops no other. An interrupt leaves whole files
        only; ``skip_done=True`` goes on from there.

        Args:
            inputs: a picture file or a folder, nested ones included, or several of them.
            out: the folder of the results, which keep the names of their pictures.
            hole: a mask picture, or a folder of them, whose white marks the holes.
            mask: a mask plugin's name, or an instance of one, that makes the holes instead; with neither,
                they are where the pictures' alpha channels are transparent.
            blend: a blend plugin's name, or an instance of one.
            region: as for :meth:`complete`.
            **options: those of :class:`inpaintx.completion.plan.FolderRequest` (``format="tiff"``,
                ``overwrite=True``, ``uncertainty="maps"``, …), and as for :meth:`complete` of the search.

        Returns:
            The pictures that are completed and their results, and those that can't be, and why.

        Raises:
            InpaintxError: an input is missing, nothing may be written where it would be, or an option is
                unknown or out of range.
        """
        names = {field.name for field in fields(FolderRequest)} & options.keys() - {"seed"}
        request = {name: options.pop(name) for name in names}
        search = search_options(options)
        if hole is not None and mask is not None:
            raise InpaintxError("hole and mask exclude each other; pass one")
        given = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
        for name in ("uncertainty", "sheet", "gif", "manifest", "masks"):
            if request.get(name) is not None:
                request[name] = Path(request[name])
        return complete_folder(
            self._completer_for(blend, search, region),
            FolderRequest(
                [Path(path) for path in given],
                Path(out),
                _mask_plugin(hole, mask),
                search.seed,
                **request,
            ),
        )

    def generate(self, count: int = 64, seed: int = 0) -> np.ndarray:
        """Pictures that the model makes up.

        Args:
            count: how many, 1 or more.
            seed: of their codes, 0 or more; the same seed gives the same pictures.

        Returns:
            uint8 ``[count, H, W, C]``, C as the model has channels.

        Raises:
            InpaintxError: the count or the seed is out of range.
        """
        if count < 1 or seed < 0:
            raise InpaintxError(
                f"can't draw {count} pictures with seed {seed}; choose 1 or more, and 0 or more"
            )
        generator = self.networks.generator
        codes = generator.sample_codes(count, generator_for(seed))
        device = next(generator.parameters()).device
        with torch.no_grad(), multiplying(tf32=False):
            return np.concatenate(
                [images_to_levels(generator(part.to(device))) for part in codes.split(DRAWN)]
            )

    def _completer_for(
        self, blend: str | BlendPlugin, options: SearchOptions, region: str | Region
    ) -> Completer:
        """The one of the last call where that was alike: freezing the networks takes as long as a search."""
        asked = blend, options, region
        if self._completer is None or self._completer[0] != asked:
            made = registry.make("blend", blend) if isinstance(blend, str) else blend
            self._completer = asked, Completer(self.networks, made, options, region=region)
        return self._completer[1]


def search_options(search: dict[str, Any]) -> SearchOptions:
    """Options from keywords: a ``preset``, and fields of :class:`SearchOptions` that change it.

    Raises:
        InpaintxError: an unknown preset or option (with the nearest name), or a value out of range.
    """
    given = dict(search)
    preset = given.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise InpaintxError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
    known = [field.name for field in fields(SearchOptions)]
    for name in given:
        if name not in known:
            raise InpaintxError(
                f"there is no option {name!r} of the search{nearest(name, known)}; "
                "see inpaintx.options.SearchOptions"
            )
    return replace(PRESETS[preset] if preset else SearchOptions(), **given)


def _mask_plugin(hole: Any, mask: str | MaskPlugin | None) -> MaskPlugin:
    """What makes the hole: a plugin, or a file; with neither, the picture's alpha."""
    if mask is None:
        made: MaskPlugin = registry.make("mask", "file", {"path": None if hole is None else Path(hole)})
        return made
    return registry.make("mask", mask) if isinstance(mask, str) else mask
