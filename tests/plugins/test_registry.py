"""The registry, with entry points made here; tests/test_stranger.py has a package that pip installs."""

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from inpaintx import InpaintxError
from inpaintx.plugins import calls, registry
from inpaintx.plugins.registry import Registry, contract_problem, description


@dataclass(frozen=True)
class Spiral:
    """Hides a spiral.

    And more words.
    """

    name: ClassVar[str] = "spiral"
    turns: int = field(default=3, metadata={"help": "how many turns"})
    sense: Literal["left", "right"] = field(default="left", metadata={"help": "which way round"})

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise ValueError(f"option 'turns' must be 1\nor more, is {self.turns}")
        if self.turns > 99:
            raise InpaintxError("its own words")

    def mask(self, picture: Any, rng: np.random.Generator) -> np.ndarray:
        return np.ones((picture.height, picture.width), bool)


class NoDataclass:
    """Is no dataclass."""

    name = "no-dataclass"

    def mask(self) -> None: ...


@dataclass
class NoMethod:
    """Has no method."""

    name: ClassVar[str] = "no-method"


@dataclass
class NoDefault:
    """Has an option without a default."""

    name: ClassVar[str] = "no-default"
    size: int

    def mask(self) -> None: ...


@dataclass
class BadName:
    name: ClassVar[str] = "Bad Name"

    def mask(self) -> None: ...


@dataclass
class BadType:
    """Has an option of a type that nobody can type."""

    name: ClassVar[str] = "bad-type"
    sizes: tuple[int, ...] = ()

    def mask(self) -> None: ...


@dataclass
class BadHint:
    """Has an option whose type is nowhere."""

    name: ClassVar[str] = "bad-hint"
    size: "Nowhere" = None  # type: ignore[name-defined] # noqa: F821

    def mask(self) -> None: ...


class Package:
    """What the registry reads of a distribution."""

    def __init__(self, name: str) -> None:
        self.name = name


Install = Callable[..., Registry]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """A registry over masks of these names, each offered by a module that holds them."""
    module = types.ModuleType("stranger_module")
    monkeypatch.setitem(sys.modules, "stranger_module", module)
    for plugin in (Spiral, NoDataclass, NoMethod, NoDefault, BadName, BadType, BadHint):
        setattr(module, plugin.__name__, plugin)

    def make(*offers: tuple[str, str] | tuple[str, str, str]) -> Registry:
        def find(group: str) -> Iterable[EntryPoint]:
            for name, target, *package in offers:
                entry = EntryPoint(name, target, group)
                if package:
                    vars(entry)["dist"] = Package(package[0])
                if group == "inpaintx.masks":
                    yield entry

        return Registry(find)

    return make


SPIRAL = ("spiral", "stranger_module:Spiral")
BROKEN = ("broken", "no_such_module:Broken")


def test_one_broken_plugin_is_named_and_the_others_work(install: Install) -> None:
    found = install(BROKEN, SPIRAL)
    assert found.names("mask") == ["spiral"]
    assert found.make("mask", "spiral") == Spiral()
    assert list(found.failures()) == ["mask broken"]
    assert found.failures()["mask broken"].startswith("ModuleNotFoundError: No module named 'no_such_module'")
    with pytest.raises(InpaintxError, match="mask plugin 'broken' doesn't work: ModuleNotFoundError"):
        found.get("mask", "broken")


def test_a_plugin_is_imported_when_it_is_asked_for(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(entry: EntryPoint) -> type:
        loaded.append(entry.name)
        return Spiral

    monkeypatch.setattr(EntryPoint, "load", load)
    found = install(SPIRAL, ("other", "stranger_module:Other"))
    with pytest.raises(InpaintxError):
        found.get("mask", "spirale")
    assert loaded == []
    assert found.get("mask", "spiral") is found.get("mask", "spiral") is Spiral
    assert loaded == ["spiral"]


def test_a_module_that_exits_is_a_failure_too(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda entry: sys.exit("no\nlicence"))
    assert install(SPIRAL).failures() == {
        "mask spiral": "SystemExit: no licence (stranger_module:Spiral of package stranger_module)"
    }


def test_a_module_that_never_ends_is_a_failure_too(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(entry: EntryPoint) -> type:
        while True:
            pass

    monkeypatch.setattr(EntryPoint, "load", load)
    monkeypatch.setattr(calls, "_seconds", 0.2)
    assert install(SPIRAL).failures() == {
        "mask spiral": "Overdue: it has not ended after 0.2 s (stranger_module:Spiral of package "
        "stranger_module)"
    }


@pytest.mark.parametrize(
    ("name", "target", "why"),
    [
        ("no-class", "__doc__", "None is not a class"),
        ("no-dataclass", "NoDataclass", "NoDataclass is not a dataclass"),
        ("no-method", "NoMethod", "NoMethod has no method mask()"),
        ("no-default", "NoDefault", "option 'size' of NoDefault has no default"),
        ("bad-name", "BadName", "BadName.name is 'Bad Name', not lower-case words joined by hyphens"),
        ("bad-type", "BadType", "the options of BadType can't be read: TypeError: type tuple[int, ...]"),
        ("bad-hint", "BadHint", "the options of BadHint can't be read: NameError: name 'Nowhere'"),
        ("worm", "Spiral", "Spiral.name is 'spiral', but its entry point is called 'worm'"),
    ],
)
def test_what_is_no_plugin_is_a_failure(install: Install, name: str, target: str, why: str) -> None:
    found = install(SPIRAL, (name, f"stranger_module:{target}"))
    assert found.names("mask") == ["spiral"]
    assert found.failures()[f"mask {name}"].startswith(why)


def test_two_packages_with_one_name_are_told_apart(install: Install) -> None:
    ours = ("spiral", "stranger_module:Spiral", "inpaintx")
    theirs = ("spiral", "no_such_module:Theirs", "a-stranger")
    for offers in ((ours, theirs), (theirs, ours)):
        found = install(*offers)
        assert found.get("mask", "spiral") is Spiral
        assert found.failures() == {
            "mask spiral of a-stranger": "inpaintx has a mask plugin of the same name, which is used instead"
        }


def test_unknown_names_get_the_nearest(install: Install) -> None:
    found = install(SPIRAL)
    message = (
        "there is no mask plugin 'sprial' \\(did you mean 'spiral'\\?\\); `inpaintx plugins list` shows all"
    )
    with pytest.raises(InpaintxError, match=message):
        found.get("mask", "sprial")
    with pytest.raises(InpaintxError, match="there is no blend plugin 'spiral'; `inpaintx"):
        found.get("blend", "spiral")


def test_unknown_kinds_are_refused(install: Install) -> None:
    for call in (lambda: install().names("masks"), lambda: install().register("masks", Spiral)):  # type: ignore
        with pytest.raises(InpaintxError, match="no plugins of kind 'masks'; use mask or blend"):
            call()


def test_options_are_read_from_strings(install: Install) -> None:
    found = install(SPIRAL)
    assert found.make("mask", "spiral", {"turns": "7", "sense": "right"}) == Spiral(7, "right")
    assert found.make("mask", "spiral", {"turns": 7}) == Spiral(7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"turn": "1"},
            "mask plugin 'spiral' has no option 'turn' (did you mean 'turns'?); it has turns, sense",
        ),
        ({"turns": "many"}, "option 'turns' of mask plugin 'spiral': expected a whole number, got 'many'"),
        (
            {"sense": "rihgt"},
            "option 'sense' of mask plugin 'spiral': expected one of left, right, got 'rihgt' "
            "(did you mean 'right'?)",
        ),
        ({"turns": 0}, "mask plugin 'spiral': option 'turns' must be 1 or more, is 0"),
        ({"turns": 100}, "its own words"),
    ],
)
def test_bad_options_are_told_in_one_line(install: Install, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InpaintxError) as caught:
        install(SPIRAL).make("mask", "spiral", options)
    assert str(caught.value) == message


def test_a_plugin_without_options_says_so(install: Install) -> None:
    @dataclass
    class Plain:
        """Has no options."""

        name: ClassVar[str] = "plain"

        def mask(self) -> None: ...

    found = install()
    found.register("mask", Plain)
    with pytest.raises(InpaintxError, match="has no option 'x'; it has none"):
        found.make("mask", "plain", {"x": "1"})


def test_register_as_a_call_and_as_a_decorator(install: Install) -> None:
    found = install()
    assert found.register("mask", Spiral) is Spiral
    assert found.names("mask") == ["spiral"]

    @found.register("mask", replace=True)
    @dataclass(frozen=True)
    class Other(Spiral):
        """Another."""

    assert found.get("mask", "spiral") is Other
    with pytest.raises(InpaintxError, match="did you mean 'spiral'"):
        found.get("mask", "spirl")


def test_names_that_are_taken_are_refused(install: Install) -> None:
    found = install(SPIRAL)
    with pytest.raises(InpaintxError, match="a mask plugin 'spiral' exists already; choose another name or"):
        found.register("mask", Spiral)
    found.register("mask", Spiral, replace=True)
    with pytest.raises(InpaintxError, match="exists already"):
        found.register("mask")(Spiral)


def test_register_refuses_what_is_no_plugin(install: Install) -> None:
    found = install()
    with pytest.raises(InpaintxError, match=r"not a mask plugin: NoMethod has no method mask\(\)"):
        found.register("mask", NoMethod)
    assert found.names("mask") == []


def test_description_is_the_first_line_of_an_own_docstring() -> None:
    assert description(Spiral) == "Hides a spiral."
    assert description(BadName) == ""  # a dataclass's own signature is no description


def test_a_plugin_of_one_kind_is_none_of_the_other() -> None:
    assert contract_problem("mask", Spiral) is None
    assert contract_problem("blend", Spiral) == "Spiral has no method blend()"


def test_the_built_in_plugins_come_by_entry_point() -> None:
    assert registry.failures() == {}
    assert {"center", "file", "freeform", "random-patch"} <= set(registry.names("mask"))
    assert {"alpha", "none", "poisson"} <= set(registry.names("blend"))
    assert registry.get("mask", "center").__module__ == "inpaintx_plugins.masks.center"


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """`--help` and completion of names must answer at once; no mask needs torch."""
    code = """
import sys
import inpaintx, inpaintx.plugins.registry, inpaintx.plugins.masks, inpaintx_cli.plugins
assert not {"torch", "matplotlib", "scipy", "PIL"} & set(sys.modules), "at import"
assert not any(name.startswith("inpaintx_plugins") for name in sys.modules), "plugins at import"
inpaintx.plugins.registry.names("mask")
assert not {"torch", "matplotlib", "scipy"} & set(sys.modules), "for the masks"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_while_a_plugin_is_imported_gets_through(tmp_path: Path) -> None:
    (tmp_path / "slow_plugin.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    )
    code = """
import signal
from importlib.metadata import EntryPoint
from inpaintx.plugins.registry import Registry
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
entry = EntryPoint("slow", "slow_plugin:Slow", "inpaintx.masks")
try:
    Registry(lambda group: [entry] if group == entry.group else []).names("mask")
except KeyboardInterrupt:
    print("interrupted")
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "interrupted\n", done.stderr
