"""What a model's mean is mixed of: found on pictures that training did not see, noted, and used."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from search_cases import images_of
from training_cases import SHAPE, drawn

from inpaintx.completion import mixing
from inpaintx.completion.candidates import CandidateFinder, Candidates
from inpaintx.completion.estimate import at_depths, with_expected
from inpaintx.completion.expected import Expected
from inpaintx.networks import checkpoint
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.predictor import Predictor
from inpaintx.networks.shares import DEPTHS, FINE, SHARES
from inpaintx.options import SearchOptions, TrainOptions
from inpaintx.pictures.arrays import images_to_levels
from inpaintx.training import Team, Trainer, train
from inpaintx.training.collection import Collection
from inpaintx.training.holdout import HeldOut

SHORT = SearchOptions(iterations=2, candidates=4, starts=8, estimate="mean", precision="float32")
RUN = TrainOptions(steps=4, batch=4, seed=3, encoder_steps=0, predictor_steps=4, hold_out=6)


@pytest.fixture
def predicting(model: Networks) -> Networks:
    """A model whose predictor expects something of its own."""
    torch.manual_seed(0)
    predictor = Predictor(model.architecture).eval().requires_grad_(False)
    torch.nn.init.normal_(predictor.last.weight, std=0.1)
    predictor.last.bias[-2] = 2.0  # type: ignore[index]  # its gate is open
    return replace(model, predictor=predictor)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "SearchOptions", lambda **_: SHORT)


def _kept(model: Networks, count: int, known: torch.Tensor | None = None) -> Collection:
    levels = images_to_levels(images_of(model, count))
    images = torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous()
    return Collection(images, [Path(f"{number}.png") for number in range(count)], known=known)


def test_shares_are_found_by_which_pictures_were_made(predicting: Networks) -> None:
    """Truths that are such a mean, with shares that change with depth."""
    wanted = np.linspace((0.6, 0.1, 0.3), (0.1, 0.7, 0.2), len(DEPTHS))
    learned = mixing.Mixing(predicting)
    for squares, truths in mixing.damaged(_kept(predicting, 8), seed=0):
        found = CandidateFinder(predicting, SHORT)(squares, mixing.FOLDS)
        made = []
        for each, (_, told) in zip(found, truths, strict=True):
            shares = (at_depths(each.mask) @ wanted)[..., None]
            made.append((np.sum(np.stack(mixing._parts(each), 2) * shares, 2), told))
        learned.see(squares, made)
    shares = np.array(learned.shares())
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-3)
    reached = max(at_depths(mask)[~mask].max(0)[-1] for _, mask in squares) > 0.5
    near = slice(None) if reached else slice(0, 5)  # holes of such squares aren't deeper
    np.testing.assert_allclose(shares[near], wanted[near], atol=0.08)
    assert np.abs(np.array(SHARES)[near] - wanted[near]).max() > 0.2


def test_where_nothing_was_seen_the_usual_hold(predicting: Networks) -> None:
    assert mixing.Mixing(predicting).shares() == SHARES
    assert mixing.Mixing(predicting).fine() == 0


def _fine(model: Networks, monkeypatch: pytest.MonkeyPatch, expected: Any, known: Any = None) -> float:
    """What is found where the truth is noise, the search finds other noise, and P expects what is said."""
    rng = np.random.default_rng(3)
    learned = mixing.Mixing(model)
    for squares, truths in mixing.damaged(_kept(model, 4, known), seed=0):
        noise = [rng.random(image.shape, dtype=np.float32) for image, _ in squares]
        made = [
            (np.where(told[..., None], own, image), told)
            for own, (image, told) in zip(noise, truths, strict=True)
        ]
        found = [
            replace(each, fills=rng.random(each.fills.shape, dtype=np.float32), expected=expected(each, own))
            for each, own in zip(CandidateFinder(model, SHORT)(squares, mixing.FOLDS), noise, strict=True)
        ]
        monkeypatch.setattr(learned, "_find", lambda *_, found=found: found)
        learned.see(squares, made)
    return learned.fine()


def _says(found: Candidates, images: np.ndarray) -> Expected:
    assert found.expected is not None
    count, error = len(found.expected.images), np.full((32, 32), 0.02, np.float32)
    return Expected(np.stack([images] * count), found.expected.interpolated, np.stack([error] * count))


@pytest.mark.parametrize("damaged", [False, True])
def test_what_is_fine_comes_from_p_where_p_knows_it(
    predicting: Networks, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    known = torch.ones(4, 1, 32, 32, dtype=torch.bool)
    known[:, :, :, 10:12] = not damaged
    assert _fine(predicting, monkeypatch, _says, known) == mixing.FINES[-1]


def test_what_is_fine_stays_the_search_s_where_p_knows_less(
    predicting: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _fine(predicting, monkeypatch, lambda found, truth: _says(found, 1 - truth)) == 0


def test_a_texture_that_p_only_hints_at_is_not_given_up(
    predicting: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What P expects is right, and a twentieth as strong: truer than noise, and no texture."""
    hint = _fine(predicting, monkeypatch, lambda found, truth: _says(found, 0.5 + 0.05 * (truth - 0.5)))
    assert hint == 0


def test_holes_are_judged_where_the_truth_is_known(predicting: Networks) -> None:
    """Of damaged pictures: what is unknown in them is neither shown nor counted."""
    known = torch.ones(3, 1, 32, 32, dtype=torch.bool)
    known[:, :, :, 10:14] = False
    count = 0
    for squares, truths in mixing.damaged(_kept(predicting, 3, known), seed=0):
        for (image, mask), (_, told) in zip(squares, truths, strict=True):
            count += 1
            assert not mask[:, 10:14].any()
            assert not told[:, 10:14].any()
            assert told.any()
            assert (image[~mask] == 0).all()
    assert count == 3 * len(mixing.FAMILIES)


def _trained(run: Path, options: TrainOptions = RUN) -> Trainer:
    run.mkdir()
    all_drawn = drawn(18)
    kept = np.arange(18) >= 12
    held_out = HeldOut(all_drawn.part(kept), ["some"])
    trainer = Trainer(all_drawn.part(~kept), SHAPE, options, "crop", Team(), held_out)
    assert train(trainer, run)
    return trainer


def test_a_run_ends_with_shares_of_its_own_and_they_are_used(tmp_path: Path) -> None:
    trainer = _trained(tmp_path / "run")
    before = checkpoint.load(tmp_path / "run" / checkpoint.FILE_NAME)
    assert mixing.finish(trainer, tmp_path / "run")
    header, tensors = checkpoint.load(tmp_path / "run" / checkpoint.FILE_NAME)
    assert header.keys() - before[0].keys() == {"shares", "fine"}
    assert all(torch.equal(tensors[name], before[1][name]) for name in before[1])
    model = checkpoint.load_model(tmp_path / "run")
    assert model.shares == header["shares"] != SHARES
    square = (np.full((32, 32, 1), 0.5, np.float32), np.ones((32, 32), bool))
    square[1][8:24, 8:24] = False
    [found] = CandidateFinder(model, SHORT)([square])
    assert found.expected is not None
    own = with_expected(found.fills, found.expected[0], square[1], "mean", model.shares)
    np.testing.assert_array_equal(found.tried("mean"), own)
    assert model.fine == header["fine"]


def test_while_it_is_searched_a_fill_has_as_much_of_what_is_fine(predicting: Networks) -> None:
    model = replace(predicting, header={**predicting.header, FINE: 0.3})
    [(image, mask), *_], _ = next(mixing.damaged(_kept(model, 1), seed=0))
    looks = []
    [found] = CandidateFinder(model, SHORT)(
        [(image, mask)], watch=lambda forming: looks.append(forming.fills([0]))
    )
    last = found.tried("sample")[np.argmin(found.contextual)]
    np.testing.assert_allclose(looks[-1][0], last, atol=1e-3)
    assert found.expected is not None
    without = with_expected(found.fills, found.expected[0], mask, "sample")[np.argmin(found.contextual)]
    assert np.abs(looks[-1][0] - without)[~mask].max() > 0.05


def test_the_same_run_ends_with_the_same_shares_and_so_does_an_export(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert mixing.finish(_trained(tmp_path / name), tmp_path / name)
    one, two = (checkpoint.load_model(tmp_path / name) for name in ("one", "two"))
    assert one.shares == two.shares
    checkpoint.export(tmp_path / "one", tmp_path / "small.safetensors")
    small = checkpoint.load_model(tmp_path / "small.safetensors")
    assert (small.shares, small.fine) == (one.shares, one.fine)


def test_an_interrupt_leaves_the_checkpoint_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = _trained(tmp_path / "run")
    before = (tmp_path / "run" / checkpoint.FILE_NAME).read_bytes()

    def interrupted(*_: object) -> None:
        import signal

        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(mixing.Mixing, "see", interrupted)
    assert not mixing.finish(trainer, tmp_path / "run")
    assert (tmp_path / "run" / checkpoint.FILE_NAME).read_bytes() == before


def test_it_takes_no_longer_than_the_minutes_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = _trained(tmp_path / "run")
    monkeypatch.setattr(mixing, "TOGETHER", 5)
    seen: list[int] = []
    monkeypatch.setattr(mixing.Mixing, "see", lambda self, squares, truths: seen.append(len(squares)))
    trainer.options = replace(RUN, steps=None, minutes=1e-6)
    assert mixing.finish(trainer, tmp_path / "run")
    assert seen == [5]
    trainer.options = RUN
    assert mixing.finish(trainer, tmp_path / "run")
    assert seen == [5] * 7


@pytest.mark.parametrize("lacking", ["held_out", "predictor"])
def test_without_pictures_or_a_predictor_nothing_is_fitted(tmp_path: Path, lacking: str) -> None:
    trainer = _trained(tmp_path / "run")
    setattr(trainer, lacking, None)
    assert mixing.finish(trainer, tmp_path / "run")
    assert checkpoint.load_model(tmp_path / "run").shares == SHARES


def _assert_damaged(path: Path, model: Networks, said: dict[str, Any], why: str) -> None:
    """Of a model whose header says this, it is told why it can't be used."""
    tensors = checkpoint.state(model.generator, "generator.")
    tensors |= checkpoint.state(model.discriminator, "discriminator.")
    header = {"architecture": model.architecture.to_dict(), "fit": "crop", "step": 1, **said}
    checkpoint.save(path, header, tensors)
    with pytest.raises(checkpoint.InpaintxError, match=why):
        checkpoint.load_model(path)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "all",
        [[0.2, 0.3, 0.5]] * 5,
        [[0.2, 0.8]] * 6,
        [[0.2, 0.3, 0.4]] * 6,
        [[-0.2, 0.7, 0.5]] * 6,
        [[True, False, False]] * 6,
        [[float("nan")] * 3] * 6,
    ],
)
def test_shares_that_can_not_be_are_a_damaged_checkpoint(
    rows: Any, tmp_path: Path, make_model: Callable[..., Any]
) -> None:
    _assert_damaged(
        tmp_path / "wrong.safetensors", make_model(), {"shares": rows}, "no shares of a mean at 6 depths"
    )


@pytest.mark.parametrize("fine", [None, "all", True, -0.1, 1.1, float("nan")])
def test_what_is_fine_that_can_not_be_is_a_damaged_checkpoint(
    fine: Any, tmp_path: Path, make_model: Callable[..., Any]
) -> None:
    _assert_damaged(
        tmp_path / "wrong.safetensors", make_model(), {"fine": fine}, "no expected error from 0 to 1"
    )
