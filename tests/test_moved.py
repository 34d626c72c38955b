"""The names of version 0.1 go on working: each old module is the new one."""

import sys
from importlib import import_module

import pytest

from inpaintx.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_old_module_is_the_new_one(old: str) -> None:
    module = import_module(old)
    assert module is import_module(MOVED[old])
    assert sys.modules[old] is module
    assert module.__name__ == module.__spec__.name == MOVED[old]


def test_names_that_the_first_readme_used() -> None:
    from inpaintx import registry
    from inpaintx.checkpoint import load_model
    from inpaintx.completion import Completer
    from inpaintx.data import load_collection
    from inpaintx.masking import make_mask
    from inpaintx.options import Architecture, SearchOptions, TrainOptions
    from inpaintx.pictures import read_picture, write_picture
    from inpaintx.testing import check_mask_plugin
    from inpaintx.training import Trainer, train

    named = (
        *(load_model, Completer, load_collection, make_mask, Architecture, SearchOptions, TrainOptions),
        *(read_picture, write_picture, check_mask_plugin, Trainer, train),
    )
    assert all(map(callable, named))
    assert "center" in registry.names("mask")


def test_what_never_was_is_still_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"inpaintx\.registry2"):
        import_module("inpaintx.registry2")
