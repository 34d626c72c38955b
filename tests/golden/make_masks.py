"""Makes masks.json: the hashes that pin the built-in masks. Run it only when a mask is meant to change.

python tests/golden/make_masks.py
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from inpaintx.pictures import Picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask

PATH = Path(__file__).with_name("masks.json")
SEED = 7
SIZES = ((32, 32), (64, 64), (96, 128), (101, 67))  # height, width
#: Options beside the defaults, which every built-in mask is made with.
MORE: list[tuple[str, dict[str, Any]]] = [
    ("center", {"size": 0.3}),
    ("bottom", {"share": 0.3}),
    ("freeform", {"brush": "thin"}),
    ("freeform", {"brush": "medium"}),
    ("freeform", {"brush": "thick"}),
    ("detect", {"kind": "dust", "grow": 0}),
]
#: All but `file`, which reads a mask and draws none.
CASES: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {})
        for name in registry.names("mask")
        if name != "file" and registry.get("mask", name).__module__.startswith("inpaintx_plugins.")
    ),
    *MORE,
]


def hashes() -> dict[str, str]:
    """SHA-256 of each case's mask, as one byte a pixel, row by row."""
    found = {}
    for name, options in CASES:
        plugin = registry.make("mask", name, options)
        for height, width in SIZES:
            picture = Picture(_damaged(height, width), path=Path("letter.png"))
            mask = make_mask(plugin, picture, SEED)
            title = " ".join(
                [name, *(f"{key}={value}" for key, value in options.items()), f"{height}×{width}"]
            )
            found[title] = hashlib.sha256(mask.tobytes()).hexdigest()
    return found


def _damaged(height: int, width: int) -> np.ndarray:
    """A shaded picture with a speck and a scratch, for the mask that looks at what it is of."""
    array = (60 + np.add.outer(np.arange(height), np.arange(width)) // 3).astype(np.uint8)
    array[8:12, 14:18] = 255
    array[24:26, 2:] = 0
    return array


if __name__ == "__main__":
    PATH.write_text(json.dumps(hashes(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
