"""How a fill looks: a perceptual distance, and how fills differ from real pictures as a set.

Nothing here is trained on pictures, so that no method can have been trained on it, and nothing is downloaded.
Colour is judged as luma and two chromas (BT.601), the chromas without their finest scale, which eyes don't
see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from inpaintx.errors import InpaintxError
from inpaintx.judge.filters import SCALES, average, extended, lowpass, moduli, spectrum_of

_AT_ONCE = 16  # pictures in a batch: so few that their maps stay in the cache

# Contrast that is just seen, as amplitude in a range of 1: four or five of 255 levels.
_VISIBLE = 0.02
# Luma counts six times a chroma, as where coded video is judged: (6·Y + U + V) / 8 (Ohm et al., 2012).
_LUMA_WEIGHT, _CHROMA_WEIGHT = 6.0, 1.0

_SMALLEST = 32  # pixels: larger than the margin, which mirrors the picture
_ROWS = 512  # of a kernel matrix at once
_FOLDS = 5
_GRID = 4  # an embedding averages over 4×4 parts of the picture

Tensor = torch.Tensor


def perceptual_distance(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How differently two pictures look around the hole: 0 for equal ones, at most 1; symmetric.

    Per scale, and around each place p, with a and b the locally averaged amplitudes of the two pictures in
    the orientations k:
        d(p) = Σ_k (a_k − b_k)² / (Σ_k a_k² + Σ_k b_k² + c)
    An error is masked by contrast of the same scale at the same place, whatever its direction (Teo and
    Heeger, 1994), in the symmetric form of SSIM's contrast term, 1 − (2ab + c) / (a² + b² + c)
    (Wang et al., 2004; used on features by DISTS, Ding et al., 2020). Averaging moduli before they are
    compared makes it tolerant of small shifts (CW-SSIM, Sampat et al., 2009), but not of blur, which takes
    amplitude away. The local mean counts by its squared difference. Places count by the share of their window
    that lies in the hole, scales equally, luma six times a chroma.

    Args:
        original: float32 [N, H, W, C] in [0, 1], C = 1 or 3.
        completed: likewise.
        mask: bool [N, H, W], True = keep.

    Returns:
        Float64 [N]; NaN where the mask hides nothing.
    """
    _check(original, completed, mask)
    parts = [
        _distance(_tensor(original[rows]), _tensor(completed[rows]), _tensor(mask[rows]))
        for rows in _batches(len(mask))
    ]
    return np.concatenate(parts)


def embed(images: np.ndarray) -> np.ndarray:
    """Describes pictures by 256 features (gray) or 576 (colour): what KID and the classifier see.

    Scattering coefficients (Bruna and Mallat, 2013): the local means and, for each scale and orientation, the
    amplitudes, both averaged over 4×4 parts of the picture (first order); and over the whole picture, the
    amplitudes of coarser waves in those of finer ones (second order), which tell textures from edges.

    Args:
        images: float32 [N, H, W, C] in [0, 1], C = 1 or 3.

    Returns:
        Float32 [N, F].
    """
    _check_images(images)
    return np.concatenate([_embedding(_tensor(images[rows])).numpy() for rows in _batches(len(images))])


def kid(real_embeddings: np.ndarray, fake_embeddings: np.ndarray) -> tuple[float, float]:
    """How far two sets of embeddings lie apart (0 on average for equal sources), and its standard error.

    The unbiased squared maximum mean discrepancy with the kernel (xᵀy / F + 1)³ (Bińkowski et al., 2018), of
    features standardised by the real set's means and deviations; it can fall below 0. The error is the
    jackknife's over both sets (Arvesen, 1969), for pictures drawn independently: completions of the very
    pictures that are the real set aren't.

    Args:
        real_embeddings: float ``[N, F]``, N ≥ 3.
        fake_embeddings: float ``[M, F]``, M ≥ 3.
    """
    real, fake = _standardised(real_embeddings, fake_embeddings)
    n, m = len(real), len(fake)
    within_real = _kernel_sums(real, real) - _kernel((real**2).sum(axis=1), real.shape[1])
    within_fake = _kernel_sums(fake, fake) - _kernel((fake**2).sum(axis=1), real.shape[1])
    across_real, across_fake = _kernel_sums(real, fake), _kernel_sums(fake, real)
    a, b, c = within_real.sum(), within_fake.sum(), across_real.sum()
    means = a / (n * (n - 1)), b / (m * (m - 1)), -2 * c / (n * m)
    # The estimate without each of the real pictures, and without each of the fakes.
    without_real = (a - 2 * within_real) / ((n - 1) * (n - 2)) - 2 * (c - across_real) / ((n - 1) * m)
    without_fake = (b - 2 * within_fake) / ((m - 1) * (m - 2)) - 2 * (c - across_fake) / (n * (m - 1))
    variance = (n - 1) * without_real.var() + (m - 1) * without_fake.var()
    return float(sum(means)), float(np.sqrt(variance))


def two_sample_accuracy(
    real_embeddings: np.ndarray,
    fake_embeddings: np.ndarray,
    groups: np.ndarray | Sequence[object],
    seed: int = 0,
) -> float:
    """How often a small classifier, shown one picture, tells whether it is real or filled: 0.5 is chance.

    Logistic regression on standardised features, five-fold cross-validated (a classifier two-sample test:
    Lopez-Paz and Oquab, 2017). NaN with fewer than two groups.

    Args:
        real_embeddings: float [N, F], of the same N pictures.
        fake_embeddings: likewise.
        groups: [N], what must not be split between training and test; both versions of a picture stay
            together too.
        seed: shuffles the groups.

    Raises:
        InpaintxError: scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GroupKFold, cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise InpaintxError(
            'telling fills from real pictures needs scikit-learn: pip install "inpaintx[eval]"'
        ) from None
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if real_embeddings.shape != fake_embeddings.shape or len(group) != len(real_embeddings):
        raise InpaintxError(
            f"{len(real_embeddings)} real pictures, {len(fake_embeddings)} fills and {len(group)} groups are "
            "no pairs: give as many of each"
        )
    if len(names) < 2:
        return float("nan")
    shuffled = np.random.default_rng(seed).permutation(len(names))[group]
    return float(
        cross_val_score(
            make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)),
            np.concatenate([real_embeddings, fake_embeddings]),
            np.repeat([0, 1], len(group)),
            groups=np.tile(shuffled, 2),
            cv=GroupKFold(min(_FOLDS, len(names))),
        ).mean()
    )


def lpips_distance(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """LPIPS (Zhang et al., 2018; AlexNet, version 0.1) over the hole, of what ``perceptual_distance`` takes.

    Returns:
        Float64 [N], NaN where the mask hides nothing; None where the package lpips isn't installed or the
        weights of its AlexNet aren't in torch's folder: nothing is ever downloaded.
    """
    _check(original, completed, mask)
    model = _lpips_model()
    if model is None:
        return None
    parts = []
    for rows in _batches(len(mask)):
        a, b = (_tensor(x[rows]).permute(0, 3, 1, 2).expand(-1, 3, -1, -1) for x in (original, completed))
        with torch.inference_mode():
            parts.append(_weighted(model(a, b, normalize=True)[:, 0].double(), _tensor(~mask[rows])).numpy())
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _lpips_model() -> Callable[..., Tensor] | None:
    try:
        import lpips
        from torchvision.models import AlexNet_Weights
    except ImportError:
        return None
    weights = Path(torch.hub.get_dir(), "checkpoints", Path(AlexNet_Weights.IMAGENET1K_V1.url).name)
    return lpips.LPIPS(net="alex", version="0.1", spatial=True, verbose=False) if weights.exists() else None


def _standardised(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if real.ndim != 2 or real.shape[1:] != fake.shape[1:] or min(len(real), len(fake)) < 3:
        raise InpaintxError(
            f"can't compare sets of shapes {list(real.shape)} and {list(fake.shape)}: give both as many "
            "features, and three pictures or more"
        )
    mean, deviation = real.mean(axis=0, dtype=np.float64), real.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > 0, deviation, 1)
    return (real - mean) / scale, (fake - mean) / scale


class Plane(NamedTuple):
    """One channel of a batch: float32 [B, H, W], the scales that count, and how much it counts."""

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
    hole = extended((~mask).float())
    shares = [average(hole, 0, scale, *size) for scale in range(SCALES)]
    total, weights = torch.zeros(count), 0.0
    for plane in _planes(torch.cat([original, completed])):
        spectrum = spectrum_of(plane.values)
        for scale in plane.scales:
            a, b = average(moduli(spectrum, scale), scale, scale, *size).split(count)
            energy = a.square().sum(dim=1) + b.square().sum(dim=1)
            different = (a - b).square().sum(dim=1) / (energy + _VISIBLE**2)
            total += plane.weight * _weighted(different, shares[scale])
        a, b = average(lowpass(spectrum), SCALES - 1, SCALES - 1, *size).split(count)
        total += plane.weight * _weighted((a - b).square(), shares[-1])
        weights += plane.weight * (len(plane.scales) + 1)
    return total.double().numpy() / weights


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of each [h, w]; NaN where no weight is left."""
    return (values * weights).sum(dim=(1, 2)) / weights.sum(dim=(1, 2))


def _embedding(images: Tensor) -> Tensor:
    size = images.shape[1:3]
    first, second = [], []
    for plane in _planes(images):
        spectrum = spectrum_of(plane.values)
        first.append(average(lowpass(spectrum), SCALES - 1, SCALES - 1, *size)[:, None])
        for scale in plane.scales:
            modulus = moduli(spectrum, scale)
            first.append(average(modulus, scale, scale, *size))
            envelopes = torch.fft.fft2(modulus).flatten(0, 1)
            for coarser in range(scale + 1, SCALES):
                waves = moduli(envelopes, coarser - scale).unflatten(0, modulus.shape[:2])
                second.append(average(waves, coarser, coarser, *size).mean(dim=(3, 4)))
    parts = [adaptive_avg_pool2d(maps, _GRID) for maps in first] + second
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _kernel(products: np.ndarray, features: int) -> np.ndarray:
    return (products / features + 1) ** 3


def _kernel_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each of a, the kernel's sum over all of b."""
    blocks = (a[start : start + _ROWS] for start in range(0, len(a), _ROWS))
    return np.concatenate([_kernel(block @ b.T, a.shape[1]).sum(axis=1) for block in blocks])


def _batches(count: int) -> list[slice]:
    return [slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE)]


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))  # a copy: torch takes neither reversed nor read-only arrays


def _check_images(images: np.ndarray) -> None:
    shape = list(images.shape)
    if len(shape) != 4 or shape[0] == 0 or shape[3] not in (1, 3) or min(shape[1:3]) < _SMALLEST:
        raise InpaintxError(
            f"can't judge pictures of shape {shape}: give one or more, [N,H,W,C], gray or RGB, "
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
