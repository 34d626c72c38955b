"""What fills are mixed of, as a model's checkpoint says, or the usual. Loads no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Shares = Sequence[Sequence[float]]

KEY, FINE = "shares", "fine"  # in a checkpoint's header
DEPTHS = (1, 2, 4, 8, 16, 28)  # pixels of the model's square
#: Of interpolation, of what P expects and of what the search found, at each of these depths; of a model that
#: has none of its own.
SHARES: Shares = (
    (0.35, 0.50, 0.15),
    (0.10, 0.75, 0.15),
    (0.00, 0.85, 0.15),
    (0.00, 0.75, 0.25),
    (0.05, 0.65, 0.30),
    (0.10, 0.60, 0.30),
)


def shares_of(header: Mapping[str, Any]) -> Shares:
    """A model's own, or the usual ones. Raises ValueError where its header's can't be shares."""
    if KEY not in header:
        return SHARES
    rows = header[KEY]
    if not isinstance(rows, list) or len(rows) != len(DEPTHS) or not all(map(_is_whole, rows)):
        raise ValueError(f"no shares of a mean at {len(DEPTHS)} depths: {rows!r:.100}")
    return rows


def fine_of(header: Mapping[str, Any]) -> float:
    """Of a model's samples: the expected error, in [0, 1], at which half of what is fine comes from P, too.

    0: none does, as of a model that says nothing. Raises ValueError where its header's can't be one.
    """
    fine = header.get(FINE, 0.0)
    if type(fine) not in (int, float) or not 0 <= fine <= 1:
        raise ValueError(f"no expected error from 0 to 1: {fine!r:.100}")
    return fine


def _is_whole(row: object) -> bool:
    """Whether these are shares of one."""
    return (
        isinstance(row, list)
        and len(row) == len(SHARES[0])
        and all(type(share) in (int, float) and 0 <= share <= 1 for share in row)
        and math.isclose(sum(row), 1, abs_tol=1e-3)
    )
