"""Options: what they derive, and how bad values are refused."""

import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from inpaintx.errors import InpaintxError
from inpaintx.options import BASE_SIDES, PRESETS, Architecture, SearchOptions, TrainOptions

BAD = [
    (Architecture, {"size": 48}, "32, 64, 96, 128"),
    (Architecture, {"channels": 2}, "1, 3"),
    (Architecture, {"kernel": 3}, "4, 5"),
    (Architecture, {"width": 0}, "at least 1"),
    (Architecture, {"nz": 0}, "at least 1"),
    (Architecture, {"code": "cauchy"}, "uniform, normal"),
    (TrainOptions, {"steps": 0}, "at least 1"),
    (TrainOptions, {"batch": 1}, "at least 2"),
    (TrainOptions, {"save_every": 0}, "at least 1"),
    (TrainOptions, {"seed": -1}, "at least 0"),
    (TrainOptions, {"lr": 0.0}, "more than 0"),
    (TrainOptions, {"lr": float("nan")}, "more than 0"),
    (TrainOptions, {"minutes": 0}, "more than 0"),
    (TrainOptions, {"minutes": float("inf")}, "more than 0"),
    (TrainOptions, {"ema": 1.0}, "[0, 1)"),
    (TrainOptions, {"beta1": -0.1}, "[0, 1)"),
    (TrainOptions, {"translate": 1.5}, "[0, 1)"),
    (TrainOptions, {"predictor_share": 0.0}, "above 0 and below 0.9"),
    (TrainOptions, {"predictor_share": 0.9}, "above 0 and below 0.9"),
    (TrainOptions, {"predictor_share": float("nan")}, "above 0 and below 0.9"),
    (TrainOptions, {"precision": "float16"}, "float32, tf32, bfloat16"),
    (SearchOptions, {"iterations": -1}, "at least 0"),
    (SearchOptions, {"candidates": 0}, "at least 1"),
    (SearchOptions, {"starts": 0}, "at least 1"),
    (SearchOptions, {"batch": 0}, "at least 1"),
    (SearchOptions, {"prior": -0.1}, "at least 0"),
    (SearchOptions, {"prior": float("nan")}, "at least 0"),
    (SearchOptions, {"prior": float("inf")}, "finite"),
    (SearchOptions, {"patience": -1}, "at least 0"),
    (SearchOptions, {"seed": -1}, "at least 0"),
    (SearchOptions, {"lr": -1.0}, "more than 0"),
    (SearchOptions, {"delta": 0}, "more than 0"),
    (SearchOptions, {"delta": None}, "more than 0"),
    (SearchOptions, {"candidates": None}, "at least 1"),
    (SearchOptions, {"window": 6}, "odd"),
    (SearchOptions, {"window": 0}, "at least 1"),
    (SearchOptions, {"momentum": 1.0}, "[0, 1)"),
    (SearchOptions, {"norm": "l3"}, "l1, l2, huber"),
    (SearchOptions, {"weight": "rim"}, "mask, window"),
    (SearchOptions, {"border": "reflect"}, "valid, zero"),
    (SearchOptions, {"optimizer": "sgd"}, "adam, nesterov"),
    (SearchOptions, {"clip": "tanh"}, "clamp, stochastic, none"),
]


@pytest.mark.parametrize(("options", "values", "advice"), BAD, ids=lambda value: str(value)[:40])
def test_bad_value_is_refused_in_one_line_with_advice(
    options: type, values: dict[str, Any], advice: str
) -> None:
    with pytest.raises(InpaintxError) as caught:
        options(**values)
    message = str(caught.value)
    (name,) = values
    assert f"{name} is " in message
    assert advice in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("size", "widths"),
    [(32, [16, 8, 4]), (64, [32, 16, 8, 4]), (96, [32, 16, 8, 4]), (128, [64, 32, 16, 8, 4])],
)
def test_feature_maps_double_at_each_halving_of_the_side(size: int, widths: list[int]) -> None:
    architecture = Architecture(size=size, width=4)
    assert architecture.widths == widths
    assert architecture.base * 2 ** len(widths) == size


def test_every_size_has_a_base() -> None:
    assert set(BASE_SIDES) == {32, 64, 96, 128}


def test_bound_is_the_box_of_the_codes() -> None:
    assert Architecture(code="uniform").bound == 1
    assert Architecture(code="normal").bound == 3


def test_architecture_survives_a_round_trip() -> None:
    architecture = Architecture(size=96, channels=1, width=7, kernel=5, nz=11, code="normal")
    assert Architecture.from_dict(architecture.to_dict()) == architecture


@pytest.mark.parametrize("change", [{"depth": 3}, {"nz": None}])
def test_architecture_of_another_version_names_the_odd_keys(change: dict[str, int | None]) -> None:
    values: dict[str, Any] = {**Architecture().to_dict(), **change}
    for name in [name for name, value in change.items() if value is None]:
        del values[name]
    (odd,) = change
    with pytest.raises(InpaintxError, match=f"missing or unknown: {odd};"):
        Architecture.from_dict(values)


def test_presets_are_what_their_sources_published() -> None:
    seed, bamos, yeh = PRESETS["seed"], PRESETS["bamos"], PRESETS["yeh"]
    # lr·(‖·‖² + λ·L_p) must be 0.01·(0.999·‖·‖² + 0.001·L_p).
    assert seed.lr == pytest.approx(0.01 * 0.999)
    assert seed.lr * seed.prior == pytest.approx(0.01 * 0.001)
    assert (seed.norm, seed.weight, seed.optimizer, seed.momentum) == ("l2", "mask", "nesterov", 0.9)
    assert (seed.iterations, bamos.iterations, yeh.iterations) == (1001, 1000, 1500)
    assert (bamos.norm, bamos.weight, bamos.prior, bamos.optimizer, bamos.lr) == (
        "l1",
        "mask",
        0.1,
        "adam",
        0.01,
    )
    assert (yeh.norm, yeh.weight, yeh.window, yeh.prior) == ("l1", "window", 7, 0.003)
    assert {preset.clip for preset in PRESETS.values()} == {"clamp"}
    assert {(preset.candidates, preset.starts) for preset in PRESETS.values()} == {(1, 1)}


def test_letters_are_not_mirrored_unless_asked() -> None:
    assert TrainOptions().flip is False


@pytest.mark.parametrize("options", [Architecture, TrainOptions, SearchOptions])
def test_every_option_has_a_help_text(options: type) -> None:
    for field in fields(options):
        assert field.metadata["help"].endswith("."), field.name


def test_options_and_regions_load_no_torch() -> None:
    program = (
        "import sys, inpaintx.options, inpaintx.pictures.regions; "
        "print({'torch', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 2**64), ("candidates", 10_000_000), ("starts", 10**9), ("batch", 10**9)]
)
def test_what_no_search_could_do_is_refused(name: str, value: int) -> None:
    with pytest.raises(InpaintxError, match=rf"^search: {name} is {value}; choose at most \d+$"):
        SearchOptions(**{name: value})
