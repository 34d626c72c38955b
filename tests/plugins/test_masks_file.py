"""The mask `file`: what is a mask, and which belongs to a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from inpaintx import InpaintxError
from inpaintx.errors import NothingToFill
from inpaintx.pictures import Picture, read_picture, search_pictures
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask, mask_source


@pytest.fixture
def letter(tmp_path: Path) -> Picture:
    path = tmp_path / "in" / "letter.png"
    path.parent.mkdir()
    Image.new("RGB", (6, 4), (9, 9, 9)).save(path)
    return read_picture(path)


HOLE = np.zeros((4, 6), np.uint8)
HOLE[1:3, 2:5] = 255


def from_file(picture: Picture, path: Path | str | None = None, invert: bool = False) -> np.ndarray:
    return make_mask(registry.make("mask", "file", {"path": path, "invert": invert}), picture, 0)


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "I;16"])
def test_white_marks_the_hole_in_any_mode(letter: Picture, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    if mode == "I;16":
        Image.fromarray(HOLE.astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(HOLE).convert(mode).save(path)
    assert np.array_equal(from_file(letter, path), HOLE == 0)
    assert np.array_equal(from_file(letter, path, invert=True), HOLE == 255)


def test_a_folder_gives_the_mask_of_the_same_name(letter: Picture, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(255 - HOLE).save(masks / "letter.bmp")
    assert np.array_equal(from_file(letter, masks), HOLE == 255)
    Image.fromarray(HOLE).save(masks / "letter.png")  # the full name goes before the stem
    assert np.array_equal(from_file(letter, masks), HOLE == 0)


def test_a_folder_with_no_or_several_masks_is_an_error(letter: Picture, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    with pytest.raises(InpaintxError, match=r"no single mask for letter\.png in .*masks: found none"):
        from_file(letter, masks)
    for suffix in ("bmp", "tif"):
        Image.fromarray(HOLE).save(masks / f"letter.{suffix}")
    with pytest.raises(InpaintxError, match=r"found several \(letter\.bmp, letter\.tif\)"):
        from_file(letter, masks)
    with pytest.raises(InpaintxError, match="a picture without a file name has no mask in"):
        from_file(Picture(letter.array), masks)


def test_a_mask_of_another_size_is_an_error_that_names_both(letter: Picture, tmp_path: Path) -> None:
    Image.fromarray(HOLE.T).save(tmp_path / "mask.png")
    with pytest.raises(InpaintxError, match=r"mask\.png is 4×6, the picture .*letter\.png 6×4"):
        from_file(letter, tmp_path / "mask.png")


def test_a_missing_or_broken_mask_file_is_an_error_that_names_it(letter: Picture, tmp_path: Path) -> None:
    with pytest.raises(InpaintxError, match=r"nowhere\.png"):
        from_file(letter, tmp_path / "nowhere.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InpaintxError, match=r"broken\.png"):
        from_file(letter, tmp_path / "broken.png")


def test_without_a_path_the_transparent_part_is_the_hole(letter: Picture) -> None:
    alpha = 255 - HOLE
    alpha[0, 0] = 127
    transparent = Picture(letter.array, alpha, letter.path)
    expected = HOLE == 0
    expected[0, 0] = False
    assert np.array_equal(from_file(transparent), expected)
    assert np.array_equal(from_file(transparent, invert=True), ~expected)


def test_without_path_and_alpha_it_is_an_error(letter: Picture) -> None:
    with pytest.raises(InpaintxError, match=r"no alpha channel to take the hole from: .*letter\.png"):
        from_file(letter)


# --- what is no mask ---


def save(array: np.ndarray, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def made(picture: Picture, **options: Any) -> np.ndarray:
    return make_mask(registry.make("mask", "file", options), picture, 0)


def picture_of(shape: tuple[int, ...], path: Path | None = None) -> Picture:
    return Picture(np.zeros(shape, np.uint8), path=path)


PHOTOS = {
    "astronaut": data.astronaut,
    "camera": data.camera,
    "coins": data.coins,
    "brick": data.brick,
    "grass": data.grass,
    "page": data.page,
    "a ramp": lambda: np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1)),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photograph_is_no_mask(tmp_path: Path, name: str) -> None:
    photo = PHOTOS[name]()
    path = save(photo, tmp_path / "photo.png")
    with pytest.raises(InpaintxError, match=r"the mask .*photo\.png is not black and white"):
        made(picture_of(photo.shape[:2]), path=path)
    assert made(picture_of(photo.shape[:2]), path=path, threshold=0.5).any()


@pytest.mark.parametrize("quality", [5, 20, 75])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    ("plugin", "options"), [("freeform", {"brush": "thin"}), ("pattern", {}), ("center", {})]
)
def test_masks_that_jpeg_has_blurred_are_masks(
    tmp_path: Path, quality: int, mode: str, plugin: str, options: dict[str, str]
) -> None:
    for side in (64, 300):
        keep = make_mask(registry.make("mask", plugin, options), picture_of((side, side)), 1)
        image = Image.fromarray(np.where(keep, 0, 255).astype(np.uint8)).convert(mode)
        image.save(tmp_path / "mask.jpg", quality=quality)
        assert (made(picture_of((side, side)), path=tmp_path / "mask.jpg") == keep).mean() > 0.97


def test_smooth_edges_are_cut_in_their_middle(tmp_path: Path) -> None:
    levels = np.zeros((20, 20), np.uint8)
    levels[4:16, 4:16] = 255
    levels[4:16, 3], levels[4:16, 16] = 127, 128
    keep = made(picture_of((20, 20)), path=save(levels, tmp_path / "mask.png"))
    assert np.array_equal(~keep, levels >= 128)


def test_a_soft_mask_needs_a_threshold(tmp_path: Path) -> None:
    distance = np.hypot(*(np.indices((64, 64)) - 32))
    soft = np.clip(255 - 8 * distance, 0, 255).astype(np.uint8)
    path = save(soft, tmp_path / "mask.png")
    with pytest.raises(InpaintxError, match="give a threshold"):
        made(picture_of((64, 64)), path=path)
    for threshold in (0.0, 0.2, 0.9):
        assert np.array_equal(
            ~made(picture_of((64, 64)), path=path, threshold=threshold), soft > 255 * threshold
        )


@pytest.mark.parametrize(
    ("brightest", "dtype"), [(1, np.uint8), (3, np.uint8), (128, np.uint8), (255, np.uint16)]
)
def test_masks_without_white_are_refused_with_their_brightest_value(
    tmp_path: Path, brightest: int, dtype: type
) -> None:
    path = save(HOLE.astype(dtype) // 255 * dtype(brightest), tmp_path / "mask.png")
    top = np.iinfo(dtype).max
    with pytest.raises(
        InpaintxError, match=rf"mask\.png .*brightest value is {brightest} of {top}; .*threshold"
    ):
        made(picture_of((4, 6)), path=path)
    assert np.array_equal(made(picture_of((4, 6)), path=path, threshold=0), HOLE == 0)


def test_a_label_palette_is_refused_and_taken_by_its_color(tmp_path: Path) -> None:
    label = Image.fromarray(HOLE // 255 * np.uint8(3)).convert("P")
    label.putdata((HOLE // 255 * 3).ravel().tolist())
    label.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [0] * 756)
    label.save(tmp_path / "label.png")
    with pytest.raises(InpaintxError, match=r"label\.png .*brightest value is 128 of 255"):
        made(picture_of((4, 6)), path=tmp_path / "label.png")
    keep = made(picture_of((4, 6)), path=tmp_path / "label.png", color="#808000")
    assert np.array_equal(keep, HOLE == 0)


def test_an_empty_mask_is_of_an_undamaged_picture(tmp_path: Path) -> None:
    for options in ({"path": save(HOLE * 0, tmp_path / "mask.png")}, {"color": "#ff00ff"}):
        with pytest.raises(NothingToFill, match="hides nothing"):
            made(picture_of((4, 6)), **options)
    with pytest.raises(InpaintxError) as caught:
        made(picture_of((4, 6)), path=tmp_path / "mask.png", invert=True)
    assert not isinstance(caught.value, NothingToFill)
    opaque = Picture(np.zeros((4, 6), np.uint8), np.full((4, 6), 255, np.uint8))
    with pytest.raises(NothingToFill):
        made(opaque)


def test_a_mask_with_alpha_of_its_own_is_refused_unless_it_is_the_same_everywhere(tmp_path: Path) -> None:
    white = np.dstack([HOLE] * 3 + [HOLE])
    with pytest.raises(
        InpaintxError, match=r"mask\.png has an alpha channel, which may hide the hole or show it"
    ):
        made(picture_of((4, 6)), path=save(white, tmp_path / "mask.png"))
    white[..., 3] = 200
    assert np.array_equal(made(picture_of((4, 6)), path=save(white, tmp_path / "mask.png")), HOLE == 0)


def test_a_picture_is_never_its_own_mask(tmp_path: Path) -> None:
    hole = np.zeros((64, 64), np.uint8)
    hole[20:30, 20:30] = 255  # a picture that could be a mask
    picture = read_picture(save(hole, tmp_path / "photo.png"))
    (tmp_path / "link.png").symlink_to("photo.png")
    for path in (
        tmp_path / "photo.png",
        tmp_path / "link.png",
        tmp_path / ".." / tmp_path.name / "photo.png",
    ):
        with pytest.raises(InpaintxError, match=r"photo\.png would be its own mask"):
            made(picture, path=path)
    with pytest.raises(InpaintxError, match=r"no single mask for photo\.png .*found none"):
        made(picture, path=tmp_path)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "photo.png").symlink_to("../photo.png")
    with pytest.raises(InpaintxError, match=r"no single mask for photo\.png"):
        made(picture, path=tmp_path / "masks")


# --- color, grow ---


def test_a_color_marks_the_hole_in_the_mask_or_the_picture(tmp_path: Path) -> None:
    painted = np.random.default_rng(0).integers(0, 200, (4, 6, 3), np.uint8)
    painted[HOLE > 0] = (255, 0, 255)
    painted[1, 2] = (248, 7, 250)
    keep = HOLE == 0
    assert np.array_equal(made(Picture(painted), color="#ff00ff"), keep)
    assert np.array_equal(made(Picture(painted.astype(np.uint16) * 257), color="#FF00FF"), keep)
    path = save(painted, tmp_path / "mask.png")
    assert np.array_equal(made(picture_of((4, 6)), path=path, color="#ff00ff"), keep)
    assert np.array_equal(made(Picture(painted), color="#ff00ff", invert=True), ~keep)
    assert made(Picture(painted), color="#ff00ff", tolerance=6)[1, 2]


@pytest.mark.parametrize("grow", [1, 2, 5])
def test_grow_adds_all_that_is_near(tmp_path: Path, grow: int) -> None:
    hole = np.zeros((30, 40), np.uint8)
    hole[10:13, 20] = 255
    rows, columns = np.indices(hole.shape)
    nearest = np.min([np.hypot(rows - row, columns - 20) for row in (10, 11, 12)], axis=0)
    keep = made(picture_of(hole.shape), path=save(hole, tmp_path / "mask.png"), grow=grow)
    assert np.array_equal(~keep, nearest <= grow)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color": "pink"}, "option 'color' must be #rrggbb"),
        ({"threshold": 1}, "option 'threshold' must be from 0 to below 1, is 1.0"),
        ({"threshold": 0.5, "color": "#ff00ff"}, "exclude each other"),
        ({"grow": -1}, "option 'grow' must be 0 or more"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InpaintxError, match=message):
        registry.make("mask", "file", options)


# --- which mask belongs to a picture ---


def tree(root: Path, *names: str) -> dict[str, int]:
    """Files whose holes tell them apart: the n-th hides the first n + 1 pixels of its first row."""
    for number, name in enumerate(names):
        hole = np.zeros((8, 8), np.uint8)
        hole[0, : number + 1] = 255
        save(hole, root / name)
    return {name: number + 1 for number, name in enumerate(names)}


def taken(picture: Path, masks: Path, root: Path | None = None) -> int:
    """How many pixels the picture's mask hides."""
    return int((~made(Picture(np.zeros((8, 8), np.uint8), path=picture, root=root), path=masks)).sum())


@pytest.mark.parametrize("rooted", [True, False])
def test_a_mask_lies_below_the_masks_as_its_picture_below_the_pictures(tmp_path: Path, rooted: bool) -> None:
    sizes = tree(tmp_path / "masks", "1.png", "s1/1.png", "s2/1.bmp", "s2/deep/1_mask.png")
    (tmp_path / "masks" / "1.json").write_text("{}")
    (tmp_path / "masks" / "s1" / "1.txt").write_text("")
    pictures = tmp_path / "pictures"
    places = {"1.png": "1.png", "s1/1.png": "s1/1.png", "s2/1.jpg": "s2/1.bmp"}
    places["s2/deep/1.png"] = "s2/deep/1_mask.png"
    for picture, mask in places.items():
        if picture == "1.png" and not rooted:
            with pytest.raises(InpaintxError, match="found several"):  # which folder is the pictures'?
                taken(pictures / picture, tmp_path / "masks")
            continue
        assert taken(pictures / picture, tmp_path / "masks", pictures if rooted else None) == sizes[mask]


def test_of_several_folders_each_keeps_its_name(tmp_path: Path) -> None:
    sizes = tree(tmp_path / "masks", "a/1.png", "b/1.png")
    for name in ("a", "b"):
        assert taken(tmp_path / name / "1.png", tmp_path / "masks", tmp_path / name) == sizes[f"{name}/1.png"]


def test_a_mask_of_that_name_elsewhere_counts_if_there_is_one_for_one_picture(tmp_path: Path) -> None:
    masks, pictures = tmp_path / "masks", tmp_path / "pictures"
    tree(masks, "x.png", "flat/1.png")
    tree(pictures, "s1/1.png", "s1/x.png")
    assert taken(pictures / "s1" / "x.png", masks, pictures) == 1
    assert taken(pictures / "s1" / "1.png", masks, pictures) == 2
    tree(pictures, "s2/1.png")
    with pytest.raises(
        InpaintxError, match=r"flat/1\.png may be that of .*s2/1\.png; put the masks in folders"
    ):
        taken(pictures / "s1" / "1.png", masks, tmp_path / "pictures")
    tree(masks, "other/1.png")
    with pytest.raises(InpaintxError, match=r"found several \(flat/1\.png, other/1\.png\)"):
        taken(pictures / "s1" / "1.png", masks, pictures)


@pytest.mark.parametrize("name", ["photo_mask.png", "photo_mask001.tif", "photo.mask.png"])
@pytest.mark.parametrize("given", [True, False])
def test_a_mask_lies_beside_its_picture(tmp_path: Path, name: str, given: bool) -> None:
    save(np.tile(np.arange(8, dtype=np.uint8), (8, 1)), tmp_path / "photo.png")
    save(np.full((8, 8), 9, np.uint8), tmp_path / "photo.bmp")  # another picture, no mask
    save(np.full((8, 8), 9, np.uint8), tmp_path / "photograph.png")
    tree(tmp_path, name)
    picture = read_picture(tmp_path / "photo.png")
    keep = made(picture, path=tmp_path) if given else made(picture)
    assert (~keep).sum() == 1
    assert {path.name for path in search_pictures([tmp_path]).pictures} == {
        "photo.png",
        "photo.bmp",
        "photograph.png",
    }
    with pytest.raises(
        InpaintxError, match="no single mask for photograph.png" if given else "no alpha channel"
    ):
        made(read_picture(tmp_path / "photograph.png"), **({"path": tmp_path} if given else {}))


def test_transparent_parts_and_a_mask_beside_are_one_too_many(tmp_path: Path) -> None:
    tree(tmp_path, "photo_mask.png")
    erased = np.full((8, 8, 4), 255, np.uint8)
    erased[2:4, 2:4, 3] = 0
    with pytest.raises(InpaintxError, match=r"photo\.png has transparent parts and a mask beside it"):
        made(read_picture(save(erased, tmp_path / "photo.png")))
    erased[..., 3] = 255
    assert (~made(read_picture(save(erased, tmp_path / "photo.png")))).sum() == 1


def test_where_a_mask_comes_from_is_said(tmp_path: Path) -> None:
    """As a dry run says it: the file, wherever it was found, or what of the picture."""
    (tmp_path / "masks").mkdir()
    hole = np.zeros((8, 8), np.uint8)
    hole[2:4, 2:4] = 255
    for path in (tmp_path / "a_mask.png", tmp_path / "masks" / "a.png"):
        Image.fromarray(hole).save(path)
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "a.png")
    plain = Picture(np.full((8, 8), 90, np.uint8), path=tmp_path / "a.png")
    cut = Picture(plain.array, 255 - hole, path=tmp_path / "b.png")
    for options, picture, said in (
        ({}, plain, str(tmp_path / "a_mask.png")),
        ({}, cut, "its alpha"),
        ({"color": "#5a5a5a"}, plain, "its color #5a5a5a"),
        ({"path": tmp_path / "masks"}, plain, str(tmp_path / "masks" / "a.png")),
        ({"path": tmp_path / "masks" / "a.png"}, cut, str(tmp_path / "masks" / "a.png")),
    ):
        assert mask_source(registry.make("mask", "file", options), picture) == said
    assert mask_source(registry.make("mask", "center"), plain) == "the mask center"
