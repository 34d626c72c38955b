"""How a fill looks: a perceptual distance, and how fills differ from real pictures as a set.

Nothing here is trained on pictures, so that no method can have been trained on it, and nothing is downloaded.
Colour is judged as luma and two chromas (BT.601), the chromas without their finest scale, which eyes don't see.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from inpaintx.errors import InpaintxError
from inpaintx.judge.filters import SCALES, average, magnitudes, mirrored

_AT_ONCE = 64  # pictures in a batch: their maps stay in the cache

# Contrast that is just seen, as amplitude in a range of 1: four or five of 255 levels.
_VISIBLE = 0.02
# Luma counts six times a chroma, as where coded video is judged: (6·Y + U + V) / 8 (Ohm et al., 2012).
_LUMA_WEIGHT, _CHROMA_WEIGHT = 6.0, 1.0

_SMALLEST = 16
_GRID = 4  # an embedding averages over 4×4 parts of the picture

Tensor = torch.Tensor


def perceptual_distance(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How differently two pictures look around the hole: 0 for equal ones, at most 1; symmetric.

    original, completed: float32 [N,H,W,C] in [0,1], C = 1 or 3. mask: bool [N,H,W], True = keep.
    Gives float64 [N]; NaN where the mask hides nothing.

    Per scale, and around each place p, with a and b the locally averaged amplitudes of the two pictures in the
    orientations k:
        d(p) = Σ_k (a_k − b_k)² / (Σ_k a_k² + Σ_k b_k² + c)
    An error is masked by contrast of the same scale at the same place, whatever its direction (Teo and Heeger,
    1994, equation 2), in the symmetric form of SSIM's contrast term, 1 − (2ab + c) / (a² + b² + c) (Wang et al.,
    2004; used on features by DISTS, Ding et al., 2020). Averaging moduli before they are compared makes it
    tolerant of small shifts (CW-SSIM, Sampat et al., 2009), but not of blur, which takes amplitude away. The local
    mean counts by its squared difference. Places count by the share of their window that lies in the hole, scales
    equally, luma six times a chroma.
    """
    _check(original, completed, mask)
    parts = [
        _distance(*(torch.from_numpy(array[rows]) for array in (original, completed, mask)))
        for rows in _batches(len(mask))
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def embed(images: np.ndarray) -> np.ndarray:
    """Describes pictures by 256 features (gray) or 576 (colour): what KID and the classifier see.

    images: float32 [N,H,W,C] in [0,1], C = 1 or 3. Gives float32 [N,F].
    Scattering coefficients (Bruna and Mallat, 2013): the local means and, for each scale and orientation, the
    amplitudes, both averaged over 4×4 parts of the picture (first order); and over the whole picture, the
    amplitudes of coarser waves in those of finer ones (second order), which tell textures from edges.
    """
    _check_images(images)
    parts = [_embedding(torch.from_numpy(images[rows])).numpy() for rows in _batches(len(images))]
    return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)


class Plane(NamedTuple):
    """One channel of a batch: float32 [B,H,W], the scales that count, and how much it counts."""

    values: Tensor
    scales: range
    weight: float


def _planes(images: Tensor) -> list[Plane]:
    if images.shape[-1] == 1:
        return [Plane(images[..., 0], range(SCALES), _LUMA_WEIGHT)]
    red, green, blue = images.unbind(dim=-1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chromas = ((blue - luma) / 1.772, (red - luma) / 1.402)
    return [
        Plane(luma, range(SCALES), _LUMA_WEIGHT),
        *(Plane(chroma, range(1, SCALES), _CHROMA_WEIGHT) for chroma in chromas),
    ]


def _distance(original: Tensor, completed: Tensor, mask: Tensor) -> np.ndarray:
    count, *size = mask.shape
    hole = mirrored((~mask).float())
    shares = [average(hole, 0, scale, *size) for scale in range(SCALES)]
    total, weights = torch.zeros(count), 0.0
    for plane in _planes(torch.cat([original, completed])):
        moduli, lowpass = magnitudes(plane.values, plane.scales)
        for scale, modulus in zip(plane.scales, moduli, strict=True):
            a, b = average(modulus, scale, scale, *size).split(count)
            energy = a.square().sum(dim=1) + b.square().sum(dim=1)
            different = (a - b).square().sum(dim=1) / (energy + _VISIBLE**2)
            total += plane.weight * _weighted(different, shares[scale])
        a, b = average(lowpass, SCALES - 1, SCALES - 1, *size).split(count)
        total += plane.weight * _weighted((a - b).square(), shares[-1])
        weights += plane.weight * (len(moduli) + 1)
    return total.double().numpy() / weights


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of each [h,w]; NaN where no weight is left."""
    return (values * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2))


def _embedding(images: Tensor) -> Tensor:
    size = images.shape[1:3]
    features = []
    for plane in _planes(images):
        moduli, lowpass = magnitudes(plane.values, plane.scales)
        maps = [average(lowpass, SCALES - 1, SCALES - 1, *size)[:, None]]
        for scale, modulus in zip(plane.scales, moduli, strict=True):
            maps.append(average(modulus, scale, scale, *size))
            features.append(_second_order(modulus, range(1, SCALES - scale)))
        features += [adaptive_avg_pool2d(each, _GRID).flatten(1) for each in maps]
    return torch.cat(features, dim=1)


def _second_order(modulus: Tensor, scales: range) -> Tensor:
    """The mean amplitude of coarser waves in the moduli [B,K,h,w] of a scale: [B,F]; scales count from that one."""
    waves, _ = magnitudes(modulus.flatten(0, 1), scales)
    means = [
        average(each, scale, scale, *modulus.shape[2:]).mean(dim=(2, 3))
        for scale, each in zip(scales, waves, strict=True)
    ]
    return (
        torch.cat([each.reshape(len(modulus), -1) for each in means], dim=1)
        if means
        else modulus.new_empty(len(modulus), 0)
    )


def _batches(count: int) -> list[slice]:
    return [slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE)]


def _check_images(images: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[3] not in (1, 3) or min(images.shape[1:3]) < _SMALLEST:
        raise InpaintxError(
            f"can't judge pictures of shape {list(images.shape)}: give [N,H,W,C], gray or RGB, "
            f"of {_SMALLEST} pixels or more a side"
        )
    if images.dtype != np.float32:
        raise InpaintxError(f"can't judge pictures of {images.dtype}: give float32 in [0,1]")


def _check(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> None:
    _check_images(original)
    _check_images(completed)
    if original.shape != completed.shape:
        raise InpaintxError(f"can't compare pictures of shapes {original.shape} and {completed.shape}")
    if mask.dtype != bool or mask.shape != original.shape[:3]:
        raise InpaintxError(
            f"the masks are {mask.dtype} {list(mask.shape)}: they must be bool {list(original.shape[:3])}"
        )
