"""What a client asks for: a picture, its hole, and how it is to be completed. Loads no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from inpaintx.completion.ledger import describe_plugin
from inpaintx.completion.manifest import mask_hash
from inpaintx.errors import InpaintxError
from inpaintx.options import FROM_GUESSES, FROM_RANDOM, PRESETS, SearchOptions
from inpaintx.pictures import Picture, read_picture
from inpaintx.pictures.files import kept_format, picture_size
from inpaintx.pictures.held import HeldFile
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.plugins.registry import plugin_errors

if TYPE_CHECKING:
    from inpaintx.plugins.masks import MaskPlugin
    from inpaintx.service.limits import Limits

#: What the region, the blend and the format are where a client doesn't say.
DEFAULTS = {"region": "auto", "blend": "auto", "format": "keep"}


class TooLarge(InpaintxError):
    """More bytes or pixels than are taken."""


class TooSlow(InpaintxError):
    """A request that doesn't come."""


class Unreadable(InpaintxError):
    """Something that can't be read as a picture."""


@dataclass(frozen=True)
class Settings:
    """How to complete; what has the same settings can be searched together.

    Attributes:
        model: its name.
        region: as of :class:`.Completer`.
        blend: the plugin's name.
        blend_options: of it, sorted by name.
        search: options of the search.
    """

    model: str
    region: str
    blend: str
    blend_options: tuple[tuple[str, Any], ...]
    search: SearchOptions


@dataclass(frozen=True, eq=False)
class Task:
    """A picture to complete.

    Attributes:
        picture: what is damaged.
        mask: bool ``[H, W]``, True = keep.
        settings: how.
        format: of the result, as of :class:`.FolderRequest`.
        own_formats: the formats that ``"keep"`` and ``"same"`` mean for this picture.
        recorded: whether the result says in its XMP what was done to it.
        made_by: the mask plugin and its options, in plain values.
        hashes: of the file and the mask, hexadecimal SHA-256.
    """

    picture: Picture
    mask: np.ndarray
    settings: Settings
    format: str
    own_formats: Mapping[str, str]
    recorded: bool
    made_by: Mapping[str, Any]
    hashes: Mapping[str, str]

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.mask.size


def read_upload(file: HeldFile, limits: Limits) -> Picture:
    """The picture of a file that a client sent.

    Raises:
        TooLarge: it has more pixels than are taken; they are not decoded.
        Unreadable: it is no picture.
    """
    with _unreadable():
        check_size(file, limits)
        return read_picture(file)


def check_size(file: HeldFile, limits: Limits) -> None:
    """Looks at the header of a picture that a client sent; raises as :func:`read_upload`."""
    with _unreadable():
        width, height = picture_size(file)
    if width * height > limits.pixels:
        raise TooLarge(
            f"{file} has {width}×{height} pixels, more than the {limits.megapixels:g} million that are "
            "taken; scale it down"
        )


@contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except TooLarge:
        raise
    except InpaintxError as error:
        raise Unreadable(str(error)) from error


def read_task(files: Mapping[str, HeldFile], values: Mapping[str, Any], model: str, limits: Limits) -> Task:
    """What a client asks for.

    Args:
        files: ``"image"`` and, maybe, ``"mask"``.
        values: the fields of :func:`.form_of` that were given.
        model: the name of the one to use.
        limits: of what is taken.

    Raises:
        InpaintxError: no such plugin or option, a value out of range, a mask that is none or of another size.
        TooLarge, Unreadable: as of :func:`read_upload`.
    """
    settings = _settings(values, model, limits)
    image = files["image"]
    picture = read_upload(image, limits)
    mask = mask_plugin(files.get("mask"), values, limits)
    known = make_mask(mask, picture, settings.search.seed)
    hashes = {"picture_sha256": hashlib.sha256(image.data).hexdigest(), "mask_sha256": mask_hash(known)}
    own_formats = {"keep": kept_format(image), "same": kept_format(image, same=True)}
    return Task(
        picture,
        known,
        settings,
        values.get("format", DEFAULTS["format"]),
        own_formats,
        values.get("record", True),
        describe_plugin(mask),
        hashes,
    )


def _settings(values: Mapping[str, Any], model: str, limits: Limits) -> Settings:
    names = SearchOptions.__dataclass_fields__.keys()
    base = PRESETS[values["preset"]] if "preset" in values else _usual(limits)
    search = replace(base, **{name: value for name, value in values.items() if name in names})
    for name, most in limits.of_search.items():
        if (getattr(search, name) or 0) > most:
            raise InpaintxError(
                f"{name} is {getattr(search, name)}, more than the {most} that are taken; send fewer"
            )
    blend, options = values.get("blend", DEFAULTS["blend"]), dict(values.get("blend_options", {}))
    if "feather" in values:
        if blend not in (DEFAULTS["blend"], "alpha"):
            raise InpaintxError("feather is the blend alpha's width; leave blend out")
        blend, options = "alpha", {"width": values["feather"], **options}
    make_plugin("blend", blend, options)  # refused now where it can't be made
    return Settings(
        model, values.get("region", DEFAULTS["region"]), blend, tuple(sorted(options.items())), search
    )


def _usual(limits: Limits) -> SearchOptions:
    """What is searched where a client says nothing: the usual, as far as the limits go."""
    usual = SearchOptions()
    most = limits.of_search
    planned = min(FROM_GUESSES.iterations, most["iterations"])
    return replace(
        usual,
        candidates=min(usual.candidates, most["candidates"]),
        starts=min(usual.starts, most["starts"]),
        iterations=usual.iterations if most["iterations"] >= FROM_RANDOM.iterations else planned,
    )


def mask_plugin(file: HeldFile | None, values: Mapping[str, Any], limits: Limits) -> MaskPlugin:
    """What makes the hole: a mask file, a plugin, or the picture's alpha.

    Args:
        file: the mask; None: there is none.
        values: ``mask_plugin``, ``mask_options``, and options of the plugin ``file``, as far as given.
        limits: of the mask file.

    Raises:
        InpaintxError: no such plugin or option, or two that exclude each other.
        TooLarge, Unreadable: as of :func:`read_upload`.
    """
    own = {name: values[name] for name in file_options() if name in values}
    name, options = values.get("mask_plugin"), values.get("mask_options", {})
    if name is not None and (file is not None or own):
        given = "mask" if file is not None else next(iter(own))
        raise InpaintxError(f"mask_plugin and {given} exclude each other; send one")
    if name is None and options:
        raise InpaintxError("mask_options go with mask_plugin; send that, too")
    plugin: MaskPlugin = make_plugin("mask", name or "file", options if name else own)
    if file is None:
        return plugin
    check_size(file, limits)
    return replace(plugin, path=file)  # type: ignore[type-var]


def file_options() -> dict[str, Any]:
    """The options of the mask plugin ``file`` that a client may set, and their types."""
    plugin = registry.get("mask", "file")
    return {name: hint for name, hint in option_types(plugin).items() if not is_place(hint)}


def option_types(plugin: type) -> dict[str, Any]:
    """The options of a plugin and their types."""
    hints = get_type_hints(plugin)
    return {field.name: hints[field.name] for field in registry.option_fields(plugin)}


def make_plugin(kind: registry.Kind, name: str, options: Mapping[str, Any]) -> Any:
    """A plugin by a client's wish; raises InpaintxError for options that name a place on this machine."""
    places = [option for option, hint in option_types(registry.get(kind, name)).items() if is_place(hint)]
    for option in places:
        if option in options:
            raise InpaintxError(
                f"option {option!r} of {kind} plugin {name!r} names a file of the service, which is not for "
                "clients; send the file itself, or leave the option out"
            )
    with plugin_errors(f"{kind} plugin {name!r}"):
        return registry.make(kind, name, options)


def is_place(hint: Any) -> bool:
    """Whether an option of this type is a path, or may be one."""
    if get_origin(hint) in (Union, UnionType):
        return any(map(is_place, get_args(hint)))
    return isinstance(hint, type) and issubclass(hint, Path)
