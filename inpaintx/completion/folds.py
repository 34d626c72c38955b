"""Known pixels hidden on purpose, to see how well they are predicted. Loads no torch."""

from __future__ import annotations

import numpy as np

from inpaintx.ops.solvers import distance_to_known

#: Of the known pixels near the hole, how many a fold hides, about.
SHARE = 0.2


def draw_folds(mask: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws folds, sets of known pixels that are like the hole: near to it, in discs about as deep as it is.

    A disc's radius is the hole's median distance to the known pixels (at least 1 pixel), and its centre a
    known pixel within twice that of the hole. A fold that would hide more than half of what is known is left
    empty instead.

    Args:
        mask: bool ``[H, W]``, True = keep. Where it hides or keeps nothing, the folds are empty.
        count: how many; they may overlap.
        seed: of the discs.

    Returns:
        bool ``[count, H, W]``, True = in the fold; a part of ``mask`` each.
    """
    folds = np.zeros((count, *mask.shape), bool)
    if mask.all() or not mask.any():
        return folds
    depth = distance_to_known(mask)[~mask]
    radius = max(1.0, float(np.median(depth)))
    near = np.flatnonzero(mask & (distance_to_known(~mask) <= 2 * radius))
    discs = max(1, round(SHARE * near.size / (np.pi * radius**2)))
    rng = np.random.default_rng(seed)
    for fold in folds:
        centres = np.zeros(mask.shape, bool)
        centres.flat[rng.choice(near, discs, replace=False)] = True
        within = mask & (distance_to_known(centres) <= radius)
        if 2 * within.sum() <= mask.sum():
            fold[...] = within
    return folds
