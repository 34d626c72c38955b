"""What a model's fills should be mixed of, found on pictures that were kept back from its training."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.optimize import nnls

from inpaintx.completion.candidates import CandidateFinder, Candidates
from inpaintx.completion.estimate import at_depths, combine, with_expected
from inpaintx.completion.redrawing import Square, joined
from inpaintx.networks.checkpoint import Networks, load, load_model, save
from inpaintx.networks.finding import find
from inpaintx.networks.shares import DEPTHS, FINE, KEY, SHARES, Shares
from inpaintx.options import SearchOptions
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import to_values
from inpaintx.plugins.masks import family_masks
from inpaintx.training.collection import Collection
from inpaintx.training.course import seconds_to_mix
from inpaintx.training.run import interruptible
from inpaintx.training.trainer import Trainer

#: An image, float32 ``[S, S, C]``, and where in the hole it is known, bool ``[S, S]``.
Truth = tuple[np.ndarray, np.ndarray]

FAMILIES = ("center", "random-patch", "left", "freeform thick", "freeform thin")
MOST = 32  # pictures, each under a mask of each family
TOGETHER = 20  # squares that are searched at a time: some of each family
FOLDS = 4  # that some candidates don't see, as where a blend chooses
FIRM = 0.001  # how firmly shares stay near the usual, against what the pictures say of one of them
#: What may be a sample's own: see :func:`.with_expected`.
FINES = (0.0, 0.01, 0.03, 0.1, 0.3)
STRONG = 0.75  # of the amplitude of detail that it has of the search alone: what a sample has to keep
DETAIL, REACH = 1.0, 3  # pixels: deviation of the Gaussian that leaves no fine detail, and how far it sees
LEAST = 1e-4  # mean squared error in a hole, of P, below which one tells no more than another


def finish(trainer: Trainer, run: Path) -> bool:
    """Notes in a run's checkpoint what fills are mixed of, once the networks are trained.

    Where nothing was kept back, or there is no predictor, the usual holds. Ctrl-C or SIGTERM leaves the
    checkpoint as it is.

    Returns:
        False if it was interrupted, True otherwise.
    """
    if trainer.held_out is None or trainer.predictor is None or not trainer.team.leads:
        return True
    with interruptible() as interrupted:
        seconds = seconds_to_mix(trainer.options)
        mixing = Mixing(load_model(run, trainer.device))
        begin = time.monotonic()
        for squares, truths in damaged(trainer.held_out.collection, trainer.options.seed):
            mixing.see(squares, truths)
            if interrupted():
                return False
            if seconds is not None and time.monotonic() - begin > seconds:
                break
        header, tensors = load(find(run))
        found = {KEY: [list(row) for row in mixing.shares()], FINE: mixing.fine()}
        save(find(run), {**header, **found}, tensors)
    return True


def damaged(kept: Collection, seed: int) -> Iterator[tuple[list[Square], list[Truth]]]:
    """Squares to complete, some of each family at a time, and what is under their holes."""
    images = to_values(kept.images[:MOST].numpy().transpose(0, 2, 3, 1))
    blank = np.zeros(images.shape[1:3], np.uint8)
    pictures = [Picture(blank, None, Path(f"{number}.png")) for number in range(len(images))]
    masks = np.stack([family_masks(family, pictures, seed) for family in FAMILIES], 1)
    whole = np.ones_like(masks[:, 0]) if kept.known is None else kept.known[:MOST, 0].numpy()
    squares, truths = [], []
    for image, own, known in zip(images, masks, whole, strict=True):
        for mask in own:
            seen, told = mask & known, ~mask & known
            if seen.any() and told.any():
                squares.append((np.where(seen[..., None], image, np.float32(0)), seen))
                truths.append((image, told))
    for first in range(0, len(squares), TOGETHER):
        yield squares[first : first + TOGETHER], truths[first : first + TOGETHER]


class Mixing:
    """Shares of interpolation, of what P expects and of what the search found, by depth; and what is fine.

    Shares are found by least squares: they are 0 or more and sum to 1 at each depth; an error counts by what
    P is off in that hole, as PSNR has it, and a little is added for being far from the usual shares (ridge
    regression), so that depths of which the pictures say little keep these. That is stacking (Wolpert,
    "Stacked Generalization", Neural Networks, 1992), with the constraints of Breiman ("Stacked Regressions",
    Machine Learning, 1996).

    What is fine in a sample is the search's, and P's where more of the true detail is in it so, which is the
    sum of the products of a sample's detail and the truth's (detail is what a Gaussian takes away), and where
    the sample's detail stays about as strong: else a texture would go that nobody can foretell.
    """

    def __init__(self, model: Networks) -> None:
        self._find = CandidateFinder(model, SearchOptions(estimate="mean"))
        count = len(DEPTHS) * len(SHARES[0])
        self._products, self._agreed = np.zeros((count, count)), np.zeros(count)
        self._true, self._strong = np.zeros(len(FINES)), np.zeros(len(FINES))

    def see(self, squares: list[Square], truths: list[Truth]) -> None:
        """Learns from squares, and from what is under their holes."""
        for found, (image, told) in zip(self._find(squares, FOLDS), truths, strict=True):
            parts = np.stack([part[told] for part in _parts(found)], 1)  # [pixels, 3, C]
            near = at_depths(found.mask)[told]  # [pixels, depths]
            truth = image[told]
            weight = 1 / (truth.size * max(float(np.mean((parts[:, 1] - truth) ** 2)), LEAST))
            mixed = np.einsum("pd,pkc->pcdk", near, parts).reshape(truth.size, -1).astype(np.float64)
            self._products += weight * mixed.T @ mixed
            self._agreed += weight * mixed.T @ truth.reshape(-1)
            true, strong = _details(found, image, told)
            self._true += true
            self._strong += strong

    def fine(self) -> float:
        """The one of :data:`FINES` whose samples hold most of the true detail; of equals the least."""
        enough = self._strong >= STRONG**2 * self._strong[0]
        return FINES[int(np.argmax(np.where(enough, self._true, -np.inf)))]

    def shares(self) -> Shares:
        """Those that fit best what was seen; the usual ones where nothing was."""
        usual, level = np.ravel(SHARES), np.trace(self._products) / len(self._agreed)
        if level == 0:
            return SHARES
        firm = FIRM * level
        root = np.linalg.cholesky(self._products + firm * np.eye(len(usual)))
        wanted = np.linalg.solve(root, self._agreed + firm * usual)
        # A sum of 1 at each depth, as equations that outweigh all others.
        sums = 1e3 * math.sqrt(level) * np.kron(np.eye(len(DEPTHS)), np.ones(len(SHARES[0])))
        found, _ = nnls(np.vstack([root.T, sums]), np.append(wanted, sums.max() * np.ones(len(DEPTHS))))
        rows = found.reshape(len(DEPTHS), -1)
        return (rows / rows.sum(1, keepdims=True)).round(4).tolist()


def _parts(found: Candidates) -> tuple[np.ndarray, ...]:
    """What a mean is mixed of, each as it meets the known pixels, float32 ``[S, S, C]``."""
    assert found.expected is not None
    expected = found.expected[0]
    mean = combine(found.fills, found.contextual, "mean")
    return expected.interpolated, expected.images, joined(found.image, found.mask, mean)


def _details(found: Candidates, image: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of the true detail is in the sample, and its detail's energy, for each of :data:`FINES`."""
    assert found.expected is not None
    best, inner = found.fills[[np.argmin(found.contextual)]], told
    if not (told | found.mask).all():  # of a damaged picture: where no unknown pixel is near
        inner = told & binary_erosion(told | found.mask, iterations=REACH, border_value=1)
    if not inner.any():
        return np.zeros(len(FINES)), np.zeros(len(FINES))
    truth = _detail(image)[inner]
    samples = (with_expected(best, found.expected[0], found.mask, "sample", fine=fine)[0] for fine in FINES)
    details = np.stack(
        [_detail(joined(found.image, found.mask, sample))[inner] for sample in samples]
    ).reshape(len(FINES), -1)
    return np.mean(details * truth.reshape(-1), 1), np.mean(details**2, 1)


def _detail(values: np.ndarray) -> np.ndarray:
    """What is fine of ``[S, S, C]``."""
    return values - gaussian_filter(values, (DETAIL, DETAIL, 0), truncate=REACH / DETAIL)
