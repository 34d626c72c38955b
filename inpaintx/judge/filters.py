"""The judge's eyes: a fixed bank of oriented band-pass filters, the same for every picture and every method.

A steerable pyramid (Simoncelli and Freeman, 1995; its complex form: Portilla and Simoncelli, 2000) whose
moduli are averaged locally: the first layers of a scattering network (Bruna and Mallat, 2013). The modulus
forgets where exactly in its wave an edge lies, the averaging forgets a pixel or two more; how much detail
there is, at which scale and in which direction, stays.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

SCALES = 3
ORIENTATIONS = 4
POOLING = 2.0  # σ of the local averages, and how far apart they are, in samples of the scale
_MARGIN = 8  # pixels at each border, at least

Tensor = torch.Tensor


def spectrum_of(planes: Tensor) -> Tensor:
    """The spectrum of float32 [B, H, W] with its margin."""
    return torch.fft.fft2(extended(planes))


def moduli(spectrum: Tensor, scale: int) -> Tensor:
    """The amplitudes of a scale's waves: float32 [B, K, h, w] for each orientation k, margin included.

    A wave of amplitude 1 gives 1 in all, as the root of the sum of the squares over scales and orientations.

    Args:
        spectrum: from :func:`spectrum_of`.
        scale: 0, the finest, to SCALES − 1; the samples are 2^scale pixels apart.
    """
    bands, _ = _filters(*spectrum.shape[-2:])
    waves = torch.fft.ifft2(_cropped(spectrum, scale)[:, None] * bands[scale])
    # Complex abs() guards against overflow, and is three times as slow for it.
    return (waves.real.square() + waves.imag.square()).sqrt()


def lowpass(spectrum: Tensor) -> Tensor:
    """What the bands leave, the local mean: float32 [B, h, w], samples as of the coarsest scale."""
    _, low = _filters(*spectrum.shape[-2:])
    return torch.fft.ifft2(_cropped(spectrum, SCALES - 1) * low).real


def extended(planes: Tensor) -> Tensor:
    """[B, H, W] with a margin, so that no border is an edge, and with sides that all scales divide.

    The margin fades from the mirror image of one border to that of the other, which the filters take for its
    neighbour.
    """
    return _extension(planes.shape[-2]) @ planes @ _extension(planes.shape[-1]).T


def average(maps: Tensor, sampled: int, scale: int, height: int, width: int) -> Tensor:
    """Local averages of maps of an extended plane.

    Args:
        maps: float32 ``[..., h, w]``.
        sampled: the scale of the maps: their samples are 2^sampled pixels apart.
        scale: that of the windows: Gaussians of σ = POOLING·2^scale pixels, as many pixels apart, all around
            points of the plane itself.
        height: of the plane, in pixels.
        width: likewise.
    """
    return _windows(height, sampled, scale) @ maps @ _windows(width, sampled, scale).T


@lru_cache(maxsize=16)
def _filters(height: int, width: int) -> tuple[list[Tensor], Tensor]:
    """Per scale [K, h, w] on the scale's own frequencies, and the low-pass on the coarsest's.

    The squares of all of them add up to 1 in every direction and at every frequency (½ each for opposite
    ones, of which an analytic filter passes one, at twice its amplitude), but for the fewer samples of a
    coarse scale.
    """
    y = torch.fft.fftfreq(height, 0.5, dtype=torch.float64)[:, None]  # 1: Nyquist
    x = torch.fft.fftfreq(width, 0.5, dtype=torch.float64)
    radius = torch.hypot(y, x).clamp(min=1e-9)
    octaves = torch.log2(radius)
    angle = torch.atan2(y, x)
    turns = torch.arange(ORIENTATIONS)[:, None, None] * torch.pi / ORIENTATIONS
    there, back = (
        torch.cos(angle - turns + turn).clamp(min=0) ** (ORIENTATIONS - 1) for turn in (0, torch.pi)
    )
    # Near the Nyquist frequency, where both directions of a wave meet, a filter passes both: an abrupt end
    # there would ring through the picture.
    near = (4 * torch.maximum(y.abs(), x.abs()) - 3).clamp(0, 1)
    both = torch.pi / 4 * torch.sin(torch.pi / 2 * near) ** 2
    norm = (there**2 + back**2).sum(dim=0).sqrt()
    oriented = 2 * (torch.cos(both) * there + torch.sin(both) * back) / norm
    bands, passed = [], torch.ones_like(radius)
    for scale in range(SCALES):
        # Raised cosine over the octave below half the Nyquist frequency of the scale.
        rise = (octaves + scale + 2).clamp(0, 1)
        band = oriented * (passed * torch.sin(torch.pi / 2 * rise))
        bands.append(_cropped(band, scale).float() / 4**scale)
        passed = passed * torch.cos(torch.pi / 2 * rise)
    return bands, _cropped(passed, SCALES - 1).float() / 4 ** (SCALES - 1)


def _cropped(spectrum: Tensor, scale: int) -> Tensor:
    """The lowest frequencies: the spectrum of the picture at 2^−scale of its resolution."""
    if scale == 0:
        return spectrum
    for dim in (-2, -1):
        half = spectrum.shape[dim] // 2 ** (scale + 1)
        low = spectrum.narrow(dim, 0, half)
        negative = spectrum.narrow(dim, spectrum.shape[dim] - half, half)
        spectrum = torch.cat([low, negative], dim=dim)
    return spectrum


def _margins(side: int) -> tuple[int, int]:
    step = 2**SCALES
    extended_side = -(-(side + 2 * _MARGIN) // step) * step
    return _MARGIN, extended_side - side - _MARGIN


@lru_cache(maxsize=16)
def _extension(side: int) -> Tensor:
    """Float32 [extended side, side]."""
    before, after = _margins(side)
    matrix = torch.zeros(before + side + after, side)
    matrix[before : before + side] = torch.eye(side)
    gap = before + after
    for step in range(gap):  # from the end of the picture on, around to its start
        fade = math.sin(math.pi / 2 * (step + 1) / (gap + 1)) ** 2
        row = (before + side + step) % len(matrix)
        matrix[row, side - 2 - step] += 1 - fade
        matrix[row, gap - step] += fade
    return matrix


@lru_cache(maxsize=64)
def _windows(side: int, sampled: int, scale: int) -> Tensor:
    """Float32 [windows, samples]: each row a Gaussian that adds up to 1."""
    before, after = _margins(side)
    samples = torch.arange((before + side + after) // 2**sampled, dtype=torch.float64) * 2**sampled - before
    sigma = POOLING * 2**scale
    centres = torch.arange((sigma - 1) / 2, side, sigma, dtype=torch.float64)
    distance = (samples - centres[:, None]).abs() / sigma
    # Cut off, since numbers near float32's smallest would make the products ten times as slow.
    weights = torch.where(distance < 4, torch.exp(-(distance**2) / 2), 0.0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()
