"""How candidates came to be: at each look of the search, the best codes so far and their images."""

from dataclasses import replace

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, folds_of, images_of, masks_of, run_search
from torch import Tensor

from inpaintx.networks.checkpoint import Networks
from inpaintx.search.descent import Descent
from inpaintx.search.rows import Rows


def test_history_is_remembered_where_it_is_asked_for_only(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    plain, told = (run_search(model, QUICK, images, masks, history=asked) for asked in (False, True))
    assert plain.history == ()
    assert len(told.history) == 2
    for name in ("codes", "fills", "contextual", "prior", "iterations", "candidates", "blind_to"):
        assert torch.equal(getattr(plain, name), getattr(told, name)), name


@each_device
@pytest.mark.parametrize("folds", [0, 2])
@pytest.mark.parametrize("batch", [64, 3])
def test_history_goes_in_strides_to_what_was_found(model: Networks, folds: int, batch: int) -> None:
    options = replace(QUICK, candidates=4, starts=16, batch=batch)
    images, masks = images_of(model, 2), masks_of(2)
    more = {"folds": folds_of(2, folds)} if folds else {}
    found = run_search(model, options, images, masks, history=True, **more)
    for index, history in enumerate(found.history):
        assert history.steps.tolist() == [[10] * 4, [20] * 4, [25] * 4]
        assert history.codes.shape == (3, 4, 8)
        assert torch.equal(history.codes[-1], found.codes[index].cpu())
        assert not torch.equal(history.codes[0], history.codes[-1])
        assert (history.seconds > 0).all()
        assert (history.seconds.diff(dim=0) > 0).all()


def test_codes_are_the_best_that_each_row_had_at_the_look(
    model: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With places that are taken by others in between: histories are those of the candidates' own rows."""
    looks: dict[int, list[tuple[int, Tensor]]] = {}
    advance = Descent.advance

    def spy(self: Descent, rows: Rows) -> None:
        advance(self, rows)
        for number, step, code in zip(rows.index.tolist(), rows.step.tolist(), rows.best_z, strict=True):
            looks.setdefault(number, []).append((step, code.clone()))

    monkeypatch.setattr(Descent, "advance", spy)
    options = replace(QUICK, candidates=3, patience=6, iterations=80, lr=0.15, batch=4)
    found = run_search(model, options, images_of(model, 3), masks_of(3), history=True)
    assert found.iterations.unique().numel() > 2
    for image, history in enumerate(found.history):
        lengths = []
        for place, candidate in enumerate(found.candidates[image].tolist()):
            own = looks[3 * image + candidate]
            lengths.append(len(own))
            for look in range(len(history.steps)):
                step, code = own[min(look, len(own) - 1)]  # one that ended early stands still
                assert history.steps[look, place] == step
                assert torch.equal(history.codes[look, place], code)
        assert len(history.steps) == max(lengths)


def test_images_are_drawn_from_the_codes(model: Networks) -> None:
    options = replace(QUICK, precision="bfloat16")  # and yet at full precision
    found = run_search(model, options, images_of(model, 2), masks_of(2), history=True)
    for index, history in enumerate(found.history):
        drawn = list(history.images())
        assert len(drawn) == len(history.codes) == 3
        for x, codes in zip(drawn, history.codes, strict=True):
            with torch.no_grad():
                torch.testing.assert_close(x, model.generator(codes), rtol=0, atol=1e-5)
        torch.testing.assert_close(drawn[-1], found.fills[index], rtol=0, atol=1e-5)


def test_images_of_one_look_are_drawn_at_a_time(model: Networks) -> None:
    """So that a long history takes no more memory than its codes do."""
    found = run_search(model, QUICK, images_of(model, 1), masks_of(1), history=True)
    (history,) = found.history
    asked: list[int] = []

    def draw(codes: Tensor) -> Tensor:
        asked.append(len(codes))
        return history.draw(codes)

    looks = replace(history, draw=draw).images()
    assert asked == []
    next(looks)
    assert asked == [QUICK.candidates]
