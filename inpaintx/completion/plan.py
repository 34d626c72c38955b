"""A folder of pictures to complete: what is asked for, and where each result goes. Loads no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inpaintx.completion.manifest import Manifest
from inpaintx.errors import InpaintxError
from inpaintx.outputs import check_apart, check_free, check_harmless, check_regular, has_content

if TYPE_CHECKING:
    from inpaintx.plugins.masks import MaskPlugin

#: What results can be written as.
FORMATS = ("keep", "same", "png", "tiff", "webp", "bmp", "jpeg")
#: The manifest's name below the folder of the results.
MANIFEST = "manifest.jsonl"
#: What may become of pictures whose mask is empty.
UNDAMAGED = ("copy", "skip")
#: What a sheet may be written as, by its suffix. Nothing in it is a known pixel, so JPEG will do.
SHEET_FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".bmp": "bmp",
}
SHEET_PICTURES = 36  # on one; what is left goes on further sheets
#: What a picture of how the fill forms may be written as: animated.
GIF_SUFFIXES = (".gif", ".webp")


def sheet_path(path: Path, number: int) -> Path:
    """Where a sheet is: the first has the name that was given, the second ``NAME-2.png``."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


@dataclass(frozen=True)
class FolderRequest:
    """Pictures to complete, and what to write.

    Attributes:
        inputs: picture files, and folders with all pictures that are nested in them.
        out: the folder of the results; see :func:`plan_results`.
        mask: says where the holes are, from ``registry.make("mask", …)``.
        seed: of the masks, 0 or more.
        format: of the results, one of :data:`FORMATS`: ``"keep"`` is each picture's own where that is
            lossless, else PNG; ``"same"`` also keeps JPEG, coded as it was. JPEG changes known pixels.
        undamaged: what becomes of pictures whose mask is empty: ``"copy"`` writes them as they are,
            ``"skip"`` leaves them out.
        overwrite: files of an earlier run are replaced; otherwise one that is there is an error.
        skip_done: to go on with a run that was cut off: pictures whose result the manifest says was made
            just so, and those of which it says nothing and that have a result, are left out.
        uncertainty: folder for a map of each picture, PNG: where the candidates disagree.
        sheet: file for a sheet, with one of the suffixes of :data:`SHEET_FORMATS`; of more pictures than fit
            on one, further sheets stand beside it, see :func:`sheet_path`.
        gif: file that shows how the fill of the first pictures forms, ``.gif`` or ``.webp``.
        record: each result says in its XMP what was filled and by what; see :mod:`inpaintx.pictures.record`.
        manifest: file for a line of JSON a picture; one of an earlier run is gone on with.
        masks: folder for a mask of each picture, PNG: white is what was filled.
        shard: ``(i, n)``: only every n-th picture, from the i-th on, for the i-th of n machines.
        besides: files that the caller writes; they are held against the same rules, and get their folders.

    Raises:
        InpaintxError: no such format; ``overwrite`` and ``skip_done`` together; no such shard.
    """

    inputs: Sequence[Path]
    out: Path
    mask: MaskPlugin
    seed: int = 0
    format: str = "keep"
    undamaged: str = "copy"
    overwrite: bool = False
    skip_done: bool = False
    uncertainty: Path | None = None
    sheet: Path | None = None
    gif: Path | None = None
    record: bool = True
    manifest: Path | None = None
    masks: Path | None = None
    shard: tuple[int, int] = (1, 1)
    besides: Sequence[Path] = ()

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise InpaintxError(f"no format {self.format!r} to write; there are: {', '.join(FORMATS)}")
        if self.undamaged not in UNDAMAGED:
            raise InpaintxError(f"undamaged is {self.undamaged!r}; choose from {', '.join(UNDAMAGED)}")
        if self.skip_done and self.overwrite:
            raise InpaintxError("skip_done and overwrite exclude each other; give one")
        if not 1 <= self.shard[0] <= self.shard[1]:
            raise InpaintxError(f"no shard {self.shard[0]} of {self.shard[1]}; count from 1")

    @property
    def extras(self) -> list[Path]:
        """The files that are written besides the results and their maps."""
        return [path for path in (self.sheet, self.gif, self.manifest, *self.besides) if path is not None]


@dataclass(frozen=True)
class FolderPlan:
    """Where everything goes that a request asks for; none of it hurts a file of the user's.

    Attributes:
        request: what is asked for.
        targets: the pictures to complete, in order, and the file for the result of each.
        maps: results, and the file for the uncertainty map of each; empty where none is asked for.
        mask_files: results, and the file for the mask of each; empty where none is asked for.
        manifest: what earlier runs did; None where none is asked for.
        roots: pictures that were found in a folder that was given, and that folder.
        left_out: the other files of the folders, and why they were left out, in a line; None: there are none.
        kept: pictures that have a result of which no manifest says anything: they are not looked at.
    """

    request: FolderRequest
    targets: Mapping[Path, Path]
    maps: Mapping[Path, Path]
    mask_files: Mapping[Path, Path]
    manifest: Manifest | None
    roots: Mapping[Path, Path]
    left_out: str | None = None
    kept: Sequence[Path] = ()


def plan_folder(request: FolderRequest, model: Path) -> FolderPlan:
    """Finds the pictures, and says where their results go. Nothing is written, no picture is read.

    Args:
        request: what is asked for.
        model: the file of the model that will complete the pictures.

    Raises:
        InpaintxError: an input is missing or an empty folder; two pictures would get one result; an output
            would replace a file that is there or that is read, lies among the inputs, or has a name that
            can't be.
    """
    roots, left_out = find_roots(request.inputs)
    targets = plan_results(request.inputs, roots, request.out, request.format)
    first, of = request.shard
    targets = {picture: targets[picture] for picture in list(targets)[first - 1 :: of]}
    manifest = None if request.manifest is None else Manifest(request.manifest)
    plan = plan_targets(request, targets, roots, manifest, left_out)
    check_plan(plan, model)
    return plan


def plan_targets(
    request: FolderRequest,
    targets: Mapping[Path, Path],
    roots: Mapping[Path, Path | None],
    manifest: Manifest | None,
    left_out: str | None = None,
) -> FolderPlan:
    """The plan for pictures whose results' places are known; not checked: see :func:`check_plan`."""
    maps, masks = (
        _beside(targets.values(), request.out, place) for place in (request.uncertainty, request.masks)
    )
    kept = []
    if request.skip_done:  # what the manifest holds is compared with its picture when that is read
        kept = [
            picture
            for picture, target in targets.items()
            if has_content(target) and target.relative_to(request.out).as_posix() not in (manifest or ())
        ]
        is_kept = set(kept).__contains__
        targets = {picture: target for picture, target in targets.items() if not is_kept(picture)}
    folders = {picture: root for picture, root in roots.items() if root is not None}
    return FolderPlan(request, targets, maps, masks, manifest, folders, left_out, kept)


def _beside(targets: Collection[Path], out: Path, folder: Path | None) -> dict[Path, Path]:
    """For each result, a PNG below another folder, as the result below its own."""
    if folder is None:
        return {}
    names = {target: target.relative_to(out) for target in targets}
    sharing = Counter(name.with_suffix("") for name in names.values())
    return {
        target: folder
        / (name.with_suffix(".png") if sharing[name.with_suffix("")] == 1 else Path(f"{name}.png"))
        for target, name in names.items()
    }


def find_roots(inputs: Sequence[Path]) -> tuple[dict[Path, Path | None], str | None]:
    """The pictures that inputs name, each with the folder that it was found in, and what was left out."""
    from inpaintx.pictures import search_pictures

    roots: dict[Path, Path | None] = {}
    said = []
    for given in inputs:
        found = search_pictures([given])
        for picture in found.pictures:
            roots.setdefault(picture, given if given.is_dir() else None)
        said.append(found.summary())
    return roots, "; ".join(filter(None, said)) or None


def plan_results(
    inputs: Sequence[Path], roots: Mapping[Path, Path | None], out: Path, format: str
) -> dict[Path, Path]:
    """Where the result of each picture goes: below ``out`` as below the folder that was given.

    Of several folders, each keeps its name: ``a/1.png``, ``b/1.png`` give ``out/a/1.png``, ``out/b/1.png``.
    Where two of them have one name, all have the place below the folder that holds them: ``a/x``, ``b/x``
    give ``out/a/x``, ``out/b/x``, in whatever order they are given. Results that would have one name keep
    that of their picture, too: ``a.jpg`` beside ``a.png`` gives ``a.jpg.png`` and ``a.png.png``.

    Args:
        inputs: files and folders.
        roots: the pictures, and the folder that each was found in.
        out: the folder of the results.
        format: see :class:`FolderRequest`.

    Raises:
        InpaintxError: two pictures would get one result.
    """
    from inpaintx.pictures.files import result_suffix

    below = _places(inputs)
    named: dict[Path, tuple[Path, str]] = {}
    for picture, root in roots.items():
        path = Path(picture.name) if root is None else below[root] / picture.relative_to(root)
        named[picture] = path, result_suffix(picture, format)
    sharing = Counter(path.with_suffix(suffix) for path, suffix in named.values())
    sources: dict[Path, Path] = {}
    for picture, (path, suffix) in named.items():
        name = path.with_suffix(suffix)
        target = out / (name if sharing[name] == 1 else Path(f"{path}{suffix}"))
        if target in sources:
            raise InpaintxError(
                f"two inputs would be written to {target}: {sources[target]} and {picture}; "
                "complete them one by one, each to an --out of its own"
            )
        sources[target] = picture
    return {picture: target for target, picture in sources.items()}


def _places(inputs: Sequence[Path]) -> dict[Path, Path]:
    """Each folder that was given, and where below the output folder what it holds goes.

    By what a folder is called, not by how it was reached: "..".
    """
    folders = {given: given.resolve() for given in inputs if given.is_dir()}
    several = sum(given.is_dir() for given in inputs) > 1
    places = set(folders.values())
    if several and len({place.name for place in places}) < len(places):
        common = Path(os.path.commonpath([place.parent for place in places]))
        return {given: place.relative_to(common) for given, place in folders.items()}
    return {given: Path(place.name if several else "") for given, place in folders.items()}


def check_plan(plan: FolderPlan, model: Path) -> None:
    """Raises InpaintxError where an output would hurt a file of the user's: see :func:`plan_folder`."""
    request = plan.request
    for name, path, suffixes in (
        ("sheet", request.sheet, tuple(SHEET_FORMATS)),
        ("gif", request.gif, GIF_SUFFIXES),
    ):
        if path is not None and path.suffix.lower() not in suffixes:
            raise InpaintxError(f"--{name} {path}: its name must end in {' or '.join(suffixes)}")
    masks = read_by(request.mask)
    folders = [path for path in (*request.inputs, *masks) if path.is_dir()]
    check_apart(request.out, [*request.inputs, *folders])
    for extra in request.extras:
        check_apart(extra.parent, folders)
    for folder in (request.uncertainty, request.masks):
        if folder is not None:
            check_apart(folder, [*request.inputs, *folders])
    beside = [*plan.maps.values(), *plan.mask_files.values()]
    extras = [*request.extras, *_further_sheets(request.sheet, len(plan.targets))]
    outputs = [*plan.targets.values(), *beside, *extras]
    check_harmless(outputs, [*plan.targets, *masks, model])
    # A map is written before its result: without that, it is of a picture to do again.
    gone_on_with = [request.manifest, *(request.besides if request.skip_done else ())]
    new = extras if request.skip_done else outputs
    check_free([path for path in new if path not in gone_on_with], request.overwrite)
    check_regular(outputs)


def _further_sheets(sheet: Path | None, pictures: int) -> list[Path]:
    """The sheets that so many pictures may take, but for the first."""
    if sheet is None:
        return []
    return [sheet_path(sheet, number) for number in range(2, -(-pictures // SHEET_PICTURES) + 1)]


def read_by(mask: MaskPlugin) -> list[Path]:
    """What a mask plugin reads: those of its options that are paths."""
    if not is_dataclass(mask):
        return []
    return [value for option in fields(mask) if isinstance(value := getattr(mask, option.name), Path)]
