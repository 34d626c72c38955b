"""How many rows are searched together where nobody says: as many as there is memory for, within reason."""

from __future__ import annotations

from dataclasses import replace

import torch

from inpaintx.options import Architecture, SearchOptions
from inpaintx.search.optimizers import HISTORY

#: Of a card's free memory, the share that a search may take; what libraries put aside has the rest.
SHARE = 0.5
#: Rows beyond which a card gains nothing: those of a folder's group with eight candidates each.
MOST = 512


def with_batch(
    options: SearchOptions, architecture: Architecture, inside: torch.dtype, device: torch.device
) -> SearchOptions:
    """The options with a batch: as they say; else the usual one on the CPU, and on a card what fits.

    A power of two, so that a few megabytes more or less change nothing, and at least 1.

    Args:
        options: of the search.
        architecture: of G and D.
        inside: what their layers compute in.
        device: where they are.
    """
    if options.batch is not None or device.type != "cuda":
        return replace(options, batch=options.rows)
    free, _ = torch.cuda.mem_get_info(device)
    fitting = int(free * SHARE) // bytes_a_row(architecture, inside, options.prior > 0)
    return replace(options, batch=min(MOST, 1 << max(0, fitting.bit_length() - 1)))


def bytes_a_row(architecture: Architecture, inside: torch.dtype, prior: bool) -> int:
    """What an iteration holds of each row on the device, from above.

    The maps of each network there and back, twice, since convolutions work on copies; the row's images and
    codes, twice, since a recording has a place of its own for them.

    Args:
        architecture: of G and D.
        inside: what their layers compute in.
        prior: whether D is asked, too.
    """
    a = architecture
    maps = sum(width * (a.base << level) ** 2 for level, width in enumerate(a.widths))
    outside = max(4, inside.itemsize)
    images = a.size**2 * (6 * a.channels + 2)  # G's and its gradients, D's gradient, the target; its weights
    codes = a.nz * (2 * HISTORY + 6)
    return (1 + prior) * 4 * maps * inside.itemsize + 2 * (images + codes) * outside
