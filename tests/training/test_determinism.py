"""The mode that gives the same bits on every device."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_cases import OPTIONS, SHAPE, drawn, make_trainer, of_stage

from inpaintx.networks import checkpoint
from inpaintx.training import Team, Trainer, train
from inpaintx.training.determinism import deterministic

pytestmark = pytest.mark.slow

SHORT = replace(OPTIONS, steps=4, encoder_steps=2, deterministic=True)


def test_mode_holds_from_the_first_step_to_the_encoder_and_no_longer(tmp_path: Path) -> None:
    modes: list[bool] = []

    def note(*_: object) -> None:
        cudnn = torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
        modes.append(torch.are_deterministic_algorithms_enabled() and cudnn)

    trainer = make_trainer(SHORT)
    trainer.discriminator.register_forward_hook(note)
    train(trainer, tmp_path, on_save=note, on_progress=of_stage("encoder", note))
    assert len(modes) == 3 * 4 + 1 + 2
    assert all(modes)
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")


def test_mode_is_off_again_after_an_error_and_where_it_was_on_it_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no more"), deterministic(True):
        raise RuntimeError("no more")
    assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with deterministic(True):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_bits_on_the_cpu_are_those_of_the_default(tmp_path: Path) -> None:
    tensors = []
    for name, options in (("plain", replace(SHORT, deterministic=False)), ("mode", SHORT)):
        (tmp_path / name).mkdir()
        train(make_trainer(options), tmp_path / name)
        tensors.append(checkpoint.load(tmp_path / name / checkpoint.FILE_NAME)[1])
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


def test_two_runs_give_the_same_bits_on_every_device(tmp_path: Path, device: torch.device) -> None:
    tensors = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        train(Trainer(drawn(12), SHAPE, SHORT, "crop", Team(device=device)), tmp_path / name)
        tensors.append(checkpoint.load(tmp_path / name / checkpoint.FILE_NAME)[1])
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
