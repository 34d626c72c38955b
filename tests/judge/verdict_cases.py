"""A small verdict with every kind of method, and figures that stand in every way to each other."""

from __future__ import annotations

import math

import numpy as np

from inpaintx.judge.statistics import Interval
from inpaintx.judge.verdict import Case, FamilyVerdict, Method, Metric, Verdict

NAN = math.nan

PSNR = Metric("psnr", "peak ratio", "dB", True, 2, "What `psnr` means.")
DISTANCE = Metric("distance", "distance", "", False, 3, "What distance means.")
KERNEL = Metric("kernel", "kernel distance", "", False, 1, "About whole sets.", per_picture=False)

METHODS = [
    Method("Telea", "classical", "Fast marching."),
    Method("ours mean", "ours", "The mean, blend `auto`."),
    Method("ours sample", "ours", "One of them."),
    Method("eight", "learned", "Nearest ones."),
    Method("blank G", "switch", "No G."),
    Method("old", "preset", "As it was."),
]


def picture(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, channels), dtype=np.uint8)


def case(kind: str = "best", channels: int = 3, methods: tuple[str, ...] = ("Telea", "ours mean")) -> Case:
    original = picture(0, channels)
    images = {"original": original, "damaged": np.where(np.arange(8)[:, None, None] < 4, original, 128)}
    for seed, name in enumerate(methods, 1):
        images[name] = np.where(np.arange(8)[:, None, None] < 4, original, picture(seed, channels))
    images = {name: image.astype(np.uint8) for name, image in images.items()}
    psnr = {name: 10.0 + seed for seed, name in enumerate(methods)}
    return Case(kind, f"{kind}-letter.png", psnr, images)


def family(name: str = "center") -> FamilyVerdict:
    """Telea is worse than ours mean, "eight" better, and the others can't be told."""
    means = {
        "Telea": 14.0,
        "ours mean": 17.5,
        "ours sample": 17.0,
        "eight": 18.25,
        "blank G": 15.0,
        "old": 16.0,
    }
    scores = {
        method: {
            "psnr": Interval(mean, mean - 0.5, mean + 0.25),
            "distance": Interval(1 / mean, 0.01, 0.1),
            "kernel": Interval(mean / 10, NAN, NAN),
        }
        for method, mean in means.items()
    }
    wins = {
        "psnr": {
            "Telea": Interval(3.5, 3.0, 4.0),
            "ours sample": Interval(0.5, -0.1, 1.0),
            "eight": Interval(-0.75, -1.0, -0.5),
            "blank G": Interval(2.5, -0.5, 5.0),
            "old": Interval(1.5, NAN, NAN),
        },
        "distance": {method: Interval(0.0, 0.0, 0.0) for method in means if method != "ours sample"},
    }
    counts = dict.fromkeys(means, 40)
    return FamilyVerdict(name, 0.25, counts, scores, wins, 0.413, [case("best"), case("worst")])


def small_verdict() -> Verdict:
    about = {"model": "runs/letters", "pictures": 40, "groups": 12, "rate": 0.05, "options": {"a": [1, None]}}
    judged = {"psnr": "ours mean", "distance": "ours sample", "kernel": "ours sample"}
    return Verdict(about, [PSNR, DISTANCE, KERNEL], METHODS, judged, [family("center"), family("left half")])
