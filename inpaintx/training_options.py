"""Options of training; what ``inpaintx.options`` has of it. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from inpaintx.checks import check, check_positive, option, read_values
from inpaintx.errors import InpaintxError

Precision = Literal["float32", "tf32", "bfloat16"]


@dataclass(frozen=True)
class TrainOptions:
    """How to train.

    Defaults of ``lr`` and ``beta1`` are those of Radford et al. (2016). ``translate`` is the augmentation of
    Zhao et al. (2020), which does not leak into G because generated images are shifted alike.

    Steps that are None are as many as there are ``minutes`` for. Where no ``steps`` are given, ``inpaintx
    train`` and :func:`inpaintx.train` choose otherwise than these defaults: by the collection, the minutes
    and the machine (``inpaintx.training.recipe``).
    """

    steps: int | None = option(
        10_000,
        "Steps of G and D in all, resumed ones included. With them, nothing is chosen by the machine or the "
        "collection, so that the run can be repeated to the bit.",
        chosen="what --minutes leave time for",
    )
    minutes: float | None = option(
        None,
        "Of the whole model, encoder and predictor included, resumed ones too; each stage ends with its "
        "share of them, or with its steps.",
        chosen="up to 40 for 64 pixels, by the collection; no limit with --steps",
    )
    batch: int = option(64, "Images in a step.")
    lr: float = option(2e-4, "Adam's learning rate for both networks.")
    beta1: float = option(0.5, "Adam's first decay rate.")
    ema: float = option(0.999, "Decay of G's running average of weights, after a warm-up; 0: no average.")
    translate: float = option(
        0.125, "Largest shift, as a share of the side, given to real and generated images before D sees them."
    )
    flip: bool = option(False, "Mirror half of the real images; off, since letters have no mirror images.")
    precision: Precision = option(
        "float32",
        "Of the convolutions; bfloat16 is faster on CPUs with AMX or AVX-512 BF16, and on recent GPUs; tf32: "
        "what such GPUs multiply of float32, elsewhere float32.",
        chosen="bfloat16 on those; float32 with --steps",
    )
    seed: int = option(0, "Of everything random.")
    deterministic: bool = option(
        False, "The same bits each time on CUDA, too, at some speed; on the CPU they are in any case."
    )
    save_every: int = option(500, "Steps between checkpoints and sample sheets.")
    encoder_steps: int | None = option(
        3000,
        "Steps that train, after G and D, an encoder that guesses codes, so that completions need fewer "
        "iterations; without minutes never more than G and D took; 0: none.",
        chosen="what --minutes leave time for; 3000 with --steps",
    )
    predictor_steps: int | None = option(
        4000,
        "Steps, half a batch each, that train, last, a predictor of what a hole holds, which the search "
        "listens to; without minutes never more than G and D took; 0: none.",
        chosen="what --minutes leave time for; 4000 with --steps",
    )
    predictor_share: float = option(
        0.4,
        "Of the minutes: what the predictor gets; the encoder gets a tenth, G and D the rest. More of it is "
        "nearer to the truth, more for G sharper where the predictor doesn't know.",
        chosen="0.4 up to 1,000 pictures, 0.7 from 2,000 on",
    )
    hold_out: int = option(
        0,
        "Pictures to keep from training, near-copies together, for a score on what was not seen: it is "
        "shown, and picks the encoder and the predictor; 0: none.",
        chosen="a fiftieth, 64 at most, of 500 pictures or more; 0 with --steps",
    )

    def __post_init__(self) -> None:
        choices = {"precision": get_args(Precision)}
        least = {"steps": 1, "batch": 2, "save_every": 1, "seed": 0, "encoder_steps": 0}
        check("training", self, {**least, "predictor_steps": 0, "hold_out": 0}, choices)
        check_positive("training", self, "lr", "minutes")
        for name in ("ema", "beta1", "translate"):
            if not 0 <= getattr(self, name) < 1:
                raise InpaintxError(f"training: {name} is {getattr(self, name)}; choose a number in [0, 1)")
        if not 0 < self.predictor_share < 0.9:
            raise InpaintxError(
                f"training: predictor_share is {self.predictor_share}; choose a number above 0 and below 0.9"
            )
        steps = self.steps, self.encoder_steps, self.predictor_steps
        if self.minutes is None and None in steps:
            raise InpaintxError("training: neither steps nor minutes; give one of them")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainOptions:
        """Of a checkpoint's header; what an older version had no option for has its default.

        Raises:
            InpaintxError: keys are unknown, or values of another type or not allowed.
        """
        return cls(**read_values("training", cls, values, complete=False))
