"""All options of the library, each set in one dataclass. Loads no torch, so that the CLI's help is quick.

The CLI makes its flags from these classes: names, types, defaults and help texts are said here and nowhere
else. Each class checks its values and raises InpaintxError with one line that says what to choose.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, get_args

from inpaintx.checks import check, check_at_most, check_positive, read_values
from inpaintx.checks import option as _option
from inpaintx.errors import InpaintxError
from inpaintx.training_options import Precision as Precision
from inpaintx.training_options import TrainOptions as TrainOptions

Code = Literal["uniform", "normal"]
Fit = Literal["crop", "stretch", "patches"]
Control = Literal["model", "untrained", "constant"]
SearchPrecision = Literal["auto", "float32", "tf32", "bfloat16"]
Norm = Literal["l1", "l2", "huber"]
Weight = Literal["mask", "window"]
Border = Literal["valid", "zero"]
Estimate = Literal["mean", "sample"]
Optimizer = Literal["adam", "nesterov", "lbfgs", "hmc"]
Clip = Literal["clamp", "stochastic", "none"]

#: The kinds of G and D, and the module that brings ``build`` and ``freeze`` of each: a row each, and nothing
#: else in the library knows one by its name. Loaded when networks of that kind are wanted.
ARCHITECTURES = {"dcgan": "inpaintx.networks.dcgan"}

#: Side of the first feature map of G (and the last of D) for each image size.
BASE_SIDES = {32: 4, 64: 4, 96: 6, 128: 4}

#: Half the side of the box that codes are kept in: the support of U(−1, 1); for N(0, 1), three
#: standard deviations, which hold 99.7 % of what G was trained on in each dimension.
BOUNDS: dict[Code, float] = {"uniform": 1.0, "normal": 3.0}


@dataclass(frozen=True)
class Architecture:
    """What a pair of G and D looks like: everything needed to build them, and nothing else."""

    size: int = _option(64, "Side of the square images in pixels: 32, 64, 96 or 128.")
    channels: int = _option(3, "1 for gray, 3 for RGB.")
    width: int = _option(
        64,
        "Feature maps in the layer nearest the image; doubled at each halving of the side.",
        chosen="32, on a GPU 64; 64 with --steps",
    )
    kernel: int = _option(4, "Side of the convolution kernels: 4 or 5, stride 2.")
    nz: int = _option(100, "Dimensions of the latent code.")
    code: Code = _option("uniform", "Codes are drawn from U(-1, 1) or from N(0, 1).")
    kind: str = _option("dcgan", f"Of G and D: {', '.join(ARCHITECTURES)}.")

    def __post_init__(self) -> None:
        choices: dict[str, tuple] = {
            "kind": tuple(ARCHITECTURES),
            "size": tuple(BASE_SIDES),
            "channels": (1, 3),
            "kernel": (4, 5),
            "code": get_args(Code),
        }
        check("architecture", self, {"width": 1, "nz": 1}, choices)

    @property
    def base(self) -> int:
        """Side of G's first feature map, in pixels."""
        return BASE_SIDES[self.size]

    @property
    def widths(self) -> list[int]:
        """Feature maps from the smallest map (side ``base``) to the one before the image."""
        levels = int(math.log2(self.size // self.base))
        return [self.width * 2**level for level in reversed(range(levels))]

    @property
    def bound(self) -> float:
        """Half the side of the box of codes, centred at 0."""
        return BOUNDS[self.code]

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint's header."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """The inverse of :meth:`to_dict`. Headers that name no kind are of the time when there was one.

        Raises:
            InpaintxError: keys are unknown or missing, or values of another type or not allowed.
        """
        return cls(**read_values("architecture", cls, {"kind": "dcgan", **values}, complete=True))


@dataclass(frozen=True)
class Plan:
    """Where a search starts, and what follows: a good guess is lost by steps that random codes need."""

    guess: bool
    lr: float
    iterations: int


#: Least values of the search's options.
SEARCH_AT_LEAST = {"iterations": 0, "candidates": 1, "starts": 1, "batch": 1, "window": 1, "prior": 0} | {
    "prior_every": 1,
    "patience": 0,
    "seed": 0,
    "spread": 0,
    "depth_iterations": 1,
    "adapt": 0,
}
#: A seed is 64 bits; more of the others than anyone has a use for would only take all memory.
SEARCH_AT_MOST = {"seed": 2**63 - 1, "candidates": 4096, "starts": 1_000_000, "batch": 65_536}
#: Candidates that are searched together where nothing says otherwise.
USUAL_BATCH = 64
#: How many of G's activations may be searched, after the code.
DEPTHS = (0, 1, 2)
FROM_GUESSES = Plan(guess=True, lr=0.05, iterations=60)
FROM_RANDOM = Plan(guess=False, lr=0.2, iterations=100)


@dataclass(frozen=True)
class SearchOptions:
    """How the code is searched.

    ``norm`` is summed over pixels; ``delta`` is in units of [−1, 1]. ``weight="window"`` is eq. 3 of Yeh et
    al. (2017), whose window has 7 pixels; ``clip="stochastic"`` is stochastic clipping (Lipton and Tripathi,
    2017).
    """

    norm: Norm = _option("l1", "Distance on the known pixels (l2: squares), summed.")
    delta: float = _option(0.5, "Where huber turns from quadratic to linear; pixel values are in [-1, 1].")
    weight: Weight = _option(
        "window", "Count known pixels by the share of hole in a window around, or (mask) all alike."
    )
    window: int = _option(15, "Side of that window in pixels, odd.")
    border: Border = _option(
        "valid", "At the image's border, divide by the window's pixels inside, or by the whole window."
    )
    prior: float = _option(0.0, "Weight (lambda) of the prior loss, what D says; 0 leaves D out.")
    prior_every: int = _option(
        1, "Ask D at every n-th iteration only, with n times the weight: so the prior costs less."
    )
    optimizer: Optimizer = _option(
        "adam",
        "How a step is made from the gradient (lbfgs: steps no longer than lr; hmc: Monte Carlo, lr 0.001).",
    )
    lr: float | None = _option(
        None,
        f"Learning rate; left out: {FROM_GUESSES.lr} from guesses, {FROM_RANDOM.lr} from random codes.",
    )
    momentum: float = _option(0.9, "Nesterov's momentum, or Adam's first decay rate.")
    clip: Clip = _option(
        "clamp", "Keep the code in its box: clamp, or (stochastic) draw anew what leaves it."
    )
    iterations: int | None = _option(
        None,
        f"Gradient steps at most; left out: {FROM_GUESSES.iterations} from guesses, {FROM_RANDOM.iterations} "
        "from random codes; 0: no search, what the predictor expects is the fill.",
    )
    patience: int = _option(0, "Stop when the loss has not fallen by 0.1 % for so many iterations; 0: never.")
    candidates: int = _option(4, "Codes searched for each image.")
    estimate: Estimate = _option(
        "sample", "Fill by the best candidate (sharp), or the mean of all (nearest to the truth on average)."
    )
    starts: int = _option(
        512, "Random codes looked at first; those nearest on the known pixels are searched."
    )
    guess: bool | None = _option(
        None,
        "Start from the guesses of the model's encoder, or from random codes; left out: where it has one.",
    )
    spread: float = _option(
        0.3, "Standard deviation of the guesses around the first, in units of half the box of codes."
    )
    bank: bool = _option(
        True,
        "Start every other guess from the code of a training picture that is near on the known pixels.",
    )
    predict: bool | None = _option(
        None,
        "Fit what the model's predictor expects in the hole, too, and take coarse detail from it; left out: "
        "where it has one.",
    )
    depth: int = _option(
        0,
        "Search G's first activations, too, after the code: 1 the smallest maps, 2 also the next; 0: none.",
    )
    depth_iterations: int | None = _option(
        None, "Gradient steps at each depth at most; left out: half as many as on the code."
    )
    adapt: int = _option(
        0, "Steps that then fit G's last two layers to each candidate of each picture, which takes long."
    )
    batch: int | None = _option(
        None,
        f"Candidates searched together; left out: {USUAL_BATCH}, on a GPU as many as fit, but 512 at most.",
    )
    precision: SearchPrecision = _option(
        "auto",
        "Of the convolutions; auto: bfloat16 where something multiplies it; tf32: on a GPU, else float32.",
    )
    seed: int = _option(0, "Of the starting codes and of stochastic clipping.")

    def __post_init__(self) -> None:
        choices = {
            "norm": get_args(Norm),
            "weight": get_args(Weight),
            "border": get_args(Border),
            "optimizer": get_args(Optimizer),
            "clip": get_args(Clip),
            "precision": get_args(SearchPrecision),
            "estimate": get_args(Estimate),
            "depth": DEPTHS,
        }
        check("search", self, SEARCH_AT_LEAST, choices)
        check_at_most("search", self, SEARCH_AT_MOST)
        check_positive("search", self, "lr", "delta")
        if self.window % 2 == 0:
            raise InpaintxError(f"search: window is {self.window}; choose an odd number of pixels")
        if not 0 <= self.momentum < 1:
            raise InpaintxError(f"search: momentum is {self.momentum}; choose a number in [0, 1)")

    @property
    def rows(self) -> int:
        """Candidates that are searched together; the usual number where the options leave it open."""
        return USUAL_BATCH if self.batch is None else self.batch

    def plan(self, encoder: bool) -> Plan:
        """What a search plans with a model that has an encoder, or has none."""
        guess = encoder if self.guess is None else self.guess
        usual = FROM_GUESSES if guess else FROM_RANDOM
        return Plan(
            guess,
            usual.lr if self.lr is None else self.lr,
            usual.iterations if self.iterations is None else self.iterations,
        )


#: One candidate from one random code, as in all published sources.
_published = partial(
    SearchOptions, guess=False, predict=False, depth=0, candidates=1, starts=1, estimate="sample"
)

#: What each published source used, as far as options of the search go.
PRESETS: dict[str, SearchOptions] = {
    # The TensorFlow 1 script that this project replaces: 0.999 · summed squares + 0.001 · D's loss, Nesterov
    # 0.9, learning rate 0.01, 1001 iterations (with a 96-pixel model of 5×5 kernels). The 0.999 is moved into
    # the learning rate and λ, which leaves every step as it was.
    "seed": _published(
        norm="l2", weight="mask", prior=0.001 / 0.999, optimizer="nesterov", lr=0.01 * 0.999, iterations=1001
    ),
    # B. Amos, "Image Completion with Deep Learning in TensorFlow" (2016): the defaults of its complete.py.
    "bamos": _published(norm="l1", weight="mask", prior=0.1, optimizer="adam", lr=0.01, iterations=1000),
    # Yeh et al. (2017): eq. 3 with window 7, λ = 0.003, 1500 iterations, codes kept in [−1, 1]; Nesterov 0.9
    # at learning rate 0.01 as in the code published with it.
    "yeh": _published(
        norm="l1", weight="window", window=7, prior=0.003, optimizer="nesterov", lr=0.01, iterations=1500
    ),
}
