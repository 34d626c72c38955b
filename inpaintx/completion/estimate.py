"""From several candidates to one fill, and how far they disagree. Loads no torch.

The picture nearest to the truth on average is the mean of what could be there, and it is blurred; a
believable one is a single sample, and it is further off (Blau and Michaeli, "The Perception-Distortion
Tradeoff", CVPR 2018). Which of the two is wanted is the user's choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inpaintx.networks.shares import DEPTHS, SHARES, Shares
from inpaintx.ops.solvers import distance_to_known
from inpaintx.options import Estimate

if TYPE_CHECKING:
    from inpaintx.completion.expected import Expected

#: How fast a candidate's weight falls with its loss.
SHARPNESS = 2.0

#: Coarse is what a Gaussian leaves whose deviation is this share of the depth of the hole, in pixels of the
#: model's square, between a least and a most.
COARSE, FINEST, COARSEST = 0.5, 1.0, 4.0
#: Expected error, in [0, 1], at which only half of what is coarse comes from what is expected.
SURE = 0.2


def combine(fills: np.ndarray, losses: np.ndarray, estimate: Estimate) -> np.ndarray:
    """One fill of several.

    ``"sample"`` takes the one with the lowest loss. ``"mean"`` weights each by ``loss ** −2``: the likelihood
    of absolute errors whose scale is unknown is ``loss ** −n`` for n independent ones (the profile likelihood
    of a Laplace distribution), and neighbouring pixels' errors are far from independent.

    Args:
        fills: ``[K, ...]``, the candidates' images.
        losses: float ``[K]``, their contextual losses.
        estimate: which of the two.
    """
    if estimate == "sample":
        best: np.ndarray = fills[np.argmin(losses)]
        return best
    smallest = losses.min()
    if not 0 < smallest < np.inf:
        weights = (losses == smallest).astype(np.float64)
    else:
        weights = (smallest / losses) ** SHARPNESS
    return np.tensordot(weights / weights.sum(), fills, axes=1).astype(fills.dtype)


def with_expected(
    fills: np.ndarray,
    expected: Expected,
    mask: np.ndarray,
    estimate: Estimate,
    shares: Shares = SHARES,
    fine: float = 0.0,
) -> np.ndarray:
    """Fills together with what is expected in the hole.

    For a sample, what is coarse comes from what is expected and what is fine from the fill, so that it is at
    once near the truth on average and sharp. What is expected is blurred where nothing tells what is there:
    the deeper in the hole, the coarser it is; and the less of it is taken, the larger the error that is
    expected, since it would lie as a shadow over a sharp fill. Of a collection whose fine detail P knows
    better than G does, what is fine comes from it, too, where it is sure. A mean takes shares of both, and of
    interpolation, that go with depth.

    Args:
        fills: float32 ``[K, S, S, C]`` in [0, 1].
        expected: of this square, from what ``mask`` says.
        mask: bool ``[S, S]``, True = known.
        estimate: what the fills are for.
        shares: a mean's, by depth, see :mod:`inpaintx.networks.shares`; between two depths they go with the
            logarithm.
        fine: of a sample: the expected error, in [0, 1], at which half of what is fine comes from what is
            expected, too; 0: none does.

    Returns:
        Like ``fills``; for a sample, they may leave [0, 1].
    """
    if estimate == "mean":
        plate, drawn, found = (at_depths(mask) @ np.asarray(shares, np.float32)).transpose(2, 0, 1)[..., None]
        return plate * expected.interpolated + drawn * expected.images + found * fills
    missed, errors = expected.images - fills, expected.errors[..., None]
    whole = taken_whole(errors, fine)
    rest = np.moveaxis((1 - whole) * (SURE / (SURE + errors)) * missed, 0, 2)  # [S, S, K, C]
    blurred = np.moveaxis(coarse(rest.reshape(*mask.shape, -1), mask).reshape(rest.shape), 2, 0)
    return fills + blurred + whole * missed


def taken_whole(errors: np.ndarray, fine: float) -> np.ndarray:
    """Of what is expected, the share that a sample takes with all that is fine in it: like ``errors``.

    Args:
        errors: that are expected, in [0, 1].
        fine: see :func:`with_expected`.
    """
    return fine / (fine + errors) if fine else np.zeros_like(errors)


def at_depths(mask: np.ndarray) -> np.ndarray:
    """How near each pixel's depth is to each of ``DEPTHS``, float32 ``[S, S, D]``; these sum to 1."""
    depths = np.maximum(distance_to_known(mask), DEPTHS[0])
    place = np.interp(np.log(depths), np.log(DEPTHS), np.arange(len(DEPTHS)))
    return np.maximum(0, 1 - np.abs(place[..., None] - np.arange(len(DEPTHS)))).astype(np.float32)


def coarse(maps: np.ndarray, mask: np.ndarray, finest: float = FINEST) -> np.ndarray:
    """What is coarse of maps, ``[S, S, n]``: the deeper in the hole, the coarser; at the rim, by ``finest``.

    A Gaussian that widens with depth is mixed of four that don't.
    """
    from scipy.ndimage import gaussian_filter

    deviations = np.geomspace(finest, COARSEST, 4)
    wanted = np.clip(COARSE * distance_to_known(mask), finest, COARSEST)
    place = np.interp(np.log(wanted), np.log(deviations), np.arange(4))[..., None].astype(np.float32)
    layers = [gaussian_filter(maps, (deviation, deviation, 0), truncate=3) for deviation in deviations]
    return sum(np.maximum(0, 1 - np.abs(place - number)) * layer for number, layer in enumerate(layers))


def disagreement(fills: np.ndarray) -> np.ndarray:
    """How far the candidates disagree: ``[K, H, W, C]`` in [0, 1] to float32 ``[H, W]`` in [0, 0.5].

    The standard deviation over the candidates, root mean square over the channels; 0 for a single one.
    """
    return np.sqrt(fills.astype(np.float64).var(axis=0).mean(axis=-1)).astype(np.float32)
