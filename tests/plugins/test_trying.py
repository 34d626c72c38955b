"""A check reaches every rule it can, tries options at their ends, and outlives what it checks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from inpaintx.errors import InpaintxError
from inpaintx.plugins import registry
from inpaintx.plugins.apart import findings_apart
from inpaintx.plugins.calls import SECONDS, allow_seconds
from inpaintx.plugins.options import options_of
from inpaintx.plugins.rules import RULES
from inpaintx.plugins.trying import findings

MASK_RULES = [rule.name for rule in RULES["mask"]]


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    yield
    allow_seconds(SECONDS)


@dataclass(frozen=True)
class Ranged:
    """A mask whose options have ends."""

    name: ClassVar[str] = "ranged"
    share: float = field(default=0.5, metadata={"help": "how much", "least": 0.25, "most": 1.0})
    side: Literal["top", "left"] = field(default="top", metadata={"help": "where"})
    turn: bool = field(default=False, metadata={"help": "the other way round"})
    count: int = field(default=3, metadata={"help": "how many", "least": 1})

    def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
        """bool [H, W]."""
        CALLS.add((self.share, self.side, self.turn, self.count))
        keep = np.ones((picture.height, picture.width), bool)
        keep[: round(self.share * picture.height)] = False  # all of it at 1.0, which is its user's wish
        return keep


CALLS: set[tuple[Any, ...]] = set()


def passed(found: list[dict[str, Any]]) -> dict[str, bool | None]:
    return {rule["rule"]: rule["passed"] for rule in found}


def test_each_choice_and_each_end_is_tried_an_option_at_a_time() -> None:
    CALLS.clear()
    assert set(passed(findings("mask", Ranged)).values()) == {True}
    usual = (0.5, "top", False, 3)
    ends = [(0, 0.25), (0, 1.0), (1, "left"), (2, True), (3, 1)]
    assert {usual} | {(*usual[:place], value, *usual[place + 1 :]) for place, value in ends} == CALLS


def test_a_range_is_told_and_held() -> None:
    told = {option.name: option.takes for option in options_of(Ranged)}
    assert told["share"] == "a number from 0.25 to 1"
    assert told["count"] == "a whole number, 1 or more"
    own = registry.Registry()
    own.register("mask", Ranged)
    assert own.make("mask", "ranged", {"share": "0.25"}).share == 0.25
    for value in ("0.2", "1.01", "nan"):
        with pytest.raises(InpaintxError, match=f"'share' .*from 0.25 to 1, got '{value}'"):
            own.make("mask", "ranged", {"share": value})


def test_an_end_that_is_refused_or_fails_is_found() -> None:
    @dataclass(frozen=True)
    class Refuses(Ranged):
        """Refuses what it declares."""

        def __post_init__(self) -> None:
            if self.share == 1.0:
                raise ValueError("too much")

    class Fails(Ranged):
        """Fails where it is turned."""

        def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
            """bool [H, W]."""
            return super().mask(picture, rng)[:, 1 if self.turn else 0 :]

    (refused,) = [rule for rule in findings("mask", Refuses) if rule["problem"]]
    assert (refused["rule"], refused["passed"]) == ("options", False)
    assert refused["problem"] == "mask plugin 'ranged' refuses share=1.0: too much"
    (failed,) = [rule for rule in findings("mask", Fails) if rule["problem"]]
    assert failed["rule"] == "shape"
    assert "with turn=true on 1×1 uint8 gray: it gave [1, 0]" in failed["problem"]


def test_rules_that_are_not_reached_are_neither_kept_nor_broken() -> None:
    class Text(Ranged):
        """Gives text."""

        def mask(self, picture: Any, rng: np.random.Generator) -> Any:
            """No mask."""
            return "text"

    class Nameless(Ranged):
        name: ClassVar[str] = "No Name"

    found = passed(findings("mask", Text))
    assert found == {
        **dict.fromkeys(["class", "options", "ends", "runs", "inputs"], True),
        **{"array": False},
        **dict.fromkeys(["dtype", "shape", "seed", "hole"]),
        **{"time": True},
    }
    nothing = passed(findings("mask", Nameless))
    assert nothing == {"class": False, **dict.fromkeys(["options", *MASK_RULES, "time"])}


def test_one_that_hangs_on_larger_pictures_breaks_its_own_rule() -> None:
    class Hangs(Ranged):
        """Hangs from 32 pixels on."""

        def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
            """bool [H, W]."""
            while picture.height >= 32:
                pass
            return super().mask(picture, rng)

    allow_seconds(0.2)
    found = findings("mask", Hangs)
    assert passed(found)["ends"] is False
    assert passed(found)["hole"] is passed(found)["time"] is passed(found)["options"] is None
    (problem,) = [rule["problem"] for rule in found if rule["problem"]]
    assert problem == "mask plugin 'ranged' on 32×32 uint8 gray: it has not ended after 0.2 s"


MODULE = '''
import ctypes, os, re
from dataclasses import dataclass
from typing import ClassVar
import numpy as np

print("what a plugin prints")

@dataclass(frozen=True)
class Fatal:
    """Does what no thread survives."""

    name: ClassVar[str] = "fatal"

    def mask(self, picture, rng):
        if picture.height == 5:
            {what}
        return np.arange(picture.height * picture.width).reshape(picture.height, -1) % 2 == 0
'''


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "rule", "problem"),
    [
        (
            "re.match('(a+)+$', 60 * 'a' + 'b')",
            "ends",
            "it has not ended after 1 s, and lets nothing else run",
        ),
        ("ctypes.string_at(0)", "runs", "it ended the whole process, with code -11"),
        ("os._exit(0)", "runs", "it ended the whole process, with code 0"),
    ],
)
def test_what_takes_its_process_with_it_is_named(tmp_path: Path, what: str, rule: str, problem: str) -> None:
    module = tmp_path / "fatal_mask.py"
    module.write_text(MODULE.replace("{what}", what))
    (found,) = findings_apart(str(module), 0.5)
    assert (found["kind"], found["name"]) == ("mask", "fatal")
    told = {one["rule"]: one for one in found["rules"]}
    assert [name for name in told if told[name]["passed"] is False] == [rule]
    assert told[rule]["problem"] == f"mask plugin 'fatal' on 5×3 uint8 gray: {problem}"
    assert told["time"]["passed"] is None


@pytest.mark.slow
def test_one_that_exits_when_it_is_imported_is_one_line(tmp_path: Path) -> None:
    module = tmp_path / "gone_mask.py"
    module.write_text("import os\nos._exit(7)\n")
    with pytest.raises(InpaintxError, match=r"can't be checked: while it is imported: it ended .* code 7"):
        findings_apart(str(module), 60)
