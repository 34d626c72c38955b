"""Tries a plugin by the rules: on all cases with its options as they are, on some with each at its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins.calls import SECONDS, Overdue, allowed_seconds, in_time, one_line
from inpaintx.plugins.cases import SEED, blend_inputs, pictures
from inpaintx.plugins.options import as_text, options_of
from inpaintx.plugins.registry import Kind
from inpaintx.plugins.rules import RULES, Trial, check_class

_MEGAPIXEL = 1024  # pixels a side
_EVERY = 4  # of the cases, where an option isn't as it is by default
_CLASS = ("class", "the class is what `plugins info`, `-o` and the registry go by")
_OPTIONS = ("options", "users set them: every choice, and both ends of a range that is declared, must work")
_TIME = ("time", f"a folder has thousands of pictures: at most {SECONDS:g} s for one of 1024×1024")

#: Is told what comes next, and how many seconds it may take; 0: as many as it likes.
Tell = Callable[[str, float], object]


def _nobody(what: str, seconds: float) -> None:
    """Who wants to be told nothing."""


def problems(kind: Kind, made: Any) -> Iterator[tuple[str, str]]:
    """The rules that a plugin breaks: each rule's name, and what it did on which input; once per input.

    A mask that refuses (raises InpaintxError) every picture breaks the rule ``runs``.
    """
    for rule, problem in _outcomes(kind, made, _nobody):
        if problem is not None:
            yield rule, problem


def findings(kind: Kind, plugin: type, tell: Tell = _nobody) -> list[dict[str, Any]]:
    """Every rule, in order: its ``rule``, ``why``, ``passed``, and the first ``problem`` (else empty).

    ``passed`` is None for a rule that was not reached, since others were broken before. The first rule is on
    the class, the second on its options, the last on the time for a megapixel, whose ``seconds`` it has too.
    """
    first: dict[str, str] = {}
    reached = {_CLASS[0]}
    try:
        check_class(kind, plugin)
        made = plugin()
    except Exception as error:
        first["class"] = str(error) if isinstance(error, AssertionError) else one_line(error)
    else:
        for name, problem in _all_outcomes(kind, plugin, made, tell):
            reached.add(name)
            if problem is not None:
                first.setdefault(name, problem)
    rules = [_CLASS, _OPTIONS, *((rule.name, rule.why) for rule in RULES[kind])]
    found = [_finding(name, why, name in reached, first.get(name, "")) for name, why in rules]
    if first.keys() & {"class", "ends", "runs"}:
        return [*found, _finding(*_TIME, False, "")]
    return [*found, _time(kind, made, tell)]


def broken_off(kind: Kind, rule: str, problem: str) -> list[dict[str, Any]]:
    """The findings on a plugin that took its process with it: nothing is known but the rule that it broke."""
    rules = [_CLASS, _OPTIONS, *((rule.name, rule.why) for rule in RULES[kind]), _TIME]
    return [_finding(name, why, False, problem if name == rule else "") for name, why in rules]


def _finding(rule: str, why: str, reached: bool, problem: str) -> dict[str, Any]:
    passed = not problem if reached or problem else None
    return {"rule": rule, "why": why, "passed": passed, "problem": problem}


def _all_outcomes(kind: Kind, plugin: type, made: Any, tell: Tell) -> Iterator[tuple[str, str | None]]:
    """What comes of each rule: by the options as they are, then with each at its ends."""
    for name, problem in _outcomes(kind, made, tell):
        yield name, problem
        if name in ("ends", "runs") and problem is not None:
            return  # the others would tell the same once more
    yield "options", None
    for option, value, is_end in _variants(plugin):
        said = f"{option}={as_text(value)}"
        try:
            other = plugin(**{option: value})
        except ValueError as error:
            if is_end:  # a choice may need another option
                yield "options", f"{kind} plugin {made.name!r} refuses {said}: {' '.join(str(error).split())}"
            continue
        except Exception as error:
            yield "options", f"{kind} plugin {made.name!r} with {said}: it raised {one_line(error)}"
            continue
        yield from _outcomes(kind, other, tell, f" with {said}")


def _variants(plugin: type) -> Iterator[tuple[str, Any, bool]]:
    """Values besides the defaults, an option at a time; and whether it is the end of its declared range."""
    for option in options_of(plugin):
        for value in (*option.choices, option.least, option.most):
            if value is not None and value != option.default:
                yield option.name, value, value not in option.choices


def _outcomes(kind: Kind, made: Any, tell: Tell, said: str = "") -> Iterator[tuple[str, str | None]]:
    """The rules as they are checked, and what is wrong, in words; ``said``: which option isn't as usual."""
    accepted = 0
    trials = _TRIALS[kind](made, lambda case, seconds: tell(f"{case}{said}", seconds))
    for case, trial in islice(trials, 0, None, _EVERY if said else 1):
        if kind == "mask" and isinstance(trial.error, InpaintxError):
            continue
        accepted += 1
        for rule in RULES[kind]:
            if min(trial.shape[:2]) < rule.least_side or (said and rule.usual_only):
                continue
            problem = rule.check(trial)
            yield rule.name, problem and f"{kind} plugin {made.name!r}{said} on {case}: {problem}"
            if problem is not None:
                break  # the rules after it take this one as kept
        if isinstance(trial.error, Overdue):
            return  # each further case would take as long
    if not accepted and not said:
        yield "runs", f"{kind} plugin {made.name!r}: it refused every picture"


def _time(kind: Kind, made: Any, tell: Tell) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    side = _MEGAPIXEL
    limit = allowed_seconds(side * side)
    tell("a megapixel", limit)
    start = perf_counter()
    where = f"{kind} plugin {made.name!r} on a megapixel"
    try:
        if kind == "mask":
            picture = Picture(rng.integers(0, 255, (side, side, 3), dtype=np.uint8))
            in_time(limit, made.mask, picture, rng)
        else:
            values, fill = rng.random((2, side, side, 3), dtype=np.float32)
            mask = np.ones((side, side), dtype=bool)
            mask[side // 4 : side // 2, side // 4 : side // 2] = False
            in_time(limit, made.blend, np.where(mask[..., None], values, np.float32(0)), fill, mask)
        problem = ""
    except Overdue as error:
        problem = f"{where}: {error}"
    except (Exception, SystemExit) as error:
        refused = kind == "mask" and isinstance(error, InpaintxError)
        problem = "" if refused else f"{where}: it raised {one_line(error)}"
    seconds = perf_counter() - start
    if not problem and seconds > SECONDS:
        problem = f"{where}: it took {seconds:.0f} s, more than {SECONDS:g}"
    return {**_finding(*_TIME, True, problem), "seconds": seconds}


def _mask_trials(made: Any, tell: Tell) -> Iterator[tuple[str, Trial]]:
    def call(picture: Picture) -> Any:
        return made.mask(picture, np.random.default_rng(SEED))

    for case, picture in pictures():
        tell(case, 2 * allowed_seconds(1))
        yield case, _tried(call, (picture,), (picture.height, picture.width))


def _blend_trials(made: Any, tell: Tell) -> Iterator[tuple[str, Trial]]:
    for case, picture, fill, mask in blend_inputs():
        tell(case, 5 * allowed_seconds(1))
        yield case, _tried(made.blend, (picture, fill, mask), picture.shape)


_TRIALS: dict[Kind, Callable[[Any, Tell], Iterator[tuple[str, Trial]]]] = {
    "mask": _mask_trials,
    "blend": _blend_trials,
}


def _tried(call: Callable[..., Any], inputs: tuple[Any, ...], shape: tuple[int, ...]) -> Trial:
    def timed(*given: Any) -> Any:
        return in_time(allowed_seconds(1), call, *given)

    before = _bytes(inputs)
    try:
        result = timed(*inputs)
        untouched = _bytes(inputs) == before
        return Trial(timed, inputs, shape, untouched, result, timed(*inputs))
    except (Exception, SystemExit) as error:  # a stranger's plugin can raise anything
        return Trial(timed, inputs, shape, error=error)


def _bytes(inputs: tuple[Any, ...]) -> list[bytes]:
    arrays = []
    for given in inputs:
        arrays += [given.array, given.alpha] if isinstance(given, Picture) else [given]
    return [array.tobytes() for array in arrays if array is not None]
