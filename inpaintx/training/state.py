"""What a run's checkpoint holds of a trainer, and a trainer as it was when that was written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.base import Generator
from inpaintx.networks.storage import Stored
from inpaintx.training.course import Spent

if TYPE_CHECKING:
    from inpaintx.training.trainer import Trainer

#: Options that the encoder and the predictor depend on, besides what makes a run another.
LEARNED_BY = ("flip", "translate", "precision")


def tensors_of(trainer: Trainer, network: Generator) -> dict[str, Tensor]:
    """All tensors of a checkpoint; ``network``: its calibrated G."""
    tensors = checkpoint.state(network, "generator.")
    if trainer.encoder is not None:
        tensors |= checkpoint.state(trainer.encoder, "encoder.")
    if trainer.predictor is not None:
        tensors |= checkpoint.state(trainer.predictor, "predictor.")
    tensors |= checkpoint.state(trainer.discriminator, "discriminator.")
    tensors |= checkpoint.state(trainer.generator, "training.generator.")
    tensors |= {f"training.average.{name}": tensor for name, tensor in trainer.average.named_parameters()}
    for name, optimizer in trainer.optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"training.{name}_adam.{index}.{key}": value for key, value in values.items()}
    return tensors


def header_of(trainer: Trainer) -> dict[str, Any]:
    """The checkpoint's header: ``seconds`` and ``clock`` are what the stages took, see :class:`.Spent`."""
    header = _run_of(trainer)
    header |= {"seconds": dict(trainer.spent.seconds), "clock": dict(trainer.spent.clock)}
    if trainer.encoder is not None:
        header |= {"encoder_step": trainer.encoder_step, "encoder_steps": trainer.took["encoder"]}
    if trainer.predictor is not None:
        header |= {"predictor_steps": trainer.took["predictor"]}
    return header


def _run_of(trainer: Trainer) -> dict[str, Any]:
    """What a run is, and how far it is."""
    collection = trainer.collection
    scales = {"scales": list(collection.scales)} if collection.scales else {}
    return {
        "architecture": trainer.architecture.to_dict(),
        "fit": trainer.fit,
        **scales,
        "step": trainer.step,
        "options": asdict(trainer.options),
        "collection": {"count": len(collection.images), "fingerprint": collection.fingerprint},
    }


def restore(trainer: Trainer, path: Path) -> None:
    """Gives a trainer the state of a run's checkpoint; raises what :meth:`.Trainer.restore` says."""
    with checkpoint.opened(path) as stored:
        if not any(name.startswith(checkpoint.TRAINING) for name in stored.names):
            raise InpaintxError(
                f"cannot resume: {path}: an exported model has no training state; give a run folder"
            )
        step = _check_same_run(trainer, stored)
        stored.fill(trainer.generator, "training.generator.")
        stored.fill(trainer.discriminator, "discriminator.")
        stored.copy("training.average.", dict(trainer.average.named_parameters()))
        for name, optimizer in trainer.optimizers.items():
            _restore_optimizer(stored, f"training.{name}_adam.", optimizer, step)
        _restore_later(trainer, stored, step)
    trainer.spent = Spent.of(stored.header)
    trainer.step = step


def _restore_later(trainer: Trainer, stored: Stored, step: int) -> None:
    """The encoder and the predictor, unless the run is to have none."""
    header, options = stored.header, trainer.options
    theirs = checkpoint.run_options(stored)
    trainer.as_before = all(getattr(theirs, name) == getattr(options, name) for name in LEARNED_BY)
    if options.encoder_steps != 0:
        trainer.encoder = checkpoint.read_encoder(stored, trainer.architecture)
        trainer.encoder_step = header.get("encoder_step", step)
        trainer.took["encoder"] = _count(header.get("encoder_steps"))
    if options.predictor_steps != 0:
        trainer.predictor = checkpoint.read_predictor(stored, trainer.architecture)
        trainer.took["predictor"] = _count(header.get("predictor_steps"))


def _count(value: object) -> int:
    """Of steps, where a header says so."""
    return value if type(value) is int and value > 0 else 0


def _check_same_run(trainer: Trainer, stored: Stored) -> int:
    """The step that a run's checkpoint is of. Raises InpaintxError where the run is another."""
    path, header = stored.path, dict(stored.header)
    header["architecture"] = checkpoint.described(stored).to_dict()
    ours = _run_of(trainer)
    for key in ("architecture", "fit", "collection"):
        if header.get(key) != ours[key]:
            raise InpaintxError(
                f"cannot resume: {path}: its {key} is {header.get(key)}, this run's is {ours[key]}; "
                "use the same, or a new --out"
            )
    theirs = checkpoint.run_options(stored)
    for key in ("batch", "seed"):
        their, own = getattr(theirs, key), getattr(trainer.options, key)
        if their != own:
            raise InpaintxError(
                f"cannot resume: {path}: its {key} is {their}, not {own}; use the same, or a new --out"
            )
    return checkpoint.run_step(stored)


def _restore_optimizer(stored: Stored, prefix: str, optimizer: torch.optim.Adam, step: int) -> None:
    saved = optimizer.state_dict()
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]) if step else ():
        values = {"step": torch.tensor(0.0)}
        values |= {key: torch.empty_like(parameter) for key in ("exp_avg", "exp_avg_sq")}
        stored.copy(f"{prefix}{index}.", values)
        saved["state"][index] = values
    optimizer.load_state_dict(saved)
