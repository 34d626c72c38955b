"""Whether what a search is given fits the model, and each other."""

from __future__ import annotations

from torch import Tensor

from inpaintx.errors import InpaintxError
from inpaintx.options import Architecture
from inpaintx.search.expectation import Expectation


def check_shapes(a: Architecture, images: Tensor, masks: Tensor) -> None:
    """Raises InpaintxError for images that the model can't take, and masks that don't fit them."""
    wanted = (a.channels, a.size, a.size)
    if images.dim() != 4 or tuple(images.shape[1:]) != wanted:
        raise InpaintxError(
            f"search: images have shape {tuple(images.shape)}; the model takes [B, *{wanted}]"
        )
    if tuple(masks.shape) != (len(images), 1, a.size, a.size):
        raise InpaintxError(
            f"search: masks have shape {tuple(masks.shape)}; "
            f"these images need {(len(images), 1, a.size, a.size)}"
        )


def check_folds(folds: Tensor, masks: Tensor, candidates: int) -> None:
    """Raises InpaintxError for held-out pixels that don't fit masks, or that the candidates can't share."""
    count = folds.shape[1] if folds.dim() == 4 else 0
    if not count or folds.shape[0] != len(masks) or folds.shape[2:] != masks.shape[2:]:
        batch, _, height, width = masks.shape
        raise InpaintxError(
            f"search: held-out pixels have shape {tuple(folds.shape)}; "
            f"these images need [{batch}, F, {height}, {width}]"
        )
    if candidates % count:
        raise InpaintxError(
            f"search: {candidates} candidates can't share {count} sets of "
            f"held-out pixels; choose a multiple of {count}"
        )


def check_expected(expected: Expectation, images: Tensor, folds: int) -> None:
    """Raises InpaintxError for what is expected, if it doesn't fit images and so many folds."""
    batch, channels, *sides = images.shape
    for what, each, depth in (("image", expected.image, channels), ("weight", expected.weight, 1)):
        wanted = (batch, 1 + folds, depth, *sides)
        if tuple(each.shape) != wanted:
            raise InpaintxError(
                f"search: the {what} that is expected has shape {tuple(each.shape)}; "
                f"these images need {wanted}"
            )
