"""What simpler models learn from the same collection: the bars that a GAN has to clear.

All give, for images and masks, their idea of the whole images: float32 ``[n, S, S, C]`` in [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from inpaintx.ops.solvers import distance_to_known

FOR_A_PART = 200  # pictures for each part of a mixture, so that each is told from many
PARTS = 32  # of a mixture, at most
ROUNDS = 5  # in which pictures go to the part that explains them best
CLUMP = 100.0  # pixels that say as much as one independent one
AROUND = 1 / 16  # of the side: how far the neighbourhood of a hole reaches


class ProbabilisticPCA:
    """The conditional mean under probabilistic PCA with 32 components (Tipping and Bishop, 1999).

    With x = W c + μ + ε, c ~ N(0, I) and ε ~ N(0, σ² I), the known pixels k give
    E[c | x_k] = (W_kᵀ W_k + σ² I)⁻¹ W_kᵀ (x_k − μ_k), and the image is W E[c] + μ.

    collection: uint8 ``[N, C, S, S]``.
    """

    def __init__(self, collection: np.ndarray, components: int = 32) -> None:
        x = _rows(collection)
        directions = _principal(x, min(components, len(x) - 1))
        self._part = directions.part(directions.rest)

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """images: float32 ``[n, S, S, C]`` in [0, 1]; masks: bool ``[n, S, S]``."""
        predicted = []
        for image, mask in zip(images, masks, strict=True):
            seen, known = _seen(image, mask)
            predicted.append(self._part.completed(seen, known)[0].reshape(image.shape[2], *mask.shape))
        return _images(torch.stack(predicted))


class MixtureOfPCAs:
    """A mixture of probabilistic PCAs (Richardson and Weiss, "On GANs and GMMs", NeurIPS 2018).

    Each part has 16 components, and all share one noise. A picture is of the part that explains it best (the
    hard form of expectation maximisation), from K-means on. A completion is the mean of the parts'
    conditional means, weighted by how probable each is given the known pixels; neighbouring pixels are
    far from independent, so that a hundred count as one: with each for itself, the likeliest part alone would
    tell, and is often the wrong one.

    collection: uint8 ``[N, C, S, S]``, of which 10,000 are looked at, evenly spread, if there are more.
    """

    def __init__(self, collection: np.ndarray, components: int = 16, parts: int | None = None) -> None:
        from sklearn.cluster import KMeans

        x = _rows(collection[:: -(-len(collection) // 10_000)])
        count = max(1, min(len(x) // FOR_A_PART, PARTS)) if parts is None else parts
        outline = _principal(x, min(32, len(x) - 1))
        scores = (x - outline.mean) @ outline.vectors
        of = torch.from_numpy(KMeans(count, n_init=1, random_state=0).fit_predict(scores.numpy())).long()
        for _ in range(ROUNDS):
            members = [x[of == number] for number in of.unique()]
            found = [_principal(own, max(1, min(components, len(own) // 4))) for own in members]
            shares = torch.tensor([len(own) / len(x) for own in members])
            noise = float(shares @ torch.tensor([each.rest for each in found]))
            self._shares, self._parts = shares, [each.part(noise) for each in found]
            if count == 1:
                break
            everything = torch.ones(x.shape[1], dtype=torch.bool)
            of = self._likely(
                torch.stack([part.likelihood(x, everything) for part in self._parts], 1)
            ).argmax(1)

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """images: float32 ``[n, S, S, C]`` in [0, 1]; masks: bool ``[n, S, S]``."""
        predicted = []
        for image, mask in zip(images, masks, strict=True):
            seen, known = _seen(image, mask)
            fills, likelihoods = zip(*(part.completed(seen, known) for part in self._parts), strict=True)
            weights = self._likely(torch.stack(likelihoods) / CLUMP).softmax(0)
            predicted.append((weights @ torch.stack(fills)).reshape(image.shape[2], *mask.shape))
        return _images(torch.stack(predicted))

    def _likely(self, likelihoods: Tensor) -> Tensor:
        """Logarithms of the parts' posterior probabilities, but for a constant."""
        return likelihoods + self._shares.log()


class MeanOfNearest:
    """The mean of the eight pictures of the collection that are nearest on the known pixels.

    collection: uint8 ``[N, C, S, S]``.
    """

    def __init__(self, collection: np.ndarray, count: int = 8) -> None:
        self._rows, self._count = _rows(collection), min(count, len(collection))
        self._squares = self._rows**2

    def around(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """The mean of the eight that are nearest *around the hole*: within a 16th of the side of it.

        Arguments as of a call.
        """
        near = [mask & (distance_to_known(~mask) <= AROUND * len(mask)) for mask in masks]
        return self(images, np.stack(near))

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """images: float32 ``[n, S, S, C]`` in [0, 1]; masks: bool ``[n, S, S]``."""
        channels = images.shape[3]
        known = torch.from_numpy(np.repeat(masks[:, None], channels, 1).reshape(len(masks), -1)).float()
        images = np.where(masks[..., None], images, np.float32(0))
        seen = torch.from_numpy(images.transpose(0, 3, 1, 2).reshape(len(images), -1))
        # Σ m (x − y)², without Σ m y², which is the same for all x.
        distances = known @ self._squares.T - 2 * seen @ self._rows.T
        nearest = distances.topk(self._count, largest=False).indices
        means = torch.stack([self._rows[rows].mean(0) for rows in nearest])
        return _images(means.reshape(len(images), channels, *masks.shape[1:]))


class _Part(NamedTuple):
    """A Gaussian of D numbers: mean ``[D]``, weights ``[D, q]`` and noise, its covariance W Wᵀ + σ² I."""

    mean: Tensor
    weights: Tensor
    noise: float

    def completed(self, seen: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """The conditional mean ``[D]`` given the known numbers, and their log-likelihood."""
        w = self.weights[known]
        normal = w.T @ w + self.noise * torch.eye(w.shape[1])
        code = torch.linalg.solve(normal, w.T @ (seen - self.mean[known]))
        return self.weights @ code + self.mean, self.likelihood(seen[None], known)[0]

    def likelihood(self, seen: Tensor, known: Tensor) -> Tensor:
        """Log-likelihoods ``[n]`` of known numbers, ``[n, d]``, but for a constant of d.

        By the matrix inversion and determinant lemmas, so that only q × q matrices are solved.
        """
        w, left = self.weights[known], seen - self.mean[known]
        factor = torch.linalg.cholesky(w.T @ w + self.noise * torch.eye(w.shape[1]))
        explained = torch.linalg.solve_triangular(factor, (left @ w).T, upper=False)
        unlikely = (left.square().sum(1) - explained.square().sum(0)) / self.noise
        volume = 2 * factor.diagonal().log().sum() + (len(w) - w.shape[1]) * np.log(self.noise)
        return -(unlikely + volume) / 2


class _Directions(NamedTuple):
    """The largest variances ``[q]`` of D numbers around their mean, in which directions ``[D, q]``.

    rest: the mean of the other D − q variances.
    """

    mean: Tensor
    vectors: Tensor
    variances: Tensor
    rest: float

    def part(self, noise: float) -> _Part:
        """Tipping and Bishop (1999), equation 7."""
        return _Part(self.mean, self.vectors * (self.variances - noise).clamp(min=0).sqrt(), noise)


def _principal(x: Tensor, components: int) -> _Directions:
    """Of rows ``[n, D]``, n > 0."""
    mean = x.mean(0)
    x = x - mean
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(0)  # pca_lowrank draws its test matrix from the global generator
    _, values, vectors = torch.pca_lowrank(x, q=components, center=False, niter=4)
    torch.random.set_rng_state(torch_state)
    variances = values**2 / len(x)
    rest = (float((x**2).sum() / len(x)) - float(variances.sum())) / (x.shape[1] - components)
    return _Directions(mean, vectors, variances, max(rest, 1e-6))


def _seen(image: np.ndarray, mask: np.ndarray) -> tuple[Tensor, Tensor]:
    """The known numbers of an image, ``[d]``, and which of all they are, bool ``[D]``."""
    known = torch.from_numpy(np.repeat(mask[None], image.shape[2], 0).ravel())
    return torch.from_numpy(image.transpose(2, 0, 1).ravel())[known], known


def _rows(collection: np.ndarray) -> Tensor:
    return torch.from_numpy(collection).flatten(1).float() / 255


def _images(planes: Tensor) -> np.ndarray:
    """``[n, C, S, S]`` to float32 ``[n, S, S, C]`` in [0, 1]."""
    return planes.clamp(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
