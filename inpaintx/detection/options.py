"""The options of detection. Loads no torch, so that the CLI's help is quick."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from inpaintx.errors import InpaintxError

Kind = Literal["all", "scratches", "dust", "stains", "burnt"]


@dataclass(frozen=True)
class DetectOptions:
    """What counts as damage.

    Raises:
        InpaintxError: a value is out of range.
    """

    kind: Kind = field(default="all", metadata={"help": "Kind of damage to look for."})
    sensitivity: float = field(
        default=1.0,
        metadata={"help": "Above 1: fainter damage, and more that is none; below 1: less of both."},
    )
    grow: int = field(
        default=1, metadata={"help": "Pixels that the mask is grown by on all sides, over soft rims."}
    )

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InpaintxError(
                f"detection: kind is {self.kind!r}; choose one of {', '.join(get_args(Kind))}"
            )
        if not (self.sensitivity > 0 and math.isfinite(self.sensitivity)):
            raise InpaintxError(f"detection: sensitivity is {self.sensitivity!r}; choose more than 0")
        if not 0 <= self.grow <= 100:
            raise InpaintxError(f"detection: grow is {self.grow!r}; choose 0 to 100")

    def wants(self, kind: Kind) -> bool:
        """Whether damage of this kind is looked for."""
        return self.kind in ("all", kind)
