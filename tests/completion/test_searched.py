"""Pictures on their way: how their fills form, and the fill of one of the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_mask, make_picture

from inpaintx.completion import Completer
from inpaintx.completion.searched import PictureForming
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_levels

FOUR = replace(OPTIONS, candidates=4)


def watched(completer: Completer, pictures: Sequence[Picture], masks: Sequence[np.ndarray]) -> list:
    """What a watch is told: for each look the iterations and previews of all pictures."""
    looks: list = []

    def watch(forming: Sequence[PictureForming]) -> None:
        looks.append([(each.iteration, each.iterations, each.preview(20)) for each in forming])

    completer.search(pictures, masks, watch=watch)
    return looks


@pytest.mark.parametrize("channels", [1, 3])
def test_a_preview_shows_the_known_pixels_and_what_was_found(model: Networks, channels: int) -> None:
    picture, mask = make_picture(32, 40, channels), make_mask(32, 40)
    junk = Picture(np.where(mask.reshape(32, 40, *[1] * (channels > 1)), picture.array, 255 - picture.array))
    first, second = (
        watched(Completer(model, make_blend(), FOUR, region="whole"), [each], [mask])
        for each in (picture, junk)
    )
    for look, other in zip(first, second, strict=True):
        assert (look[0][2] == other[0][2]).all()  # what lies under the hole is never read
    steps = [look[0][0] for look in first]
    assert steps == [10, 12]
    assert {look[0][1] for look in first} == {12}
    shown = first[-1][0][2]
    assert shown.shape == (16, 20, 3)
    rows, columns = np.arange(16) * 2, np.arange(20) * 2
    known, levels = mask[np.ix_(rows, columns)], to_levels(picture.as_float())[np.ix_(rows, columns)]
    assert (shown[known] == np.broadcast_to(levels, shown.shape)[known]).all()
    assert len(np.unique(shown[~known])) > 4


def test_pictures_are_told_apart(model: Networks) -> None:
    pictures = [make_picture(32, 32), make_picture(48, 30, seed=1), make_picture(32, 32, seed=2)]
    masks = [make_mask(each.height, each.width) for each in pictures]
    together = watched(Completer(model, make_blend(), FOUR), pictures, masks)
    for number, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
        alone = watched(Completer(model, make_blend(), FOUR), [picture], [mask])
        assert (together[-1][number][2] == alone[-1][0][2]).all()


def test_each_candidate_fills_the_picture_in_its_own_way(model: Networks) -> None:
    completer = Completer(model, make_blend("none"), FOUR)
    picture, mask = make_picture(40, 40), make_mask(40, 40)
    [searched] = completer.search([picture], [mask])
    filled = [completer.finish(searched, candidate=number).picture.array for number in range(4)]
    assert (filled[0] == completer.finish(searched).picture.array).all()
    assert len({each.tobytes() for each in filled}) == 4
    for each in filled:
        assert (each[mask] == picture.array[mask]).all()


def test_a_candidate_is_sharp_whatever_the_estimate(model: Networks) -> None:
    picture, mask = make_picture(40, 40), make_mask(40, 40)
    by_mean = Completer(model, make_blend("none"), replace(FOUR, estimate="mean"))
    [searched] = by_mean.search([picture], [mask])
    [sample] = Completer(model, make_blend("none"), FOUR)([picture], [mask])
    assert (by_mean.finish(searched, candidate=0).picture.array == sample.picture.array).all()
    assert (by_mean.finish(searched).picture.array != sample.picture.array).any()
