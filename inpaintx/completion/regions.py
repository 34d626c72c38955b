"""Which parts of a picture the model is to see, so that each hole is filled at the right size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inpaintx.completion.framing import Familiarity, Framing, Guess, find_regions
from inpaintx.errors import InpaintxError
from inpaintx.options import Fit
from inpaintx.pictures import Picture
from inpaintx.pictures.pyramid import Pyramid
from inpaintx.pictures.regions import Region, hole_box, hole_region

ASPECTS = (0.8, 1.25)  # height to width, where the model's pictures were stretched to squares
DOUBT = 0.85  # of the whole picture's unfamiliarity: what a region's must be below, to be taken
AT_LEAST = 2.0  # sides of the model: a picture that is no larger is one region
SHARE = 0.5  # of the picture's shorter side: a hole that is longer is seen in the whole picture
REGIONS = {"crop": 12, "stretch": 12, "patches": 64}  # of one picture at most, by how the model was fitted
CONTEXT = 1.5  # sides of a hole: the side of the smallest square that holds enough around it
COARSE, FINE = 8.0, 0.5  # pixels of the picture to one of the model's: beyond these it can't speak for it
_GRID = 512  # a side of what holes are grouped in


@dataclass(frozen=True)
class Chosen:
    """A part of a picture that the model sees, for some of its holes.

    Attributes:
        region: the part.
        holes: boxes; the holes in them are filled from this region.
        scale: pixels of the picture to one of the model's, along the longer side.
        error: how far the model is off on known pixels around the holes that were hidden from it, squared, as
            a share of what interpolation is off; None where that was not measured.
        doubt: why the model can't speak for this region; None where it can.
        local: a part of the picture was chosen, beyond which nothing is looked at.
    """

    region: Region
    holes: tuple[Region, ...]
    scale: float
    error: float | None = None
    doubt: str | None = None
    local: bool = True

    @property
    def described(self) -> dict[str, Any]:
        """In plain values, in pixels of the picture."""
        region = self.region
        return {
            "x": region.left,
            "y": region.top,
            "width": region.width,
            "height": region.height,
            "holes": len(self.holes),
            "scale": self.scale,
            "error": self.error,
            "doubt": self.doubt,
        }


def parse_region(text: str | Region) -> str | Region:
    """``"auto"``, ``"whole"`` or ``"X,Y,W,H"``, pixels from the left and the top, width and height.

    Raises InpaintxError where it is none of them.
    """
    if isinstance(text, Region) or text in ("auto", "whole"):
        return text
    parts = text.split(",")
    if len(parts) == 4 and all(part.strip().isdecimal() for part in parts):
        left, top, width, height = map(int, parts)
        if width and height:
            return Region(top, left, height, width)
    raise InpaintxError(f"no region {text!r}; choose auto, whole, or X,Y,W,H in pixels, as 120,80,256,256")


class RegionChooser:
    """Chooses what of a picture the model sees.

    Args:
        region: ``"auto"``, ``"whole"``, ``"X,Y,W,H"``, or a region.
        fit: how the model's collection was fitted.
        scales: of a model of patches: pixels of the picture to one of the model's.
        size: of the model.
        channels: of the model.
        guess: of the model; None: nothing can be measured, and the whole picture is seen.

    Raises:
        InpaintxError: no such region.
    """

    def __init__(
        self,
        region: str | Region,
        fit: Fit,
        scales: Sequence[int],
        size: int,
        channels: int,
        guess: Guess | None,
    ) -> None:
        self._region, self._fit, self._scales = parse_region(region), fit, sorted(scales)
        self._size, self._channels, self._guess = size, channels, guess
        self._aspects = ASPECTS if fit == "stretch" else ()

    def __call__(self, picture: Picture, mask: np.ndarray) -> list[Chosen]:
        """The regions for a picture's holes, and which holes each is for.

        Args:
            picture: what is damaged; what lies under the hole is never read.
            mask: bool ``[H, W]``, True = keep; hides something.

        Raises:
            InpaintxError: a region that was given does not lie in the picture, or not all around its hole.
        """
        if isinstance(self._region, Region):
            return [self._given(self._region, picture, mask)]
        whole = hole_region(mask, self._fit)
        if self._region == "whole" or self._guess is None or self._is_framed(whole):
            return [self._chosen(whole, tuple(hole_boxes(mask, REGIONS[self._fit])), local=False)]
        boxes = hole_boxes(mask, REGIONS[self._fit])
        pyramid = Pyramid(picture, mask)
        choose = self._patch if self._fit == "patches" else self._framed
        found: dict[Region, list[tuple[Region, float | None]]] = {}
        for box in boxes:
            region, error = choose(box, whole, pyramid)
            found.setdefault(region, []).append((box, error))
        return [
            self._chosen(
                region, tuple(box for box, _ in pairs), max(errors) if errors else None, region != whole
            )
            for region, pairs in found.items()
            for errors in [[error for _, error in pairs if error is not None]]
        ]

    def _is_framed(self, whole: Region) -> bool:
        """Whether the picture is about what a model of framed pictures was trained on."""
        if self._fit == "patches":
            return False
        return max(whole.height, whole.width) <= AT_LEAST * self._size

    def _given(self, region: Region, picture: Picture, mask: np.ndarray) -> Chosen:
        where = "" if picture.path is None else f"{picture.path}: "
        named = f"{region.left},{region.top},{region.width},{region.height}"
        if not Region(0, 0, *mask.shape).holds(region):
            size = f"{mask.shape[1]}×{mask.shape[0]}"
            raise InpaintxError(
                f"{where}the region {named} leaves the picture of {size} pixels; choose another"
            )
        box = hole_box(mask, 0)
        if not region.holds(box) or not region.of(mask).any():
            around = f"{box.left},{box.top},{box.width},{box.height}"
            raise InpaintxError(
                f"{where}the region {named} does not reach around the hole, which is {around}; "
                "choose a larger one, or --region auto"
            )
        return self._chosen(region, (box,))

    def _framed(self, hole: Region, whole: Region, pyramid: Pyramid) -> tuple[Region, float | None]:
        shape = pyramid.height, pyramid.width
        if max(hole.height, hole.width) > SHARE * min(shape):
            return whole, None
        assert self._guess is not None
        familiarity = Familiarity(pyramid, self._size, self._channels, self._guess)
        found = find_regions(familiarity, hole, shape, self._size, self._aspects)
        framing = self._framing(pyramid, hole)
        limit = DOUBT * min(1.0, *familiarity.errors([whole]))
        if known := [(region, strange) for region, strange in found if strange < limit]:
            beside = framing.errors([region for region, _ in known])
            # Of those whose content is known about as well, the one that also tells what is beside the hole.
            best = int(np.argmin(beside * [strange for _, strange in known]))
            if beside[best] < 1:
                return known[best][0], float(beside[best])
        [error] = framing.errors([whole]).tolist()
        return whole, error

    def _patch(self, hole: Region, whole: Region, pyramid: Pyramid) -> tuple[Region, float | None]:
        """The square at a scale of training that predicts best; of equals the larger."""
        side = max(hole.height, hole.width)
        sides = [self._size * scale for scale in self._scales if self._size * scale >= CONTEXT * side]
        tried = {_centred(hole, each, pyramid.height, pyramid.width): None for each in sides}
        regions = [region for region in tried if region.holds(hole) and region != hole]
        if not regions:  # the hole is larger than what was trained on: the smallest square that will do
            region = _centred(hole, round(CONTEXT * side), pyramid.height, pyramid.width)
            return (region if region.holds(hole) and region != hole else whole), None
        errors = self._framing(pyramid, hole).errors(regions)
        best = max(number for number, error in enumerate(errors) if error <= 1.02 * errors.min())
        return regions[best], float(errors[best])

    def _framing(self, pyramid: Pyramid, hole: Region) -> Framing:
        assert self._guess is not None
        return Framing(pyramid, hole, self._size, self._channels, self._guess)

    def _chosen(
        self, region: Region, holes: tuple[Region, ...], error: float | None = None, local: bool = True
    ) -> Chosen:
        scale = max(region.height, region.width) / self._size
        return Chosen(region, holes, scale, error, self._doubt(scale, error), local)

    def _doubt(self, scale: float, error: float | None) -> str | None:
        if self._guess is None:  # nothing is asked of the model
            return None
        coarse, fine = COARSE, FINE
        if self._fit == "patches":
            coarse, fine = 1.5 * self._scales[-1], self._scales[0] / 1.5
        if scale > coarse:
            return f"a pixel of the model covers {scale:.3g} of the picture's"
        if scale < fine:
            return f"a pixel of the picture covers {1 / scale:.3g} of the model's"
        if error is not None and error >= 1:
            return "around the hole it predicts no better than interpolation"
        return None


def _centred(hole: Region, side: int, height: int, width: int) -> Region:
    """The square of this side with the hole in its middle, moved into the picture; smaller where that is."""
    side = min(side, height, width)
    top, left = hole.top + (hole.height - side) // 2, hole.left + (hole.width - side) // 2
    return Region(top, left, side, side).within(height, width)


def hole_boxes(mask: np.ndarray, most: int) -> list[Region]:
    """The boxes of groups of holes: two that are nearer than half their sides are one.

    Args:
        mask: bool ``[H, W]``, True = keep; hides something.
        most: where there are more groups than that, holes that are further apart are joined, too.
    """
    around = hole_box(mask, 0)
    if not around.of(mask).any():
        return [around]  # a rectangle: no need of SciPy, which takes a while to load
    from scipy.ndimage import find_objects, label

    block = -(-max(mask.shape) // _GRID)
    coarse = ~mask
    for axis in (0, 1):
        coarse = np.logical_or.reduceat(coarse, np.arange(0, coarse.shape[axis], block), axis)
    whole = np.ones((3, 3), bool)
    boxes = find_objects(label(coarse, whole)[0])
    grown = 0.5
    while True:
        near = np.zeros_like(coarse)
        for rows, columns in boxes:
            margin = round(grown * max(rows.stop - rows.start, columns.stop - columns.start))
            near[
                max(0, rows.start - margin) : rows.stop + margin,
                max(0, columns.start - margin) : columns.stop + margin,
            ] = True
        groups = label(near, whole)[0]
        groups[~coarse] = 0
        joined = [box for box in find_objects(groups) if box is not None]
        if len(joined) < len(boxes):
            boxes = joined
        elif len(boxes) > most:
            grown *= 2
        else:
            break
    regions = []
    for rows, columns in boxes:
        outer = Region(rows.start * block, columns.start * block, 0, 0)
        part = mask[outer.top : rows.stop * block, outer.left : columns.stop * block]
        inner = hole_box(part, 0)
        regions.append(Region(outer.top + inner.top, outer.left + inner.left, inner.height, inner.width))
    return regions
