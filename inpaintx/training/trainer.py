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
from inpaintx.networks.dcgan import Discriminator, Generator, calibrate
from inpaintx.networks.predictor import Encoder
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import images_to_levels, levels_to_images
from inpaintx.training.collection import Collection


def generator_for(seed: int, *keys: int) -> torch.Generator:
    """A CPU generator that depends on all of (seed, keys) and on nothing else."""
    state = np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


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
            generator, discriminator = Generator(architecture), Discriminator(architecture)
        # Convolutions run fastest in channels-last, on CPUs and on GPUs; torch's types don't know of it here.
        place: dict[str, Any] = {"device": self.device, "memory_format": torch.channels_last}
        self.generator, self.discriminator = generator.to(**place), discriminator.to(**place)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = {
            "generator": self._adam(self.generator),
            "discriminator": self._adam(self.discriminator),
        }
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        options = self.options
        return torch.optim.Adam(network.parameters(), lr=options.lr, betas=(options.beta1, 0.999), fused=True)

    # -- one step ---------------------------------------------------------------------------------

    def advance(self) -> tuple[float, float]:
        """One step of D, then one of G, with the non-saturating loss (Goodfellow et al., 2014).

        Returns D's and G's loss. Raises InpaintxError when one of them is not finite; nothing is saved then.
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
        losses = loss_d.item(), loss_g.item()
        if not np.isfinite(losses).all():
            raise InpaintxError(
                f"training: the loss is not finite at step {self.step} (D {losses[0]}, G {losses[1]}); "
                "the last good checkpoint is kept; resume with a lower learning rate"
            )
        return losses

    def _autocast(self) -> torch.autocast:
        enabled = self.options.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

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
        shifts = torch.randint(2 * reach + 1, (len(images), 2), generator=noise).tolist()
        padded = F.pad(images, [reach] * 4, mode="replicate").unbind(0)
        moved = [image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, shifts, strict=True)]
        return torch.stack(moved).contiguous(memory_format=torch.channels_last)

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
    def encoder_steps(self) -> int:
        """How many the encoder gets: no more than G and D have had."""
        return min(self.options.encoder_steps, self.step)

    def save(self, run: Path, encoder: Encoder | None = None) -> Generator:
        """Writes the run's checkpoint, whole or not at all; returns the calibrated G that is in it."""
        network = self.calibrated()
        tensors = checkpoint.state(network, "generator.")
        if encoder is not None:
            tensors |= checkpoint.state(encoder, "encoder.")
        tensors |= checkpoint.state(self.discriminator, "discriminator.")
        tensors |= checkpoint.state(self.generator, "training.generator.")
        tensors |= {f"training.average.{name}": tensor for name, tensor in self.average.named_parameters()}
        for name, optimizer in self.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                tensors |= {f"training.{name}_adam.{index}.{key}": value for key, value in values.items()}
        broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if broken:
            raise InpaintxError(
                f"training: weights are not finite at step {self.step} ({broken[0]}); "
                "the last good checkpoint is kept; resume with a lower learning rate"
            )
        checkpoint.save(run / checkpoint.FILE_NAME, self._header(), tensors)
        return network

    def _header(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture.to_dict(),
            "fit": self.fit,
            "step": self.step,
            "options": asdict(self.options),
            "collection": {
                "count": len(self.collection.images),
                "fingerprint": self.collection.fingerprint,
            },
        }

    def restore(self, path: Path) -> None:
        """Goes on from a run's checkpoint.

        Raises InpaintxError if it is damaged, holds no training state, or was made with another
        architecture, collection or seed, with which the run would not be the same run.
        """
        header, tensors = checkpoint.load(path)
        if not any(name.startswith(checkpoint.TRAINING) for name in tensors):
            raise InpaintxError(
                f"cannot resume: {path}: an exported model has no training state; give a run folder"
            )
        ours = self._header()
        for key, mine in (
            ("architecture", ours["architecture"]),
            ("fit", self.fit),
            ("collection", ours["collection"]),
        ):
            if header.get(key) != mine:
                raise InpaintxError(
                    f"cannot resume: {path}: its {key} is {header.get(key)}, this run's is {mine}; "
                    "use the same, or a new --out"
                )
        for key in ("batch", "seed"):
            theirs, own = header["options"][key], getattr(self.options, key)
            if theirs != own:
                raise InpaintxError(
                    f"cannot resume: {path}: its {key} is {theirs}, not {own}; use the same, or a new --out"
                )
        checkpoint.restore(self.generator, tensors, "training.generator.", path)
        checkpoint.restore(self.discriminator, tensors, "discriminator.", path)
        for name, parameter in self.average.named_parameters():
            parameter.data.copy_(tensors[f"training.average.{name}"])
        for name, optimizer in self.optimizers.items():
            saved = optimizer.state_dict()
            for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
                prefix = f"training.{name}_adam.{index}."
                values = {
                    key.removeprefix(prefix): tensor
                    for key, tensor in tensors.items()
                    if key.startswith(prefix)
                }
                saved["state"][index] = {
                    key: torch.empty_like(parameter).copy_(value) if value.dim() else value
                    for key, value in values.items()
                }
            optimizer.load_state_dict(saved)
        self.step = header["step"]
