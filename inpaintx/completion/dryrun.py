"""What completing a folder would do, picture by picture; nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.completion.completer import Completer
from inpaintx.completion.ledger import Ledger
from inpaintx.completion.plan import FolderPlan
from inpaintx.completion.regions import Chosen
from inpaintx.completion.report import FolderReport
from inpaintx.errors import InpaintxError, NothingToFill, shown
from inpaintx.pictures import read_picture
from inpaintx.plugins.masks import make_mask, mask_source


@dataclass(frozen=True)
class Preview:
    """What would become of a picture.

    Attributes:
        picture: its file.
        result: the file that it would get; None: it has one, which is not looked at.
        fate: ``"complete"``, ``"undamaged"``, ``"done before"`` or ``"fail"``.
        why: of a failure, in a line, or what becomes of an undamaged picture; else empty.
        mask: where the hole comes from, in words; empty where that can't be told.
        hole: pixels to fill; 0 where nothing is to be filled.
        share: of the picture that they are.
        regions: what of the picture the model would see, for which holes.
    """

    picture: Path
    result: Path | None
    fate: str
    why: str = ""
    mask: str = ""
    hole: int = 0
    share: float = 0.0
    regions: tuple[Chosen, ...] = ()

    def __str__(self) -> str:
        """In one line."""
        line = f"{shown(self.picture)}: "
        if self.fate != "complete":
            return line + self.fate + (f": {shown(self.why)}" if self.why else "")
        regions = ", ".join(",".join(map(str, box)) for box in self.boxes)
        hole = f"{self.hole} pixels ({self.share:.1%}) by {shown(self.mask)}"
        return f"{line}{shown(self.result)}, {hole}, seen in {regions}"

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """The regions as left, top, width, height, in pixels."""
        found = [each.region for each in self.regions]
        return [(region.left, region.top, region.width, region.height) for region in found]

    def in_plain_values(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "picture": str(self.picture),
            "result": None if self.result is None else str(self.result),
            "fate": self.fate,
            "why": self.why,
            "mask": self.mask,
            "hole": self.hole,
            "regions": [list(box) for box in self.boxes],
        }


def preview(completer: Completer, plan: FolderPlan) -> Iterator[Preview]:
    """Goes through a plan as :func:`.complete_plan` would, up to the search; reads, and writes nothing."""
    ledger = Ledger(plan, completer.described)
    for path in plan.kept:
        yield Preview(path, None, "done before")
    for path, target in plan.targets.items():
        try:
            yield _preview(completer, plan, ledger, path)
        except InpaintxError as error:
            yield Preview(path, target, "fail", str(error))


def preview_report(previews: Sequence[Preview], plan: FolderPlan) -> FolderReport:
    """What would come of the folder."""
    fates: dict[str, list[Preview]] = defaultdict(list)
    for each in previews:
        fates[each.fate].append(each)
    return FolderReport(
        done={each.picture: plan.targets[each.picture] for each in fates["complete"]},
        failures={each.picture: each.why for each in fates["fail"]},
        undamaged=[each.picture for each in fates["undamaged"]],
        kept=[each.picture for each in fates["done before"]],
        left_out=plan.left_out,
    )


def _preview(completer: Completer, plan: FolderPlan, ledger: Ledger, path: Path) -> Preview:
    target, plugin = plan.targets[path], plan.request.mask
    picture = read_picture(path, plan.roots.get(path))
    try:
        mask = make_mask(plugin, picture, plan.request.seed)
    except NothingToFill:
        if ledger.is_done(path, None):
            return Preview(path, target, "done before")
        copied = plan.request.undamaged == "copy"
        return Preview(path, target, "undamaged", f"copied to {target}" if copied else "left out")
    if ledger.is_done(path, mask):
        return Preview(path, target, "done before")
    hole = int(np.count_nonzero(~mask))
    regions = tuple(completer.choose(picture, mask))
    return Preview(
        path, target, "complete", "", mask_source(plugin, picture), hole, hole / mask.size, regions
    )
