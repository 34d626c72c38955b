"""From several candidates to one fill, and how far they disagree. Loads no torch.

The picture nearest to the truth on average is the mean of what could be there, and it is blurred; a
believable one is a single sample, and it is further off (Blau and Michaeli, "The Perception-Distortion
Tradeoff", CVPR 2018). Which of the two is wanted is the user's choice.
"""

from __future__ import annotations

import numpy as np

from inpaintx.options import Estimate

#: How fast a candidate's weight falls with its loss.
SHARPNESS = 2.0


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


def disagreement(fills: np.ndarray) -> np.ndarray:
    """How far the candidates disagree: ``[K, H, W, C]`` in [0, 1] to float32 ``[H, W]`` in [0, 0.5].

    The standard deviation over the candidates, root mean square over the channels; 0 for a single one.
    """
    return np.sqrt(fills.astype(np.float64).var(axis=0).mean(axis=-1)).astype(np.float32)
