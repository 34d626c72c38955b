"""The form of a request: its fields, from the library's own options, and what is read of them. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from inpaintx.completion.plan import FORMATS
from inpaintx.errors import InpaintxError
from inpaintx.options import PRESETS, SEARCH_AT_LEAST, SEARCH_AT_MOST, SearchOptions
from inpaintx.plugins import registry
from inpaintx.plugins.options import nearest, options_of
from inpaintx.service.limits import Limits
from inpaintx.service.tasks import file_options

#: Whole numbers go through native code, which has no more bits.
_MOST = 2**31 - 1
#: Options of the search that are the service's to choose: how much is done at once.
_OWN = ("batch",)
#: Files of a form, and what they are.
FILES = {
    "image": "The picture, in any format that is read, PNG or JPEG say.",
    "mask": "A picture of the same size whose white is the hole; else the picture's alpha, or mask_plugin.",
}


class BadForm(InpaintxError):
    """A form that can't be read, or has a field that is unknown or can't be."""


def _parsed(value: Any) -> Any:
    """An object that a form holds as text."""
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("it is no JSON") from error


#: Of plugins: by name, as text or as JSON has them.
PluginOptions = Annotated[
    dict[str, str | bool | int | float | None],
    BeforeValidator(_parsed),
    Field(json_schema_extra={"type": "string", "contentMediaType": "application/json"}),
]


@cache
def form_of(limits: Limits, models: tuple[str, ...]) -> type[BaseModel]:
    """The fields of a request to complete a picture by one of these models, the files apart.

    None is required.
    """
    fields: dict[str, Any] = {
        "model": _one_of(models, "Else the service's first."),
        "mask_plugin": _one_of(registry.names("mask"), "It makes the hole, instead of mask."),
        "mask_options": (PluginOptions, Field(description="Its options, as a JSON object.")),
        "region": (
            str,
            Field(
                description="What of the picture the model sees: auto, whole, or X,Y,W,H in pixels.",
                json_schema_extra={"pattern": r"^(auto|whole|[0-9]+,[0-9]+,[1-9][0-9]*,[1-9][0-9]*)$"},
            ),
        ),
        "blend": _one_of(registry.names("blend"), "How the fill joins the known pixels."),
        "blend_options": (PluginOptions, Field(description="Its options, as a JSON object.")),
        "feather": (
            float,
            Field(gt=0, description="Fade from the known pixels to the fill over so many pixels."),
        ),
        "format": (
            Literal[FORMATS],
            Field(description="Of the result; keep: its own, PNG where that is lossy."),
        ),
        "record": (bool, Field(description="Say in the result, as XMP, what was filled and by what.")),
        "preset": (Literal[tuple(PRESETS)], Field(description="Search settings of a published source.")),
    }
    for name, hint in file_options().items():
        fields[name] = (_plain(hint), Field(description=f"Option of the mask: {_help_of_file(name)}."))
    hints = get_type_hints(SearchOptions)
    most = {**SEARCH_AT_MOST, **limits.of_search}
    for name, option in SearchOptions.__dataclass_fields__.items():
        if name in _OWN:
            continue
        plain = _plain(hints[name])
        bounds: dict[str, Any] = {"ge": SEARCH_AT_LEAST[name]} if name in SEARCH_AT_LEAST else {}
        if plain is int:
            bounds["le"] = most.get(name, _MOST)
        fields[name] = (plain, Field(description=option.metadata["help"], **bounds))
    return _model("Form", fields)


@cache
def mask_form() -> type[BaseModel]:
    """The fields of a request for a mask, the picture apart."""
    return _model(
        "MaskForm",
        {
            "plugin": _one_of(registry.names("mask"), "It makes the mask."),
            "options": (PluginOptions, Field(description="Its options, as a JSON object.")),
            "seed": (int, Field(ge=0, le=SEARCH_AT_MOST["seed"], description="Of what it draws at random.")),
        },
        required=("plugin",),
    )


def read_values(form: type[BaseModel], values: Mapping[str, str]) -> dict[str, Any]:
    """The values of a form's fields, as far as they were given.

    Raises:
        BadForm: a field is unknown or missing, or its value can't be.
    """
    for name in values:
        if name not in form.model_fields:
            known = [*form.model_fields, *FILES]
            raise BadForm(f"there is no field {name!r}{nearest(name, known)}; /openapi.json lists all")
    try:
        return form.model_validate(dict(values)).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise BadForm(one_line(error.errors())) from error


def one_line(errors: Any) -> str:
    """Pydantic's errors, as one message."""
    said = []
    for error in errors:
        where = ".".join(str(part) for part in error["loc"] if part not in ("query", "path", "body"))
        said.append(f"{where}: {error['msg']}")
    return f"{'; '.join(said)}; /openapi.json says what it takes"


def body_schema(form: type[BaseModel], files: tuple[str, ...] = ("image",)) -> dict[str, Any]:
    """The request body of a form with files, the first of which is required, as OpenAPI describes it."""
    schema = form.model_json_schema()
    binary = {
        name: {"type": "string", "format": "binary", "description": FILES[name], "title": name.capitalize()}
        for name in files
    }
    schema["properties"] = {**binary, **schema["properties"]}
    for described in schema["properties"].values():
        described.pop("default", None)
    schema["required"] = [files[0], *schema.get("required", ())]
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
    }


def _model(name: str, fields: Mapping[str, Any], required: tuple[str, ...] = ()) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    described: dict[str, Any] = {
        field: (Annotated[hint, how], ... if field in required else None)
        for field, (hint, how) in fields.items()
    }
    made: type[BaseModel] = create_model(name, __config__=config, **described)
    return made


def _one_of(names: Iterable[str], description: str) -> tuple[type, Any]:
    """A field that is one of these; what is none is refused where it is used, with the nearest one."""
    return str, Field(description=description, json_schema_extra={"enum": list(names)})


def _plain(hint: Any) -> Any:
    """The type of an option that may also be left out: a form leaves it out by not naming it."""
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part is not NoneType]
        return parts[0] if len(parts) == 1 else reduce(or_, parts)
    return hint


def _help_of_file(name: str) -> str:
    return next(option.help for option in options_of(registry.get("mask", "file")) if option.name == name)
