"""The rules that a plugin keeps to, each with its reason: the kit and ``plugins check`` share them.

:mod:`inpaintx.plugins.trying` tries plugins by them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np

from inpaintx.plugins.calls import Overdue, one_line
from inpaintx.plugins.options import as_text, convert, options_of
from inpaintx.plugins.registry import Kind, contract_problem, description

_LARGE = 32  # from this side on, a mask has room to keep something and hide something


@dataclass(frozen=True)
class Trial:
    """One call of the plugin, twice over: what went in, and what came out.

    Attributes:
        call: calls the plugin with inputs of this kind; raises Overdue where it does not end in time.
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
        usual_only: the rule is about the options as they are, not about the ends of their ranges.
        least_side: it is about pictures whose shorter side has so many pixels.
    """

    name: str
    why: str
    check: Callable[[Trial], str | None]
    usual_only: bool = False
    least_side: int = 1


def _ends(trial: Trial) -> str | None:
    return str(trial.error) if isinstance(trial.error, Overdue) else None


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


_ENDS = Rule(
    "ends", "one that never ends would hold up the folder: it is stopped, and its picture fails", _ends
)
_RUNS = Rule("runs", "a picture of any size, with any hole, may come; one that fails is left out", _runs)
_INPUTS = Rule("inputs", "what it is given is used again afterwards, and is the user's", _inputs)
_ARRAY = Rule("array", "what comes next computes with numpy", _array)
_SHAPE = Rule("shape", "each pixel of the picture has its own answer", _shape)

RULES: dict[Kind, tuple[Rule, ...]] = {
    "mask": (
        _ENDS,
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
            usual_only=True,
            least_side=_LARGE,
        ),
    ),
    "blend": (
        _ENDS,
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
