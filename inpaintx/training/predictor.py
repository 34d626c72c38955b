"""Training of the predictor, which draws what to expect in a hole. It knows neither G nor the encoder."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from inpaintx.networks.copying import moved
from inpaintx.networks.predictor import Predictor, interpolation
from inpaintx.options import Architecture, TrainOptions
from inpaintx.pictures.arrays import to_values
from inpaintx.plugins.masks import FAMILIES
from inpaintx.training.course import Course
from inpaintx.training.encoder import LR, MASKS, mask_pool
from inpaintx.training.fitting import fit

#: Pixels of the examples that are kept at a time (2048 of 64 px), since an interpolation takes long.
KEPT = 2048 * 64**2
FRESH = 4  # a fourth of a batch is made anew for each step
BATCHES = 2  # of P to one of G and D: as many pictures in smaller steps teach it more
FILLING = 0.1  # of a stage's time, at most, before the first step
PLACED = ("center", "left", "lowres")  # families whose holes stay where they are
#: Families of deep holes, and how much oftener these are drawn: interpolation knows little of them.
DEEP, OFTENER = ("center", "random-patch", "left", "freeform thick"), 2
CONTRAST, BRIGHTNESS = 0.15, 0.075  # standard deviations of a picture's changes of light, in [0, 1]
#: Weights of the losses over whole images, and of the expected error, whose gradient is without bound where P
#: was sure and wrong: more of it teaches what is drawn less.
WHOLE, ERROR = 0.2, 0.01

Example = tuple[np.ndarray, np.ndarray, np.ndarray]


def train_predictor(
    architecture: Architecture,
    images: Tensor | tuple[Tensor, Tensor],
    options: TrainOptions,
    course: Course | int,
    device: torch.device | str = "cpu",
    on_step: Callable[[float], bool] = lambda _: True,
) -> Predictor | None:
    """A predictor that draws, from what a mask of any family leaves, the whole image.

    With d what it is off, the loss is the mean of |d| + d²/2 over the hole, a fifth of that over the whole
    image and, for the error b that it expects, a hundredth of the mean of |d|/b + log b over the hole (the
    negative log-likelihood of a Laplace distribution of scale b), in which |d| counts as given.

    Images are shifted by up to half of ``options.translate`` and change their light; the holes of most
    families lie anywhere, mirrored and turned. Without that, P learns a few hundred pictures by heart.

    Args:
        architecture: G's.
        images: uint8 ``[N, C, size, size]``, what G learned from; of damaged ones, they and where they are
            known, bool ``[N, 1, size, size]``: then known pixels alone are seen, and counted.
        options: for its batch size, of which a step has half, shifts, precision and seed, which all
            randomness is a function of.
        course: how long; or how many steps.
        device: to train on.
        on_step: told of each step's loss; where it returns False, training is given up.

    Returns:
        the predictor, in evaluation mode; None where it was given up.
    """
    device, course = torch.device(device), Course.of(course)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        predictor = Predictor(architecture)
    predictor.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        predictor.parameters(), lr=LR, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    noise = torch.Generator().manual_seed(options.seed)
    examples = _Examples(images, options)
    batch = max(2, options.batch // BATCHES)  # batch norm takes two
    fresh = max(1, batch // FRESH)
    needed = examples.room if course.steps is None else batch + fresh * course.steps
    while len(examples) < (wanted := min(examples.room, needed)):
        examples.make(min(fresh, wanted - len(examples)))
        if len(examples) >= batch and course.share(0) > FILLING:
            break
    enabled = options.precision == "bfloat16"

    def loss_of() -> Tensor:
        examples.make(fresh)
        chosen = torch.randint(len(examples), (batch,), generator=noise)
        y, mask, interpolated, truth = (
            moved(part, device).contiguous(memory_format=torch.channels_last) for part in examples[chosen]
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            x, log_error = predictor(y, mask, interpolated)
        return _loss(x - y, truth - mask, log_error, truth if examples.damaged else None)

    if not fit(predictor, loss_of, course, optimizer, on_step):
        return None
    return predictor.eval().requires_grad_(False)


def _loss(off: Tensor, hole: Tensor, log_error: Tensor, truth: Tensor | None) -> Tensor:
    """Of what P is off, ``[B, C, S, S]``, and expects to be, ``[B, 1, S, S]``; where the truth is known."""
    distance = off.abs() + 0.5 * off * off
    pixels = hole.sum()
    missed = off.detach().abs().mean(1, keepdim=True)
    unlikely = missed * torch.exp(-log_error) + log_error
    whole = distance.mean() if truth is None else (distance * truth).sum() / (truth.sum() * off.shape[1])
    return (
        (distance * hole).sum() / (pixels * off.shape[1])
        + WHOLE * whole
        + ERROR * (unlikely * hole).sum() / pixels
    )


class _Examples:
    """Damaged pictures with their interpolations: as many as are kept, the oldest replaced by the next."""

    def __init__(self, images: Tensor | tuple[Tensor, Tensor], options: TrainOptions) -> None:
        whole, known = images if isinstance(images, tuple) else (images, None)
        _, channels, size, _ = whole.shape
        self.room = max(options.batch, KEPT // size**2)
        self.damaged = known is not None
        self._images, self._truths = whole.numpy(), None if known is None else known.numpy()
        self._reach = round(options.translate * size / 2)
        self._masks = mask_pool(size)[:, 0].numpy() > 0
        often = [OFTENER if family in DEEP else 1 for family in FAMILIES]
        self._numbers = np.repeat(np.arange(len(self._masks)), np.repeat(often, MASKS))
        self._rng = np.random.default_rng([options.seed, 5])
        # Half precision tells the levels of 8 bits apart.
        self._whole, self._interpolated = (
            torch.zeros(self.room, channels, size, size, dtype=torch.half) for _ in range(2)
        )
        self._known, self._truth = (torch.ones(self.room, 1, size, size, dtype=torch.bool) for _ in range(2))
        self._made = 0
        self._threads = ThreadPoolExecutor(torch.get_num_threads())  # the solver leaves Python's lock alone

    def __len__(self) -> int:
        return min(self._made, self.room)

    def __getitem__(self, chosen: Tensor) -> tuple[Tensor, ...]:
        """Images, masks and interpolations, as :class:`.Predictor` takes them, and the truth's; float32."""
        parts = self._whole, self._known, self._interpolated, self._truth
        return tuple(part[chosen].float() for part in parts)

    def make(self, count: int) -> None:
        """Makes so many anew."""
        drawn = [(*self._picture(), self._mask()) for _ in range(count)]
        pictures, truths = [picture for picture, *_ in drawn], [truth for _, truth, _ in drawn]
        masks = [mask if truth is None else mask & truth for _, truth, mask in drawn]
        plates = self._threads.map(interpolation, pictures, masks)
        for picture, truth, mask, plate in zip(pictures, truths, masks, plates, strict=True):
            place = self._made % self.room
            if truth is not None:
                self._truth[place, 0] = torch.from_numpy(truth)
            for kept, values in ((self._whole, picture), (self._interpolated, plate)):
                kept[place] = torch.from_numpy(values * 2 - 1).permute(2, 0, 1)
            self._known[place, 0] = torch.from_numpy(mask)
            self._made += 1

    def _picture(self) -> tuple[np.ndarray, np.ndarray | None]:
        """One of the collection, moved and in another light: float32 ``[S, S, C]`` in [0, 1].

        With it, of damaged ones, where it is known, bool ``[S, S]``.
        """
        number, reach = self._rng.integers(len(self._images)), self._reach
        top, left = self._rng.integers(0, 2 * reach + 1, 2)
        values = to_values(_moved(self._images[number], top, left, reach).transpose(1, 2, 0))
        truth = None if self._truths is None else _moved(self._truths[number], top, left, reach)[0]
        contrast, brightness = self._rng.standard_normal(2)
        lit = (values - 0.5) * (1 + CONTRAST * contrast) + 0.5 + BRIGHTNESS * brightness
        return np.ascontiguousarray(np.clip(lit, 0, 1).astype(np.float32)), truth

    def _mask(self) -> np.ndarray:
        """One of any family, its hole anywhere: bool ``[S, S]``, True = keep."""
        number = self._rng.choice(self._numbers)
        mask = self._masks[number]
        if tuple(FAMILIES)[number // MASKS] in PLACED:
            return mask
        mask = np.roll(mask, tuple(self._rng.integers(0, len(mask), 2)), (0, 1))
        if self._rng.random() < 0.5:
            mask = mask[:, ::-1]
        if self._rng.random() < 0.5:
            mask = mask.T
        return np.ascontiguousarray(mask)


def _moved(planes: np.ndarray, top: int, left: int, reach: int) -> np.ndarray:
    """``[C, S, S]``, moved by up to ``reach`` pixels, its edge repeated; at ``reach`` it stays."""
    size = planes.shape[-1]
    padded = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), "edge")
    return padded[:, top : top + size, left : left + size]
