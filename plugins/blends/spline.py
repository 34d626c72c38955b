"""The blend ``spline``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from inpaintx.ops.solvers import biharmonic, distance_to_known


@dataclass(frozen=True)
class Spline:
    """Joins the fill to the known pixels by a spline in tension: a plate near them, a membrane further in.

    With I, the interpolation of known pixels into the hole, the result is I(picture) + trust · (fill −
    I(fill)): where trust is 1, the interpolation of what the fill misses on the known pixels is added to it,
    and where it is 0, the fill isn't looked at. I is that of Smith and Wessel (Gridding with continuous
    curvature splines in tension, Geophysics 55, 1990, equation 3).

    Where the fill misses a stroke at the rim, that interpolation is a shadow across the hole. With a finite
    `reach` it fades with the distance d to the known pixels, as exp(−(d/reach)²), towards the median of what
    the fill misses on known pixels within reach of the hole: another light is still made up for everywhere.
    """

    name: ClassVar[str] = "spline"
    length: float = field(
        default=2.0, metadata={"help": "pixels from the rim to where the plate becomes a membrane"}
    )
    trust: float = field(default=1.0, metadata={"help": "the fill's share: 0 leaves it out"})
    reach: float = field(
        default=float("inf"),
        metadata={"help": "pixels from the rim within which what the fill misses is added"},
    )
    detail: float = field(default=1.0, metadata={"help": "of trust, the share that fine detail gets"})
    blur: float = field(
        default=1.5, metadata={"help": "pixels: deviation of the Gaussian that leaves fine detail out"}
    )

    def __post_init__(self) -> None:
        if not self.length > 0:
            raise ValueError(f"option 'length' must be more than 0, is {self.length}")
        if not 0 <= self.trust <= 1:
            raise ValueError(f"option 'trust' must be in [0, 1], is {self.trust}")
        if not self.reach > 0:
            raise ValueError(f"option 'reach' must be more than 0, is {self.reach}")
        if not 0 <= self.detail <= 1:
            raise ValueError(f"option 'detail' must be in [0, 1], is {self.detail}")
        if not 0 < self.blur < float("inf"):
            raise ValueError(f"option 'blur' must be finite and more than 0, is {self.blur}")

    def blend(self, picture: np.ndarray, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """float32 [H, W, C] in [0, 1]."""
        share = np.float32(self.trust) * fill
        if self.detail < 1:
            share = self._with_less_detail(share, mask)
        missed = biharmonic(picture - share, mask, self.length**-2.0)
        if self.reach < np.inf and not mask.all():
            beside = mask & (distance_to_known(~mask) <= max(self.reach, 1.0))
            usual = np.median(missed[beside], axis=0)
            fading = np.exp(-np.square(distance_to_known(mask) / np.float32(self.reach)))[..., None]
            missed = usual + fading * (missed - usual)
        return np.clip(share + missed, 0, 1)

    def _with_less_detail(self, fill: np.ndarray, mask: np.ndarray) -> np.ndarray:
        base = biharmonic(fill, mask, self.length**-2.0)
        change = fill - base
        coarse = smoothed(change, self.blur)
        return base + np.where(mask[..., None], change, coarse + np.float32(self.detail) * (change - coarse))


def smoothed(images: np.ndarray, deviation: float) -> np.ndarray:
    """About a Gaussian filter, as fast for a wide one as for a narrow one: three means over squares.

    Args:
        images: float ``[H, W, n]``, mirrored at their borders.
        deviation: in pixels; since the squares' sides are odd, it becomes the nearest that they make: 0,
            1.41, 2.45, 3.46, …
    """
    from scipy.ndimage import uniform_filter

    side = 2 * round((np.sqrt(4 * deviation**2 + 1) - 1) / 2) + 1
    for _ in range(3):
        images = uniform_filter(images, (side, side, 1))
    return images
