"""What a manifest says of a picture, in words. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inpaintx.errors import shown
from inpaintx.gallery.shots import Shots

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """A picture on a page.

    Attributes:
        number: of all that are shown, from 1 on.
        name: of its result, below the folder of the results.
        status: ``"completed"``, ``"undamaged"`` or ``"failed"``.
        original, result: where the whole pictures are, as seen from the page; empty where there is none.
        shots: small copies; None where there is nothing to show.
        brief: what was done, in a few words.
        warnings: what should be looked at, in a line each.
        facts: the record: names and values.
    """

    number: int
    name: str
    status: str
    original: str
    result: str
    shots: Shots | None
    brief: list[str]
    warnings: list[str]
    facts: list[tuple[str, str]]


def brief(line: Line, pixels: int | None) -> list[str]:
    """What was done, in a few words; ``pixels`` is how many the picture has, None where that isn't known."""
    if line.get("status") == "undamaged":
        return ["undamaged, nothing was filled"]
    if line.get("status") == "failed":
        return ["not completed"]
    model = line.get("model") or {}
    said = [_filled(line, pixels), f"model {shown(model.get('name', 'unknown'))}", f"seed {line.get('seed')}"]
    return list(filter(None, said))


def warnings(line: Line) -> list[str]:
    """What of a record should be looked at."""
    said = [str(line.get("why"))] if line.get("status") == "failed" else []
    doubts = [region["doubt"] for region in _regions(line) if region.get("doubt")]
    said += [f"the model can't speak for a region: {doubt}" for doubt in dict.fromkeys(doubts)]
    if line.get("not_kept"):
        said.append(str(line["not_kept"]))
    return [shown(text) for text in said]


def facts(line: Line, pixels: int | None) -> list[tuple[str, str]]:
    """The record of a picture, as names and values; what a manifest doesn't say is left out."""
    return [(name, shown(value)) for name, value in _facts(line, pixels) if value]


def made_by(lines: Mapping[str, Line]) -> list[tuple[str, str]]:
    """What is the same for all pictures that were completed: names and values."""
    done = [line for line in lines.values() if line.get("status") == "completed"]
    told: list[dict[str, str]] = [
        {
            "model": str((line.get("model") or {}).get("name", "")),
            "collection": str((line.get("model") or {}).get("collection") or ""),
            "seed": str(line.get("seed", "")),
            "inpaintx": str((line.get("versions") or {}).get("inpaintx", "")),
        }
        for line in done
    ]
    alike = {name for name in (told[0] if told else {}) if len({one[name] for one in told}) == 1}
    said = [
        (name, shown(value)) for name, value in (told[0] if told else {}).items() if name in alike and value
    ]
    days = sorted({str(line.get("when", ""))[:10] for line in done} - {""})
    return [*said, ("when", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}")] if days else said


def _facts(line: Line, pixels: int | None) -> Iterator[tuple[str, str]]:
    model, settings, search = (line.get(part) or {} for part in ("model", "settings", "search"))
    box = (line.get("filled") or {}).get("box")
    yield "picture", str(line.get("picture", ""))
    yield "filled", _filled(line, pixels)
    yield "within", "{2} × {3} pixels, {0} from the left and {1} from the top".format(*box) if box else ""
    for region in _regions(line):
        yield "region", _region(region)
    yield "model", str(model.get("name", ""))
    yield "model’s SHA-256", model.get("sha256") or ""
    yield "model’s collection", str(model.get("collection") or "")
    yield "seed", str(line.get("seed", ""))
    yield "contextual loss", _number(search.get("contextual_loss"))
    yield "prior loss", _number(search.get("prior_loss"))
    yield "iterations", str(search.get("iterations", ""))
    yield "candidates’ disagreement", _number(search.get("uncertainty"))
    for part in ("mask", "blend", "fill", "region", "format", "search"):
        yield f"setting: {part}", _options(settings.get(part))
    yield "versions", _options(line.get("versions"))
    yield "not kept", str(line.get("not_kept", ""))
    yield "picture’s SHA-256", line.get("picture_sha256") or ""
    yield "result’s SHA-256", line.get("result_sha256") or ""
    yield "when", str(line.get("when", ""))


def _filled(line: Line, pixels: int | None) -> str:
    count = (line.get("filled") or {}).get("pixels")
    if count is None:
        return ""
    word = "pixel" if count == 1 else "pixels"
    return f"{count:,} {word} filled" + (f" ({_percent(count / pixels)})" if pixels else "")


def _percent(share: float) -> str:
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    return f"{100 * share:.{2 if share < 0.01 else 1 if share < 0.1 else 0}f} %"


def _regions(line: Line) -> list[dict[str, Any]]:
    return (line.get("search") or {}).get("regions") or []


def _region(region: dict[str, Any]) -> str:
    said = "{width} × {height} pixels, {x} from the left and {y} from the top".format(**region)
    said += f"; {_number(region['scale'])} pixels to one of the model’s"
    if region.get("error") is not None:
        said += f"; {100 * region['error']:.0f} % of interpolation’s error on known pixels"
    return said + (f"; {region['doubt']}" if region.get("doubt") else "")


def _options(value: Any) -> str:
    """Plain values in a line, of a plugin its name first; options that are left open are left out."""
    if isinstance(value, Mapping):
        told = {name: _options(part) for name, part in value.items() if name != "name"}
        rest = [f"{name} {text}" for name, text in told.items() if text]
        return ", ".join([*([str(value["name"])] if "name" in value else []), *rest])
    return "" if value is None else "yes" if value is True else "no" if value is False else _number(value)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
