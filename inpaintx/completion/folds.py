"""Known pixels hidden on purpose, to see how well they are predicted. Loads no torch."""

from __future__ import annotations

import numpy as np

from inpaintx.ops.solvers import distance_to_known

#: Of the known pixels near the hole, how many a set hides, about.
SHARE = 0.2


def hold_out(mask: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws sets of known pixels that are like the hole: near to it, and in discs about as deep as it is.

    A disc's radius is the hole's median distance to the known pixels (at least 1 pixel), and its centre a
    known pixel within twice that of the hole. A set that would hide more than half of what is known is left
    empty instead.

    Args:
        mask: bool ``[H, W]``, True = keep. Where it hides or keeps nothing, nothing is held out.
        count: how many sets; they may overlap.
        seed: of the discs.

    Returns:
        bool ``[count, H, W]``, True = held out; a part of ``mask`` each.
    """
    sets = np.zeros((count, *mask.shape), bool)
    if mask.all() or not mask.any():
        return sets
    depth = distance_to_known(mask)[~mask]
    radius = max(1.0, float(np.median(depth)))
    near = np.flatnonzero(mask & (distance_to_known(~mask) <= 2 * radius))
    discs = max(1, round(SHARE * near.size / (np.pi * radius**2)))
    rng = np.random.default_rng(seed)
    for hidden in sets:
        centres = np.zeros(mask.shape, bool)
        centres.flat[rng.choice(near, discs, replace=False)] = True
        within = mask & (distance_to_known(centres) <= radius)
        if 2 * within.sum() <= mask.sum():
            hidden[...] = within
    return sets
