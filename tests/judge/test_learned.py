"""What simpler models learn from a collection: probabilistic PCA, and the mean of the nearest pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from inpaintx.judge.learned import MeanOfNearest, MixtureOfPCAs, ProbabilisticPCA

SIZE = 16


def _mask(count: int = 1) -> np.ndarray:
    mask = np.ones((count, SIZE, SIZE), bool)
    mask[:, 4:12, 5:13] = False
    return mask


def _images(collection: np.ndarray) -> np.ndarray:
    """As the methods get them: float32 [n,S,S,C] in [0,1]."""
    return (collection.transpose(0, 2, 3, 1) / np.float32(255)).astype(np.float32)


def _subspace(count: int, channels: int, seed: int, dimensions: int = 3) -> np.ndarray:
    """Pictures that are sums of a mean and `dimensions` patterns, exactly: uint8 [N,C,S,S]."""
    patterns = np.random.default_rng(0).integers(-7, 8, (dimensions, channels, SIZE, SIZE))
    weights = np.random.default_rng(seed).integers(-5, 6, (count, dimensions))
    return (128 + np.tensordot(weights, patterns, 1)).astype(np.uint8)


# --- probabilistic PCA ---


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("components", [3, 32])
def test_pca_of_a_subspace_completes_what_lies_in_it(channels: int, components: int) -> None:
    predict = ProbabilisticPCA(_subspace(200, channels, seed=1), components)
    truth = _images(_subspace(10, channels, seed=2))
    predicted = predict(truth * _mask(10)[..., None], _mask(10))
    assert predicted.shape == truth.shape
    assert predicted.dtype == np.float32
    assert truth.std() > 0.05
    np.testing.assert_allclose(predicted, truth, rtol=0, atol=0.5 / 255)


def test_pca_is_the_conditional_mean_of_its_gaussian() -> None:
    """Computed the long way round: Σ_hk Σ_kk⁻¹ (x_k − μ_k) + μ_h, with Σ = W Wᵀ + σ² I."""
    rng = np.random.default_rng(3)
    noise = rng.normal(scale=12, size=(400, 1, SIZE, SIZE))
    collection = np.clip(_subspace(400, 1, seed=1, dimensions=5) + noise, 0, 255).astype(np.uint8)
    predict = ProbabilisticPCA(collection, components=5)
    x = collection.reshape(400, -1).astype(np.float64) / 255
    mean, centred = x.mean(0), x - x.mean(0)
    variances, vectors = np.linalg.eigh(centred.T @ centred / 400)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    sigma2 = variances[5:].mean()  # Tipping and Bishop, equation 8
    weights = vectors[:, :5] * np.sqrt(variances[:5] - sigma2)  # equation 7
    covariance = weights @ weights.T + sigma2 * np.eye(SIZE**2)
    mask = _mask()
    known = mask.ravel()
    image = _images(collection[:1])
    gain = covariance[np.ix_(~known, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
    expected = mean[~known] + gain @ (image.ravel()[known] - mean[known])
    np.testing.assert_allclose(predict(image, mask)[0, ..., 0][~mask[0]], expected, rtol=0, atol=1e-3)


def test_pca_of_few_pictures_has_fewer_components() -> None:
    collection = _subspace(6, 1, seed=1)
    predicted = ProbabilisticPCA(collection)(_images(collection), _mask(6))
    np.testing.assert_allclose(predicted, _images(collection), rtol=0, atol=1 / 255)


def test_pca_is_the_same_each_time_and_leaves_the_global_generator() -> None:
    collection = _subspace(50, 1, seed=1)
    images = _images(_subspace(3, 1, seed=2))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = ProbabilisticPCA(collection, 8)(images, _mask(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert np.array_equal(ProbabilisticPCA(collection, 8)(images, _mask(3)), first)


# --- the nearest ---


def _noise(count: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, SIZE, SIZE), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_of_the_eight_nearest_on_the_known_pixels(channels: int) -> None:
    collection, masks = _noise(40, channels), _mask(5)
    masks[1:, :2] = False  # each picture has its own mask
    images = _images(_noise(5, channels, seed=1))
    predicted = MeanOfNearest(collection)(images, masks)
    everything = _images(collection)
    for image, mask, found in zip(images, masks, predicted, strict=True):
        distances = ((everything - image)[:, mask] ** 2).sum((1, 2))
        nearest = everything[np.argsort(distances)[:8]]
        np.testing.assert_allclose(found, nearest.mean(0), rtol=0, atol=1e-6)


def test_nearest_is_the_picture_itself_where_that_is_in_the_collection() -> None:
    collection = _noise(30)
    predicted = MeanOfNearest(collection, count=1)(_images(collection), _mask(30))
    np.testing.assert_allclose(predicted, _images(collection), rtol=0, atol=1e-6)


def test_fewer_than_eight_are_all_of_them() -> None:
    collection = _noise(3)
    predicted = MeanOfNearest(collection)(_images(_noise(1, seed=1)), _mask())
    np.testing.assert_allclose(predicted[0], _images(collection).mean(0), rtol=0, atol=1e-6)


def test_nearest_around_the_hole_look_no_further() -> None:
    """Within a 16th of the side: what is further away may be anything."""
    collection, masks = _noise(40), _mask(5)
    masks[1:, :2] = False  # each picture has its own mask
    images = _images(_noise(5, seed=1))
    everything = _images(collection)
    around = MeanOfNearest(collection).around(images, masks)
    for image, mask, found in zip(images, masks, around, strict=True):
        beside = binary_dilation(~mask) & mask  # of 16 pixels, one
        distances = ((everything - image)[:, beside] ** 2).sum((1, 2))
        np.testing.assert_allclose(found, everything[np.argsort(distances)[:8]].mean(0), rtol=0, atol=1e-6)


# --- a mixture ---


def _two_kinds(count: int, seed: int) -> np.ndarray:
    """Pictures of two subspaces that lie apart, in turn."""
    low, high = (_subspace(count, 1, seed + kind, dimensions=2) for kind in (0, 1))
    mixed = np.where(np.arange(count)[:, None, None, None] % 2, low // 2, 255 - high // 2)
    return mixed.astype(np.uint8)


def test_mixture_of_one_part_is_pca() -> None:
    collection = _subspace(60, 1, seed=1)
    images = _images(_subspace(4, 1, seed=2))
    one = MixtureOfPCAs(collection, components=3, parts=1)(images, _mask(4))
    np.testing.assert_allclose(one, ProbabilisticPCA(collection, 3)(images, _mask(4)), rtol=0, atol=1e-5)


def test_mixture_tells_kinds_apart_and_completes_each_as_its_own() -> None:
    collection, truth = _two_kinds(120, seed=1), _images(_two_kinds(10, seed=5))
    found, alone = (
        np.abs(predict(truth * _mask(10)[..., None], _mask(10)) - truth)[~_mask(10)].mean()
        for predict in (MixtureOfPCAs(collection, 2, parts=2), ProbabilisticPCA(collection, 2))
    )
    assert found < 1 / 255
    assert found < alone / 2


# --- all ---


@pytest.mark.parametrize("learned", [ProbabilisticPCA, MixtureOfPCAs, MeanOfNearest])
@pytest.mark.parametrize("garbage", [0.0, 1.0, np.nan, np.inf])
def test_trap_4_what_lies_under_the_hole_is_never_read(learned: type, garbage: float) -> None:
    predict = learned(_noise(40, 3))
    images, masks = _images(_noise(4, 3, seed=1)), _mask(4)
    spoilt = np.where(masks[..., None], images, np.float32(garbage))
    assert np.array_equal(predict(spoilt, masks), predict(images, masks))


@pytest.mark.parametrize("learned", [ProbabilisticPCA, MixtureOfPCAs, MeanOfNearest])
def test_collection_is_left_as_it_was(learned: type) -> None:
    collection = _noise(20)
    before = collection.copy()
    images = _images(_noise(2, seed=1))
    first = learned(collection)(images, _mask(2))
    assert np.array_equal(collection, before)
    assert np.array_equal(images, _images(_noise(2, seed=1)))
    assert first.min() >= 0
    assert first.max() <= 1
