"""What `inpaintx check` measures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inpaintx.judge.diagnosis import diagnose_model, typical_shift
from inpaintx.networks.checkpoint import Networks
from inpaintx.training.collection import Collection


def shapes(count: int, shift: int = 0, seed: int = 0) -> np.ndarray:
    """uint8 [N, 1, 32, 32]: a bar and some noise, moved by up to `shift` pixels each way."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 40, (count, 1, 32, 32)).astype(np.uint8)
    for image in images:
        row, column = rng.integers(-shift, shift + 1, 2)
        image[0, 8 + row : 24 + row, 13 + column : 18 + column] += 180
    return images


def test_typical_shift_is_none_where_pictures_are_aligned() -> None:
    assert typical_shift(shapes(50)) == 0


def test_typical_shift_sees_pictures_that_moved() -> None:
    measured = typical_shift(shapes(400, shift=6)) * 32
    rng = np.random.default_rng(1)
    expected = np.median(np.hypot(*rng.integers(-6, 7, (2, 10_000))))
    assert abs(measured - expected) < 1.5


def test_typical_shift_does_not_mind_the_sign() -> None:
    images = shapes(60)
    images[::3] = 255 - images[::3]
    assert typical_shift(images) == 0


@pytest.mark.slow
def test_mirror_images_are_the_linear_models_and_can_be_copied_where_g_learned_them(model: Networks) -> None:
    codes = model.generator.sample_codes(40, torch.Generator().manual_seed(0))
    samples = ((model.generator(codes) + 1) * 127.5).round().to(torch.uint8)
    collection = Collection(samples.flip(-1), [Path(f"{number}.png") for number in range(40)])
    mirrored = replace(model, header=model.header | {"options": {"flip": True}})
    (ceiling, copied), (seen_ceiling, seen_copied) = (
        diagnose_model(each, collection, samples.numpy()) for each in (model, mirrored)
    )
    assert copied.values["share"] == 0
    assert seen_copied.values["share"] > 0
    assert set(seen_copied.values["pictures"]) <= {path.name for path in collection.paths}
    assert seen_ceiling.values["linear psnr"] > ceiling.values["linear psnr"] + 3
