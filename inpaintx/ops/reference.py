"""The ops in plain PyTorch: signatures and results of the native ones, on any device and floating dtype.

`inpaintx.ops` documents them and takes these where no native code serves; tests hold the two together. 16-bit
types are computed in float32, as the CUDA kernels do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintx.errors import InpaintxError

# The values are those of the enumerations in the ops' op.h.
OPTIMIZERS = {"adam": 0, "nesterov": 1}
CLIPS = {"clamp": 0, "stochastic": 1, "none": 2}
BORDERS = {"valid": 0, "zero": 1}

_WORD = 0xFFFFFFFF


def code(op: str, name: str, choices: Mapping[str, object], choice: str) -> int:
    """The native value of a named choice: its place among them."""
    if choice not in choices:
        raise InpaintxError(f"{op}: {name} {choice!r} is unknown; take one of {', '.join(choices)}")
    return list(choices).index(choice)


# --- context_loss -------------------------------------------------------------------------------------------


def _l1(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    return d.abs(), d.sign()


def _l2(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    return d * d, d + d


def _huber(d: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """With c = d clamped to ±δ it is c·(d − c/2)."""
    c = d.clamp(-delta, delta)
    return c * (d - 0.5 * c), c


#: ρ(d) and ρ′(d) of each norm, in the order of the native enumeration.
NORMS: dict[str, Callable[[Tensor, float], tuple[Tensor, Tensor]]] = {"l1": _l1, "l2": _l2, "huber": _huber}


@torch.no_grad()
def context_loss(
    x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None = None, norm: str = "l1", delta: float = 1.0
) -> tuple[Tensor, Tensor]:
    """`inpaintx.ops.context_loss`, in plain PyTorch."""
    code("context_loss", "norm", NORMS, norm)
    check_context_loss(x, y, w, prior_grad)
    wide = _wide(x)
    grad = torch.empty_like(x)
    x, y, w = x.to(wide), y.to(wide), w.to(wide)
    rho, slope = NORMS[norm](x - y, delta)
    zero = torch.zeros((), dtype=wide, device=x.device)
    loss = torch.where(w != 0, w * rho, zero).sum((1, 2, 3))
    data = torch.where(w != 0, w * slope, zero)
    prior = zero if prior_grad is None else prior_grad.to(wide)
    grad.copy_((data + prior) * (1 - x * x))
    return loss, grad


def check_context_loss(x: Tensor, y: Tensor, w: Tensor, prior_grad: Tensor | None) -> None:
    """Raises InpaintxError where context_loss's tensors do not fit together."""
    op = "context_loss"
    if x.dim() != 4:
        raise InpaintxError(f"{op}: x is {list(x.shape)}; it must be [B, C, H, W]")
    _check_floating(op, "x", x)
    _check_like(op, "y", y, "x", x)
    if w.shape != (x.shape[0], 1, *x.shape[2:]):
        raise InpaintxError(f"{op}: w is {list(w.shape)} and x is {list(x.shape)}; w must be [B, 1, H, W]")
    _check_kind(op, "w", w, "x", x)
    if prior_grad is not None:
        _check_like(op, "prior_grad", prior_grad, "x", x)


# --- latent_step_ -------------------------------------------------------------------------------------------


@torch.no_grad()
def latent_step_(
    z: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    step: Tensor,
    seed: Tensor,
    active: Tensor,
    *,
    lr: float,
    optimizer: str = "adam",
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    bound: float = 1.0,
    clip: str = "clamp",
) -> None:
    """`inpaintx.ops.latent_step_`, in plain PyTorch."""
    code("latent_step_", "optimizer", OPTIMIZERS, optimizer)
    code("latent_step_", "clip", CLIPS, clip)
    check_latent_step(z, grad, m, v, step, seed, active, adam=optimizer == "adam")
    wide = _wide(z)
    on = active[:, None]
    t = step + active
    g, new_m = grad.to(wide), m.to(wide)
    if optimizer == "adam":
        new_m = beta1 * new_m + (1 - beta1) * g
        new_v = beta2 * v.to(wide) + (1 - beta2) * (g * g)
        size, root = _bias_correction(t, lr, beta1, beta2, wide)
        new_z = z.to(wide) - size * (new_m / (new_v.sqrt() * root + eps))
        v.copy_(torch.where(on, new_v.to(v.dtype), v))
    else:
        new_m = beta1 * new_m + g
        new_z = z.to(wide) - lr * (g + beta1 * new_m)
    new_z = clipped(new_z, clip, bound, seed, t)
    z.copy_(torch.where(on, new_z.to(z.dtype), z))
    m.copy_(torch.where(on, new_m.to(m.dtype), m))
    step.copy_(t)


def clipped(z: Tensor, clip: str, bound: float, seed: Tensor, step: Tensor) -> Tensor:
    """Codes [B, nz] kept in [−bound, bound]; step: int64 [B], the steps done with this one in them."""
    if clip == "clamp":
        return z.clamp(-bound, bound)
    if clip == "stochastic":
        drawn = symmetric_uniform(seed, step, z.shape[1]).to(z.dtype) * bound
        return torch.where(z.abs() > bound, drawn, z)
    return z


def _bias_correction(
    t: Tensor, lr: float, beta1: float, beta2: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Adam's lr / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ), [B, 1]; in float64 at first (but on MPS, which has none)."""
    count = t.to(torch.float32 if t.device.type == "mps" else torch.float64)[:, None]
    return (lr / (1 - beta1**count)).to(dtype), (1 / (1 - beta2**count).sqrt()).to(dtype)


def symmetric_uniform(seed: Tensor, step: Tensor, count: int) -> Tensor:
    """What stochastic clipping draws, bit for bit as csrc/common/philox.h: float32 [B, count] in [−1, 1).

    seed, step: int64 [B]. Element (b, i) is the first word of Philox4x32-10 (Salmon et al., "Parallel random
    numbers: as easy as 1, 2, 3", SC 2011) for key seed[b] and counter (i, step[b]): 24 high bits, scaled.
    """
    word = random_words(seed, step, count)[0]
    return ((word >> 8) - (1 << 23)).to(torch.float32) * 2.0**-23


def random_words(seed: Tensor, step: Tensor, count: int) -> list[Tensor]:
    """Four words, int64 [B, count] in 0 … 2³² − 1, for each element of each sample's step."""
    index = torch.arange(count, device=seed.device)[None, :]
    counter = [_low(index), _high(index), _low(step)[:, None], _high(step)[:, None]]
    key = [_low(seed)[:, None], _high(seed)[:, None]]
    return philox(counter, key)


def philox(counter: list[Tensor], key: list[Tensor]) -> list[Tensor]:
    """Philox4x32-10: four counter words and two key words (int64 tensors in 0 … 2³² − 1) to four words."""
    a, b, c, d = counter
    key0, key1 = key
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57  # 64 bits; int64 wraps, and wraps to the right bits
        a, b, c, d = _high(q) ^ b ^ key0, _low(q), _high(p) ^ d ^ key1, _low(p)
        key0, key1 = (key0 + 0x9E3779B9) & _WORD, (key1 + 0xBB67AE85) & _WORD
    return [a, b, c, d]


def _low(a: Tensor) -> Tensor:
    return a & _WORD


def _high(a: Tensor) -> Tensor:
    return (a >> 32) & _WORD


def check_latent_step(
    z: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: Tensor, seed: Tensor, active: Tensor, *, adam: bool
) -> None:
    """Raises InpaintxError where latent_step_'s tensors do not fit together; only Adam uses v."""
    op = "latent_step_"
    if z.dim() != 2:
        raise InpaintxError(f"{op}: z is {list(z.shape)}; it must be [B, nz]")
    _check_floating(op, "z", z)
    _check_like(op, "grad", grad, "z", z)
    _check_like(op, "m", m, "z", z)
    if adam:
        _check_like(op, "v", v, "z", z)
    for name, tensor, dtype in (
        ("step", step, torch.int64),
        ("seed", seed, torch.int64),
        ("active", active, torch.bool),
    ):
        if tensor.dtype != dtype:
            raise InpaintxError(f"{op}: {name} must be {str(dtype).removeprefix('torch.')}")
        if tensor.shape != z.shape[:1]:
            raise InpaintxError(
                f"{op}: {name} is {list(tensor.shape)}; z is {list(z.shape)}, so it must be [{z.shape[0]}]"
            )
        _check_device(op, name, tensor, "z", z)


# --- context_weight -----------------------------------------------------------------------------------------


@torch.no_grad()
def context_weight(mask: Tensor, window: int = 7, border: str = "valid") -> Tensor:
    """`inpaintx.ops.context_weight`, in plain PyTorch."""
    code("context_weight", "border", BORDERS, border)
    op = "context_weight"
    if mask.dim() != 4 or mask.shape[1] != 1:
        raise InpaintxError(f"{op}: mask is {list(mask.shape)}; it must be [B, 1, H, W]")
    if window < 1 or window % 2 == 0:
        raise InpaintxError(f"{op}: window is {window}; it must be odd and positive")
    known = mask > 0.5
    # Sums over any window as differences of the integral image: integers, so exact.
    integral = torch.nn.functional.pad((~known).long().cumsum(2).cumsum(3), (1, 0, 1, 0))
    top, bottom = _window_rows(mask.shape[2], window, mask.device)
    left, right = _window_rows(mask.shape[3], window, mask.device)
    rows = integral[:, :, bottom] - integral[:, :, top]
    holes = rows[..., right] - rows[..., left]
    area = (bottom - top)[:, None] * (right - left) if border == "valid" else torch.tensor(window * window)
    dtype = mask.dtype if mask.is_floating_point() else torch.float32
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    share = holes.to(wide) / area.to(device=mask.device, dtype=wide)
    return torch.where(known, share, torch.zeros((), dtype=wide, device=mask.device)).to(dtype)


def _window_rows(length: int, window: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """First and end position of the window around each of `length` positions, inside the image."""
    center = torch.arange(length, device=device)
    return (center - window // 2).clamp(min=0), (center + window // 2 + 1).clamp(max=length)


# --- layers -------------------------------------------------------------------------------------------------


@torch.no_grad()
def gate_(x: Tensor, gate: Tensor, slope: float = 0.0) -> None:
    """`inpaintx.ops.gate_`, in plain PyTorch."""
    check_gate("gate_", gate, "x", x)
    x.copy_(_gated(x, gate, slope))


@torch.no_grad()
def image_down_(
    maps: Tensor,
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
) -> None:
    """`inpaintx.ops.image_down_`, in plain PyTorch."""
    check_image_down(maps, image, weight, bias, gate)
    weight, image = weight.to(maps.dtype), image.to(maps.dtype)
    bias = None if bias is None else bias.to(maps.dtype)
    value = F.conv2d(image, weight, bias, stride=2, padding=(weight.shape[2] - 1) // 2)
    maps.copy_(_gated(value, value if gate is None else gate, slope))


@torch.no_grad()
def image_up(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    slope: float = 0.0,
) -> Tensor:
    """`inpaintx.ops.image_up`, in plain PyTorch."""
    check_image_layer("image_up", maps, weight, bias, gate, biases=weight.shape[1])
    kernel = weight.shape[2]
    image = F.conv_transpose2d(
        maps if gate is None else _gated(maps, gate, slope),
        weight.to(maps.dtype),
        stride=2,
        padding=(kernel - 1) // 2,
        output_padding=kernel - 4,
    )
    image = image.to(weight.dtype, memory_format=torch.contiguous_format)
    return image if bias is None else image + bias[:, None, None]


def _gated(value: Tensor, gate: Tensor, slope: float) -> Tensor:
    return torch.where(gate > 0, value, value * slope if slope else 0)


def check_gate(op: str, gate: Tensor, name: str, x: Tensor) -> None:
    """Raises InpaintxError where a gate does not fit the tensor that it gates."""
    _check_floating(op, name, x)
    _check_like(op, "gate", gate, name, x)


def check_image_layer(
    op: str, maps: Tensor, weight: Tensor, bias: Tensor | None, gate: Tensor | None, biases: int
) -> None:
    """Raises InpaintxError where what image_up and image_down_ share does not fit together."""
    if maps.dim() != 4:
        raise InpaintxError(f"{op}: maps is {list(maps.shape)}; it must be [B, F, H, W]")
    _check_floating(op, "maps", maps)
    features, kernel = maps.shape[1], weight.shape[-1]
    if weight.dim() != 4 or weight.shape[0] != features or weight.shape[2] != kernel or kernel not in (4, 5):
        raise InpaintxError(
            f"{op}: weight is {list(weight.shape)} and maps is {list(maps.shape)}; "
            "weight must be [F, C, k, k], with k = 4 or 5"
        )
    _check_wide(op, "weight", weight, maps)
    if bias is not None:
        if bias.shape != (biases,):
            raise InpaintxError(f"{op}: bias is {list(bias.shape)}; it must be [{biases}]")
        _check_wide(op, "bias", bias, maps)
    if gate is not None:
        check_gate(op, gate, "maps", maps)


def check_image_down(
    maps: Tensor, image: Tensor, weight: Tensor, bias: Tensor | None, gate: Tensor | None
) -> None:
    """Raises InpaintxError where image_down_'s tensors do not fit together."""
    op = "image_down_"
    check_image_layer(op, maps, weight, bias, gate, biases=maps.shape[1] if maps.dim() == 4 else 0)
    batch, _, height, width = maps.shape
    if image.shape != (batch, weight.shape[1], 2 * height, 2 * width):
        raise InpaintxError(
            f"{op}: image is {list(image.shape)} and maps is {list(maps.shape)}; "
            "image must be [B, C, 2 H, 2 W]"
        )
    _check_wide(op, "image", image, maps)


def _check_wide(op: str, name: str, t: Tensor, maps: Tensor) -> None:
    wide = _wide(maps)
    if t.dtype != wide:
        raise InpaintxError(f"{op}: {name} must be {str(wide).removeprefix('torch.')} for these maps")
    _check_device(op, name, t, "maps", maps)


# --- checks -------------------------------------------------------------------------------------------------


def _wide(t: Tensor) -> torch.dtype:
    """The dtype that t's elements are computed in."""
    return torch.float64 if t.dtype == torch.float64 else torch.float32


def _check_floating(op: str, name: str, t: Tensor) -> None:
    if not t.is_floating_point():
        raise InpaintxError(
            f"{op}: {name} is {str(t.dtype).removeprefix('torch.')}; it must be floating point"
        )


def _check_like(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    if t.shape != like.shape:
        raise InpaintxError(
            f"{op}: {name} is {list(t.shape)} and {like_name} is {list(like.shape)}; they must have one shape"
        )
    _check_kind(op, name, t, like_name, like)


def _check_kind(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    if t.dtype != like.dtype:
        raise InpaintxError(f"{op}: {name} and {like_name} differ in dtype; convert one")
    _check_device(op, name, t, like_name, like)


def _check_device(op: str, name: str, t: Tensor, like_name: str, like: Tensor) -> None:
    if t.device != like.device:
        raise InpaintxError(f"{op}: {name} and {like_name} are on different devices; move them to one")
