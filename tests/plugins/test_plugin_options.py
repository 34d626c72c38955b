import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Union

import pytest

from inpaintx.plugins.options import Option, as_text, convert, nearest, options_of, takes


class Ink(enum.Enum):
    BLACK = "black"
    WHITE = "white"


CASES: list[tuple[Any, Any, str, Any]] = [
    (bool, "Yes", "true or false", True),
    (bool, "0", "true or false", False),
    (bool, True, "true or false", True),
    (int, "-3", "a whole number", -3),
    (int, 5, "a whole number", 5),
    (float, "0.4", "a number", 0.4),
    (float, "1e-3", "a number", 0.001),
    (float, 2, "a number", 2.0),
    (str, "none", "text", "none"),
    (Path, "a/b", "a path", Path("a/b")),
    (Path, Path("a"), "a path", Path("a")),
    (Literal["thin", "thick"], "thick", "one of thin, thick", "thick"),
    (Literal[1, 2], "2", "one of 1, 2", 2),
    (Literal[1, 2], 2, "one of 1, 2", 2),
    (Ink, "black", "one of black, white", Ink.BLACK),
    (Ink, Ink.WHITE, "one of black, white", Ink.WHITE),
    (Union[float, None], "none", "a number or none", None),  # noqa: UP007 — as older plugins write it
    (Path | None, "none", "a path or none", None),
    (Path | None, "none.png", "a path or none", Path("none.png")),
    (int | Literal["auto"], "auto", "a whole number or one of auto", "auto"),
    (int | Literal["auto"], "7", "a whole number or one of auto", 7),
]


@pytest.mark.parametrize(("hint", "value", "words", "expected"), CASES)
def test_values_are_read_by_type(hint: Any, value: object, words: str, expected: object) -> None:
    found = convert(value, hint)
    assert found == expected
    assert type(found) is type(expected)
    assert takes(hint) == words
    assert convert(as_text(found), hint) == found


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (bool, "maybe", "expected true or false, got 'maybe'"),
        (bool, 1, "expected true or false, got '1'"),
        (int, "2.5", "expected a whole number, got '2.5'"),
        (int, 2.0, "expected a whole number, got '2.0'"),
        (int, True, "expected a whole number, got 'True'"),
        (float, "big", "expected a number, got 'big'"),
        (float, False, "expected a number, got 'False'"),
        (float, None, "expected a number, got 'None'"),
        (str, 3, "expected text, got '3'"),
        (Path, 3, "expected a path, got '3'"),
        (Path, "", "expected a path, got ''"),
        (Literal["thin", "thick"], "thic", "expected one of thin, thick, got 'thic' (did you mean 'thick'?)"),
        (Literal["thin", "thick"], "xyz", "expected one of thin, thick, got 'xyz'"),
        (
            Literal["thin", "thick"],
            ["thin"],
            "expected one of thin, thick, got \"['thin']\" (did you mean 'thin'?)",
        ),
        (Ink, "BLACK!", "expected one of black, white, got 'BLACK!'"),
        (float | None, "many", "expected a number or none, got 'many'"),
    ],
)
def test_values_that_do_not_fit_are_refused_in_one_line(hint: Any, value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 — compared whole below
        convert(value, hint)
    assert str(caught.value) == message


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert convert("~/holes", Path) == tmp_path / "holes"


def test_other_types_are_not_supported() -> None:
    with pytest.raises(TypeError, match=r"list.* is not supported: use bool, int"):
        takes(list[int])


def test_options_are_the_fields_that_the_constructor_takes() -> None:
    @dataclass
    class Tool:
        name: ClassVar[str] = "tool"
        width: int = field(default=3, metadata={"help": "how wide"})
        folder: Path = field(default_factory=lambda: Path("here"))
        cache: int = field(default=0, init=False)

    assert options_of(Tool) == [
        Option("width", "a whole number", 3, "how wide"),
        Option("folder", "a path", Path("here"), ""),
    ]


def test_nearest_says_nothing_where_nothing_is_near() -> None:
    assert nearest("centre", ["center", "random"]) == " (did you mean 'center'?)"
    assert nearest("centre", ["grid"]) == ""
