"""A folder of pictures as one tensor."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import levels_to_images
from inpaintx.training.collection import Collection, fit_picture, load_collection
from inpaintx.training.patches import Patches

RED = (200, 30, 40)


def _gray(path: Path, level: int = 90, size: tuple[int, int] = (40, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)
    return path


def _colour(path: Path, size: tuple[int, int] = (40, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, RED).save(path)
    return path


def test_reads_nested_folders_in_order(tmp_path: Path) -> None:
    expected = [
        _gray(tmp_path / name, level)
        for level, name in enumerate(("a.png", "b/a.png", "b/c/a.png", "b/z.png"), start=10)
    ]
    collection = load_collection(tmp_path, 32)
    assert collection.paths == expected
    assert collection.images.shape == (4, 1, 32, 32)
    assert collection.images.dtype == torch.uint8
    assert [int(image.unique()) for image in collection.images] == [10, 11, 12, 13]
    assert collection.skipped == {}


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "gif", "ppm", "tga"])
def test_reads_what_pillow_reads(tmp_path: Path, suffix: str) -> None:
    _colour(tmp_path / f"picture.{suffix}")
    collection = load_collection(tmp_path, 32)
    assert collection.images.shape == (1, 3, 32, 32)
    found = collection.images[0].float().mean((1, 2))
    assert (found - torch.tensor(RED).float()).abs().max() < 3


def test_reads_16_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 100 * 257, np.uint16)).save(tmp_path / "deep.png")
    assert load_collection(tmp_path, 32).images.unique().tolist() == [100]


def test_unreadable_files_are_named_once_and_skipped(tmp_path: Path) -> None:
    """Trap 10: one bad file must not end a run."""
    good = [_gray(tmp_path / "a.png"), _gray(tmp_path / "c.png")]
    cut = tmp_path / "b.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    text = tmp_path / "d.jpg"
    text.write_text("no picture")
    collection = load_collection(tmp_path, 32)
    assert collection.paths == good
    assert list(collection.skipped) == [cut, text]
    for path, why in collection.skipped.items():
        assert str(path) in why
        assert "\n" not in why


def test_progress_goes_through_every_file(tmp_path: Path) -> None:
    files = [_gray(tmp_path / "a.png"), _gray(tmp_path / "b.png")]
    shown: list[list[Path]] = []

    def progress(paths: list[Path]) -> list[Path]:
        shown.append(paths)
        return paths

    load_collection(tmp_path, 32, progress=progress)
    assert shown == [files]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), ["s1/1.png", "s1/2.png", "s30/1.png", "s31/deep/draft-1.png"]),
        (("s3*",), ["s1/1.png", "s1/2.png"]),
        (("s1", "s30"), ["s31/deep/draft-1.png"]),
        (("*/draft-*.png",), ["s1/1.png", "s1/2.png", "s30/1.png"]),
        (("s1/2.png", "s31/deep"), ["s1/1.png", "s30/1.png"]),
    ],
    ids=str,
)
def test_excluded_files_and_folders_are_left_out(
    tmp_path: Path, patterns: tuple[str, ...], left: list[str]
) -> None:
    for name in ("s1/1.png", "s1/2.png", "s30/1.png", "s31/deep/draft-1.png"):
        _gray(tmp_path / name)
    collection = load_collection(tmp_path, 32, exclude=patterns)
    assert [path.relative_to(tmp_path).as_posix() for path in collection.paths] == left


def test_gray_stays_gray(tmp_path: Path) -> None:
    _gray(tmp_path / "a.png")
    assert load_collection(tmp_path, 32).images.shape[1] == 1


def test_one_colour_picture_makes_the_collection_rgb(tmp_path: Path) -> None:
    _gray(tmp_path / "a.png", 77)
    _colour(tmp_path / "b.png")
    images = load_collection(tmp_path, 32).images
    assert images.shape == (2, 3, 32, 32)
    assert images[0].unique().tolist() == [77]
    assert images[1].flatten(1)[:, 0].tolist() == list(RED)


def test_channels_can_be_chosen(tmp_path: Path) -> None:
    _gray(tmp_path / "a.png", 77)
    _colour(tmp_path / "b.png")
    gray = load_collection(tmp_path, 32, channels=1).images
    luma = round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])
    assert [int(image.unique()) for image in gray] == [77, luma]
    (tmp_path / "b.png").unlink()
    assert load_collection(tmp_path, 32, channels=3).images.shape == (1, 3, 32, 32)


def _banded() -> Picture:
    """64×32: dark quarters above and below a light middle."""
    array = np.full((64, 32), 40, np.uint8)
    array[16:48] = 200
    return Picture(array)


def test_crop_takes_the_middle_and_stretch_all_of_it() -> None:
    crop, stretch = (fit_picture(_banded(), 32, 1, fit)[..., 0] * 255 for fit in ("crop", "stretch"))
    assert crop.shape == stretch.shape == (32, 32)
    assert np.allclose(crop, 200)
    assert np.allclose(stretch[:8], 40)
    assert np.allclose(stretch[8:24], 200)
    assert np.allclose(stretch[24:], 40)


def test_fitted_picture_stays_in_range() -> None:
    """Bicubic growing overshoots at edges."""
    checks = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((3, 3))).astype(np.uint8) * 255
    fitted = fit_picture(Picture(checks), 32, 3, "crop")
    assert fitted.shape == (32, 32, 3)
    assert fitted.dtype == np.float32
    assert (fitted.min(), fitted.max()) == (0, 1)


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_collection_is_fitted_as_told(tmp_path: Path, fit: str) -> None:
    Image.fromarray(_banded().array).save(tmp_path / "a.png")
    levels = load_collection(tmp_path, 32, fit=fit).images.unique().tolist()  # type: ignore[arg-type]
    assert levels == ([200] if fit == "crop" else [40, 200])


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"no such picture or folder: .*nowhere"):
        load_collection(tmp_path / "nowhere", 32)


def test_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match="no pictures in the folder: "):
        load_collection(tmp_path, 32)


def test_folder_without_a_readable_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InpaintxError, match=r"no readable picture in .*: 1 unreadable, 0 excluded"):
        load_collection(tmp_path, 32)


def test_folder_of_which_everything_is_excluded_is_told(tmp_path: Path) -> None:
    _gray(tmp_path / "a.png")
    with pytest.raises(InpaintxError, match=r"no readable picture in .*: 0 unreadable, 1 excluded"):
        load_collection(tmp_path, 32, exclude=["*.png"])


def test_fingerprint_tells_pixels_and_order(tmp_path: Path) -> None:
    _gray(tmp_path / "a.png", 10)
    _gray(tmp_path / "b.png", 20)
    first, again = load_collection(tmp_path, 32), load_collection(tmp_path, 32)
    assert first.fingerprint == again.fingerprint
    _gray(tmp_path / "a.png", 20)
    _gray(tmp_path / "b.png", 10)
    assert load_collection(tmp_path, 32).fingerprint != first.fingerprint
    again.images[0, 0, 5, 5] += 1
    assert Collection(again.images, again.paths).fingerprint != first.fingerprint


def test_unit_range_is_that_of_tanh() -> None:
    unit = levels_to_images(torch.tensor([0, 255, 51], dtype=torch.uint8))
    torch.testing.assert_close(unit, torch.tensor([-1.0, 1.0, -0.6]))
    assert unit.dtype == torch.float32


def test_what_a_folder_holds_besides_pictures_is_said(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    Image.new("L", (8, 8)).save(tmp_path / "a_mask.png")
    assert load_collection(tmp_path, 32).left_out == "1 file left out: 1 masks of other pictures (a_mask.png)"
    (tmp_path / "a_mask.png").unlink()
    assert load_collection(tmp_path, 32).left_out is None


# --- patches ---


def _numbered(path: Path, height: int, width: int) -> np.ndarray:
    """A picture whose red says the row and whose green says the column."""
    array = np.zeros((height, width, 3), np.uint8)
    array[..., 0], array[..., 1] = np.arange(height)[:, None], np.arange(width)
    Image.fromarray(array).save(path)
    return array


def test_patches_are_squares_of_the_pictures_at_their_own_resolution(tmp_path: Path) -> None:
    array = _numbered(tmp_path / "a.png", 90, 120)
    collection = load_collection(tmp_path, 32, fit=Patches((1,), 12))
    assert collection.images.shape == (12, 3, 32, 32)
    assert collection.scales == (1,)
    assert len(set(map(tuple, collection.images[:, :2, 0, 0].tolist()))) > 6
    for image in collection.images.permute(0, 2, 3, 1).numpy():
        top, left = image[0, 0, :2].astype(int)
        np.testing.assert_array_equal(image, array[top : top + 32, left : left + 32])


def test_each_scale_has_as_many_patches(tmp_path: Path) -> None:
    _numbered(tmp_path / "a.png", 90, 120)
    images = load_collection(tmp_path, 32, fit=Patches((1, 2), 10)).images.int()
    steps = (images[:, 0, 20, 5] - images[:, 0, 10, 5]).tolist()
    assert sorted(steps) == pytest.approx([10] * 5 + [20] * 5, abs=1)


def test_patches_depend_on_the_seed_and_the_name_alone(tmp_path: Path) -> None:
    for name in ("b.png", "c.png"):
        _numbered(tmp_path / name, 90, 120)

    def drawn(seed: int) -> np.ndarray:
        return load_collection(tmp_path, 32, fit=Patches(count=4, seed=seed)).images.numpy()

    before = drawn(0)
    _numbered(tmp_path / "a.png", 90, 120)
    np.testing.assert_array_equal(drawn(0)[4:], before)
    assert not np.array_equal(before[:4], before[4:])
    assert not np.array_equal(drawn(1)[4:], before)


def test_a_picture_smaller_than_a_patch_is_left_out_and_named(tmp_path: Path) -> None:
    _numbered(tmp_path / "large.png", 90, 120)
    _numbered(tmp_path / "small.png", 40, 120)
    collection = load_collection(tmp_path, 32, fit=Patches((2,), 4))
    assert {path.name for path in collection.paths} == {"large.png"}
    [(path, why)] = collection.skipped.items()
    assert path.name == "small.png"
    assert why == f"smaller than a patch of 64 pixels: {path}; choose a smaller scale"


@pytest.mark.parametrize("values", [{"scales": ()}, {"scales": (0,)}, {"count": 0}])
def test_patches_of_no_scale_are_refused(values: dict) -> None:
    with pytest.raises(InpaintxError, match="patches: scales"):
        Patches(**values)
