"""Groups of pictures: searched together, finished one by one."""

import threading
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_mask, make_picture

from inpaintx.completion import Completed, Completer
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks


def test_time_is_the_share_of_the_search_and_the_own_blend(
    model: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By clocks that stand still but in the search, which takes six seconds, and in one of the blends."""
    now, threads = 0.0, defaultdict(float)
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("time.thread_time", lambda: threads[threading.get_ident()])
    pictures = [make_picture(32, 32, seed=k) for k in range(3)]
    pictures[1].array[0, 0] = 255

    class SlowOnce:
        name = "slow-once"

        def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
            threads[threading.get_ident()] += 0.5 if picture[0, 0, 0] == 1 else 0
            return fill

    completer = Completer(model, SlowOnce(), OPTIONS)
    find = completer._find

    class Slow:
        architecture = find.architecture

        def __call__(self, *arguments: Any) -> Any:
            nonlocal now
            now += 6
            return find(*arguments)

    monkeypatch.setattr(completer, "_find", Slow())
    assert [completed.seconds for completed in completer(pictures, [make_mask(32, 32)] * 3)] == [2, 2.5, 2]


def test_one_by_one_is_the_same_as_together(model: Networks) -> None:
    pictures, masks = [make_picture(32, 40, seed=k) for k in range(3)], [make_mask(32, 40)] * 3
    completer = Completer(model, make_blend("auto"), replace(OPTIONS, candidates=4))
    together = completer(pictures, masks)
    for one, other in zip(completer.one_by_one(pictures, masks), together, strict=True):
        assert isinstance(one, Completed)
        assert np.array_equal(one.picture.array, other.picture.array)
        assert np.array_equal(one.uncertainty, other.uncertainty)


class _Refuses:
    """A blend that does not take what is darker than a half at its first pixel."""

    name = "refuses"

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if picture[0, 0, 0] < 0.5:
            raise InpaintxError("too dark: take another")
        return fill


def test_a_picture_that_the_blend_refuses_stops_no_other(model: Networks) -> None:
    pictures = [make_picture(32, 32, seed=k) for k in range(3)]
    for picture, level in zip(pictures, (255, 0, 255), strict=True):
        picture.array[0, 0] = level
    masks = [make_mask(32, 32)] * 3
    completer = Completer(model, _Refuses(), OPTIONS)
    first, second, third = completer.one_by_one(pictures, masks)
    assert isinstance(second, InpaintxError)
    assert str(second) == "too dark: take another"
    expected = Completer(model, make_blend("none"), OPTIONS)(pictures, masks)
    for completed, same in ((first, expected[0]), (third, expected[2])):
        assert isinstance(completed, Completed)
        assert np.array_equal(completed.picture.array, same.picture.array)
    with pytest.raises(InpaintxError, match="too dark"):
        completer(pictures, masks)
