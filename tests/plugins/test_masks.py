import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inpaintx import InpaintxError
from inpaintx.detection import DetectOptions, find_damage
from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask
from inpaintx.plugins.testing import check_mask_plugin

GOLDEN = Path(__file__).parents[1] / "golden"
#: Found by the registry, as all plugins are: a new one is tested without a word here.
BUILT_IN = [
    name
    for name in registry.names("mask")
    if registry.get("mask", name).__module__.startswith("inpaintx_plugins.")
]


def mask(name: str, height: int, width: int, seed: int = 0, **options: Any) -> np.ndarray:
    return make_mask(registry.make("mask", name, options), Picture(np.zeros((height, width), np.uint8)), seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT_IN)
def test_keeps_to_the_contract(name: str) -> None:
    check_mask_plugin(registry.get("mask", name))


@pytest.mark.slow
@pytest.mark.parametrize("brush", ["thin", "thick"])
def test_freeform_keeps_to_the_contract_with_every_brush(brush: str) -> None:
    check_mask_plugin(registry.get("mask", "freeform"), brush=brush)


def test_masks_are_those_of_earlier_versions() -> None:
    found = runpy.run_path(str(GOLDEN / "make_masks.py"))["hashes"]()
    assert found == json.loads((GOLDEN / "masks.json").read_text(encoding="utf-8"))


def test_the_registry_finds_the_built_in_masks() -> None:
    assert {"center", "detect", "file", "freeform", "grid", "left", "lowres", "pattern"} < set(BUILT_IN)


def test_golden_hashes_are_of_every_mask_that_draws() -> None:
    cases = runpy.run_path(str(GOLDEN / "make_masks.py"))["CASES"]
    assert {name for name, _ in cases} == set(BUILT_IN) - {"file"}


def test_center_hides_the_centre_quarter() -> None:
    keep = mask("center", 8, 12)
    expected = np.ones((8, 12), bool)
    expected[2:6, 3:9] = False
    assert np.array_equal(keep, expected)
    assert np.count_nonzero(~mask("center", 100, 100, size=0.3)) == 30 * 30


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("left", np.s_[:, :5]),
        ("right", np.s_[:, -5:]),
        ("top", np.s_[:3]),
        ("bottom", np.s_[-3:]),
    ],
)
def test_halves_hide_their_side(name: str, hidden: Any) -> None:
    expected = np.ones((6, 10), bool)
    expected[hidden] = False
    assert np.array_equal(mask(name, 6, 10), expected)


def test_share_of_a_half() -> None:
    assert np.array_equal(mask("right", 2, 10, share=0.2)[0], [True] * 8 + [False] * 2)


def test_grid_hides_every_fourth_row_and_column() -> None:
    keep = mask("grid", 9, 9)
    rows, columns = np.indices(keep.shape)
    assert np.array_equal(keep, (rows % 4 != 0) & (columns % 4 != 0))


def test_lowres_keeps_every_third_pixel_of_every_third_row() -> None:
    keep = mask("lowres", 7, 8, step=3)
    rows, columns = np.indices(keep.shape)
    assert np.array_equal(keep, (rows % 3 == 0) & (columns % 3 == 0))


@given(
    height=st.integers(2, 40), width=st.integers(2, 40), share=st.floats(0.2, 0.8), seed=st.integers(0, 99)
)
@pytest.mark.parametrize("name", ["random", "pattern"])
def test_share_is_exact(name: str, height: int, width: int, share: float, seed: int) -> None:
    keep = mask(name, height, width, seed, share=share)
    assert np.count_nonzero(~keep) == round(share * height * width)


def test_random_hides_every_pixel_equally_often() -> None:
    hidden = np.mean([~mask("random", 8, 8, seed) for seed in range(400)], axis=0)
    # 400 draws of 0.8 have a standard deviation of 0.02; five of them is one chance in a million a pixel.
    assert np.abs(hidden - 0.8).max() < 0.1


def test_pattern_is_made_of_blobs() -> None:
    """Of the hidden pixels, most have hidden neighbours: about 25 % would, were they scattered."""
    for seed in range(10):
        hidden = ~mask("pattern", 64, 64, seed)
        pairs = hidden[:, :-1] & hidden[:, 1:]
        assert pairs.sum() / hidden[:, :-1].sum() > 0.75


def test_coarser_blobs_have_shorter_rims() -> None:
    rims = [
        np.mean([np.diff(mask("pattern", 64, 64, seed, blob=blob), axis=1).sum() for seed in range(10)])
        for blob in (0.05, 0.13, 0.4)
    ]
    assert rims[0] > 1.5 * rims[1] > 1.5 * 1.5 * rims[2]


@given(height=st.integers(4, 60), width=st.integers(4, 60), seed=st.integers(0, 999))
def test_random_patch_is_one_rectangle_of_the_promised_size(height: int, width: int, seed: int) -> None:
    hidden = ~mask("random-patch", height, width, seed)
    rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
    assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert round(height / 4) <= rows[-1] - rows[0] + 1 <= round(height / 2)
    assert round(width / 4) <= columns[-1] - columns[0] + 1 <= round(width / 2)


def test_random_patch_reaches_all_sizes_and_borders() -> None:
    hidden = [~mask("random-patch", 16, 16, seed) for seed in range(300)]
    assert {int(patch.any(axis=1).sum()) for patch in hidden} == {4, 5, 6, 7, 8}
    assert all(any(patch[border].any() for patch in hidden) for border in (0, -1, np.s_[:, 0], np.s_[:, -1]))


@pytest.mark.parametrize("brush", ["thin", "medium", "thick"])
def test_freeform_hides_half_at_most(brush: str) -> None:
    shares = [1 - mask("freeform", 64, 64, seed, brush=brush).mean() for seed in range(40)]
    assert min(shares) > 0
    assert max(shares) <= 0.5


def test_thicker_brushes_leave_shorter_rims() -> None:
    def rim(brush: str) -> float:
        """Rim pixels per hidden pixel, over many masks."""
        hidden = [~mask("freeform", 128, 128, seed, brush=brush) for seed in range(20)]
        return sum(np.diff(h, axis=1).sum() for h in hidden) / sum(h.sum() for h in hidden)

    assert rim("thin") > 1.5 * rim("medium")
    assert rim("medium") > 1.3 * rim("thick")


def test_freeform_grows_with_the_picture() -> None:
    """The same seed draws the same strokes, larger."""
    small, large = mask("freeform", 64, 64, 3), mask("freeform", 256, 256, 3)
    agree = (np.kron(small, np.ones((4, 4), bool)) == large).mean()
    assert agree > 0.9


def test_strokes_have_round_ends_and_their_width() -> None:
    from inpaintx_plugins.masks.freeform import _hide_segment

    keep = np.ones((21, 41), bool)
    _hide_segment(keep, np.array([10.0, 10.0]), np.array([10.0, 30.0]), 4.0)
    assert np.array_equal(np.flatnonzero(~keep[:, 20]), np.arange(6, 15))
    assert np.array_equal(np.flatnonzero(~keep[10]), np.arange(6, 35))
    assert keep[6, 6]  # a square end would hide it
    dot = np.ones((9, 9), bool)
    _hide_segment(dot, np.array([4.0, 4.0]), np.array([4.0, 4.0]), 0.1)
    assert np.array_equal(np.argwhere(~dot), [[4, 4]])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "center",
            {"size": 0},
            "mask plugin 'center': option 'size' must be more than 0 and less than 1, is 0.0",
        ),
        ("center", {"size": "nan"}, "is nan"),
        ("left", {"share": 1.0}, "option 'share' must be"),
        ("random", {"share": -0.1}, "option 'share' must be"),
        ("pattern", {"blob": 2}, "option 'blob' must be"),
        ("grid", {"step": 1}, "option 'step' must be 2 or more, is 1"),
        ("lowres", {"step": "0"}, "option 'step' must be 2 or more, is 0"),
        ("random-patch", {"min_side": 0.6}, r"option 'min_side' \(0.6\) is more than 'max_side' \(0.5\)"),
        ("detect", {"sensitivity": 0}, "mask plugin 'detect': sensitivity is 0.0; choose more than 0"),
        ("detect", {"grow": 101}, "grow is 101; choose 0 to 100"),
        (
            "freeform",
            {"brush": "thik"},
            "expected one of thin, medium, thick, got 'thik' .did you mean 'thick'",
        ),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InpaintxError, match=message):
        registry.make("mask", name, options)


# detect


def scratched() -> Picture:
    levels = np.add.outer(np.arange(90), np.arange(80)).astype(np.uint8)
    levels[50:52, 15:65] = 255
    return Picture(levels, path=Path("scan.png"))


def test_detect_hides_what_detection_finds() -> None:
    picture = scratched()
    keep = make_mask(registry.make("mask", "detect", {"kind": "scratches", "grow": 2}), picture, 0)
    assert np.array_equal(keep, find_damage(picture, DetectOptions(kind="scratches", grow=2)))
    assert (~keep)[50:52, 15:65].mean() > 0.95
    assert (~keep).mean() < 0.1


def test_detect_refuses_a_picture_without_damage() -> None:
    message = r"no damage found in scan\.png; leave it out, give more mask\.sensitivity, or paint a mask"
    with pytest.raises(InpaintxError, match=message):
        make_mask(registry.make("mask", "detect", {"kind": "dust"}), scratched(), 0)
