"""Which mask file belongs to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from inpaintx.errors import InpaintxError

if TYPE_CHECKING:
    from inpaintx.pictures import Picture


class Masks:
    """One mask file for all pictures, or a folder of masks.

    In a folder, the first place that holds a mask for the picture counts:

    1. where the picture lies: below the folder as the picture lies below its `root` (and before that, below
       folders named as the root and those that hold it are, as many as fit: `x/`, `a/x/`), or, where it has
       none, below as many of the picture's own folders as fit;
    2. beside the picture;
    3. anywhere below the folder, if there is only one of that name, for only one picture of that name.

    In a place, the first kind of name that is there counts: the picture's own; its stem with another suffix;
    its stem and `_mask…` or `.mask…`. Of one kind there may be one. The picture itself is never its mask, and
    beside the picture only names of the last kind are masks. Files that are no pictures don't count.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_folder = path.is_dir()
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def of(self, picture: Picture) -> Path:
        """The mask's file. Raises InpaintxError where there is none, or several."""
        own = picture.path
        if not self._is_folder:
            if own is not None and _same(self._path, own):
                raise InpaintxError(f"the picture {own} would be its own mask; give another file as mask")
            return self._path
        if own is None:
            raise InpaintxError(
                f"a picture without a file name has no mask in {self._path}; give one mask picture instead"
            )
        for place in self._places(own, picture.root):
            if (found := self._in(place, own)) is not None:
                return found
        return beside(own) or self._anywhere(own, picture.root)

    def _places(self, own: Path, root: Path | None) -> list[Path]:
        """Where the picture's place below the folder may be, the most likely first."""
        if root is not None:
            inside = own.parent.relative_to(root)
            names = [place.parts[1:] for place in (root.resolve(), root.absolute())]
            tails = [parts[start:] for parts in names for start in range(len(parts))]
            tails.sort(key=len, reverse=True)
            return [*(self._path.joinpath(*tail, inside) for tail in tails), self._path / inside]
        parts = own.absolute().parent.parts[1:]
        places = [self._path.joinpath(*parts[start:]) for start in range(len(parts))]
        homes = {path.parent for path in self._by_stem.get(own.stem, [])}
        return [*places, self._path] if homes <= {self._path} else places

    def _in(self, place: Path, own: Path) -> Path | None:
        """The picture's mask in a folder; None where it holds none."""
        if place not in self._listed:
            self._listed[place] = _by_stem(_pictures_in(place))
        stems = self._listed[place]
        alike = [] if _same(place, own.parent) else _others(stems.get(own.stem, []), own)
        exact = [path for path in alike if path.name == own.name]
        return _single(own, place, exact or alike) or _single(own, place, _named_as_mask(stems, own.stem))

    def _anywhere(self, own: Path, root: Path | None) -> Path:
        """The only mask of that name below the folder."""
        found = _others(self._by_stem.get(own.stem, []), own)
        found += _named_as_mask(self._by_stem, own.stem)
        only = _single(own, self._path, found)
        if only is None:
            raise InpaintxError(
                f"no single mask for {own.name} in {self._path}: found none; put one there, "
                f"named {own.name} or {own.stem}_mask.png"
            )
        rivals = [] if root is None else self._rivals(root).get(own.stem, [])
        if len(rivals) > 1:
            raise InpaintxError(
                f"no single mask for {own}: {only} may be that of "
                f"{next(path for path in rivals if path != own)}; put the masks in folders like the pictures"
            )
        return only

    def _rivals(self, root: Path) -> dict[str, list[Path]]:
        if root not in self._listed:
            self._listed[root] = _by_stem(_pictures_below(root))
        return self._listed[root]

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        """All masks below the folder; listed once, since there may be thousands."""
        return _by_stem(_pictures_below(self._path))


def beside(own: Path | None) -> Path | None:
    """The mask beside a picture, by its name; None where there is none."""
    if own is None or not own.parent.is_dir():
        return None
    return _single(own, own.parent, _named_as_mask(_by_stem(_pictures_in(own.parent)), own.stem))


def _named_as_mask(stems: dict[str, list[Path]], stem: str) -> list[Path]:
    from inpaintx.pictures.finding import mask_owners

    return [path for other, paths in stems.items() if stem in mask_owners(other) for path in paths]


def _single(own: Path, place: Path, found: Sequence[Path]) -> Path | None:
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(place)) for path in found)
        raise InpaintxError(
            f"no single mask for {own.name} in {place}: found several ({names}); leave one there"
        )
    return found[0] if found else None


def _by_stem(paths: Sequence[Path]) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = {}
    for path in paths:
        stems.setdefault(path.stem, []).append(path)
    return stems


def _pictures_in(folder: Path) -> list[Path]:
    from inpaintx.pictures.finding import picture_suffixes

    suffixes = picture_suffixes()
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())


def _pictures_below(folder: Path) -> list[Path]:
    return [path for place in [folder, *sorted(_folders_below(folder))] for path in _pictures_in(place)]


def _folders_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_dir() and not path.name.startswith(".")]


def _others(paths: Sequence[Path], own: Path) -> list[Path]:
    return [path for path in paths if not _same(path, own)]


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
