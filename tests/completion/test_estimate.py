"""From several candidates to one fill, and how far they disagree."""

import numpy as np
import pytest

from inpaintx.completion.estimate import combine, disagreement


def _fills(count: int = 4, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((count, 6, 5, channels), dtype=np.float32)


def _losses(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_sample_is_the_candidate_with_the_lowest_loss() -> None:
    fills = _fills()
    assert np.array_equal(combine(fills, _losses(3, 1, 2, 1.5), "sample"), fills[1])


def test_mean_of_equal_losses_is_the_plain_mean() -> None:
    fills = _fills()
    mean = combine(fills, np.full(4, 123.4, np.float32), "mean")
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, fills.mean(0), rtol=0, atol=1e-6)


def test_mean_weights_by_the_inverse_square_of_the_loss() -> None:
    fills = _fills(3)
    weights = np.array([1.0, 1 / 4, 1 / 9])
    expected = (weights[:, None, None, None] * fills).sum(0) / weights.sum()
    np.testing.assert_allclose(combine(fills, _losses(1, 2, 3), "mean"), expected, rtol=0, atol=1e-6)


def test_mean_does_not_depend_on_the_losses_unit_nor_on_the_order() -> None:
    fills, losses = _fills(), _losses(0.5, 1, 4, 2)
    mean = combine(fills, losses, "mean")
    for scale in (1e-20, 1e20):
        np.testing.assert_allclose(combine(fills, losses * np.float32(scale), "mean"), mean, atol=1e-6)
    np.testing.assert_allclose(combine(fills[::-1], losses[::-1], "mean"), mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("others", [(5, 9), (1e-30, np.inf)])
def test_candidates_that_explain_everything_outweigh_the_others(others: tuple[float, float]) -> None:
    fills = _fills()
    mean = combine(fills, _losses(0, others[0], 0, others[1]), "mean")
    np.testing.assert_allclose(mean, (fills[0] + fills[2]) / 2, rtol=0, atol=1e-6)


def test_candidate_of_infinite_loss_has_no_weight() -> None:
    fills = _fills(3)
    mean = combine(fills, _losses(2, np.inf, 2), "mean")
    np.testing.assert_allclose(mean, (fills[0] + fills[2]) / 2, rtol=0, atol=1e-6)


def test_where_no_loss_is_finite_all_count_alike() -> None:
    fills = _fills(3)
    mean = combine(fills, np.full(3, np.inf, np.float32), "mean")
    np.testing.assert_allclose(mean, fills.mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("estimate", ["mean", "sample"])
@pytest.mark.parametrize("loss", [0, 3, np.inf])
def test_single_candidate_is_its_own_estimate(estimate: str, loss: float) -> None:
    fills = _fills(1)
    assert np.array_equal(combine(fills, _losses(loss), estimate), fills[0])  # type: ignore[arg-type]


def test_single_candidate_agrees_with_itself() -> None:
    doubt = disagreement(_fills(1))
    assert doubt.shape == (6, 5)
    assert doubt.dtype == np.float32
    assert not doubt.any()


def test_disagreement_of_black_and_white_is_a_half() -> None:
    fills = np.zeros((2, 2, 2, 3), np.float32)
    fills[1, 0, 0] = 1  # in all channels
    fills[1, 0, 1, 2] = 1  # in one of three
    fills[:, 1, 1] = 0.7  # in none
    np.testing.assert_allclose(disagreement(fills), [[0.5, 0.5 / 3**0.5], [0, 0]], rtol=1e-6, atol=1e-7)


def test_disagreement_is_the_standard_deviation() -> None:
    fills = np.array([0.1, 0.4, 0.4, 0.7], np.float32).reshape(4, 1, 1, 1)
    np.testing.assert_allclose(disagreement(fills), [[(0.045) ** 0.5]], rtol=1e-5)
