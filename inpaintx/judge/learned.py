"""What simpler models learn from the same collection: the bars that a GAN has to clear.

Both give, for images and masks, their idea of the whole images: float32 ``[n, S, S, C]`` in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class ProbabilisticPCA:
    """The conditional mean under probabilistic PCA with 32 components (Tipping and Bishop, 1999).

    With x = W c + μ + ε, c ~ N(0, I) and ε ~ N(0, σ² I), the known pixels k give
    E[c | x_k] = (W_kᵀ W_k + σ² I)⁻¹ W_kᵀ (x_k − μ_k), and the image is W E[c] + μ.

    collection: uint8 ``[N, C, S, S]``.
    """

    def __init__(self, collection: np.ndarray, components: int = 32) -> None:
        x = _rows(collection)
        count = len(x)
        components = min(components, count - 1)
        self._mean = x.mean(0)
        x -= self._mean
        torch_state = torch.random.get_rng_state()
        torch.manual_seed(0)  # pca_lowrank draws its test matrix from the global generator
        _, values, vectors = torch.pca_lowrank(x, q=components, center=False, niter=4)
        torch.random.set_rng_state(torch_state)
        variances = values**2 / count
        rest = (float((x**2).sum() / count) - float(variances.sum())) / (x.shape[1] - components)
        self._noise = max(rest, 1e-6)
        self._weights = vectors * (variances - self._noise).clamp(min=0).sqrt()

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """images: float32 ``[n, S, S, C]`` in [0, 1]; masks: bool ``[n, S, S]``."""
        predicted = []
        for image, mask in zip(images, masks, strict=True):
            known = torch.from_numpy(np.repeat(mask[None], image.shape[2], 0).ravel())
            seen = (torch.from_numpy(image.transpose(2, 0, 1).ravel()) - self._mean)[known]
            w = self._weights[known]
            normal = w.T @ w + self._noise * torch.eye(w.shape[1])
            code = torch.linalg.solve(normal, w.T @ seen)
            predicted.append((self._weights @ code + self._mean).reshape(image.shape[2], *mask.shape))
        return _images(torch.stack(predicted))


class MeanOfNearest:
    """The mean of the eight pictures of the collection that are nearest on the known pixels.

    collection: uint8 ``[N, C, S, S]``.
    """

    def __init__(self, collection: np.ndarray, count: int = 8) -> None:
        self._rows, self._count = _rows(collection), min(count, len(collection))
        self._squares = self._rows**2

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


def _rows(collection: np.ndarray) -> Tensor:
    return torch.from_numpy(collection).flatten(1).float() / 255


def _images(planes: Tensor) -> np.ndarray:
    """``[n, C, S, S]`` to float32 ``[n, S, S, C]`` in [0, 1]."""
    return planes.clamp(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
