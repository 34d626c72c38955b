"""Pictures on their way through the search, and done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from PIL import Image

from inpaintx.completion.candidates import Candidates, Forming
from inpaintx.completion.regions import Chosen
from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture
from inpaintx.pictures.arrays import fit_channels, to_levels, to_values


@dataclass(frozen=True)
class Searched:
    """A picture that the search is done with: what remains is to blend it.

    Attributes:
        picture: what is damaged.
        mask: bool ``[H, W]``, True = keep.
        chosen: what of the picture the model saw, and for which holes.
        candidates: the candidates that were found for each of these.
        seconds: its share of its group's search.
        failure: why no region could be chosen; None: it could.
    """

    picture: Picture
    mask: np.ndarray
    chosen: Sequence[Chosen]
    candidates: Sequence[Candidates]
    seconds: float
    failure: InpaintxError | None = None


@dataclass(frozen=True)
class PictureForming:
    """How the fill of a picture stands while it is searched.

    Attributes:
        picture: what is damaged.
        mask: bool ``[H, W]``, True = keep.
        chosen: what of the picture the model sees.
        numbers: of its squares, one for each of these.
        fills: of all squares that are searched together.
    """

    picture: Picture
    mask: np.ndarray
    chosen: Sequence[Chosen]
    numbers: Sequence[int]
    fills: Forming

    @property
    def iteration(self) -> int:
        """Gradient steps that were taken for that of its squares which is furthest behind."""
        return min((self.fills.standing.steps[number] for number in self.numbers), default=0)

    @property
    def iterations(self) -> int:
        """Gradient steps that are taken at most."""
        return self.fills.standing.most

    def preview(self, side: int) -> np.ndarray:
        """A reduced copy, uint8 ``[h, w, 3]``, in whose hole is what was found yet, not blended.

        Args:
            side: of the copy in pixels, its longer one, where the picture isn't smaller; what lies under the
                hole is never read.
        """
        scale = min(1.0, side / max(self.mask.shape))
        height, width = (max(1, round(scale * length)) for length in self.mask.shape)
        rows, columns = (
            np.arange(new) * old // new for new, old in zip((height, width), self.mask.shape, strict=True)
        )
        places = np.ix_(rows, columns)
        shown = fit_channels(to_values(self._channels()[places]), 3).copy()
        hole = ~self.mask[places]
        shown[hole] = 0.5
        for region, fill in self._regions():
            top, bottom = round(scale * region.region.top), round(scale * region.region.bottom)
            left, right = round(scale * region.region.left), round(scale * region.region.right)
            tall, wide = min(bottom, height) - top, min(right, width) - left
            if tall > 0 and wide > 0:
                levels = to_levels(fit_channels(fill, 3))
                scaled = np.asarray(Image.fromarray(levels).resize((wide, tall), Image.Resampling.BILINEAR))
                part = np.s_[top : top + tall, left : left + wide]
                shown[part][hole[part]] = to_values(scaled)[hole[part]]
        return to_levels(shown)

    def _channels(self) -> np.ndarray:
        return self.picture.array.reshape(self.picture.height, self.picture.width, self.picture.channels)

    def _regions(self) -> Iterator[tuple[Chosen, np.ndarray]]:
        """The regions for which something was found, and what."""
        fills = self.fills.fills(self.numbers)
        for region, number in zip(self.chosen, self.numbers, strict=True):
            if number in fills:
                yield region, fills[number].clip(0, 1)


def forming(
    pictures: Sequence[Picture],
    masks: Sequence[np.ndarray],
    chosen: Sequence[Sequence[Chosen] | InpaintxError],
    watch: Callable[[Sequence[PictureForming]], object],
) -> Callable[[Forming], object]:
    """What tells ``watch`` of pictures when it is told of their squares.

    Args:
        pictures: that are searched together.
        masks: for each, bool ``[H, W]``, True = keep.
        chosen: for each, the regions that are searched, in the order of the squares; or why there are none.
        watch: told of the pictures that are searched.
    """
    following = count()
    numbers = [
        [] if isinstance(regions, InpaintxError) else [next(following) for _ in regions] for regions in chosen
    ]

    def look(fills: Forming) -> object:
        return watch(
            [
                PictureForming(
                    picture, mask, () if isinstance(regions, InpaintxError) else regions, own, fills
                )
                for picture, mask, regions, own in zip(pictures, masks, chosen, numbers, strict=True)
            ]
        )

    return look
