"""The bank of filters: complete, calibrated, oriented, and blind to borders."""

import numpy as np
import pytest
import torch

from inpaintx.judge.filters import ORIENTATIONS, SCALES, average, extended, lowpass, moduli, spectrum_of

ALL = range(SCALES)


def _wave(wavelength: float, angle: float, size: int = 96, phase: float = 0.4) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    along = x * np.cos(angle) + y * np.sin(angle)
    return torch.cos(2 * torch.pi * along / wavelength + phase)


def _averages(plane: torch.Tensor) -> list[torch.Tensor]:
    """Of each scale [K,h,w]."""
    spectrum = spectrum_of(plane[None])
    return [average(moduli(spectrum, scale), scale, scale, *plane.shape)[0] for scale in ALL]


@pytest.mark.parametrize("shape", [(32, 32), (37, 50), (64, 64), (128, 90)])
def test_nothing_is_lost(shape: tuple[int, int]) -> None:
    """The energy of a picture is that of its bands (half of an analytic band's) and its low-pass."""
    plane = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))
    spectrum = spectrum_of(plane)
    energy = sum(4**scale * moduli(spectrum, scale).square().sum() / 2 for scale in ALL)
    energy += 4 ** (SCALES - 1) * lowpass(spectrum).square().sum()
    assert energy == pytest.approx(extended(plane).square().sum().item(), rel=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8, 1.6, 2.5])
@pytest.mark.parametrize("wavelength", [2.5, 4.0, 7.0, 11.0])
def test_a_wave_is_measured_by_its_amplitude(wavelength: float, angle: float) -> None:
    bands = _averages(0.5 + 0.3 * _wave(wavelength, angle))
    # The middle, as interpolated positions of the scales differ; all of a wave looks the same.
    energies = [band.square().sum(dim=0)[band.shape[1] // 2, band.shape[2] // 2] for band in bands]
    assert sum(energies).sqrt().item() == pytest.approx(0.3, rel=0.06)


def test_scales_and_orientations_are_told_apart() -> None:
    for scale, wavelength in ((0, 3.0), (1, 6.5), (2, 13.0)):
        for k in range(ORIENTATIONS):
            bands = _averages(_wave(wavelength, k * np.pi / ORIENTATIONS))
            middle = torch.stack([band[:, band.shape[1] // 2, band.shape[2] // 2] for band in bands])
            assert divmod(int(middle.argmax()), ORIENTATIONS) == (scale, k)


@pytest.mark.parametrize("shape", [(32, 32), (45, 64)])
def test_a_flat_picture_has_no_bands_only_its_level(shape: tuple[int, int]) -> None:
    plane = torch.full((1, *shape), 0.7)
    spectrum = spectrum_of(plane)
    assert max(moduli(spectrum, scale).max().item() for scale in ALL) < 1e-5
    level = average(lowpass(spectrum), SCALES - 1, SCALES - 1, *shape)
    assert torch.allclose(level, torch.full_like(level, 0.7), atol=1e-6)


def test_borders_are_no_edges() -> None:
    """Halves that differ in level: what wraps around would be an edge as strong as the one in the middle."""
    plane = torch.zeros(64, 64)
    plane[:, 32:] = 1
    for band, share in zip(_averages(plane), (0.02, 0.05, 0.4), strict=True):
        strength = band.square().sum(dim=0).sqrt()
        assert strength[:, [0, -1]].max() < share * strength.max()


def test_an_edge_is_not_seen_far_away() -> None:
    plane = torch.zeros(64, 64)
    plane[:, :32] = 1
    finest = _averages(plane)[0].square().sum(dim=0).sqrt()
    assert finest[:, 24].max() < 0.04 * finest.max()  # 16 pixels from it


@pytest.mark.parametrize("scale", ALL)
def test_an_average_is_a_gaussian_around_each_point(scale: int) -> None:
    """One bright pixel: its averages, summed over all points, tell position and width."""
    plane = torch.zeros(1, 64, 64)
    plane[:, 30, 37] = 1
    result = average(extended(plane), 0, scale, 64, 64)[0]
    sigma = 2 * 2**scale
    points = (sigma - 1) / 2 + sigma * torch.arange(len(result))
    for dim, position in ((1, 30), (0, 37)):
        profile = result.sum(dim=dim) / result.sum()
        mean = (profile * points).sum()
        assert mean.item() == pytest.approx(position, abs=0.1 * sigma)
        assert (profile * (points - mean) ** 2).sum().sqrt().item() == pytest.approx(sigma, rel=0.1)


def test_maps_of_all_scales_are_averaged_around_the_same_points() -> None:
    """A plane and its samples 4 pixels apart, both smooth, give the same averages."""
    plane = extended(_wave(40, 0.7, 64)[None])
    fine, coarse = average(plane, 0, 2, 64, 64), average(plane[:, ::4, ::4], 2, 2, 64, 64)
    assert torch.allclose(fine, coarse, atol=0.03)
    assert fine.abs().max() > 0.2
