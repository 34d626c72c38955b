"""The choices that Python offers by name, against those that the native ops know by number."""

from __future__ import annotations

from typing import get_args

import pytest

from inpaintx import options
from inpaintx.ops import library, reference


@pytest.mark.parametrize(
    ("name", "in_reference", "in_options"),
    [
        ("norms", reference.NORMS, options.Norm),
        ("optimizers", reference.OPTIMIZERS, None),  # options.Optimizer has those that are no op, too
        ("clips", reference.CLIPS, options.Clip),
        ("borders", reference.BORDERS, options.Border),
    ],
)
def test_native_ops_reference_and_options_offer_the_same_in_one_order(
    native: None, name: str, in_reference: dict[str, object], in_options: object
) -> None:
    assert library._library is not None
    in_native = library._facts(library._library)[name].split(",")
    assert in_native == list(in_reference)
    if in_options is not None:
        assert in_native == list(get_args(in_options))


def test_each_norm_of_the_reference_has_a_function_of_its_own() -> None:
    assert len(set(reference.NORMS.values())) == len(reference.NORMS)


def test_the_steps_of_the_op_are_among_the_optimizers() -> None:
    assert set(reference.OPTIMIZERS) < set(get_args(options.Optimizer))
