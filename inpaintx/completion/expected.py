"""What the model's predictor expects of squares, with all that is known and without each fold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.networks.copying import fetched, moved
from inpaintx.networks.multiplication import multiplying
from inpaintx.networks.predictor import FrozenPredictor, interpolation
from inpaintx.networks.repeating import repeating
from inpaintx.options import SearchOptions
from inpaintx.pictures.arrays import images_to_values, values_to_images
from inpaintx.search import Expectation
from inpaintx.search.precision import inner_dtype

SHARE = 0.7  # of a sure pixel in the hole, where a known one has 0.5 and more
HALF = 0.05  # expected error, in [0, 1], at which that share is halved


@dataclass(frozen=True)
class Expected:
    """What is expected of squares; of n with F folds each, the leading axes are ``[n, 1 + F]``.

    Number 0 of the second axis is with all that is known, the others are each without a fold.

    Attributes:
        images: float32 ``[..., S, S, C]`` in [0, 1]; known pixels as they are, where they were seen.
        interpolated: likewise, interpolations of what was seen, to which P adds; from −0.1 to 1.1.
        errors: float32 ``[..., S, S]``, 0 or more: mean absolute errors that are expected, in units of
            [0, 1].
    """

    images: np.ndarray
    interpolated: np.ndarray
    errors: np.ndarray

    def __getitem__(self, number: int) -> Expected:
        """Of one along the first axis."""
        return Expected(self.images[number], self.interpolated[number], self.errors[number])

    def expectation(self) -> Expectation:
        """For the search: the surer, the more it counts."""
        images, errors = self.images, torch.from_numpy(self.errors)
        tensor = values_to_images(list(images.reshape(-1, *images.shape[2:])))
        return Expectation(
            tensor.unflatten(0, images.shape[:2]), (SHARE * HALF / (HALF + errors))[:, :, None]
        )


def predictor_of(model: Networks, options: SearchOptions) -> FrozenPredictor | None:
    """The model's predictor, frozen; None where the options leave it out, or there is none.

    Raises InpaintxError where the options need one.
    """
    if options.predict is not False and model.predictor is not None:
        inside = inner_dtype(options.precision, model.predictor.last.weight)
        return FrozenPredictor(model.predictor, inside, model.flip)
    if options.predict or options.iterations == 0:
        asked = "--predict" if options.predict else "a search of 0 iterations"
        lack = "the model has none" if model.predictor is None else "it is left out"
        raise InpaintxError(
            f"search: {asked} needs a predictor, and {lack}; train one with `inpaintx train --resume "
            "--predictor-steps 4000`, or leave the option out"
        )
    return None


@torch.no_grad()
def expect(
    predictor: FrozenPredictor,
    squares: Sequence[tuple[np.ndarray, np.ndarray]],
    folds: Sequence[np.ndarray],
    options: SearchOptions,
) -> Expected:
    """What P expects of squares.

    Args:
        predictor: P, frozen.
        squares: images, float32 ``[S, S, C]`` in [0, 1], and masks, bool ``[S, S]``, True = keep.
        folds: for each, bool ``[F, S, S]``, sets of known pixels to do without.
        options: of the search: its batch and precision.
    """
    seen = np.stack(
        [[mask, *(mask & ~fold for fold in own)] for (_, mask), own in zip(squares, folds, strict=True)]
    )
    known = seen.reshape(-1, *seen.shape[2:])
    values = np.stack([image for image, _ in squares]).repeat(seen.shape[1], 0)
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:  # the solver leaves Python's lock alone
        plates = np.stack(list(threads.map(interpolation, values, known)))
    drawn, errors = [], []
    for first in range(0, len(values), options.rows):
        part = slice(first, first + options.rows)
        images = (values_to_images(list(each[part])) for each in (values, plates))
        given = (*images, torch.from_numpy(known[part])[:, None])
        y, plate, mask = (moved(each, predictor.device, predictor.dtype) for each in given)
        with repeating(), multiplying(tf32=options.precision == "tf32"):
            x, log_error = predictor(y, mask, plate)
        drawn.append(x.clamp(-1, 1))
        errors.append((log_error.exp() / 2)[:, 0].float())
    image, error = fetched(torch.cat(drawn), torch.cat(errors))  # the next part has not waited for it
    whole = np.where(known[..., None], values, images_to_values(image))
    return Expected(
        whole.reshape(*seen.shape, -1),
        plates.reshape(*seen.shape, -1),
        error.numpy().reshape(seen.shape),
    )
