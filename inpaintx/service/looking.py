"""Pictures as the page shows them: upright, 8 bits, and no larger than is useful to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from PIL import Image

from inpaintx.pictures import Picture
from inpaintx.pictures.held import HeldFile
from inpaintx.plugins.masks import make_mask
from inpaintx.service.form import BadForm
from inpaintx.service.limits import Limits
from inpaintx.service.results import NoSuchCandidate, Result
from inpaintx.service.tasks import TooLarge, mask_plugin, read_upload

#: Longer side of what is looked at: painting is by the pixel of the picture in any case.
SIDE = 4096
#: How hard zlib tries: what is looked at goes to the browser once.
_QUICKLY = 1


def look_at(file: HeldFile, limits: Limits) -> tuple[bytes, str]:
    """What a picture's file looks like, PNG, and its facts: JSON in ASCII.

    The page is told so by the one reader that completion uses: they agree on what is up, and how large it is.

    Raises:
        TooLarge, Unreadable: as of :func:`.read_upload`.
    """
    picture = read_upload(file, limits)
    facts = {
        "width": picture.width,
        "height": picture.height,
        "depth": 8 * picture.array.itemsize,
        "channels": picture.channels,
        "alpha": picture.alpha is not None,
    }
    return shown(picture), json.dumps(facts)


def look_at_result(result: Result, candidate: int | None) -> bytes:
    """What a result looks like, PNG.

    Args:
        result: of a job.
        candidate: filled by this one, 0 for the best; None: by the estimate.

    Raises:
        NoSuchCandidate: there are fewer.
    """
    if candidate is None:
        return shown(result.filled)
    if not 0 <= candidate < result.candidates:
        raise NoSuchCandidate(
            f"there is no candidate {candidate}; the job has {result.candidates}, from 0 on"
        )
    return shown(result.completer.finish(result.searched, candidate=candidate).picture)


def shown(picture: Picture, side: int = SIDE) -> bytes:
    """A picture as a PNG whose longer side has so many pixels at most; its colour profile goes with it."""
    levels = picture.array if picture.alpha is None else np.dstack([picture.array, picture.alpha])
    if levels.dtype == np.uint16:
        levels = (levels >> 8).astype(np.uint8)
    image = Image.fromarray(levels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = BytesIO()
    image.save(file, "PNG", compress_level=_QUICKLY, icc_profile=picture.profile)
    return file.getvalue()


def read_hole(file: HeldFile, values: Mapping[str, str], limits: Limits) -> np.ndarray:
    """The mask of a file, bool ``[H, W]``, True = keep, by the rules of ``complete --mask``.

    Args:
        file: a picture whose white is the hole.
        values: ``width`` and ``height`` of the picture that it belongs to, and its ``name``.
        limits: of what is taken.

    Raises:
        BadForm: the picture's size is missing.
        InpaintxError: it is no mask, or of another size.
        TooLarge, Unreadable: as of :func:`.read_upload`.
    """
    try:
        width, height = int(values["width"]), int(values["height"])
    except (KeyError, ValueError):
        raise BadForm("the picture's width and height are missing; send both as numbers") from None
    if min(width, height) < 1 or width * height > limits.pixels:
        raise TooLarge(f"a picture of {width}×{height} pixels isn't taken; scale it down")
    picture = Picture(np.zeros((height, width), np.uint8), path=HeldFile.of(values.get("name", ""), b""))
    return make_mask(mask_plugin(file, {}, limits), picture, 0)
