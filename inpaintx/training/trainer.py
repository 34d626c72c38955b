"""Training a DCGAN on a collection.

All randomness of step ``s`` (order, codes, augmentation) is a function of (seed, s), so a run that was
stopped and resumed reaches the same bits as one that was not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
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
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import images_to_levels, levels_to_images
from inpaintx.training import state
from inpaintx.training.augmentation import mirrored, shift
from inpaintx.training.batches import Batch, Batches
from inpaintx.training.collection import Collection
from inpaintx.training.course import Spent
from inpaintx.training.determinism import generator_for
from inpaintx.training.holdout import HeldOut
from inpaintx.training.recorded import RecordedStep, can_record
from inpaintx.training.team import ALONE, Team


class Trainer:
    """G, D, their optimisers and the average of G, at one step of a run."""

    def __init__(
        self,
        collection: Collection,
        architecture: Architecture,
        options: TrainOptions,
        fit: str,
        team: Team = ALONE,
        held_out: HeldOut | None = None,
    ) -> None:
        team.check(options)
        self.collection, self.architecture, self.options, self.fit = collection, architecture, options, fit
        self.device, self.held_out, self.team = team.device, held_out, team
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
        self._joint_generator = team.joined(self.generator)
        self._joint_discriminator = team.joined(self.discriminator)
        self.encoder: Encoder | None = None  # the last one, and the step of G that it belongs to
        self.encoder_step = 0
        self.predictor: Predictor | None = None  # the last one, which depends on no step of G
        self.took = {"encoder": 0, "predictor": 0}  # steps of their own
        self.as_before = True  # whether these were trained with the options of now
        self.spent = Spent()
        self._saved = False
        self._reach = round(options.translate * architecture.size)
        self._batches = Batches(collection, self.generator, options, team)
        self._descend_on = self._stepping()

    def _stepping(self) -> Callable[[Batch], Tensor]:
        """What takes a step on a batch: recorded, where the device can, and this process is alone.

        DistributedDataParallel's exchange of gradients is not recorded.
        """
        if can_record(self.device) and self.team.size == 1:
            return RecordedStep(self._descent, self.device)
        return self._descent

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        lr, beta1 = self.options.lr, self.options.beta1
        betas, on_card = (beta1, 0.999), self.device.type == "cuda"
        return torch.optim.Adam(network.parameters(), lr, betas, fused=True, capturable=on_card)

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
        losses = self._descend_on(self._batches(self.step))
        self._update_average()
        self.step += 1
        self._batches.prepare(self.step)
        return self.team.mean(losses)

    def _descent(self, batch: Batch) -> Tensor:
        """Both networks' steps: the same work each time, in place and with no look at a value."""
        with self._autocast():
            fake = self._damaged(self._joint_generator(batch.codes), batch)
            real_logits = self._joint_discriminator(self._shifted(self._real(batch), batch, 0))
            fake_logits = self._joint_discriminator(self._shifted(fake.detach(), batch, 1))
        loss_d = F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()
        self._descend("discriminator", loss_d)
        self.discriminator.requires_grad_(False)  # its weights' gradients are not needed for G's step
        with self._autocast():
            logits = self.discriminator(self._shifted(fake, batch, 2))
        loss_g = F.softplus(-logits.float()).mean()
        self._descend("generator", loss_g)
        self.discriminator.requires_grad_(True)
        return torch.stack([loss_d.detach(), loss_g.detach()])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bfloat16")

    def _descend(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _real(self, batch: Batch) -> Tensor:
        """The pictures of a batch; a hole holds 0."""
        images = levels_to_images(batch.levels)
        if batch.known is not None:
            images = images * batch.known
        return mirrored(images, batch.mirrored).contiguous(memory_format=torch.channels_last)

    def _damaged(self, fake: Tensor, batch: Batch) -> Tensor:
        """G's images with holes of the collection's own, if its pictures have some; a hole holds 0 to D.

        So G learns whole images from damaged ones (Bora et al., "AmbientGAN: Generative Models From Lossy
        Measurements", ICLR 2018).
        """
        return fake if batch.holes is None else fake * mirrored(batch.holes, batch.holes_mirrored)

    def _shifted(self, images: Tensor, batch: Batch, which: int) -> Tensor:
        """Each image shifted by whole pixels, its edge repeated; which: of the batch's shifts."""
        return images if batch.shifts is None else shift(images, batch.shifts[which], self._reach)

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
    def later_steps(self) -> dict[str, int | None]:
        """How many the encoder and the predictor get at most.

        Of a run by steps no more than G and D have had; of one by the clock each has its share of the time.
        """
        asked = {"encoder": self.options.encoder_steps, "predictor": self.options.predictor_steps}
        if self.options.minutes is not None:
            return asked
        return {stage: None if steps is None else min(steps, self.step) for stage, steps in asked.items()}

    def save(self, run: Path) -> Generator:
        """Writes the run's checkpoint, whole or not at all.

        An encoder of an earlier step stays in the file, and the header says of which step it is.

        Returns:
            The calibrated G that is in it.
        """
        network = self.calibrated()
        tensors = state.tensors_of(self, network)
        for name in (name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()):
            raise InpaintxError(
                f"training: weights are not finite at step {self.step} ({name}); {self._advice}"
            )
        if self.team.leads:
            checkpoint.save(run / checkpoint.FILE_NAME, state.header_of(self), tensors)
        self._saved = True
        return network

    def restore(self, path: Path) -> None:
        """Goes on from a run's checkpoint.

        Raises:
            InpaintxError: it is damaged, holds no training state, or was made with another architecture,
                collection or seed, with which the run would not be the same run.
        """
        state.restore(self, path)
        self._descend_on = self._stepping()  # a recording would change the memory of before
        self._saved = True
