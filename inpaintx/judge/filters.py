"""The judge's eyes: a fixed bank of oriented band-pass filters, the same for every picture and every method.

A steerable pyramid (Simoncelli and Freeman, 1995; its complex form: Portilla and Simoncelli, 2000) whose
moduli are averaged locally: the first layers of a scattering network (Bruna and Mallat, 2013). The modulus
forgets where exactly in its wave an edge lies, the averaging forgets a pixel or two more; how much detail
there is, at which scale and in which direction, stays.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.nn.functional import pad

SCALES = 3
ORIENTATIONS = 4
POOLING = 2.0  # σ of the local averages, and how far apart they are, in samples of the scale
_MARGIN = 8  # pixels of mirror image at each border, at least

Tensor = torch.Tensor


def magnitudes(planes: Tensor, scales: range) -> tuple[list[Tensor], Tensor]:
    """The moduli of the bands, and the local mean that they leave.

    planes: float32 [B,H,W]. scales: which of 0 (finest) to SCALES − 1 are wanted.
    Gives for each scale float32 [B,K,h,w], the amplitude of the waves of each orientation k around each of
    the samples, which are 2^scale pixels apart (a wave of amplitude 1 gives 1 in all, as the root of the sum
    of the squares over scales and orientations); and the low-pass [B,h,w] of the coarsest. Both cover the
    mirrored margin too: ``average`` cuts it off.
    """
    spectrum = torch.fft.fft2(mirrored(planes))
    height, width = spectrum.shape[-2:]
    bands, lowpass = _filters(height, width)
    waves = (torch.fft.ifft2(_cropped(spectrum, scale)[:, None] * bands[scale]) for scale in scales)
    # Complex abs() guards against overflow, and is three times as slow for it.
    moduli = [(wave.real.square() + wave.imag.square()).sqrt() for wave in waves]
    return moduli, torch.fft.ifft2(_cropped(spectrum, SCALES - 1) * lowpass).real


def mirrored(planes: Tensor) -> Tensor:
    """[B,H,W] with a mirrored margin, so that no border is an edge, and with sides that all scales divide."""
    top, bottom = _margins(planes.shape[-2])
    left, right = _margins(planes.shape[-1])
    return pad(planes[:, None], (left, right, top, bottom), mode="reflect")[:, 0]


def average(maps: Tensor, sampled: int, scale: int, height: int, width: int) -> Tensor:
    """Local averages of maps [...,h,w] of a mirrored plane of height × width pixels.

    sampled: the scale of the maps: their samples are 2^sampled pixels apart. scale: that of the windows:
    Gaussians of σ = POOLING·2^scale pixels, as many pixels apart, all around points of the plane itself.
    """
    return _windows(height, sampled, scale) @ maps @ _windows(width, sampled, scale).T


@lru_cache(maxsize=16)
def _filters(height: int, width: int) -> tuple[list[Tensor], Tensor]:
    """Per scale [K,h,w] on the scale's own frequencies, and the low-pass on the coarsest's.

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
    lobes = torch.cos(angle - turns).clamp(min=0) ** (ORIENTATIONS - 1)
    both_ways = lobes**2 + torch.cos(angle - turns + torch.pi).clamp(min=0) ** (2 * ORIENTATIONS - 2)
    analytic = 2 * lobes / both_ways.sum(dim=0).sqrt()
    bands, passed = [], torch.ones_like(radius)
    for scale in range(SCALES):
        # Raised cosine over the octave below half the Nyquist frequency of the scale.
        rise = (octaves + scale + 2).clamp(0, 1)
        band = analytic * (passed * torch.sin(torch.pi / 2 * rise))
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
    padded = -(-(side + 2 * _MARGIN) // step) * step
    return _MARGIN, padded - side - _MARGIN


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
