"""PSNR and SSIM against their definitions and against scikit-image."""

import subprocess
import sys

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inpaintx import InpaintxError
from inpaintx.judge.metrics import Scores, score, ssim_map


@pytest.fixture
def original() -> np.ndarray:
    y, x = np.indices((40, 50))
    waves = [127 + 100 * np.sin(x / 5 + channel) * np.cos(y / 7) for channel in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    known = np.ones((40, 50), dtype=bool)
    known[10:30, 5:25] = False
    return known


def _with_noise(picture: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape) * ~mask[..., None]
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_psnr_is_scikit_images(original: np.ndarray, mask: np.ndarray) -> None:
    completed = _with_noise(original, mask, 20)
    scores = score(original, completed, mask)
    assert scores.psnr == pytest.approx(peak_signal_noise_ratio(original, completed, data_range=255))
    in_hole = peak_signal_noise_ratio(original[~mask], completed[~mask], data_range=255)
    assert scores.psnr_hole == pytest.approx(in_hole)
    # The known pixels are right, so the image's squared error is the hole's, spread over all pixels.
    assert scores.psnr - scores.psnr_hole == pytest.approx(10 * np.log10(mask.size / (~mask).sum()))


@pytest.mark.parametrize(("error", "psnr"), [(0, 48.0), (1, 48.0), (2, 42.11), (10, 28.13), (255, 0.0)])
def test_psnr_of_a_constant_error(error: int, psnr: float) -> None:
    black = np.zeros((16, 16), dtype=np.uint8)
    known = np.zeros((16, 16), dtype=bool)
    scores = score(black, np.full_like(black, error), known)
    assert scores.psnr_hole == scores.psnr == pytest.approx(psnr, abs=0.005)


def test_ssim_of_a_window_is_wangs_formula() -> None:
    """Equation 13 of Wang et al., written out for one pixel away from the border."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 256, (2, 25, 25, 1), dtype=np.uint8)
    offset = np.arange(-5, 6)
    weights = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    weights /= weights.sum()
    x, y = (picture[7:18, 6:17, 0].astype(np.float64) for picture in (a, b))
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variance_x, variance_y = (weights * x**2).sum() - mean_x**2, (weights * y**2).sum() - mean_y**2
    covariance = (weights * x * y).sum() - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    expected /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    assert ssim_map(a, b)[12, 11, 0] == pytest.approx(expected, rel=1e-10)


def test_ssim_is_scikit_images_map_over_the_hole(original: np.ndarray, mask: np.ndarray) -> None:
    completed = _with_noise(original, mask, 30)
    maps = [
        structural_similarity(
            original[..., channel],
            completed[..., channel],
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        for channel in range(3)
    ]
    scores = score(original, completed, mask)
    assert scores.ssim_hole == pytest.approx(np.mean([channel[~mask].mean() for channel in maps]))
    assert scores.ssim == pytest.approx(np.mean(maps))
    assert scores.ssim_hole < scores.ssim < 1


def test_the_original_itself_scores_highest(original: np.ndarray, mask: np.ndarray) -> None:
    assert score(original, original.copy(), mask) == Scores(48.0, 1.0, 48.0, 1.0)


def test_more_noise_scores_lower(original: np.ndarray, mask: np.ndarray) -> None:
    little, much = (score(original, _with_noise(original, mask, sigma), mask) for sigma in (10, 40))
    for figure in ("psnr_hole", "ssim_hole", "psnr", "ssim"):
        assert getattr(little, figure) > getattr(much, figure)


def test_gray_is_one_channel(original: np.ndarray, mask: np.ndarray) -> None:
    completed = _with_noise(original, mask, 20)
    assert score(original[..., 0], completed[..., 0], mask) == score(
        original[..., :1], completed[..., :1], mask
    )


def test_16_bits_score_as_8(original: np.ndarray, mask: np.ndarray) -> None:
    completed = _with_noise(original, mask, 20)
    low_bits = np.random.default_rng(2).integers(-128, 129, original.shape)
    wide = [
        np.clip(picture.astype(int) * 257 + low_bits, 0, 65535).astype(np.uint16)
        for picture in (original, completed)
    ]
    assert score(wide[0], wide[1], mask) == score(original, completed, mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (5, 8), (10, 10), (11, 11)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    original, completed = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    known = np.zeros(shape, dtype=bool)
    scores = score(original, completed, known)
    assert -1 <= scores.ssim_hole == scores.ssim < 1
    assert scores.psnr_hole < 48
    assert score(original, original, known) == Scores(48.0, 1.0, 48.0, 1.0)


def test_the_window_of_a_small_picture_is_the_same_gaussian() -> None:
    """Mirroring a picture until the full window fits doesn't change what its pixels score."""
    a, b = np.random.default_rng(4).integers(0, 256, (2, 7, 9, 1), dtype=np.uint8)
    larger = [np.pad(picture, ((7, 7), (7, 7), (0, 0)), mode="symmetric") for picture in (a, b)]
    assert np.allclose(ssim_map(*larger)[7:-7, 7:-7], ssim_map(a, b), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"completed": np.zeros((40, 50), dtype=np.uint8)}, "can't compare"),
        ({"original": np.zeros((40, 50, 3)), "completed": np.zeros((40, 50, 3))}, "float64"),
        ({"mask": np.zeros((50, 40), dtype=bool)}, "the mask is"),
        ({"mask": np.zeros((40, 50), dtype=np.uint8)}, "the mask is uint8"),
        ({"mask": np.ones((40, 50), dtype=bool)}, "hides nothing"),
    ],
)
def test_arguments_that_do_not_fit(
    wrong: dict[str, np.ndarray], message: str, original: np.ndarray, mask: np.ndarray
) -> None:
    arguments = {"original": original, "completed": original, "mask": mask} | wrong
    with pytest.raises(InpaintxError, match=message) as raised:
        score(**arguments)
    assert "\n" not in str(raised.value)


def test_importing_loads_no_scikit_image() -> None:
    code = "import sys, inpaintx.judge.metrics; print({'torch', 'scipy', 'skimage'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
