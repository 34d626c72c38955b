"""What comes of a picture: the result, and what is known of how it came about."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion.ledger import line_of, means_of, repair_of, search_of
from inpaintx.completion.manifest import Manifest, file_hash
from inpaintx.completion.regions import Chosen
from inpaintx.pictures import Picture, write_picture
from inpaintx.pictures.files import Written
from inpaintx.pictures.kinds import to_pillow
from inpaintx.pictures.record import marked


def _as_pillow(picture: Picture, mask: np.ndarray) -> Any:
    return to_pillow(picture)


@dataclass(frozen=True)
class Completed:
    """One completed picture.

    Attributes:
        picture: the result: the known pixels bit for bit, the hole filled and blended.
        mask: bool ``[H, W]``, True = keep.
        uncertainty: float32 ``[H, W]`` in [0, 0.5]: where the candidates disagree; 0 where known.
        contextual: contextual loss of the best candidate; of several regions, in the one where it is highest.
        prior: its prior loss, before λ.
        iterations: gradient steps it took.
        seconds: its share of the time that its group's search took, and the processor time that finishing it
            took. Pictures are finished beside each other and beside the next search, so that the sum over a
            run's pictures is more than the time that the run took.
        history: the result as it stood at some iterations of the search, if asked for.
        regions: what of the picture the model saw, for which of its holes, and whether it can speak for it.
        means: model, settings, seed and versions, as a record of the repair states them.
        give: the picture and its mask to the kind that :meth:`inpaintx.Model.complete` was passed.
    """

    picture: Picture
    mask: np.ndarray
    uncertainty: np.ndarray
    contextual: float
    prior: float
    iterations: int
    seconds: float
    history: list[tuple[int, Picture]] = field(default_factory=list)
    regions: tuple[Chosen, ...] = ()
    means: Mapping[str, Any] = field(default_factory=dict, repr=False)
    give: Callable[[Picture, np.ndarray], Any] = field(default=_as_pillow, repr=False)

    @property
    def image(self) -> Any:
        """The result in the kind that was passed (a Pillow image for a path).

        A Pillow image holds 16 bits of gray only, other deep pictures come with 8; ``picture`` and
        :meth:`save` keep all of them.
        """
        return self.give(self.picture, self.mask)

    def save(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        *,
        record: bool = True,
        manifest: str | os.PathLike[str] | None = None,
    ) -> Written:
        """Writes the result: see :func:`inpaintx.pictures.write_picture`, which keeps all that it can.

        Args:
            path: the file; one that is there is replaced, whole or not at all.
            format: ``"png"``, ``"tiff"``, ``"webp"``, ``"bmp"`` or ``"jpeg"``; None: by the path's suffix.
            record: the file says in its XMP what was filled and by what, as ``inpaintx complete`` has it;
                see :mod:`inpaintx.pictures.record`.
            manifest: a file to which a line of JSON is added that says it again, with hashes of picture, mask
                and result, and when; None: none.

        Returns:
            What could not be kept.

        Raises:
            InpaintxError: the format can't hold the picture, or a file can't be written.
        """
        path, source = Path(path), self.picture.path
        own = None if source is None else file_hash(source)  # before it may be replaced
        lines = None if manifest is None else Manifest(Path(manifest))
        means = means_of(self.means, self.means["settings"]["mask"], format or "keep", self.means["seed"])
        repair = repair_of(self.mask, means)
        picture = marked(self.picture, repair) if record else self.picture
        written = write_picture(picture, path, format, self.mask)
        if lines is not None:
            line = line_of(None if source is None else str(source), "completed", self.mask, own, means)
            more: dict[str, Any] = {"filled": repair.filled, "search": search_of(self)}
            more |= {"not_kept": str(written)} if str(written) else {}
            lines.add(_name(path, lines.path), line | more | {"result_sha256": file_hash(path)})
        return written

    def _repr_png_(self) -> bytes:
        """For a notebook, which shows it."""
        png = BytesIO()
        to_pillow(self.picture).save(png, "PNG")
        return png.getvalue()


def _name(result: Path, manifest: Path) -> str:
    """A result's name in a manifest: below its folder, if it lies there."""
    place, folder = result.resolve(), manifest.parent.resolve()
    return (place.relative_to(folder) if place.is_relative_to(folder) else Path(place.name)).as_posix()
