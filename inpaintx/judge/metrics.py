"""How near a completion is to the original: PSNR and SSIM, in the hole and over the image, in 8 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inpaintx.errors import InpaintxError

# An error of one level everywhere is 48.13 dB. Beyond that, a score would measure rounding, and a perfect one
# be infinite.
PSNR_CAP = 48.0


@dataclass(frozen=True)
class Scores:
    """PSNR in dB, capped at 48, and SSIM, at most 1: the higher, the nearer. Those of the hole: it alone."""

    psnr_hole: float
    ssim_hole: float
    psnr: float
    ssim: float


def score(original: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> Scores:
    """Compares a completed picture with the original.

    Args:
        original: uint8 or uint16 [H, W] or [H, W, C], of the same shape; 16 bits are rounded to 8 first.
        completed: likewise.
        mask: bool [H, W], True = keep; hides at least one pixel.

    Raises:
        InpaintxError: the three don't fit each other.
    """
    if original.shape != completed.shape:
        raise InpaintxError(f"can't compare pictures of shapes {original.shape} and {completed.shape}")
    if mask.dtype != bool or mask.shape != original.shape[:2]:
        raise InpaintxError(
            f"the mask is {mask.dtype} {list(mask.shape)}: it must be bool {list(original.shape[:2])}"
        )
    if mask.all():
        raise InpaintxError("the mask hides nothing, so there is no completion to score: hide some pixels")
    a, b = (_eight_bits(array).reshape(*mask.shape, -1) for array in (original, completed))
    squared_error = (a.astype(np.float64) - b) ** 2
    similarity = ssim_map(a, b)
    return Scores(
        psnr_hole=_psnr(squared_error[~mask]),
        ssim_hole=float(similarity[~mask].mean()),
        psnr=_psnr(squared_error),
        ssim=float(similarity.mean()),
    )


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The SSIM of each pixel and channel: uint8 [H, W, C] twice, gives float64 [H, W, C], at most 1.

    As in Wang et al. (2004), Image quality assessment, equation 13: 11×11 Gaussian window with σ = 1.5,
    population covariance, K₁ = 0.01, K₂ = 0.03, L = 255. The picture is mirrored at its border, so that every
    pixel of a hole has a value, however small the picture is.
    """
    from skimage.metrics import structural_similarity

    # The window stays the Gaussian's; its nominal size only has to fit into the picture.
    shorter_side = min(a.shape[:2])
    _, similarity = structural_similarity(
        a,
        b,
        win_size=min(11, shorter_side - (shorter_side + 1) % 2),
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return similarity


def _eight_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return np.rint(array / 257).astype(np.uint8)
    raise InpaintxError(f"a picture to score is {array.dtype}: use uint8 or uint16")


def _psnr(squared_error: np.ndarray) -> float:
    mean = float(squared_error.mean())
    return PSNR_CAP if mean == 0 else min(PSNR_CAP, float(10 * np.log10(255**2 / mean)))
