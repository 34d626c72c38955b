"""The rules that a plugin keeps to, each with its reason: the kit and ``plugins check`` share them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, get_type_hints

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.plugins.calls import one_line
from inpaintx.plugins.cases import SEED, blend_inputs, pictures
from inpaintx.plugins.options import as_text, convert, options_of
from inpaintx.plugins.registry import Kind, contract_problem, description

_LARGE = 32  # from this side on, a mask has room to keep something and hide something
_MEGAPIXEL = 1024
_SECONDS = 60.0  # for a megapixel: so generous that only a loop over pixels, or worse, exceeds it


@dataclass(frozen=True)
class Trial:
    """One call of the plugin, twice over: what went in, and what came out.

    Attributes:
        call: calls the plugin with inputs of this kind.
        inputs: what it was given, a Picture or three arrays.
        shape: what the result must have: [H, W] of a mask, [H, W, C] of a blend.
        untouched: whether the first call left its inputs as they were.
        result, again: what the two calls gave; None where ``error`` is set.
        error: what a call raised.
    """

    call: Callable[..., Any]
    inputs: tuple[Any, ...]
    shape: tuple[int, ...]
    untouched: bool = True
    result: Any = None
    again: Any = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of the contract.

    Attributes:
        name: a word or two.
        why: the reason for the rule, a clause.
        check: what is wrong with a trial that kept to the rules before this one, in words; None: nothing.
    """

    name: str
    why: str
    check: Callable[[Trial], str | None]


def _runs(trial: Trial) -> str | None:
    return f"it raised {one_line(trial.error)}" if trial.error else None


def _inputs(trial: Trial) -> str | None:
    return None if trial.untouched else "it wrote into its input"


def _array(trial: Trial) -> str | None:
    array = isinstance(trial.result, np.ndarray)
    return None if array else f"it gave {type(trial.result).__name__}, not an array"


def _dtype_is(dtype: type) -> Callable[[Trial], str | None]:
    def check(trial: Trial) -> str | None:
        found = trial.result.dtype
        return None if found == dtype else f"it gave {found}, not {np.dtype(dtype)}"

    return check


def _shape(trial: Trial) -> str | None:
    found, wanted = list(trial.result.shape), list(trial.shape)
    axes = "[H,W]" if len(wanted) == 2 else "[H,W,C]"
    return None if found == wanted else f"it gave {found}, not {axes} = {wanted}"


def _range(trial: Trial) -> str | None:
    if not np.isfinite(trial.result).all():
        return "it gave values that aren't finite"
    low, high = float(trial.result.min()), float(trial.result.max())
    return None if 0 <= low <= high <= 1 else f"it gave {low:g} to {high:g}, not values in [0, 1]"


def _seed(trial: Trial) -> str | None:
    same = np.array_equal(trial.result, trial.again)
    return None if same else "it draws from another source of chance than its rng"


def _repeats(trial: Trial) -> str | None:
    same = np.array_equal(trial.result, trial.again)
    return None if same else "it gave something else for the same inputs"


def _keeps_and_hides(trial: Trial) -> str | None:
    if min(trial.shape) < _LARGE:
        return None
    if not trial.result.any():
        return "it keeps nothing"
    return "it hides nothing" if trial.result.all() else None


def _blind(trial: Trial) -> str | None:
    picture, fill, mask = trial.inputs
    for garbage in (np.nan, np.inf, 7.0):
        spoilt = np.where(mask[..., None], picture, np.float32(garbage))
        try:
            other = trial.call(spoilt, fill, mask)
        except (Exception, SystemExit) as error:
            return f"it raised {one_line(error)}"
        if not np.array_equal(trial.result, other):
            return "it reads the picture under the hole"
    return None


_RUNS = Rule("runs", "a picture of any size, with any hole, may come; one that fails is left out", _runs)
_INPUTS = Rule("inputs", "what it is given is used again afterwards, and is the user's", _inputs)
_ARRAY = Rule("array", "what comes next computes with numpy", _array)
_SHAPE = Rule("shape", "each pixel of the picture has its own answer", _shape)

RULES: dict[Kind, tuple[Rule, ...]] = {
    "mask": (
        _RUNS,
        _INPUTS,
        _ARRAY,
        Rule("dtype", "True keeps a pixel: numbers would leave open which way round", _dtype_is(bool)),
        _SHAPE,
        Rule("seed", "--seed makes a run again, and each picture's mask is its own", _seed),
        Rule(
            "hole",
            "without a hole nothing is to be done, without a known pixel nothing is known",
            _keeps_and_hides,
        ),
    ),
    "blend": (
        _RUNS,
        _INPUTS,
        _ARRAY,
        Rule("dtype", "the library computes in single precision throughout", _dtype_is(np.float32)),
        _SHAPE,
        Rule("range", "pictures are in [0, 1]: the rest would be clipped or lost", _range),
        Rule("repeats", "the same run gives the same picture, bit for bit", _repeats),
        Rule("hidden", "what lies under the hole is damage: it mustn't show in the result", _blind),
    ),
}


def problems(kind: Kind, made: Any) -> Iterator[tuple[str, str]]:
    """The rules that a plugin breaks: each rule's name, and what it did on which input; once per input.

    A mask that refuses (raises InpaintxError) every picture breaks the rule ``runs``.
    """
    accepted = 0
    for case, trial in _TRIALS[kind](made):
        if kind == "mask" and isinstance(trial.error, InpaintxError):
            continue
        accepted += 1
        for rule in RULES[kind]:
            if problem := rule.check(trial):
                yield rule.name, f"{kind} plugin {made.name!r} on {case}: {problem}"
                break  # the rules after it take this one as kept
    if not accepted:
        yield "runs", f"{kind} plugin {made.name!r}: it refused every picture"


def findings(kind: Kind, plugin: type) -> list[dict[str, Any]]:
    """Every rule, in order: its ``rule``, ``why``, ``passed``, and the first ``problem`` (else empty).

    The first rule is on the class, the last on the time for a megapixel, whose ``seconds`` it has too. Where
    the class breaks the contract nothing is called, and the list ends with it.
    """
    why = "the class is what `plugins info`, `-o` and the registry go by"
    try:
        check_class(kind, plugin)
        made = plugin()
    except Exception as error:
        problem = str(error) if isinstance(error, AssertionError) else one_line(error)
        return [{"rule": "class", "why": why, "passed": False, "problem": problem}]
    first: dict[str, str] = {}
    for name, problem in problems(kind, made):
        first.setdefault(name, problem)
    found: list[dict[str, Any]] = [{"rule": "class", "why": why, "passed": True, "problem": ""}]
    for rule in RULES[kind]:
        problem = first.get(rule.name, "")
        found.append({"rule": rule.name, "why": rule.why, "passed": not problem, "problem": problem})
    return [*found, _time(kind, made)] if "runs" not in first else found


def _time(kind: Kind, made: Any) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    side = _MEGAPIXEL
    start = perf_counter()
    try:
        if kind == "mask":
            made.mask(Picture(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)), rng)
        else:
            picture, fill = rng.random((2, side, side, 3), dtype=np.float32)
            mask = np.ones((side, side), dtype=bool)
            mask[side // 4 : side // 2, side // 4 : side // 2] = False
            made.blend(np.where(mask[..., None], picture, np.float32(0)), fill, mask)
        problem = ""
    except (Exception, SystemExit) as error:
        refused = kind == "mask" and isinstance(error, InpaintxError)
        problem = (
            "" if refused else f"{kind} plugin {made.name!r} on a megapixel: it raised {one_line(error)}"
        )
    seconds = perf_counter() - start
    if not problem and seconds > _SECONDS:
        problem = f"{kind} plugin {made.name!r} took {seconds:.0f} s for a megapixel, more than {_SECONDS:g}"
    why = f"a folder has thousands of pictures: at most {_SECONDS:g} s for one of 1024×1024"
    return {"rule": "time", "why": why, "passed": not problem, "problem": problem, "seconds": seconds}


def _mask_trials(made: Any) -> Iterator[tuple[str, Trial]]:
    def call(picture: Picture) -> Any:
        return made.mask(picture, np.random.default_rng(SEED))

    for case, picture in pictures():
        yield case, _tried(call, (picture,), (picture.height, picture.width))


def _blend_trials(made: Any) -> Iterator[tuple[str, Trial]]:
    for case, picture, fill, mask in blend_inputs():
        yield case, _tried(made.blend, (picture, fill, mask), picture.shape)


_TRIALS: dict[Kind, Callable[[Any], Iterator[tuple[str, Trial]]]] = {
    "mask": _mask_trials,
    "blend": _blend_trials,
}


def _tried(call: Callable[..., Any], inputs: tuple[Any, ...], shape: tuple[int, ...]) -> Trial:
    before = _bytes(inputs)
    try:
        result = call(*inputs)
        untouched = _bytes(inputs) == before
        return Trial(call, inputs, shape, untouched, result, call(*inputs))
    except (Exception, SystemExit) as error:  # a stranger's plugin can raise anything
        return Trial(call, inputs, shape, error=error)


def _bytes(inputs: tuple[Any, ...]) -> list[bytes]:
    arrays = []
    for given in inputs:
        arrays += [given.array, given.alpha] if isinstance(given, Picture) else [given]
    return [array.tobytes() for array in arrays if array is not None]


def check_class(kind: Kind, plugin: Any) -> None:
    """Raises AssertionError where the class itself breaks the contract, before anything is called."""
    problem = contract_problem(kind, plugin)
    assert problem is None, f"not a {kind} plugin: {problem}"
    assert description(plugin), f"{kind} plugin {plugin.name!r}: {plugin.__name__} has no docstring"
    hints = get_type_hints(plugin)
    for option in options_of(plugin):
        where = f"{kind} plugin {plugin.name!r}: option {option.name!r}"
        assert option.help, f"{where} has no help text in its metadata"
        assert _reads_back(option.default, hints[option.name]), f"{where}: its default doesn't fit its type"


def _reads_back(value: object, hint: Any) -> bool:
    try:
        return bool(convert(as_text(value), hint) == value)
    except ValueError:
        return False
