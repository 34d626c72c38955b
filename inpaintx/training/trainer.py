"""Training a DCGAN on a collection.

All randomness of step ``s`` (order, codes, augmentation) is a function of (seed, s), so a run that was
stopped and resumed reaches the same bits as one that was not.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx.errors import InpaintxError
from inpaintx.networks import checkpoint
from inpaintx.networks.architectures import build
from inpaintx.networks.base import Generator, calibrate
from inpaintx.networks.encoder import Encoder
from inpaintx.networks.predictor import Predictor
from inpaintx.networks.storage import Stored
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import images_to_levels, levels_to_images
from inpaintx.training.augmentation import shift
from inpaintx.training.collection import Collection
from inpaintx.training.determinism import generator_for


class Trainer:
    """G, D, their optimisers and the average of G, at one step of a run."""

    def __init__(
        self,
        collection: Collection,
        architecture: Architecture,
        options: TrainOptions,
        fit: str,
        device: torch.device | str = "cpu",
    ) -> None:
        self.collection, self.architecture, self.options, self.fit = collection, architecture, options, fit
        self.device = torch.device(device)
        self.step = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            generator, discriminator = build(architecture)
        # Convolutions run fastest in channels-last, on CPUs and on GPUs; torch's types don't know of it here.
        place: dict[str, Any] = {"device": self.device, "memory_format": torch.channels_last}
        self.generator, self.discriminator = generator.to(**place), discriminator.to(**place)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = {
            "generator": self._adam(self.generator),
            "discriminator": self._adam(self.discriminator),
        }
        self.encoder: Encoder | None = None  # the last one, and the step of G that it belongs to
        self.encoder_step = 0
        self.predictor: Predictor | None = None  # the last one, which depends on no step of G
        self.predictor_took = 0  # steps of its own
        self._saved = False
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        lr, beta1 = self.options.lr, self.options.beta1
        return torch.optim.Adam(network.parameters(), lr=lr, betas=(beta1, 0.999), fused=True)

    # -- one step ---------------------------------------------------------------------------------

    def advance(self) -> tuple[float, float]:
        """One step of D, then one of G.

        Gives D's and G's loss; raises InpaintxError where one of them is not finite.
        """
        loss_d, loss_g = self.descend().tolist()
        self.check(self.step, loss_d, loss_g)
        return loss_d, loss_g

    def check(self, step: int, loss_d: float, loss_g: float) -> None:
        """Raises InpaintxError where the losses of a step were not finite."""
        if not np.isfinite((loss_d, loss_g)).all():
            found = f"D {loss_d}, G {loss_g}"
            raise InpaintxError(f"training: the loss is not finite at step {step} ({found}); {self._advice}")

    @property
    def _advice(self) -> str:
        """What to do where training has gone wrong."""
        kept = (
            "the last good checkpoint is kept; resume" if self._saved else "nothing is saved yet; train anew"
        )
        return f"{kept} with a lower learning rate"

    def descend(self) -> Tensor:
        """One step of D, then one of G, with the non-saturating loss (Goodfellow et al., 2014).

        Returns:
            D's and G's loss, ``[2]``, on the device and unread, so that the host need not wait for them.
        """
        noise = generator_for(self.options.seed, 1, self.step)
        real = self._real(noise)
        codes = self.generator.sample_codes(self.options.batch, noise).to(self.device)
        with self._autocast():
            fake = self.generator(codes)
            real_logits = self.discriminator(self._shift(real, noise))
            fake_logits = self.discriminator(self._shift(fake.detach(), noise))
        loss_d = F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()
        self._descend("discriminator", loss_d)
        self.discriminator.requires_grad_(False)  # its weights' gradients are not needed for G's step
        with self._autocast():
            logits = self.discriminator(self._shift(fake, noise))
        loss_g = F.softplus(-logits.float()).mean()
        self._descend("generator", loss_g)
        self.discriminator.requires_grad_(True)
        self._update_average()
        self.step += 1
        return torch.stack([loss_d.detach(), loss_g.detach()])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bfloat16")

    def _descend(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _real(self, noise: torch.Generator) -> Tensor:
        """The step's batch: every image once an epoch, each epoch in an order of its own."""
        batch, count = self.options.batch, len(self.collection.images)
        positions = range(self.step * batch, (self.step + 1) * batch)
        index = torch.stack([self._permutation(p // count)[p % count] for p in positions])
        images = levels_to_images(self.collection.images[index])
        if self.options.flip:
            mirrored = torch.rand(batch, generator=noise) < 0.5
            images[mirrored] = images[mirrored].flip(-1)
        return images.to(self.device, memory_format=torch.channels_last)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            count = len(self.collection.images)
            self._order = torch.randperm(count, generator=generator_for(self.options.seed, 2, epoch))
            self._epoch = epoch
        return self._order

    def _shift(self, images: Tensor, noise: torch.Generator) -> Tensor:
        """Each image shifted by whole pixels, its edge repeated."""
        size = self.architecture.size
        reach = round(self.options.translate * size)
        if reach == 0:
            return images
        shifts = torch.randint(2 * reach + 1, (len(images), 2), generator=noise)
        return shift(images, shifts.to(self.device), reach)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.options.ema, (1 + self.step) / (10 + self.step)) if self.options.ema else 0.0
        current: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(list(self.average.parameters()), current, 1 - decay)

    # -- the averaged G ---------------------------------------------------------------------------

    def calibrated(self) -> Generator:
        """The averaged G with batch statistics measured for the averaged weights, in evaluation mode."""
        network = copy.deepcopy(self.average)
        calibrate(network, generator_for(self.options.seed, 3))
        return network

    @torch.no_grad()
    def samples(self, count: int, network: Generator | None = None) -> np.ndarray:
        """Images of the averaged G for ``count`` fixed codes: uint8 ``[count, H, W, C]``."""
        network = network or self.calibrated()
        codes = network.sample_codes(count, generator_for(self.options.seed, 4)).to(self.device)
        return images_to_levels(network(codes))

    # -- checkpoints ------------------------------------------------------------------------------

    @property
    def later_steps(self) -> tuple[int, int]:
        """How many the encoder gets, and the predictor: no more than G and D have had."""
        return min(self.options.encoder_steps, self.step), min(self.options.predictor_steps, self.step)

    def save(
        self, run: Path, encoder: Encoder | None = None, predictor: Predictor | None = None
    ) -> Generator:
        """Writes the run's checkpoint, whole or not at all.

        Args:
            run: the run's folder.
            encoder: trained for this G; None: the last one there was, if any, stays in the file, and the
                header says of which step it is.
            predictor: trained as long as :attr:`later_steps` says; None: likewise, and of how many steps.

        Returns:
            The calibrated G that is in it.
        """
        if encoder is not None:
            self.encoder, self.encoder_step = encoder, self.step
        if predictor is not None:
            self.predictor, self.predictor_took = predictor, self.later_steps[1]
        network = self.calibrated()
        tensors = checkpoint.state(network, "generator.")
        if self.encoder is not None:
            tensors |= checkpoint.state(self.encoder, "encoder.")
        if self.predictor is not None:
            tensors |= checkpoint.state(self.predictor, "predictor.")
        tensors |= checkpoint.state(self.discriminator, "discriminator.")
        tensors |= checkpoint.state(self.generator, "training.generator.")
        tensors |= {f"training.average.{name}": tensor for name, tensor in self.average.named_parameters()}
        for name, optimizer in self.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                tensors |= {f"training.{name}_adam.{index}.{key}": value for key, value in values.items()}
        for name in (name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()):
            raise InpaintxError(
                f"training: weights are not finite at step {self.step} ({name}); {self._advice}"
            )
        header = self._header()
        if self.encoder is not None:
            header["encoder_step"] = self.encoder_step
        if self.predictor is not None:
            header["predictor_steps"] = self.predictor_took
        checkpoint.save(run / checkpoint.FILE_NAME, header, tensors)
        self._saved = True
        return network

    def _header(self) -> dict[str, Any]:
        scales = {"scales": list(self.collection.scales)} if self.collection.scales else {}
        return {
            "architecture": self.architecture.to_dict(),
            "fit": self.fit,
            **scales,
            "step": self.step,
            "options": asdict(self.options),
            "collection": {
                "count": len(self.collection.images),
                "fingerprint": self.collection.fingerprint,
            },
        }

    def restore(self, path: Path) -> None:
        """Goes on from a run's checkpoint.

        Raises:
            InpaintxError: it is damaged, holds no training state, or was made with another architecture,
                collection or seed, with which the run would not be the same run.
        """
        with checkpoint.opened(path) as stored:
            if not any(name.startswith(checkpoint.TRAINING) for name in stored.names):
                raise InpaintxError(
                    f"cannot resume: {path}: an exported model has no training state; give a run folder"
                )
            step = self._check_same_run(stored)
            stored.fill(self.generator, "training.generator.")
            stored.fill(self.discriminator, "discriminator.")
            stored.copy("training.average.", dict(self.average.named_parameters()))
            for name, optimizer in self.optimizers.items():
                self._restore_optimizer(stored, f"training.{name}_adam.", optimizer, step)
            if self.options.encoder_steps:  # else the run is to have none
                self.encoder = checkpoint.read_encoder(stored, self.architecture)
                self.encoder_step = stored.header.get("encoder_step", step)
            if self.options.predictor_steps:
                self.predictor = checkpoint.read_predictor(stored, self.architecture)
                self.predictor_took = stored.header.get("predictor_steps", 0)
        self.step, self._saved = step, True

    def _check_same_run(self, stored: Stored) -> int:
        """The step that a run's checkpoint is of. Raises InpaintxError where the run is another."""
        path, header = stored.path, dict(stored.header)
        header["architecture"] = checkpoint.described(stored).to_dict()
        ours = self._header()
        for key in ("architecture", "fit", "collection"):
            if header.get(key) != ours[key]:
                raise InpaintxError(
                    f"cannot resume: {path}: its {key} is {header.get(key)}, this run's is {ours[key]}; "
                    "use the same, or a new --out"
                )
        theirs = checkpoint.run_options(stored)
        for key in ("batch", "seed"):
            their, own = getattr(theirs, key), getattr(self.options, key)
            if their != own:
                raise InpaintxError(
                    f"cannot resume: {path}: its {key} is {their}, not {own}; use the same, or a new --out"
                )
        return checkpoint.run_step(stored)

    @staticmethod
    def _restore_optimizer(stored: Stored, prefix: str, optimizer: torch.optim.Adam, step: int) -> None:
        saved = optimizer.state_dict()
        for index, parameter in enumerate(optimizer.param_groups[0]["params"]) if step else ():
            values = {"step": torch.tensor(0.0)}
            values |= {key: torch.empty_like(parameter) for key in ("exp_avg", "exp_avg_sq")}
            stored.copy(f"{prefix}{index}.", values)
            saved["state"][index] = values
        optimizer.load_state_dict(saved)
