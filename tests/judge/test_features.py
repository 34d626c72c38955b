"""A perceptual distance that sees what people see, and two tests of sets that find what is there."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from inpaintx import InpaintxError
from inpaintx.judge import features
from inpaintx.judge.features import embed, kid, lpips_distance, perceptual_distance, two_sample_accuracy

pytestmark = pytest.mark.slow

Distortion = Callable[[np.ndarray, float], np.ndarray]


@pytest.fixture(scope="module")
def gray(letters: np.ndarray) -> np.ndarray:
    return letters[::11]


@pytest.fixture(scope="module")
def colour(gray: np.ndarray) -> np.ndarray:
    """Letters of one colour on paper of another."""
    ink, paper = np.random.default_rng(0).random((2, len(gray), 1, 1, 3), dtype=np.float32)
    return 0.5 * ink + gray * (0.5 + 0.5 * paper - 0.5 * ink)


@pytest.fixture(params=["gray", "colour"])
def pictures(request: pytest.FixtureRequest) -> np.ndarray:
    return request.getfixturevalue(request.param)


def _centre(pictures: np.ndarray) -> np.ndarray:
    """A hole over the middle half of each side: bool [N,H,W]."""
    mask = np.ones(pictures.shape[:3], dtype=bool)
    height, width = mask.shape[1:]
    mask[:, height // 4 : -(height // 4), width // 4 : -(width // 4)] = False
    return mask


def _filled(pictures: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], pictures, fill).astype(np.float32)


def _blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(pictures, (0, sigma, sigma, 0))


def _noisy(pictures: np.ndarray, sigma: float) -> np.ndarray:
    return (pictures + np.random.default_rng(1).normal(0, sigma, pictures.shape)).astype(np.float32)


def _jpeg(pictures: np.ndarray, loss: float) -> np.ndarray:
    result = np.empty_like(pictures)
    for picture, out in zip(pictures, result, strict=True):
        memory = io.BytesIO()
        Image.fromarray((picture * 255).round().astype(np.uint8).squeeze()).save(
            memory, "JPEG", quality=int(100 - loss)
        )
        with Image.open(memory) as image:
            out[...] = np.asarray(image, dtype=np.float32).reshape(out.shape) / 255
    return result


def _shifted(pictures: np.ndarray, pixels: float) -> np.ndarray:
    return np.roll(pictures, int(pixels), axis=2)


def _squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a - b) ** 2).mean(axis=(1, 2, 3))


def test_equal_pictures_are_at_distance_0(pictures: np.ndarray) -> None:
    result = perceptual_distance(pictures, pictures.copy(), _centre(pictures))
    assert result.dtype == np.float64
    assert (result == 0).all()


def test_it_is_symmetric_and_at_most_1(pictures: np.ndarray) -> None:
    mask = _centre(pictures)
    for other in (np.roll(pictures, 1, axis=0), 1 - pictures, np.zeros_like(pictures)):
        there, back = perceptual_distance(pictures, other, mask), perceptual_distance(other, pictures, mask)
        assert np.allclose(there, back, rtol=1e-6)
        assert (there > 0).all()
        assert (there <= 1).all()


@pytest.mark.parametrize(
    ("distort", "strengths"),
    [
        (_blurred, (0.5, 1, 2, 3)),
        (_noisy, (0.01, 0.03, 0.1, 0.3)),
        (_jpeg, (10, 50, 75, 95)),
        (_shifted, (1, 2, 3, 5)),
    ],
)
def test_it_grows_with_the_distortion(
    pictures: np.ndarray, distort: Distortion, strengths: tuple[float, ...]
) -> None:
    mask = _centre(pictures)
    distances = [perceptual_distance(pictures, distort(pictures, strength), mask) for strength in strengths]
    for less, more in itertools.pairwise(distances):
        assert less.mean() < 0.8 * more.mean()
        assert (less < more).mean() > 0.9


def test_blur_is_worse_than_a_shift_of_no_smaller_error(pictures: np.ndarray) -> None:
    """For each picture, the strongest blur whose squared error is not above that of a shift by one pixel."""
    shifted = _shifted(pictures, 1)
    blurred = pictures.copy()
    for sigma in np.arange(0.2, 6, 0.1):
        candidate = _blurred(pictures, sigma)
        allowed = _squared_error(candidate, pictures) <= _squared_error(shifted, pictures)
        blurred[allowed] = candidate[allowed]
    assert np.median(_squared_error(blurred, pictures) / _squared_error(shifted, pictures)) > 0.8
    mask = _centre(pictures)
    blur, shift = (perceptual_distance(pictures, other, mask) for other in (blurred, shifted))
    assert (blur > shift).mean() > 0.95
    assert blur.mean() > 5 * shift.mean()


def test_a_flat_or_blurred_fill_is_worse_than_an_edge_beside_its_place(pictures: np.ndarray) -> None:
    mask = _centre(pictures)
    has_edge = np.array([picture[~known].std() > 0.15 for picture, known in zip(pictures, mask, strict=True)])
    assert has_edge.sum() > 20
    pictures, mask = pictures[has_edge], mask[has_edge]
    displaced = _filled(pictures, _shifted(pictures, 2), mask)
    flat = _filled(pictures, pictures.mean(axis=(1, 2), keepdims=True), mask)
    blurred = _filled(pictures, _blurred(pictures, 3), mask)
    edge = perceptual_distance(pictures, displaced, mask)
    for fill in (flat, blurred):
        assert (edge < perceptual_distance(pictures, fill, mask)).mean() > 0.95


@pytest.mark.parametrize("grain", [0.7, 1.5, 2.5])
def test_another_piece_of_the_same_texture_is_better_than_none(grain: float) -> None:
    """Where the squared error says the opposite: two textures that know nothing of each other."""
    noise = np.random.default_rng(2).normal(size=(2, 20, 64, 64, 1))
    texture = gaussian_filter(noise, (0, 0, grain, grain, 0))
    original, other = (0.5 + 0.15 * texture / texture.std()).astype(np.float32)
    mask = _centre(original)
    same_kind, flat = _filled(original, other, mask), _filled(original, np.full_like(original, 0.5), mask)
    assert (_squared_error(original, same_kind) > _squared_error(original, flat)).all()
    texture, none = (perceptual_distance(original, fill, mask) for fill in (same_kind, flat))
    assert (texture < 0.85 * none).all()


def test_only_what_lies_around_the_hole_counts(gray: np.ndarray) -> None:
    wide = np.tile(gray[:1], (1, 4, 4, 1))
    mask = np.ones((1, 128, 128), dtype=bool)
    mask[:, :8, :8] = False
    far, near = wide.copy(), wide.copy()
    far[:, 100:, 100:], near[:, :8, :8] = 0.5, 0.5
    assert perceptual_distance(wide, far, mask)[0] < 2e-4
    assert perceptual_distance(wide, near, mask)[0] > 0.05


def test_a_level_that_is_off_counts() -> None:
    flat = np.full((1, 32, 32, 1), 0.5, dtype=np.float32)
    everything = np.zeros((1, 32, 32), dtype=bool)
    little, much = (perceptual_distance(flat, flat + off, everything)[0] for off in (0.1, 0.3))
    assert much == pytest.approx(9 * little, rel=1e-3) == pytest.approx(0.3**2 / 4, rel=1e-3)


def test_colour_counts_but_less_than_light(colour: np.ndarray) -> None:
    gray = np.repeat(colour @ np.float32([0.299, 0.587, 0.114])[:, None], 3, axis=3)
    mask = _centre(colour)
    faded = perceptual_distance(colour, gray, mask)
    assert (faded > 0.003).all()
    assert faded.mean() < 0.5 * perceptual_distance(colour, _blurred(colour, 5), mask).mean()


@pytest.mark.parametrize("shape", [(3, 32, 32, 1), (20, 48, 64, 3), (17, 33, 57, 1), (2, 128, 128, 3)])
def test_a_picture_is_judged_alike_in_any_company(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    original, completed = rng.random((2, *shape), dtype=np.float32)
    mask = rng.random(shape[:3]) < 0.5
    together = perceptual_distance(original, completed, mask)
    last = perceptual_distance(original[-1:], completed[-1:], mask[-1:])
    assert together.shape == shape[:1]
    assert together[-1] == pytest.approx(last[0], rel=1e-5)
    assert np.allclose(embed(original)[-1], embed(original[-1:])[0], atol=1e-6)


def test_views_and_read_only_arrays_are_as_good(gray: np.ndarray) -> None:
    mask = _centre(gray)
    original, completed = gray[::-1], np.flip(gray, axis=2)
    completed.flags.writeable = False
    copies = original.copy(), completed.copy(), mask
    assert (perceptual_distance(original, completed, mask[::-1]) == perceptual_distance(*copies)).all()


def test_without_a_hole_there_is_nothing_to_judge(gray: np.ndarray) -> None:
    mask = _centre(gray)
    mask[1] = True
    assert np.isnan(perceptual_distance(gray, gray[::-1], mask)).nonzero()[0].tolist() == [1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"original": np.zeros((2, 32, 32, 1))}, "float64"),
        ({"original": np.zeros((2, 32, 32, 4), dtype=np.float32)}, "gray or RGB"),
        ({"completed": np.zeros((2, 31, 32, 1), dtype=np.float32)}, "32 pixels"),
        ({"completed": np.zeros((2, 32, 40, 1), dtype=np.float32)}, "can't compare"),
        ({"mask": np.zeros((2, 32, 32), dtype=np.uint8)}, "the masks are uint8"),
        ({"mask": np.zeros((32, 32), dtype=bool)}, "the masks are bool"),
    ],
)
def test_arguments_that_do_not_fit(wrong: dict[str, np.ndarray], message: str) -> None:
    picture = np.zeros((2, 32, 32, 1), dtype=np.float32)
    arguments = {"original": picture, "completed": picture, "mask": np.zeros((2, 32, 32), dtype=bool)}
    for distance in (perceptual_distance, lpips_distance):
        with pytest.raises(InpaintxError, match=message):
            distance(**arguments | wrong)


def test_no_pictures_are_refused() -> None:
    with pytest.raises(InpaintxError, match="one or more"):
        embed(np.empty((0, 32, 32, 1), dtype=np.float32))


def test_an_embedding_has_as_many_features_at_any_size() -> None:
    rng = np.random.default_rng(4)
    for channels, count in ((1, 256), (3, 576)):
        for size in (32, 50, 128):
            result = embed(rng.random((2, size, size, channels), dtype=np.float32))
            assert result.shape == (2, count)
            assert result.dtype == np.float32
            assert (result.std(axis=0) > 0).mean() > 0.9


def test_the_second_order_tells_textures_of_equal_strength() -> None:
    """White noise everywhere, and in few places only: coarse waves in the amplitudes of fine ones."""
    rng = np.random.default_rng(5)
    even = rng.normal(size=(30, 64, 64, 1))
    patchy = even * np.repeat(np.repeat(rng.random((30, 8, 8, 1)) < 0.25, 8, axis=1), 8, axis=2)
    even, patchy = (embed((0.5 + 0.1 * texture).astype(np.float32)) for texture in (even, patchy))
    strength = (patchy[:, 16:208] / even[:, 16:208]).mean()
    unevenness = (patchy[:, 208:] / even[:, 208:]).mean()
    assert unevenness > 1.5 * strength


def test_kid_is_its_definition() -> None:
    rng = np.random.default_rng(6)
    real, fake = rng.normal(3, 2, (7, 4)), rng.normal(4, 2, (5, 4))
    x, y = ((array - real.mean(axis=0)) / real.std(axis=0) for array in (real, fake))

    def mean_kernel(a: np.ndarray, b: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if a is not b or i != j]
        return float(np.mean([(a[i] @ b[j] / 4 + 1) ** 3 for i, j in pairs]))

    def discrepancy(a: np.ndarray, b: np.ndarray) -> float:
        return mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)

    estimate, error = kid(real, fake)
    assert estimate == pytest.approx(discrepancy(x, y))
    without_x = [discrepancy(np.delete(x, i, axis=0), y) for i in range(7)]
    without_y = [discrepancy(x, np.delete(y, i, axis=0)) for i in range(5)]
    assert error == pytest.approx(np.sqrt(6 * np.var(without_x) + 4 * np.var(without_y)))


def test_kid_of_equal_sources_is_0_on_average() -> None:
    """Standardising by the real set's own statistics leaves a bias far below the spread of one estimate."""
    sets = np.random.default_rng(7).normal(size=(300, 160, 32))
    estimates = np.array([kid(both[:80], both[80:])[0] for both in sets])
    assert abs(estimates.mean()) < 0.2 * estimates.std()
    assert (estimates < 0).mean() > 0.25


def test_kids_error_is_its_spread() -> None:
    sets = np.random.default_rng(8).normal(size=(200, 160, 32))
    estimates, errors = np.array([kid(both[:80], both[80:] + 0.4) for both in sets]).T
    assert estimates.min() > 0
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.15)


def test_kid_grows_with_the_distance_of_letters(letters: np.ndarray) -> None:
    shuffled = letters[np.random.default_rng(9).permutation(len(letters))]
    real, others = embed(shuffled[:310]), shuffled[310:]
    (same, error), (blurred, _), (worse, _) = (
        kid(real, embed(each)) for each in (others, _blurred(others, 0.5), _blurred(others, 1))
    )
    assert abs(same) < 3 * error
    assert 5 * error < blurred < worse


def test_kid_takes_features_of_any_unit_and_constant_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = np.random.default_rng(10).normal(size=(2, 40, 6))
    real[:, 2] = fake[:, 2] = 5
    expected = kid(real, fake)
    unit = np.array([1, 1000, 1, 0.01, 1, 1])
    assert kid(real * unit, fake * unit + 0) == pytest.approx(expected)
    monkeypatch.setattr(features, "_ROWS", 7)
    assert kid(real, fake) == pytest.approx(expected)


def test_sets_that_kid_cannot_compare() -> None:
    for real, fake in (((2, 5), (9, 5)), ((9, 5), (9, 4)), ((9, 5), (2, 5))):
        with pytest.raises(InpaintxError, match="can't compare sets"):
            kid(np.zeros(real), np.zeros(fake))


def test_fills_that_look_different_are_told(letters: np.ndarray) -> None:
    letters = letters[::2]
    groups = np.arange(len(letters)) // 3
    real = embed(letters)
    assert two_sample_accuracy(real, embed(_blurred(letters, 1)), groups) > 0.9
    assert two_sample_accuracy(real, real, groups) == 0.5
    noise = np.random.default_rng(11).normal(size=(2, 300, 40))
    assert 0.42 < two_sample_accuracy(*noise, np.arange(300)) < 0.58


def test_what_was_learned_from_a_group_does_not_help_with_it() -> None:
    """Each group differs from its fills in a way of its own, which a split group would give away."""
    rng = np.random.default_rng(12)
    groups = np.repeat(np.arange(40), 5)
    middle, difference = rng.normal(size=(2, 40, 200))
    real, fake = (middle + difference)[groups], (middle - difference)[groups]
    assert two_sample_accuracy(real, fake, groups) < 0.65
    assert two_sample_accuracy(real, fake, rng.permutation(200)) > 0.9


def test_the_seed_shuffles_the_groups() -> None:
    real, fake = np.random.default_rng(13).normal(size=(2, 100, 20))
    groups = [f"group {number // 2}" for number in range(100)]
    first = two_sample_accuracy(real, fake, groups, seed=0)
    assert two_sample_accuracy(real, fake, groups, seed=0) == first
    assert len({two_sample_accuracy(real, fake, groups, seed=seed) for seed in range(5)}) > 1


def test_one_group_cannot_be_split() -> None:
    real, fake = np.random.default_rng(14).normal(size=(2, 10, 4))
    assert np.isnan(two_sample_accuracy(real, fake, ["all"] * 10))
    with pytest.raises(InpaintxError, match="no pairs"):
        two_sample_accuracy(real, fake[:-1], ["all"] * 10)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InpaintxError, match=r'pip install "inpaintx\[eval\]"'):
        two_sample_accuracy(np.zeros((4, 2)), np.zeros((4, 2)), np.arange(4))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the weights would be, with packages installed that would download them."""

    class FakeLPIPS:
        """The mean squared difference of the channels, per pixel; as the real one takes and gives it."""

        def __init__(self, net: str, version: str, spatial: bool, verbose: bool) -> None:
            assert (net, version, spatial, verbose) == ("alex", "0.1", True, False)
            assert path.exists(), "this would have downloaded"

        def __call__(self, a: torch.Tensor, b: torch.Tensor, normalize: bool) -> torch.Tensor:
            assert normalize
            assert a.shape[1:] == b.shape[1:] == (3, 32, 32)
            return ((a - b) ** 2).mean(dim=1, keepdim=True)

    path = tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    enum = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=f"scheme://server/models/{path.name}"))
    for name, contents in (
        ("lpips", {"LPIPS": FakeLPIPS}),
        ("torchvision", {}),
        ("torchvision.models", {"AlexNet_Weights": enum}),
    ):
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    features._lpips_model.cache_clear()
    yield path
    features._lpips_model.cache_clear()


def test_lpips_with_its_weights_is_averaged_over_the_hole(weights: Path, pictures: np.ndarray) -> None:
    weights.parent.mkdir(parents=True)
    weights.touch()
    mask = _centre(pictures)
    mask[2] = True
    result = lpips_distance(pictures, pictures[::-1], mask)
    assert result is not None
    error = ((pictures - pictures[::-1]) ** 2).mean(axis=3)
    expected = [error[i][~mask[i]].mean() if i != 2 else np.nan for i in range(len(mask))]
    assert result == pytest.approx(np.array(expected), rel=1e-5, nan_ok=True)


def test_lpips_without_its_weights_is_not_there(weights: Path, gray: np.ndarray) -> None:
    assert lpips_distance(gray, gray, _centre(gray)) is None


def test_lpips_without_its_package_is_not_there(
    weights: Path, gray: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.parent.mkdir(parents=True)
    weights.touch()
    monkeypatch.setitem(sys.modules, "lpips", None)
    assert lpips_distance(gray, gray, _centre(gray)) is None
