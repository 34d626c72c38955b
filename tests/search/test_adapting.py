"""G's last layers fitted to one picture."""

from dataclasses import replace

import pytest
import torch
from device_cases import each_device
from search_cases import QUICK, images_of, masks_of, run_search

from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions

OPTIONS = replace(QUICK, prior=0.0, iterations=5)


@each_device
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_adapted_layers_fit_what_is_known_better_and_no_steps_change_nothing(
    model: Networks, depth: int
) -> None:
    images, masks = 0.5 - images_of(model, 2), masks_of(2)
    plain, adapted = (
        run_search(model, replace(OPTIONS, depth=depth, adapt=steps), images, masks) for steps in (0, 10)
    )
    assert torch.equal(adapted.codes.sort(1).values, plain.codes.sort(1).values)
    assert (adapted.contextual < 0.97 * plain.contextual).all()


def test_weights_are_what_they_were(model: Networks) -> None:
    before = {name: value.clone() for name, value in model.generator.state_dict().items()}
    run_search(model, replace(OPTIONS, adapt=5), images_of(model, 1), masks_of(1))
    after = model.generator.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in model.generator.parameters())


def test_a_picture_is_adapted_to_the_same_bits_whatever_is_beside_it(model: Networks) -> None:
    images, masks = images_of(model, 3), masks_of(3)
    options = replace(OPTIONS, adapt=5)
    together, alone = (
        run_search(model, options, *each) for each in ((images, masks), (images[2:], masks[2:]))
    )
    torch.testing.assert_close(alone.fills[0], together.fills[2], rtol=0, atol=1e-4)
    assert torch.equal(run_search(model, options, images, masks).fills, together.fills)


@each_device
def test_what_lies_under_the_hole_teaches_nothing(model: Networks) -> None:
    images, masks = images_of(model, 2), masks_of(2)
    options: SearchOptions = replace(OPTIONS, adapt=4)
    clean = run_search(model, options, images, masks)
    spoilt = run_search(model, options, images.masked_fill(masks.to(images) == 0, torch.nan), masks)
    assert torch.equal(spoilt.fills, clean.fills)
